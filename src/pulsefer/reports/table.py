"""Rows as people read them: paper | ours | protocol | n | interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulsefer.reports.row import Row

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = (
    "system", "figure", "paper", "ours", "95 % interval", "protocol", "epoch", "n", "subjects",
    "data",
)  # fmt: skip

NAMES = {
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "macro F1",
    "mcc": "MCC",
    "auroc": "AUROC",
    "brier": "Brier score",
    "majority": "accuracy of the larger class",
    "majority_by_subject": "accuracy of each person's larger class",
    "majority_by_stimulus": "accuracy of each clip's larger class",
    "hr_mae_bpm": "mean absolute error",
    "hr_rmse_bpm": "RMSE",
    "hr_bias_bpm": "bias",
    "hr_pearson": "Pearson r",
    "hr_pearson_within": "Pearson r within persons",
    "hr_rmse_constant_bpm": "RMSE of one constant",
    "hr_rmse_subject_constant_bpm": "RMSE of each person's mean",
    "leakage_gap": "leakage gap",
}
"""Names for people; a metric that is not here keeps its own."""

SHARES = frozenset(
    {"accuracy", "balanced_accuracy", "f1_macro", "majority", "majority_by_subject",
     "majority_by_stimulus"}
)  # fmt: skip


def cells(row: Row) -> tuple[str, ...]:
    """One row as text, in the order of `COLUMNS`."""
    interval = (
        "–"
        if math.isnan(row.low)
        else f"{number(row, row.low, bare=True)} to {number(row, row.high)}"
    )
    paper = "–" if math.isnan(row.paper) else f"{number(row, row.paper)} ({row.paper_where})"
    return (
        row.system,
        f"{row.dimension}: {NAMES.get(row.metric, row.metric)}",
        paper,
        number(row, row.value),
        interval,
        f"by {row.protocol}",
        row.selection,
        f"{row.n} {row.unit}s",
        str(row.n_subjects),
        row.data_kind,
    )


def number(row: Row, value: float, *, bare: bool = False) -> str:
    """A value in the unit of its metric."""
    if math.isnan(value):
        return "–"
    if row.metric in SHARES:
        return f"{100 * value:.1f}" + ("" if bare else " %")
    if row.metric.endswith("_bpm"):
        return f"{value:.1f}" + ("" if bare else " bpm")
    if row.metric == "leakage_gap":
        return f"{100 * value:+.1f}" + ("" if bare else " points")
    return f"{value:.3f}"


def table(rows: Sequence[Row], *, title: str) -> Table:
    """A table for the terminal; synthetic rows say so in their own colour."""
    from rich.table import Table

    made = Table(title=title, title_justify="left", header_style="bold")
    for column in COLUMNS:
        numeric = column in ("ours", "n", "subjects")
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        *plain, kind = cells(row)
        made.add_row(*plain, f"[yellow]{kind}[/yellow]" if kind == "synthetic" else kind)
    return made
