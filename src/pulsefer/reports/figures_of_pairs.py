"""Figures of what was compared: differences over the same persons, frames in and out of order."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulsefer.reports.canvas import ACCENT, INK, LETTERS_PT, QUIET, SOFT, canvas, label
from pulsefer.reports.findings_pairs import SKILL, SURE
from pulsefer.reports.groups import (
    HEART_RATE,
    Group,
    Line,
    alone,
    at_one_epoch,
    by,
    in_one_unit,
    is_shuffled,
    over_seeds,
)
from pulsefer.reports.page import Picture
from pulsefer.reports.protocols import MINUS, in_words, is_known, is_leaky, strictness
from pulsefer.reports.sheet import p_text
from pulsefer.reports.table import SHARES, is_difference, measured, name_of
from pulsefer.reports.words import counts, figure

MOST_LINES = 24
"""Differences in a figure; more cannot be read."""


def differences(group: Group) -> list[Picture]:
    """One system minus another over the same persons, with the interval and p of each pair."""
    tested = [
        row for row in group.rows
        if MINUS in row.system and is_difference(row) and is_known(row.protocol)
    ]  # fmt: skip
    pictures = []
    for some in by(tested, lambda row: (row.dimension, row.metric)).values():
        lines = over_seeds(at_one_epoch(in_one_unit(some)))
        lines.sort(key=lambda line: -strictness(line.row.protocol))
        if lines:
            pictures.append(_differences(lines[:MOST_LINES], group.synthetic))
    return pictures


def _differences(lines: Sequence[Line], synthetic: bool) -> Picture:
    rungs = by(lines, lambda line: line.row.protocol)
    made, (axis,) = canvas(1, height_in=0.9 + 0.42 * len(lines) + 0.3 * len(rungs))
    share = 100 if measured(lines[0].row) in SHARES else 1
    place, said = 0.0, []
    across = axis.get_yaxis_transform()
    for protocol, some in rungs.items():
        leaky = is_leaky(protocol)
        colour = ACCENT if leaky else QUIET
        axis.text(
            0.0, place, f"{label(in_words(protocol), most=48)}{' (leaky)' if leaky else ''}",
            transform=across, va="center", color=SOFT, fontsize=LETTERS_PT - 0.5,
        )  # fmt: skip
        place -= 0.9
        for line in some:
            row = line.row
            shown = row.p < SURE
            # Names are too long to stand beside the axis: each has a line of its own.
            axis.text(0.0, place, label(line.label, most=44), transform=across, va="center",
                      color=INK, fontsize=LETTERS_PT - 0.5)  # fmt: skip
            if not math.isnan(row.p):
                axis.text(1.0, place, f"p {'' if row.p < 0.001 else '= '}{p_text(row.p)}",
                          transform=across, ha="right", va="center", color=INK if shown else SOFT,
                          fontsize=LETTERS_PT - 0.5)  # fmt: skip
            place -= 0.75
            # Not through the names.
            axis.plot([0, 0], [place - 0.4, place + 0.4], color=SOFT, ls="--", lw=1)
            axis.plot([share * row.low, share * row.high], [place, place], color=colour, lw=4,
                      alpha=0.4, solid_capstyle="butt")  # fmt: skip
            axis.plot([share * row.value], [place], "o", color=colour, ms=6.5, mew=1.6,
                      mfc=colour if shown else "none")  # fmt: skip
            place -= 0.85
            said.append(f"{in_words(protocol)}, {line.label}: {figure(line)}")
    axis.set_yticks([])
    axis.grid(visible=False)
    axis.spines["left"].set_visible(False)
    axis.set_ylim(place + 0.4, 0.6)
    axis.margins(x=0.08)
    first = lines[0].row
    unit = "points" if share == 100 else "bpm" if measured(first).endswith("_bpm") else ""
    kind = " (synthetic)" if synthetic else ""
    axis.set_xlabel(f"{name_of(first)} of {label(first.dimension)}{f', {unit}' if unit else ''}"
                    f"{kind}", fontsize=LETTERS_PT - 0.5)  # fmt: skip
    return Picture(
        made,
        f"{_capital(name_of(first))} of {first.dimension}, each pair over the same persons, "
        f"with 95 % intervals. Dashed: no difference; filled: p below {SURE:g}, adjusted for the "
        f"comparisons made together. {_capital(counts(lines))}.",
        alt="; ".join(said),
    )


def orders(group: Group) -> list[Picture]:
    """Skill of a heart rate with the frames of a window in order and shuffled."""
    rows = [
        row for row in alone(group.rows)
        if (row.metric, row.dimension) == (SKILL, HEART_RATE) and is_known(row.protocol)
    ]  # fmt: skip
    pictures = []
    for protocol, some in by(rows, lambda row: row.protocol).items():
        counted = in_one_unit(some)
        as_filmed = over_seeds(at_one_epoch(row for row in counted if not is_shuffled(row)))
        out = {one.label: one for one in over_seeds(row for row in counted if is_shuffled(row))}
        both = [(one, out[one.label]) for one in as_filmed if one.label in out][:MOST_LINES]
        if both:
            pictures.append(_orders(both, protocol, group.synthetic))
    return pictures


def _orders(both: Sequence[tuple[Line, Line]], protocol: str, synthetic: bool) -> Picture:
    made, (axis,) = canvas(1, height_in=1.3 + 0.55 * len(both))
    looks = ((ACCENT, "o", ACCENT, "frames in order"), (SOFT, "s", "none", "frames shuffled"))
    said = []
    for place, pair in enumerate(both):
        for line, (colour, mark, filling, name), off in zip(
            pair, looks, (-0.14, 0.14), strict=True
        ):
            row, y = line.row, place + off
            axis.plot([row.low, row.high], [y, y], color=colour, lw=4, alpha=0.4,
                      solid_capstyle="butt")  # fmt: skip
            axis.plot([row.value], [y], mark, color=colour, mfc=filling, mew=1.6, ms=6.5,
                      label=name if place == 0 else None)  # fmt: skip
            said.append(f"{line.label}, {name}: {figure(line)}")
    axis.axvline(0, color=SOFT, ls="--", lw=1)
    axis.grid(visible=False, axis="y")
    axis.set_yticks(range(len(both)), [label(line.label, most=22) for line, _ in both])
    # Room for the legend below the last system.
    axis.set_ylim(len(both) - 0.5 + 0.7, -0.5)
    axis.set_xlabel(
        "skill of the heart rate over the training side's mean"
        f"{' (synthetic)' if synthetic else ''}", fontsize=LETTERS_PT - 0.5,
    )  # fmt: skip
    axis.legend(loc="lower left", ncols=2, frameon=False, fontsize=LETTERS_PT - 1, labelcolor=INK)
    return Picture(
        made,
        f"Skill of the heart rate, {in_words(protocol)}, with the frames of every window in order "
        "and shuffled; 95 % intervals. Dashed: no better than always saying the mean of the "
        "training side. Who reads a pulse falls to the dashed line when the frames are shuffled. "
        f"{_capital(counts([line for line, _ in both]))}.",
        alt="; ".join(said),
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
