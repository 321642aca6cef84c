"""Rows as people read them: paper | ours | protocol | n | interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulsefer.reports.protocols import MINUS, in_words
from pulsefer.reports.row import Row

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "system", "figure", "paper", "ours", "95 % interval", "protocol", "epoch", "n", "subjects",
    "data",
)  # fmt: skip

MARKED = frozenset({"synthetic", "best_on_test"})
"""Cells that change what a figure is worth: they are coloured wherever they stand."""

HOISTED = frozenset({"system", "protocol", "epoch", "n", "subjects", "data"})
"""Columns that stand under a table once when all rows agree."""

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "auroc_within": "AUROC within persons",
    "brier": "Brier score",
    "ece": "expected calibration error",
    "ccc": "concordance (CCC)",
    "pearson": "Pearson r",
    "rmse": "RMSE",
    "rmse_constant": "RMSE of one constant",
    "prior": "accuracy of the training side's larger class",
    "brier_prior": "Brier score of the training side's share",
    "majority": "accuracy of the larger class",
    "accuracy_thirds": "accuracy of three classes",
    "balanced_accuracy_thirds": "balanced accuracy of three classes",
    "majority_thirds": "accuracy of the largest of three classes",
    "majority_by_subject": "accuracy of each person's larger class",
    "majority_by_stimulus": "accuracy of each clip's larger class",
    "train_bce": "cross-entropy of the learning side",
    "validation_bce": "cross-entropy of the held-out part",
    "bce": "cross-entropy",
    "epochs_to_stl_best": "epochs to the least cross-entropy of STL",
    "effective_beta": "effective beta",
    "gradient_ratio": "the heart rate's gradient over the emotion's, weights included",
    "gradient_cosine": "cosine between the two gradients",
    "gradient_conflicts": "share of steps with gradients against each other",
    "hr_mae_bpm": "mean absolute error",
    "hr_rmse_bpm": "RMSE",
    "hr_bias_bpm": "bias",
    "hr_pearson": "Pearson r",
    "hr_pearson_within": "Pearson r within persons",
    "hr_skill": "skill over the training side's mean",
    "hr_rmse_train_mean_bpm": "RMSE of the training side's mean",
    "hr_mae_pos_bpm": "mean absolute error of POS",
    "hr_rmse_pos_bpm": "RMSE of POS",
    "hr_mae_chrom_bpm": "mean absolute error of CHROM",
    "hr_rmse_chrom_bpm": "RMSE of CHROM",
    "hr_rmse_constant_bpm": "RMSE of one constant",
    "hr_rmse_subject_constant_bpm": "RMSE of each person's mean",
    "leakage_gap": "leakage gap",
}
"""Names for people; a metric that is not here keeps its own."""

DIFFERENCE = "difference_"
"""Begins the name of a metric whose value is one system's minus another's."""

SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "f1_macro", "prior", "majority", "majority_by_subject",
     "majority_by_stimulus", "accuracy_thirds", "balanced_accuracy_thirds", "majority_thirds"}
)  # fmt: skip


SHORT = (
    "balanced_accuracy", "accuracy", "prior", "majority", "majority_by_subject",
    "majority_by_stimulus", "auroc", "ece",
    "hr_rmse_bpm", "hr_rmse_train_mean_bpm", "hr_rmse_subject_constant_bpm", "hr_rmse_pos_bpm",
    "hr_rmse_chrom_bpm", "hr_skill", "hr_pearson_within",
)  # fmt: skip
"""What a terminal shows of a run: the figures that answer for each other. All are in the rows."""

GUESSES = frozenset(
    {"prior", "majority", "majority_by_subject", "majority_by_stimulus", "hr_rmse_train_mean_bpm",
     "hr_rmse_subject_constant_bpm", "hr_rmse_pos_bpm", "hr_rmse_chrom_bpm"}
)  # fmt: skip
"""Metrics that no epoch of a network changes: once is enough."""


def shortlist(rows: Sequence[Row]) -> list[Row]:
    """The rows of `SHORT`, those that no network has a part in once and last of their kind."""
    first = {row.metric: row for row in reversed(rows) if row.metric in GUESSES}
    kept = [
        row for row in rows
        if row.metric in SHORT and (row.metric not in GUESSES or row is first[row.metric])
    ]  # fmt: skip
    return sorted(kept, key=lambda row: SHORT.index(row.metric))


def cells(row: Row) -> tuple[str, ...]:
    """One row as text, in the order of `COLUMNS`."""
    interval = (
        "–"
        if math.isnan(row.low)
        else f"{number(row, row.low, bare=True)} to {number(row, row.high, bare=True)}"
    )
    paper = "–" if math.isnan(row.paper) else f"{number(row, row.paper)} ({row.paper_where})"
    # Points of a series differ in nothing else that a screen shows.
    at = f", {row.x_name} {row.x:g}" if row.x_name else ""
    return (
        row.system + ("" if f"{row.x:g}" in row.system else at),
        f"{row.dimension}: {name_of(row)}",
        paper,
        number(row, row.value),
        interval,
        in_words(row.protocol),
        row.selection,
        f"{row.n} {row.unit}s",
        str(row.n_subjects),
        row.data_kind,
    )


def number(row: Row, value: float, *, bare: bool = False) -> str:
    """A value in the unit of its metric; differences have a sign, and shares then are points."""
    if math.isnan(value):
        return "–"
    if abs(value) >= 1e6:  # nothing of ours; it must not fill the page with digits
        return f"{value:.3g}"
    metric = measured(row)
    sign = "+" if is_difference(row) else ""
    if metric in SHARES or metric == "leakage_gap":
        unit = " points" if sign else " %"
        return f"{100 * value:{sign}z.1f}" + ("" if bare else unit)
    if metric == "effective_beta":
        return f"{value:.2g}"
    if metric.startswith("epochs_"):
        return f"{value:{sign}z.0f}"
    if metric.endswith("_bpm"):
        return f"{value:{sign}z.1f}" + ("" if bare else " bpm")
    return f"{value:{sign}z.3f}"


def is_difference(row: Row) -> bool:
    """Whether the figure is one system, or one protocol, minus another."""
    return (
        row.metric == "leakage_gap"
        or row.metric.startswith(DIFFERENCE)
        or MINUS in row.protocol
        or MINUS in row.system
    )


def measured(row: Row) -> str:
    """The metric itself, also of a difference."""
    return row.metric.removeprefix(DIFFERENCE)


def name_of(row: Row) -> str:
    """The metric in words."""
    metric = measured(row)
    words = NAMES.get(metric, metric)
    return f"difference in {words}" if metric != row.metric else words


def table(rows: Sequence[Row], *, title: str) -> Table:
    """A table for the terminal.

    What is the same in every row stands under the table once, so that the rest fits a screen of
    100 columns; that a figure is synthetic is always said, there or in its row.
    """
    from rich.table import Table

    lines = [cells(row) for row in rows]
    same = {
        column: place
        for place, column in enumerate(COLUMNS)
        if column in HOISTED and len(lines) > 1 and len({line[place] for line in lines}) == 1
    }
    made = Table(title=title, title_justify="left", header_style="bold", caption_justify="left")
    if same:
        made.caption = ", ".join(f"{column}: {lines[0][place]}" for column, place in same.items())
    for column in COLUMNS:
        if column not in same:
            right = column in ("ours", "subjects")
            made.add_column(
                column, justify="right" if right else "left", no_wrap=column != "figure"
            )
    for line in lines:
        shown = [
            f"[yellow]{cell}[/yellow]" if cell in MARKED else cell
            for column, cell in zip(COLUMNS, line, strict=True)
            if column not in same
        ]
        made.add_row(*shown)
    return made
