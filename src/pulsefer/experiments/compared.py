"""Tables 1 and 2: every system that the paper compares with, asked the same question.

The claim before it runs: the paper's tables compare figures that are not comparable. Each was
obtained by its own authors, under their own protocol, on units from a second to a trial, one of
them with three classes. Here every system has the windows, folds, truth and scores of the CRNN.

They are readings of what could be read, "title", "abstract" or "code", and never reproductions:
what a paper does not say is a `Choice:` in the system's own file.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pulsefer.baselines.registry import SystemConfig
from pulsefer.core.bundle import Fidelity
from pulsefer.core.types import SignalKind
from pulsefer.experiments.arms import Cell, differences
from pulsefer.experiments.budget import Budget, BudgetName
from pulsefer.experiments.experiment import of_seeds
from pulsefer.experiments.grid import Arm, Grid
from pulsefer.experiments.published import NONE, Published
from pulsefer.metrics.thirds import score_thirds
from pulsefer.models.xception3d_se import Xception3dConfig
from pulsefer.reports.row import Row
from pulsefer.samples.split import LEAKY, By
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig
from pulsefer.training.run import Run

OURS = "MTL"


@dataclass(frozen=True)
class Line:
    """A line of a table.

    Attributes:
        title: As the table has it.
        key: Key of `baselines.registry.SYSTEMS`; None is the CRNN.
        fidelity: What of the original could be read.
        obtained: The protocol under which the published figure was obtained.
        settings: Of the system, whatever the budget.
        n_classes: 2, or 3.
        heart_rate: Of the CRNN: with its auxiliary head.
        recurrent: Of the CRNN.
        by_trial: It looks at whole trials, so a protocol that cuts them is no question to it.
        windows: None takes the CRNN's.
    """

    title: str
    key: str | None = None
    fidelity: Fidelity = "abstract"
    obtained: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_classes: int = 2
    heart_rate: bool = True
    recurrent: Literal["gru", "lstm"] = "gru"
    by_trial: bool = False
    windows: Mapping[BudgetName, WindowConfig] | None = None


CRNN = (
    Line("STL", heart_rate=False, fidelity="code"),
    Line(OURS, fidelity="code", obtained="an unstated protocol"),
)
FACES = (
    Line("MTL-CNN", "mtl_cnn", obtained="folds over each person's trials"),
    Line("VGG-16", "vgg16_elm", obtained="folds over pooled trials", by_trial=True),
)
"""In both tables."""
RELATED = (
    Line("ConvLSTM", recurrent="lstm", fidelity="code",
         obtained="windows of a trial on both sides, best epoch on the tested side"),
    Line("Ouzar 2022", "ouzar", obtained="an unknown protocol"),
)  # fmt: skip
"""In neither table, but in the paper's text: the network's ancestor and a nearer relative."""

SMALL: Mapping[BudgetName, Mapping[str, Mapping[str, Any]]] = {
    "smoke": {
        "mtl_cnn": {"epochs": 1},
        "vgg16_elm": {"size_px": 32, "n_frames": 2, "n_hidden": (20,), "log2_c": (0.0,),
                      "n_draws": 1, "inner_folds": 2},
        "cnn_3d": {"epochs": 1},
        "ppg_cnn": {"epochs": 1, "window_s": 5.0, "fs_hz": 32.0},
        "wmd_dtw": {"inner_folds": 2, "ks": (3, 1)},
        "ouzar": {"epochs": 1, "face": Xception3dConfig(entry=(16, 32), blocks=(32,))},
        "mtts_can": {"epochs": 1},
    },
    "desk": {
        "mtl_cnn": {"epochs": 6, "batch_size": 16},
        "vgg16_elm": {"size_px": 64, "n_frames": 8},
        "cnn_3d": {"epochs": 6, "batch_size": 8, "lr": 1e-3},
        "ppg_cnn": {"batch_size": 8, "fs_hz": 32.0},
        "ouzar": {"epochs": 6, "batch_size": 8,
                  "face": Xception3dConfig(entry=(32, 64), blocks=(64,))},
        "mtts_can": {"epochs": 4},
    },
}  # fmt: skip
"""Choice: what can be learned of few windows in minutes. On "paper" the systems' own settings."""


