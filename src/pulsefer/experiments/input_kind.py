"""What does the network see a pulse in? Colours as they are, their change, or both.

The claim before it runs: given the colours of the frames, as the paper has it, the network learns
no pulse: its heart rate is no better than the mean of the training side. Given their normalised
change from frame to frame, it does. With the frames shuffled in time, a heart rate that was a
pulse's falls to the constant, and one that was read from a single frame stays.

    pulsefer reproduce input --store DEAP --budget paper

POS and CHROM, which learn nothing, stand beside. In the specimen nothing is planted but the pulse:
no expression, no flush, heart rates from 50 to 110 bpm that belong to nobody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.arms import Cell, differences
from pulsefer.experiments.budget import Budget, BudgetName
from pulsefer.experiments.experiment import SMOKE, Experiment, Specimen, pooled
from pulsefer.experiments.grid import Arm, Grid, plan
from pulsefer.models.crnn import CrnnConfig
from pulsefer.models.pixels import Input
from pulsefer.objectives.loss_weights import LossWeights
from pulsefer.reports.row import Row
from pulsefer.samples.store import open_store
from pulsefer.samples.window import PRESETS, WindowConfig
from pulsefer.samples.window_file import read_windows
from pulsefer.training.config import Protocol
from pulsefer.training.probe import shuffled

INPUTS: tuple[Input, ...] = get_args(Input)

DESK_INPUTS: tuple[Input, ...] = ("appearance", "difference")
"""Choice: on a desk the two that the claim is about."""

WINDOWS: Mapping[BudgetName, WindowConfig] = {
    "smoke": WindowConfig(length_s=4.0, n_frames=10, step_s=4.0),
    "desk": WindowConfig(length_s=6.0, n_frames=30, step_s=1.0),
    "paper": PRESETS["pulse"],
}
"""Choice: 10 s at 12.5 frames a second. On a desk 6 s at 5 a second, which holds a pulse up to
150 bpm and costs a quarter."""

PULSE = Specimen(
    "pulse alone",
    Effects(
        pulse_amplitude=0.06, expression=0.0, arousal_to_hr_bpm=0.0, hr_to_flush=0.0,
        hr_of_subject=0.0, hr_sd_bpm=17.0, motion_px=0.0, sensor_noise=1.0,
    ),
    subjects=8, trials=8, seconds=10.0, fps_hz=10.0, width_px=192, height_px=160, crf=1,
)  # fmt: skip
"""Choice: six times the pulse of life, a head that rests, hardly any compression: what can be
learned in minutes."""


def _size(budget: Budget) -> Budget:
    """What such long trainings may cost.

    Choice: on a desk one seed and 12 epochs, which are 240 steps; a pulse was learned within 200.
    """
    if budget.name != "desk":
        return budget
    return dataclasses.replace(budget, epochs=12, seeds=1)


def _cells(stores: Mapping[str, Path], budget: Budget) -> list[dict[Input, Cell]]:
    """The arms of each store. A window needs a rating; which one plays no part."""
    kinds, dimension = DESK_INPUTS if budget.name == "desk" else INPUTS, budget.dimensions[0]
    return [{kind: Cell(data, dimension, kind, "subject") for kind in kinds} for data in stores]


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """Networks that differ in what they are shown.

    Choice: the heart rate alone is learned (alpha 0, beta 1). The question is what an input can
    carry, not what the emotion leaves of it. There is no validation part, for the rule that would
    choose an epoch looks at the emotion. On a desk in bfloat16, which takes half the time.
    """
    found = []
    budget = _size(budget)
    for group in _cells(stores, budget):
        for kind, cell in group.items():
            train = dataclasses.replace(
                budget.train(0),
                model=CrnnConfig(input=kind, dropout=budget.dropout),
                weights=LossWeights(alpha=0.0, beta=1.0),
                precision="bf16-mixed" if budget.name == "desk" else "32-true",
            )
            windows = dataclasses.replace(WINDOWS[budget.name], dimension=cell.dimension)
            protocol = Protocol(by=cell.by, folds=budget.folds, validation=0.0)
            found += [
                dataclasses.replace(arm, windows=windows, protocol=protocol)
                for arm in cell.arms(stores[cell.data], budget, train)
            ]
    return found


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """Scores of the heart rate by window, in order and shuffled; the errors paired over persons."""
    found: list[Row] = []
    budget = _size(budget)
    for group in _cells(stores, budget):
        for cell in group.values():
            runs = cell.runs(grid, budget)
            if not runs:
                continue
            # What was cut for the trainings is there, beside them; nothing is cut again.
            (job, *_) = plan(
                [arm for arm in arms(stores, budget) if arm.name == cell.name(0)],
                out=runs[0].folder.parents[1],
            )
            store, windows = open_store(stores[cell.data]), read_windows(job.windows)
            asked = [(), [shuffled(run, store, windows) for run in runs]]
            found += [
                row
                for predictions in asked
                for row in pooled(
                    runs, experiment="input", system=cell.system, dataset=cell.data,
                    unit="window", predictions=predictions,
                )
                if row.dimension == "heart rate"
            ]  # fmt: skip
        appearance, *others = group.values()
        found += [
            dataclasses.replace(row, dimension="heart rate")
            for row in differences(
                [(other, appearance) for other in others], grid, budget,
                experiment="input", metric="hr_rmse_bpm",
            )
        ]  # fmt: skip
    return found


def specimens(budget: Budget) -> list[Specimen]:
    """Faces with a pulse and nothing else; for a smoke test the small ones of all experiments."""
    return [SMOKE] if budget.name == "smoke" else [PULSE]


EXPERIMENT = Experiment(
    name="input",
    claim="Frame differences show the network a pulse; colours as they are do not.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
