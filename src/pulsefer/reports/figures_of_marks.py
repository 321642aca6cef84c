"""Methods that choose their own weights, marked on the curve of those that are fixed.

Each stands where the curve's beta would have given the heart rate as much as the method did.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import TYPE_CHECKING

from pulsefer.reports.canvas import INK, LETTERS_PT, SOFT, label
from pulsefer.reports.groups import at_one_epoch, in_one_unit, over_seeds
from pulsefer.reports.row import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EFFECTIVE = "effective_beta"
TUNED = ", tuned"
"""Ends the name of what was chosen among several settings."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One method.

    Attributes:
        name: For people.
        beta: Effective beta, per bpm, with its interval.
        low: Of beta.
        high: Of beta.
        value: Of the metric that the axis shows.
    """

    name: str
    beta: float
    low: float
    high: float
    value: float


def marks_of(rows: Iterable[Row], metric: str, *, protocol: str, dimension: str) -> list[Mark]:
    """Methods with an effective beta and a value of the metric, by their beta."""
    own = [row for row in rows if row.protocol == protocol and not row.x_name]
    betas, values = (
        {
            line.row.system: line.row
            for line in over_seeds(
                at_one_epoch(in_one_unit(row for row in own if (row.metric, row.dimension) == what))
            )
        }
        for what in ((EFFECTIVE, dimension), (metric, _measured_in(metric, dimension)))
    )
    found = [
        Mark(label(system.removesuffix(TUNED)), row.value, row.low, row.high, values[system].value)
        for system, row in betas.items()
        if system in values
    ]
    return sorted(found, key=lambda mark: mark.beta)


def _measured_in(metric: str, dimension: str) -> str:
    return "heart rate" if metric.startswith("hr_") else dimension


def key_of(marks: Sequence[Mark]) -> dict[str, str]:
    """A letter for each method: names would lie on each other."""
    return dict(zip((mark.name for mark in marks), ascii_letters, strict=False))


def draw(
    axis: Axes, marks: Sequence[Mark], place: Callable[[float], float], *, share: float,
    key: Mapping[str, str],
) -> None:  # fmt: skip
    """Markers at the methods' betas, each with its letter.

    Args:
        axis: A panel along beta.
        marks: In the order of beta.
        place: Where a beta stands on the axis.
        share: What values are multiplied by.
        key: From `key_of`.
    """
    for mark in marks:
        x, y = place(mark.beta), share * mark.value
        if not math.isnan(mark.low):
            axis.plot([place(mark.low), place(mark.high)], [y, y], color=SOFT, lw=0.8)
        _mark(axis, x, y, key.get(mark.name, "?"))


def draw_against(
    axis: Axes, emotion: Sequence[Mark], heart: Sequence[Mark], *, key: Mapping[str, str]
) -> None:
    """The same, one task against the other."""
    errors = {mark.name: mark.value for mark in heart}
    for mark in emotion:
        if mark.name in errors:
            _mark(axis, errors[mark.name], 100 * mark.value, key.get(mark.name, "?"))


def _mark(axis: Axes, x: float, y: float, letter: str) -> None:
    axis.plot([x], [y], "D", color=INK, ms=3.5)
    axis.annotate(letter, (x, y), xytext=(4, 2), textcoords="offset points", color=INK,
                  fontsize=LETTERS_PT - 1)  # fmt: skip