@dataclass(frozen=True)
class Table:
    """Table 1 or 2.

    Attributes:
        experiment: Its name.
        signal: The contact signal of its data set: only stores that have it are used.
        lines: What stands in it.
        published: The paper's figures by title and dimension.
        only: Of a specimen made for one question, the titles that it asks.
    """

    experiment: str
    signal: SignalKind
    lines: tuple[Line, ...]
    published: Mapping[tuple[str, str], Published]
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def arms(self, stores: Mapping[str, Path], budget: Budget) -> list[Arm]:
        """Every line, under every protocol, by every seed."""
        return [
            arm
            for line, cell in self._cells(stores, budget)
            for arm in _arms(line, cell, stores[cell.data], self._size(budget))
        ]

    def rows(self, grid: Grid, stores: Mapping[str, Path], budget: Budget) -> list[Row]:
        """Scores of every line with the published figure beside, and the CRNN minus each."""
        size = self._size(budget)
        cells = self._cells(stores, budget)
        found = [
            self._beside(row, line)
            for line, cell in cells
            for row in _rows(line, cell, grid, size, self.experiment)
            # Each dimension has networks of its own; one heart rate stands for all of them.
            if row.dimension != "heart rate" or cell.dimension == size.dimensions[0]
        ]
        for (data, dimension, by), group in _together(cells).items():
            ours = Cell(data, dimension, OURS, by)
            if ours not in group:
                continue
            others = [cell for cell in group if cell != ours]
            found += differences(
                [(ours, other) for other in others], grid, size, experiment=self.experiment
            )
        return found

    def _beside(self, row: Row, line: Line) -> Row:
        """With the figure that was published, its protocol, and how near ours is to its system."""
        published = self.published.get((line.title, row.dimension), NONE)
        if row.metric not in ("accuracy", "accuracy_thirds") or published is NONE:
            return row
        where = f"{published.where}, {line.obtained}"
        if line.key:
            where += f"; ours read from its {line.fidelity}"
        return dataclasses.replace(row, paper=published.value, paper_where=where)

    def _cells(self, stores: Mapping[str, Path], budget: Budget) -> list[tuple[Line, Cell]]:
        size = self._size(budget)
        return [
            (line, Cell(data, dimension, line.title, by))
            for data, path in stores.items()
            if open_store(path).recordings[0].signal.kind == self.signal
            for dimension in (size.dimensions[:1] if data in self.only else size.dimensions)
            for by in (ONE_QUESTION if data in self.only else PROTOCOLS[budget.name])
            for line in self.lines
            if line.title in self.only.get(data, (line.title,))
            if not (line.by_trial and by in LEAKY)
            if line.windows is None or (by == "subject" and dimension == size.dimensions[0])
        ]

    @staticmethod
    def _size(budget: Budget) -> Budget:
        """Choice: on a desk both dimensions, as the tables have them, by one seed."""
        if budget.name != "desk":
            return budget
        return dataclasses.replace(budget, seeds=1, dimensions=("valence", "arousal"))


PROTOCOLS: Mapping[BudgetName, tuple[By, ...]] = {
    "smoke": ("subject",),
    "desk": ("subject",),
    "paper": ("window_within", "trial_pooled", "subject", "subject_x_stimulus"),
}
ONE_QUESTION: tuple[By, ...] = ("subject", "subject_x_stimulus")
"""Of a specimen in which a clip is known from the others who watched it."""


def _arms(line: Line, cell: Cell, store: Path, budget: Budget) -> list[Arm]:
    train = budget.train(0, heart_rate=line.heart_rate)
    if line.recurrent != "gru":
        model = dataclasses.replace(train.model, recurrent=line.recurrent)
        train = dataclasses.replace(train, model=model)
    arms = cell.arms(store, budget, train)
    if line.key is None:
        return arms
    settings = {**SMALL.get(budget.name, {}).get(line.key, {}), **line.settings}
    system = SystemConfig(line.key, settings, line.n_classes)
    arms = [dataclasses.replace(arm, system=system) for arm in arms]
    if line.windows is None:
        return arms
    windows = dataclasses.replace(line.windows[budget.name], dimension=cell.dimension)
    return [dataclasses.replace(arm, windows=windows) for arm in arms]


def _rows(line: Line, cell: Cell, grid: Grid, budget: Budget, experiment: str) -> list[Row]:
    """A heart rate is scored of those who tell one, an emotion of the others."""
    rows = cell.rows(grid, budget, experiment)
    if line.n_classes == 3:
        return _thirds(cell.runs(grid, budget), rows)
    rates = line.heart_rate if line.key is None else line.windows is not None
    emotion = line.windows is None
    return [row for row in rows if (rates if row.dimension == "heart rate" else emotion)]


def _thirds(runs: Sequence[Run], like: Sequence[Row]) -> list[Row]:
    """Scores of three classes; those of two have no meaning for it."""
    if not runs:
        return []
    table = of_seeds([run.predictions for run in runs])
    return [
        dataclasses.replace(
            like[0], dimension=runs[0].dimension, metric=metric, value=score.value,
            low=score.low, high=score.high, n=runs[0].about["n_trials"],
        )
        for metric, score in score_thirds(table).items()
    ]  # fmt: skip


def _together(cells: Sequence[tuple[Line, Cell]]) -> dict[tuple[str, str, By], list[Cell]]:
    """Cells that were asked the same, by data, dimension and protocol."""
    found: dict[tuple[str, str, By], list[Cell]] = {}
    for line, cell in cells:
        if line.windows is None and line.n_classes == 2:
            found.setdefault((cell.data, cell.dimension, cell.by), []).append(cell)
    return found
