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
from pulsefer.experiments.experiment import Experiment, Specimen, specimen_for
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.scoring import leakage_gap
from pulsefer.reports.row import Row
from pulsefer.samples.split import PROTOCOLS, By

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
        for system in SYSTEMS
    ]


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """Every protocol with true and with permuted labels, all three rules of choosing the epoch."""
    train = dataclasses.replace(budget.train(0), peek_at_test=True)
    return [
        arm
        for cell in _cells(stores, budget)
        for arm in cell.arms(stores[cell.data], budget, train, permuted=SYSTEMS[cell.system])
    ]


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """Scores of every protocol, and the gaps between them."""
    found = [row for cell in _cells(stores, budget) for row in cell.rows(grid, budget, "leakage")]
    for data, dimension in every(stores, budget):
        for leaky, honest in GAPS:
            both = [Cell(data, dimension, "MTL", by).runs(grid, budget) for by in (leaky, honest)]
            if both[0] and len(both[0]) == len(both[1]):
                found.append(leakage_gap(*both, experiment="leakage", dataset=data))
    return found


def specimens(budget: Budget) -> list[Specimen]:
    """A face that shows the rating; and a face that shows nothing in the light of a screen."""
    if budget.name == "smoke":
        return [specimen_for(budget)]
    return [
        specimen_for(budget),
        Specimen(
            "clip light",
            Effects(
                expression=0.0, hr_to_flush=0.0, stimulus_to_light=0.4, stimulus_to_rating=0.85,
                subject_to_rating=0.05, clips_in_common=8,
            ),
            trials=8,
        ),
    ]  # fmt: skip


EXPERIMENT = Experiment(
    name="leakage",
    claim="What a network reaches is decided by what may cross to the tested side.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
