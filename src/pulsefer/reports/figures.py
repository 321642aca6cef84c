"""The pictures of a report. Each takes rows or tables and gives a matplotlib figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pulsefer.reports.canvas import (
    ACCENT,
    INK,
    LETTERS_PT,
    QUIET,
    SOFT,
    canvas,
    label,
    legend,
    whole,
)
from pulsefer.reports.protocols import is_leaky
from pulsefer.reports.row import Row

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["ACCENT", "QUIET", "heart_rate_trace", "intervals", "learning_curves"]

STYLES = ((QUIET, "-"), (ACCENT, "-"), (INK, "--"), (SOFT, ":"), (QUIET, "-."), (ACCENT, "--"))
"""Colour and line of the first, second ... system: told apart without colour too."""


def learning_curves(histories: Mapping[str, pd.DataFrame], *, synthetic: bool) -> Figure:
    """Binary cross-entropy by epoch, learning and held-out side: the form of the paper's Figure 3.

    Args:
        histories: By name; columns epoch, train_bce, validation_bce (may be NaN).
        synthetic: Say so in the title.
    """
    figure, axes = canvas(2, height_in=5.2)
    for number, (name, history) in enumerate(histories.items()):
        colour, line = STYLES[number % len(STYLES)]
        for axis, column in zip(axes, ("train_bce", "validation_bce"), strict=True):
            if column in history and history[column].notna().any():
                axis.plot(
                    history["epoch"], history[column], color=colour, ls=line, marker=".",
                    label=label(name),
                )  # fmt: skip
    for axis, title in zip(axes, ("learning side", "held-out part"), strict=True):
        axis.set_title(title + (" (synthetic)" if synthetic else ""), fontsize=LETTERS_PT)
        whole(axis)
        axis.set_xlabel("epoch")
        axis.set_ylabel("binary cross-entropy")
        legend(axis)
        if not axis.lines:
            axis.text(0.5, 0.5, "no held-out part", ha="center", transform=axis.transAxes)
    return figure


def intervals(rows: Sequence[Row], *, chance: float | None = None) -> Figure:
    """Values with their intervals, one line each: the leakage gap at a glance."""
    figure, (axis,) = canvas(1, height_in=1.1 + 0.42 * len(rows))
    for place, row in enumerate(reversed(rows)):
        colour = ACCENT if is_leaky(row.protocol) else QUIET
        if not math.isnan(row.low):
            axis.plot(
                [100 * row.low, 100 * row.high], [place, place], color=colour, lw=3, alpha=0.4
            )
        axis.plot([100 * row.value], [place], "o", color=colour)
        if not math.isnan(row.paper):
            axis.plot([100 * row.paper], [place], "D", mfc="none", color=INK, ms=6)
    if chance is not None:
        axis.axvline(100 * chance, color=SOFT, ls="--", lw=1)
        axis.annotate(
            "chance", (100 * chance, len(rows) - 0.4), xytext=(3, 0), textcoords="offset points",
            color=SOFT, fontsize=LETTERS_PT - 1,
        )  # fmt: skip
    axis.set_yticks(
        range(len(rows)),
        [
            label(f"{row.system}, by {row.protocol}", most=40)
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
    """Heart rate over time; the better a reading, the deeper its colour.

    Args:
        readings: What `Analyzer.video` gives: time_s, hr_bpm, hr_quality.
        planted_bpm: The truth of a specimen.
    """
    figure, (axis,) = canvas(1, height_in=2.8)
    if planted_bpm is not None:
        axis.axhline(planted_bpm, color=INK, lw=1, ls="--", label=f"planted {planted_bpm:.1f}")
    known = readings[readings["hr_bpm"].notna()]
    axis.plot(known["time_s"], known["hr_bpm"], color=QUIET, lw=1, alpha=0.5)
    depth = (0.25 + 0.75 * known["hr_quality"].fillna(0.0)).clip(0, 1).to_numpy()
    axis.scatter(
        known["time_s"], known["hr_bpm"], color=QUIET, alpha=depth if len(depth) else None,
        label="found in the colour of the skin",
    )  # fmt: skip
    axis.set(xlabel="time, s", ylabel="heart rate, bpm", ylim=(40, 180))
    legend(axis)
    return figure
