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
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1 (macro)",
    "mcc": "MCC",
    "auroc": "AUROC",
    "majority": "larger class",
    "hr_mae_bpm": "HR MAE",
    "hr_rmse_bpm": "HR RMSE",
    "hr_constant_rmse_bpm": "HR RMSE of a constant",
    "leakage_gap": "leakage gap (window − subject)",
}
SHARES = frozenset({"accuracy", "balanced_accuracy", "f1", "majority"})


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
