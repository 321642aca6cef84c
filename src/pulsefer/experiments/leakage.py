"""The leakage ladder: one network, one data set, every protocol in the literature.

The claim before it runs: what a network "reaches" is decided by what may cross from the training
side to the tested one. Where windows of one trial stand on both sides, labels without any
information are learned too (permuted labels beside). Where every person watches the same clips, a
network that knows the clip is above chance for persons that it never saw, and at chance for clips
that it never saw. What is left in `subject_x_stimulus` is emotion.

    pulsefer reproduce leakage --store DEAP --budget paper

The best epoch on the tested side is shown beside, for what it buys; it is not a result.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from pulsefer.datasets.synthetic import Effects
from pulsefer.experiments.arms import Cell, every
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.experiment import FACE, Experiment, Specimen, specimen_for
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.scoring import leakage_gap
from pulsefer.reports.row import Row
from pulsefer.samples.split import PROTOCOLS, By
from pulsefer.samples.store import open_store

SYSTEMS = {"MTL": False, "MTL, permuted labels": True}
GAPS: tuple[tuple[By, By], ...] = (
    ("window_within", "subject"),
    ("window_pooled", "subject"),
    ("subject", "subject_x_stimulus"),
)


def _cells(stores: Mapping[str, Path], budget: Budget) -> list[Cell]:
    return [
        Cell(data, dimension, system, by)
        for data, dimension in every(stores, budget)
        for by in PROTOCOLS
        for system, permuted in SYSTEMS.items()
        if not (permuted and data == FACE.name)
    ]


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """Every protocol with true and with permuted labels, all three rules of choosing the epoch."""
    found = []
    for cell in _cells(stores, budget):
        store, size = stores[cell.data], _size(budget)
        train = dataclasses.replace(
            size.train(0), peek_at_test=True, epochs=size.epochs * _passes(cell.by, store, size)
        )
        found += cell.arms(store, size, train, permuted=SYSTEMS[cell.system])
    return found


def _size(budget: Budget) -> Budget:
    """What so many trainings may cost.

    Choice: on a desk a window is one frame, for what is planted stands in every one.
    """
    if budget.name != "desk":
        return budget
    return dataclasses.replace(budget, n_frames=1, epochs=24, seeds=1)


def _passes(by: By, store: Path, budget: Budget) -> int:
    """How often more a network looks at a training side, for being so much smaller.

    Choice: on a desk, where there is little to learn from, protocols differ less in steps than in
    what there is to learn from: otherwise what one lacks in steps looks like what another leaks.
    Twice as often where both persons and clips are held out; a quarter as often as there are
    persons where each has a network of their own. Elsewhere the paper's passes, whatever the
    protocol.
    """
    if budget.name != "desk":
        return 1
    if by in ("window_within", "trial_within"):
        return max(1, len({recording.subject for recording in open_store(store)}) // 4)
    return 2 if by == "subject_x_stimulus" else 1


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """Scores of every protocol, and the gaps between them."""
    size = _size(budget)
    found = [row for cell in _cells(stores, budget) for row in cell.rows(grid, size, "leakage")]
    for data, dimension in every(stores, budget):
        for leaky, honest in GAPS:
            both = [Cell(data, dimension, "MTL", by).runs(grid, size) for by in (leaky, honest)]
            if both[0] and len(both[0]) == len(both[1]):
                found.append(leakage_gap(*both, experiment="leakage", dataset=data))
    return found


def specimens(budget: Budget) -> list[Specimen]:
    """A face that shows the rating; and a face that shows nothing in the light of a screen.

    Choice: labels are permuted on the second one, where trials differ most in what they look like.
    """
    if budget.name == "smoke":
        return [specimen_for(budget)]
    return [
        specimen_for(budget),
        Specimen(
            "clip light",
            Effects(
                expression=0.0, hr_to_flush=0.0, stimulus_to_light=0.5, stimulus_to_rating=0.85,
                subject_to_rating=0.05, clips_in_common=8,
            ),
            subjects=8, trials=8, seconds=8.0, fps_hz=12.5, width_px=192, height_px=160,
        ),
    ]  # fmt: skip


EXPERIMENT = Experiment(
    name="leakage",
    claim="What a network reaches is decided by what may cross to the tested side.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
