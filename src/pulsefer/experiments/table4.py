"""Table 4: how much weight for the heart rate? Accuracy and cross-entropy by beta.

The claim before it runs: beta = 0.01 is best, beta = 0 (STL) and beta = 1 are worse. The paper's
five values, on DEAP, its dimension and split not named; here by person.

    pulsefer reproduce table4 --store DEAP --budget paper
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from pulsefer.experiments.arms import Cell, differences, every
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.experiment import Experiment, Specimen, specimen_for
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.published import TABLE_4
from pulsefer.metrics.bootstrap import draw, interval, person_sums
from pulsefer.objectives.loss_weights import LossWeights
from pulsefer.reports.row import Row
from pulsefer.training.run import Run

PAPER_BETA = 0.01
N_RESAMPLES = 2000
SMALLEST = 1e-7
"""A probability of 0 would make one sure mistake infinite."""


def _cell(data: str, dimension: str, beta: float) -> Cell:
    return Cell(data, dimension, "STL" if beta == 0 else f"MTL, beta {beta:g}", "subject")


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """One for each beta; 0 is the network without the head."""
    found = []
    for data, dimension in every(stores, budget):
        for beta in TABLE_4:
            train = budget.train(0, heart_rate=beta > 0)
            if beta:  # without the head there is nothing to weigh, and the training is Table 3's
                train = dataclasses.replace(train, weights=LossWeights(beta=beta))
            found += _cell(data, dimension, beta).arms(stores[data], budget, train)
    return found


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """Scores along beta, the cross-entropy beside, and every beta against the paper's best."""
    found = []
    for data, dimension in every(stores, budget):
        for beta, (accuracy, loss) in TABLE_4.items():
            cell = _cell(data, dimension, beta)
            runs = cell.runs(grid, budget)
            for row in cell.rows(grid, budget, "table4"):
                paper = accuracy if row.metric == "accuracy" else None
                found.append(_along(row, beta, paper and paper.value, paper and paper.where))
            if runs:
                bce = _cross_entropy(runs, found[-1])
                found.append(_along(bce, beta, loss.value, loss.where))
    pairs = [
        (_cell(data, dimension, beta), _cell(data, dimension, PAPER_BETA))
        for data, dimension in every(stores, budget)
        for beta in TABLE_4
        if beta != PAPER_BETA
    ]
    return [*found, *differences(pairs, grid, budget, experiment="table4")]


def _along(row: Row, beta: float, paper: float | None, where: str | None) -> Row:
    value = float("nan") if paper is None else paper
    return dataclasses.replace(row, x_name="beta", x=beta, paper=value, paper_where=where or "")


def _cross_entropy(runs: Sequence[Run], like: Row) -> Row:
    """Mean over windows of the tested persons, the last epoch; interval over persons."""
    table = pd.concat([run.predictions for run in runs], ignore_index=True)
    table = table[table["selection"] == "last"]
    said = table["emotion_prob"].clip(SMALLEST, 1 - SMALLEST).to_numpy(np.float64)
    high = table["emotion"].to_numpy() == 1
    loss = -np.log(np.where(high, said, 1 - said))
    person = table.groupby(["dataset", "subject"]).ngroup().to_numpy(np.intp)
    n_persons = int(person.max()) + 1
    columns = np.stack([loss, np.ones_like(loss)], axis=1)
    total, n = (draw(n_persons, N_RESAMPLES, 0) @ person_sums(columns, person, n_persons)).T
    low, high_end = interval(total / n, n_persons)
    return dataclasses.replace(
        like, metric="bce", dimension=runs[0].dimension, value=float(loss.mean()), low=low,
        high=high_end, selection="last", unit="window", n=len(table) // len(runs),
        n_subjects=n_persons,
    )  # fmt: skip


def specimens(budget: Budget) -> list[Specimen]:
    """As Table 3."""
    return [specimen_for(budget)]


EXPERIMENT = Experiment(
    name="table4",
    claim="A weight of 0.01 for the heart rate is better than none and better than 1.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
