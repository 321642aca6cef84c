"""Arms by what distinguishes them, and the same arm over its seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pulsefer.core.fingerprint import fingerprint
from pulsefer.experiments.budget import Budget
from pulsefer.experiments.experiment import pooled
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.metrics.crossed import compare_crossed
from pulsefer.metrics.paired import holm
from pulsefer.reports.row import Row
from pulsefer.samples.split import By
from pulsefer.training.config import TrainConfig
from pulsefer.training.run import Run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """Where an arm stands in a table.

    Attributes:
        data: Name of the store.
        dimension: Rating.
        system: Row of the table, for example "MTL".
        by: Protocol.
    """

    data: str
    dimension: str
    system: str
    by: By

    def name(self, seed: int) -> str:
        """Name of the arm of one seed."""
        return f"{self.data}, {self.dimension}, {self.system}, {self.by}, seed {seed}"

    def arms(
        self, store: Path, budget: Budget, train: TrainConfig, *, permuted: bool = False
    ) -> list[Arm]:
        """One arm for every seed of the budget."""
        return [
            Arm(
                self.name(seed), (store,), budget.windows(self.dimension),
                budget.protocol(self.by), dataclasses.replace(train, seed=seed),
                permuted=permuted,
            )
            for seed in range(budget.seeds)
        ]  # fmt: skip

    def runs(self, grid: Grid, budget: Budget) -> list[Run]:
        """The runs of all seeds that could be trained."""
        names = (self.name(seed) for seed in range(budget.seeds))
        return [grid.runs[name] for name in names if name in grid.runs]

    def rows(self, grid: Grid, budget: Budget, experiment: str) -> list[Row]:
        """All scores by trial; none if no seed could be trained."""
        runs = self.runs(grid, budget)
        if not runs:
            return []
        return pooled(runs, experiment=experiment, system=self.system, dataset=self.data)


@dataclass(frozen=True)
class Answers:
    """What a system said, for a comparison.

    Attributes:
        system: Its name in rows.
        data: Name of the data.
        runs: Whose answers; the first says what is the same in all.
        tables: Predictions, for each seed; of one selection rule.
    """

    system: str
    data: str
    runs: Sequence[Run]
    tables: Sequence[pd.DataFrame]


def differences(
    pairs: Sequence[tuple[Cell, Cell]],
    grid: Grid,
    budget: Budget,
    *,
    experiment: str,
    metric: str = "balanced_accuracy",
    selection: str = "last",
) -> list[Row]:
    """`difference_rows` of arms. Pairs that could not be trained are left out."""

    def answers(cell: Cell) -> Answers:
        runs = cell.runs(grid, budget)
        tables = [run.predictions[run.predictions["selection"] == selection] for run in runs]
        return Answers(cell.system, cell.data, runs, tables)

    both = [(answers(first), answers(second)) for first, second in pairs]
    kept = [pair for pair in both if pair[0].runs and len(pair[0].runs) == len(pair[1].runs)]
    return difference_rows(kept, experiment=experiment, metric=metric, selection=selection)


def difference_rows(
    pairs: Sequence[tuple[Answers, Answers]],
    *,
    experiment: str,
    metric: str = "balanced_accuracy",
    selection: str = "last",
) -> list[Row]:
    """First of each pair minus second, over persons and over networks, by trial.

    p is the larger of two tests by sign flips, over persons and over networks, adjusted by Holm
    for the pairs given here: with few networks it cannot be small. The interval draws both.
    """
    rows = []
    for first, second in pairs:
        found = compare_crossed(first.tables, second.tables, metric)
        run = first.runs[0]
        rows.append(
            Row(
                experiment=experiment,
                system=f"{first.system} − {second.system}",
                dataset=first.data,
                data_kind=run.data_kind,
                dimension=run.dimension,
                metric=f"difference_{metric}",
                value=found.mean,
                low=found.low,
                high=found.high,
                protocol=run.about["protocol_name"],
                selection=selection,
                unit="trial",
                n=run.about["n_trials"],
                n_subjects=found.n_persons,
                seed=run.about["train"]["seed"],
                config=fingerprint(
                    [one.about["fingerprint"] for side in (first, second) for one in side.runs]
                ),
                manifest=run.about["manifest"],
                version=run.about["version"],
                p=found.p,
            )
        )
    if not rows:
        return rows
    adjusted = holm([row.p for row in rows])
    return [dataclasses.replace(row, p=float(p)) for row, p in zip(rows, adjusted, strict=True)]


def every(stores: Mapping[str, Path], budget: Budget) -> list[tuple[str, str]]:
    """Pairs of store and dimension."""
    return [(data, dimension) for data in stores for dimension in budget.dimensions]
