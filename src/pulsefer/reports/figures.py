"""The pictures of a report. Each takes rows or tables and gives a matplotlib figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from pulsefer.reports.row import Row
from pulsefer.samples.split import LEAKY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCENT = "#b3264a"
QUIET = "#5b7c99"
COLOURS = (QUIET, ACCENT, "#8a6d3b", "#4a7a4f")


def learning_curves(histories: Mapping[str, pd.DataFrame], *, synthetic: bool) -> Figure:
    """Binary cross-entropy by epoch, learning and held-out side: the form of the paper's Figure 3.

    Args:
        histories: By name; columns epoch, train_bce, validation_bce (may be NaN).
        synthetic: Say so in the title.
    """
    figure, axes = _figure(1, 2, height_in=3.4)
    for (name, history), colour in zip(histories.items(), _cycle(len(histories)), strict=True):
        for axis, column in zip(axes, ("train_bce", "validation_bce"), strict=True):
            if column in history and history[column].notna().any():
                axis.plot(history["epoch"], history[column], color=colour, label=name, marker=".")
    for axis, title in zip(axes, ("learning side", "held-out part"), strict=True):
        axis.set(title=title + (" (synthetic)" if synthetic else ""), xlabel="epoch")
        axis.set_ylabel("binary cross-entropy")
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
        else:
            axis.text(0.5, 0.5, "no held-out part", ha="center", transform=axis.transAxes)
    return figure


def intervals(rows: Sequence[Row], *, chance: float | None = None) -> Figure:
    """Values with their intervals, one line each: the leakage gap at a glance."""
    figure, (axis,) = _figure(1, 1, height_in=1.1 + 0.42 * len(rows))
    for place, row in enumerate(reversed(rows)):
        colour = ACCENT if row.protocol in LEAKY else QUIET
        if not math.isnan(row.low):
            axis.plot(
                [100 * row.low, 100 * row.high], [place, place], color=colour, lw=3, alpha=0.4
            )
        axis.plot([100 * row.value], [place], "o", color=colour)
        if not math.isnan(row.paper):
            axis.plot([100 * row.paper], [place], "D", mfc="none", color="#333333", ms=6)
    if chance is not None:
        axis.axvline(100 * chance, color="#999999", ls="--", lw=1)
        axis.text(100 * chance, len(rows) - 0.4, " chance", color="#777777", fontsize=8)
    axis.set_yticks(
        range(len(rows)),
        [
            f"{row.system}, by {row.protocol}"
            + (", best_on_test" if row.selection == "best_on_test" else "")
            for row in reversed(rows)
        ],
    )
    kinds = {row.data_kind for row in rows}
    suffix = " (synthetic)" if "synthetic" in kinds else ""
    axis.set_xlabel(f"{rows[0].metric.replace('_', ' ')}, %{suffix}")
    axis.set_ylim(-0.6, len(rows) - 0.2)
    return figure


def heart_rate_trace(readings: pd.DataFrame, *, planted_bpm: float | None = None) -> Figure:
    """Heart rate over time with its quality as the depth of colour.

    Args:
        readings: What `Analyzer.video` gives: time_s, hr_bpm, hr_quality.
        planted_bpm: The truth of a specimen.
    """
    figure, (axis,) = _figure(1, 1, height_in=2.8)
    if planted_bpm is not None:
        axis.axhline(
            planted_bpm, color="#333333", lw=1, ls="--", label=f"planted {planted_bpm:.1f}"
        )
    known = readings[readings["hr_bpm"].notna()]
    axis.plot(known["time_s"], known["hr_bpm"], color=QUIET, lw=1)
    dots = axis.scatter(
        known["time_s"], known["hr_bpm"], c=known["hr_quality"], cmap="RdYlGn", vmin=0, vmax=1,
        label="found by POS",
    )  # fmt: skip
    figure.colorbar(dots, ax=axis, label="quality")
    axis.set(xlabel="time, s", ylabel="heart rate, bpm", ylim=(40, 180))
    axis.legend(frameon=False, fontsize=8)
    return figure


def _figure(n_rows: int, n_columns: int, *, height_in: float) -> tuple[Figure, list[Axes]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Without pyplot: no global state, no window, and figures are freed like any object.
    figure = Figure(figsize=(8, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel().tolist()
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    return figure, axes


def _cycle(n: int) -> list[str]:
    return [COLOURS[number % len(COLOURS)] for number in range(n)]
