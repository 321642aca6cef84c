"""Figures that rows alone can make: the ladder of protocols, and series along an axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
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
from pulsefer.reports.figures import STYLES
from pulsefer.reports.figures_of_marks import draw, draw_against, key_of, marks_of
from pulsefer.reports.groups import (
    HEART_RATE,
    Group,
    Line,
    alone,
    at_one_epoch,
    by,
    curves,
    in_one_unit,
    is_permuted,
    over_seeds,
)
from pulsefer.reports.page import Picture
from pulsefer.reports.protocols import in_words, is_known, is_leaky, strictness
from pulsefer.reports.row import Row
from pulsefer.reports.table import is_difference, number
from pulsefer.reports.words import along, counts, figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADLINE = "balanced_accuracy"
MOST_LINES = 24
"""Systems in a ladder; more cannot be read."""
MOST_SYSTEMS = 5
"""Curves in one panel."""
MOST_BANDS = 3
"""Curves that each have their band; of more, only the first."""


def ladders(group: Group) -> list[Picture]:
    """Balanced accuracy by protocol, from what lets most cross to what lets nothing cross."""
    pictures = []
    rows = [row for row in alone(group.rows) if row.metric == HEADLINE]
    for dimension, some in by(rows, lambda row: row.dimension).items():
        lines = over_seeds(at_one_epoch(in_one_unit(some)))
        lines.sort(key=lambda line: (strictness(line.row.protocol), is_permuted(line.row.system)))
        if len(lines) > 1:
            pictures.append(_ladder(dimension, lines, group.synthetic))
    return pictures


def _ladder(dimension: str, lines: Sequence[Line], synthetic: bool) -> Picture:
    shown = lines[-MOST_LINES:]  # the strict ones, if there are too many
    rungs = by(shown, lambda line: line.row.protocol)
    height = 0.9 + 0.24 * len(shown) + 0.3 * len(rungs)
    made, (axis,) = canvas(1, height_in=height)
    place, ticks, names, said = 0.0, [], [], []
    least = 0.4
    for protocol, some in rungs.items():
        leaky = is_leaky(protocol)
        axis.annotate(
            label(in_words(protocol), most=48) + (" (leaky)" if leaky else ""), (0.0, place),
            xycoords=axis.get_yaxis_transform(), xytext=(5, 0), textcoords="offset points",
            va="center", color=SOFT, fontsize=LETTERS_PT - 0.5,
        )  # fmt: skip
        place -= 1.0
        axis.plot([50, 50], [place + 0.4, place - 0.8 * len(some) + 0.4], color=SOFT, ls="--", lw=1)
        for line in some:
            _interval(axis, line, place, ACCENT if leaky else QUIET)
            least = min([least, *(v for v in (line.row.low, line.row.value) if v == v)])
            ticks.append(place)
            names.append(label(line.label, most=22))
            place -= 0.8
        place -= 0.3
        said.append(f"{in_words(protocol)}: " + ", ".join(_short(line) for line in some))
    axis.set_yticks(ticks, names)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(place + 0.5, 0.7)
    axis.set_xlim(100 * max(least - 0.03, 0.0), 100)
    axis.set_xlabel(f"balanced accuracy of {label(dimension)}, %{_kind(synthetic)}")
    left = len(lines) - len(shown)
    what = f"balanced accuracy of {dimension} with 95 % intervals"
    if len(rungs) > 1:
        what = f"the leakage ladder: {what}, from what lets most cross (top) to what lets least"
    else:
        what = f"{what}, {in_words(lines[0].row.protocol)}"
    return Picture(
        made,
        f"{_sentence(what)} Dashed: chance. "
        + ("Rings: labels dealt to other trials. " if any(
            is_permuted(line.row.system) for line in shown) else "")
        + (f"The {left} least strict of {len(lines)} are left out. " if left else "")
        + f"{_sentence(counts(shown))}",
        alt="; ".join(said),
    )  # fmt: skip


def _interval(axis: Axes, line: Line, place: float, colour: str) -> None:
    row = line.row
    if not math.isnan(row.low):
        axis.plot(
            [100 * row.low, 100 * row.high], [place, place], color=colour, lw=4, alpha=0.4,
            solid_capstyle="butt",
        )  # fmt: skip
    ring = is_permuted(row.system)
    axis.plot([100 * row.value], [place], "o", color=colour, ms=6.5, mew=1.6,
              mfc="none" if ring else colour)  # fmt: skip


def series(group: Group) -> list[Picture]:
    """A figure for every axis that rows lie along, by protocol and dimension."""
    rows = [
        row for row in group.rows
        if row.x_name and math.isfinite(row.x) and not is_difference(row)
        and is_known(row.protocol)
    ]  # fmt: skip
    pictures = []
    for (x_name, protocol), some in by(rows, lambda row: (row.x_name, row.protocol)).items():
        emotions = [name for name in by(some, lambda row: row.dimension) if name != HEART_RATE]
        for dimension in emotions or [HEART_RATE]:
            own = [[row for row in some if row.dimension == one] for one in (dimension, HEART_RATE)]
            if x_name == "epoch":
                made = _epochs(own[0], dimension, protocol, group.synthetic)
            else:
                # An emotion may be counted by trial and a heart rate by window.
                lines = [
                    line for one in own[: 1 + (dimension != HEART_RATE)]
                    for line in over_seeds(at_one_epoch(in_one_unit(one)))
                ]  # fmt: skip
                made = _panels(
                    lines, x_name, dimension, protocol, group.synthetic,
                    beside=group.rows if x_name == "beta" else (),
                )  # fmt: skip
            pictures += [made] if made else []
    return pictures


def _panels(
    lines: Sequence[Line],
    x_name: str,
    dimension: str,
    protocol: str,
    synthetic: bool,
    *,
    beside: Sequence[Row] = (),
) -> Picture | None:
    """Accuracy along x, the heart rate's error along x, and for beta one against the other.

    Methods that choose their own beta are marked, where there are some among the rows beside.
    """
    emotion = _curves(lines, HEADLINE)
    heart = _curves(lines, "hr_rmse_bpm")
    trade = x_name == "beta" and bool(emotion.keys() & heart.keys())
    panels = [panel for panel in (emotion, heart) if panel]
    if not panels:
        return None
    n_panels = len(panels) + trade
    made, axes = canvas(n_panels, height_in=2.6 * n_panels)
    xs = sorted({line.row.x for panel in panels for curve in panel.values() for line in curve})
    place = _axis_of(x_name, xs)
    marks = {
        metric: marks_of(beside, metric, protocol=protocol, dimension=dimension)
        for metric in (HEADLINE, "hr_rmse_bpm")
    }
    key = key_of(marks[HEADLINE])
    ends = [place(x) for x in xs] + [
        place(one.beta) for some in marks.values() for one in some
    ]  # fmt: skip
    # One look for a system in every panel.
    styles = dict(zip({**emotion, **heart}, STYLES * 2, strict=False))
    for axis, panel in zip(axes, panels, strict=False):
        for place_of, (name, curve) in enumerate(panel.items()):
            colour, style = styles[name]
            at = [place(line.row.x) for line in curve]
            share = 100 if panel is emotion else 1
            low, high = (
                [share * end for end in ends]
                for ends in zip(*((line.row.low, line.row.high) for line in curve), strict=True)
            )
            if place_of == 0 or len(panel) <= MOST_BANDS:
                axis.fill_between(at, low, high, color=colour, alpha=0.18, lw=0)
            axis.plot(at, [share * line.row.value for line in curve], color=colour, ls=style,
                      marker="o", ms=5, label=name)  # fmt: skip
        if panel is emotion:
            axis.axhline(50, color=SOFT, ls="--", lw=1)
            axis.set_ylabel("balanced accuracy, %")
        else:
            _baselines(axis, lines, place)
            axis.set_ylabel("heart-rate RMSE, bpm")
        ticks = xs if len(xs) <= 9 else [xs[0], xs[len(xs) // 2], xs[-1]]
        axis.set_xticks([place(x) for x in ticks], [f"{x:g}" for x in ticks])
        axis.set_xlabel(label(along(x_name)) + _kind(synthetic))
        draw(
            axis, marks[HEADLINE if panel is emotion else "hr_rmse_bpm"], place,
            share=100 if panel is emotion else 1, key=key,
        )  # fmt: skip
        margin = 0.05 * (max(ends) - min(ends)) or 0.5
        axis.set_xlim(min(ends) - margin, max(ends) + margin)
        legend(axis)
    if trade:
        _trade(axes[-1], emotion, heart, styles, x_name)
        draw_against(axes[-1], marks[HEADLINE], marks["hr_rmse_bpm"], key=key)
    first = [line for curve in panels[0].values() for line in curve]
    return Picture(
        made,
        f"Along {along(x_name)}, {in_words(protocol)}, {dimension}; {_bands(panels)}, dashed: "
        f"chance. {_key(key)}{_sentence(counts(first))}",
        alt=f"Along {along(x_name)}: "
        + "; ".join(f"{line.row.x:g}: {_short(line)}" for line in first[:40]),
    )


def _trade(
    axis: Axes,
    emotion: dict[str, list[Line]],
    heart: dict[str, list[Line]],
    styles: Mapping[str, tuple[str, str]],
    x_name: str,
) -> None:
    """One task against the other, joined in the order of x."""
    for name, curve in emotion.items():
        colour, style = styles[name]
        errors = {line.row.x: line.row.value for line in heart.get(name, [])}
        points = [(errors[line.row.x], 100 * line.row.value, line.row.x) for line in curve
                  if line.row.x in errors]  # fmt: skip
        if points:
            axis.plot(*list(zip(*points, strict=True))[:2], color=colour, ls=style, marker="o",
                      label=name)  # fmt: skip
        for place, (x, y, at) in enumerate(points):
            # On the side on which the line does not go on.
            beside = [other for _, other, _ in points[max(place - 1, 0) : place + 2]]
            below = fmean(beside) > y
            axis.annotate(f"{at:g}", (x, y), xytext=(0, -6 if below else 6), color=SOFT,
                          textcoords="offset points", fontsize=LETTERS_PT - 1, ha="center",
                          va="top" if below else "bottom")  # fmt: skip
    axis.margins(0.1, 0.2)
    axis.set(xlabel="heart-rate RMSE, bpm", ylabel="balanced accuracy, %")
    axis.set_title(f"one task against the other; numbers: {label(along(x_name))}",
                   loc="left", color=SOFT, fontsize=LETTERS_PT)  # fmt: skip


def _epochs(rows: Sequence[Row], dimension: str, protocol: str, synthetic: bool) -> Picture | None:
    """Cross-entropy of the held-out part by epoch: mean over seeds, from lowest to highest."""
    own = [row for row in rows if row.metric == "validation_bce" and math.isfinite(row.value)]
    of_systems = list(by(own, lambda row: row.system).items())[:MOST_SYSTEMS]
    if not of_systems:
        return None
    made, (axis,) = canvas(1, height_in=3.0)
    said = []
    for (name, curve), (colour, style) in zip(of_systems, STYLES, strict=False):
        at = sorted(by(curve, lambda row: row.x).items())
        xs = [x for x, _ in at]
        mean = [fmean(row.value for row in some) for _, some in at]
        low, high = zip(*(_spread(some) for _, some in at), strict=True)
        axis.fill_between(xs, low, high, color=colour, alpha=0.2, lw=0)
        axis.plot(xs, mean, color=colour, ls=style, marker=".", label=label(name))
        best = mean.index(min(mean))
        said.append(f"{name}: lowest, {mean[best]:.3f}, at epoch {xs[best]:g}")
    whole(axis)
    axis.set(xlabel=f"epoch{_kind(synthetic)}", ylabel="cross-entropy, held-out part")
    legend(axis)
    return Picture(
        made,
        f"Cross-entropy of the held-out part by epoch, {in_words(protocol)}, {dimension}; "
        "bands: over seeds, their 95 % interval or from the lowest to the highest. "
        + _sentence(counts([Line(row, row.system, 1) for row in own])),
        alt="; ".join(said),
    )


def _spread(rows: Sequence[Row]) -> tuple[float, float]:
    """Of one epoch: the interval of a mean over seeds, or the ends of several seeds."""
    if len(rows) == 1:
        return rows[0].low, rows[0].high
    return min(row.value for row in rows), max(row.value for row in rows)


def _curves(lines: Sequence[Line], metric: str) -> dict[str, list[Line]]:
    found = curves(line for line in lines if line.row.metric == metric)
    return {name and label(name): found[name] for name in list(found)[:MOST_SYSTEMS]}


def _baselines(axis: Axes, lines: Sequence[Line], place: Callable[[float], float]) -> None:
    """The errors of what learns nothing."""
    for (metric, name), style in zip(
        (("hr_rmse_train_mean_bpm", "training mean"), ("hr_rmse_pos_bpm", "POS"),
         ("hr_rmse_chrom_bpm", "CHROM")), ("--", ":", "-."), strict=True,
    ):  # fmt: skip
        values = {line.row.x: line.row.value for line in lines if line.row.metric == metric}
        if values:
            xs = sorted(values)
            axis.plot([place(x) for x in xs], [values[x] for x in xs], color=INK, ls=style, lw=1,
                      label=name)  # fmt: skip


def _axis_of(x_name: str, xs: Sequence[float]) -> Callable[[float], float]:
    """Where an x stands: decades for beta, with 0 one decade below the least; else x itself."""
    least = min((x for x in xs if x > 0), default=1.0)
    if x_name != "beta" or min(xs) < 0:
        return float
    return lambda x: math.log10(x) if x > 0 else math.log10(least) - 1


def _bands(panels: Sequence[Mapping[str, object]]) -> str:
    many = max(len(panel) for panel in panels) > MOST_BANDS
    return "band: 95 % interval of the first" if many else "bands: 95 % intervals"


def _key(key: Mapping[str, str]) -> str:
    """Which letter is which method."""
    if not key:
        return ""
    said = ", ".join(f"{letter} {name}" for name, letter in key.items())
    return (
        "Diamonds: methods with weights of their own, each at the static beta that would have "
        f"given the heart rate as much, with the interval of that beta ({said}). "
    )


def _kind(synthetic: bool) -> str:
    return " (synthetic)" if synthetic else ""


def _short(line: Line) -> str:
    row = line.row
    if math.isnan(row.low):
        return f"{line.label} {number(row, row.value)}"
    return f"{line.label} {figure(line)}"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
