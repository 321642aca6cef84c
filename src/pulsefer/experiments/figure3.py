"""Figure 3: does the network with the heart rate converge faster? Validation loss by epoch.

The claim before it runs: MTL's cross-entropy on the held-out part falls faster than STL's. The
held-out part is cut along persons, as the folds are. The trainings are those of Table 3.

    pulsefer reproduce figure3 --store DEAP --budget paper
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from pulsefer.core.fingerprint import fingerprint
from pulsefer.experiments.arms import Cell, every
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.experiment import Experiment, Specimen, specimen_for
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.table3 import SYSTEMS
from pulsefer.reports.row import Row
from pulsefer.training.run import Run


def _cells(stores: Mapping[str, Path], budget: Budget) -> list[Cell]:
    return [
        Cell(data, dimension, system, "subject")
        for data, dimension in every(stores, budget)
        for system in SYSTEMS
    ]


def arms(stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
    """STL and MTL by person."""
    return [
        arm
        for cell in _cells(stores, budget)
        for arm in cell.arms(
            stores[cell.data], budget, budget.train(0, heart_rate=SYSTEMS[cell.system])
        )
    ]


def rows(grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
    """The curve of each system, and how many epochs it takes to reach STL's best."""
    found = []
    for data, dimension in every(stores, budget):
        curves = {}
        for system in SYSTEMS:
            runs = Cell(data, dimension, system, "subject").runs(grid, budget)
            if runs:
                curves[system] = _curve(runs)
                found += _points(curves[system], runs, system, data)
        best = curves["STL"]["mean"].min() if "STL" in curves else np.nan
        for system, curve in curves.items():
            reached = curve.index[curve["mean"] <= best]
            if len(reached):
                runs = Cell(data, dimension, system, "subject").runs(grid, budget)
                found.append(_row(runs, system, data, "epochs_to_stl_best", float(reached[0])))
    return found


def _curve(runs: Sequence[Run]) -> pd.DataFrame:
    """By epoch: mean over seeds of the mean over folds, and a 95 % t-interval over seeds."""
    by_seed = pd.concat(
        [run.history.groupby("epoch")["validation_bce"].mean() for run in runs], axis=1
    )
    n = by_seed.shape[1]
    half = by_seed.std(axis=1) / np.sqrt(n) * stdtrit(n - 1, 0.975) if n > 1 else np.nan
    mean = by_seed.mean(axis=1)
    return pd.DataFrame({"mean": mean, "low": mean - half, "high": mean + half})


def _points(curve: pd.DataFrame, runs: Sequence[Run], system: str, data: str) -> list[Row]:
    return [
        _row(runs, system, data, "validation_bce", float(point["mean"]), low=float(point["low"]),
             high=float(point["high"]), x=float(epoch))
        for epoch, point in curve.iterrows()
    ]  # fmt: skip


def _row(
    runs: Sequence[Run],
    system: str,
    data: str,
    metric: str,
    value: float,
    *,
    low: float = float("nan"),
    high: float = float("nan"),
    x: float = float("nan"),
) -> Row:
    run = runs[0]
    return Row(
        experiment="figure3",
        system=system,
        dataset=data,
        data_kind=run.data_kind,
        dimension=run.dimension,
        metric=metric,
        value=value,
        low=low,
        high=high,
        protocol=run.about["protocol_name"],
        selection="every" if x == x else "first",
        unit="seed",
        n=len(runs),
        n_subjects=run.about["n_subjects"],
        seed=run.about["train"]["seed"],
        config=fingerprint([one.about["fingerprint"] for one in runs]),
        manifest=run.about["manifest"],
        version=run.about["version"],
        x_name="epoch" if x == x else "",
        x=x,
    )


def specimens(budget: Budget) -> list[Specimen]:
    """As Table 3."""
    return [specimen_for(budget)]


EXPERIMENT = Experiment(
    name="figure3",
    claim="With the heart rate beside it the network converges faster.",
    specimens=specimens,
    arms=arms,
    rows=rows,
)
