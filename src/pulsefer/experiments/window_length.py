"""How long must a window be? Emotion and heart rate by the length of what the network is shown.

The claim before it runs: an expression stands in every frame, so the emotion needs no long window;
a heart rate needs beats, so its error falls with the length. A window of 1 s, which is the paper's
likely one, holds one beat or two: its heart rate is no better than the training side's mean.

    pulsefer reproduce window_length --store DEAP --budget paper

Choice: what is kept constant is the frame rate, 5 a second, as in the paper's likely window of 5
frames in 1 s; the time from the start of one window to the start of the next, so that a trial has
nearly as many windows of any length; and the seconds that the true heart rate, POS and CHROM are
taken over, 10 or the window's where it is longer. Longer windows have more frames to show, and
overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.arms import Cell
from pulsefer.experiments.budget import Budget, BudgetName
from pulsefer.experiments.experiment import SMOKE, Experiment, Specimen, pooled
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.models.crnn import CrnnConfig
from pulsefer.objectives.loss_weights import LossWeights
from pulsefer.reports.row import Row
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig
from pulsefer.training.config import Protocol

LENGTHS_S = (1.0, 2.0, 5.0, 10.0, 20.0)
DESK_LONGEST_S = 5.0
"""Choice: on a desk up to 5 s, which hold four beats of the slowest heart; 10 s would cost as much
as all the others together."""
FPS_HZ = 5.0
STEP_S: Mapping[BudgetName, float] = {"smoke": 2.0, "desk": 1.0, "paper": 2.0}
"""From the start of a window to the start of the next."""

BEATING = Specimen(
    "expression and pulse",
    Effects(
        pulse_amplitude=0.06, arousal_to_hr_bpm=0.0, hr_to_flush=0.0, hr_of_subject=0.0,
        hr_sd_bpm=17.0, motion_px=0.0, sensor_noise=1.0,
    ),
    subjects=8, trials=8, seconds=10.0, fps_hz=10.0, width_px=192, height_px=160, crf=1,
)  # fmt: skip
"""An expression that every frame shows, and a pulse that no single one does. Choice: six times the
pulse of life, as in `input_kind`."""

SPECIMEN_BETA = 0.1
"""Choice: ten times the paper's weight of the heart rate in the specimen. On stores it is the
paper's."""


def _size(budget: Budget) -> Budget:
    """What such long trainings may cost.

    Choice: on a desk in bfloat16, and one seed.
    """
    if budget.name != "desk":
        return budget
    return dataclasses.replace(budget, seeds=1)


def _protocol(protocol: Protocol, budget: Budget) -> Protocol:
    """Choice: on a desk nobody is held out to choose an epoch by; all are needed to learn from."""
    return dataclasses.replace(protocol, validation=0.0) if budget.name == "desk" else protocol


def _lengths_s(store: Path, budget: Budget) -> list[float]:
    """Those that every trial of the store has room for: the same trials at all lengths."""
    longest_s = min(recording.length_s for recording in open_store(store))
    if budget.name == "desk":
        longest_s = min(longest_s, DESK_LONGEST_S)
    return [length_s for length_s in LENGTHS_S if length_s <= longest_s]


def _cells(stores: Mapping[str, Path], budget: Budget) -> list[tuple[Cell, float]]:
    return [
        (Cell(data, dimension, f"MTL, {length_s:g} s", "subject"), length_s)
        for data, store in stores.items()
        for dimension in budget.dimensions
        for length_s in _lengths_s(store, budget)
    ]


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """The same network on windows of every length.

    Choice: it is shown colours and their change, for an expression is in the one and a pulse in
    the other.
    """
    found = []
    budget = _size(budget)
    for cell, length_s in _cells(stores, budget):
        train = dataclasses.replace(
            budget.train(0),
            model=CrnnConfig(input="both", dropout=budget.dropout),
            precision="bf16-mixed" if budget.name == "desk" else "32-true",
        )
        if cell.data == BEATING.name:
            train = dataclasses.replace(train, weights=LossWeights(beta=SPECIMEN_BETA))
        windows = WindowConfig(
            length_s=length_s,
            n_frames=round(length_s * FPS_HZ),
            step_s=STEP_S[budget.name],
            dimension=cell.dimension,
        )
        found += [
            dataclasses.replace(arm, windows=windows, protocol=_protocol(arm.protocol, budget))
            for arm in cell.arms(stores[cell.data], budget, train)
        ]
    return found


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """Scores along the length.

    A trial has one rating, so the emotion is counted by trial; its heart rate changes, so that is
    counted by window.
    """
    return [
        row
        for cell, length_s in _cells(stores, budget)
        if (runs := cell.runs(grid, _size(budget)))
        for by_window in (False, True)
        for row in pooled(
            runs, experiment="window_length", system=cell.system, dataset=cell.data,
            unit="window" if by_window else "trial", x_name="length_s", x=length_s,
        )
        if (row.dimension == "heart rate") == by_window
    ]  # fmt: skip


def specimens(budget: Budget) -> list[Specimen]:
    """Faces with an expression and a pulse; for a smoke test the small ones of all experiments."""
    return [SMOKE] if budget.name == "smoke" else [BEATING]


EXPERIMENT = Experiment(
    name="window_length",
    claim="The emotion needs no long window; the heart rate does.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
