"""Pieces of sentences about figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pulsefer.reports.groups import Line
from pulsefer.reports.row import Row
from pulsefer.reports.table import number


def figure(line: Line) -> str:
    """A value with its interval.

    One seed: "61.2 % (95 % interval 52.1 to 70.3)".
    """
    row = line.row
    value = number(row, row.value)
    if line.n_seeds > 1:
        value += f", mean of {line.n_seeds} seeds"
    if math.isnan(row.low):
        return f"{value} (no interval)"
    ends = f"{number(row, row.low, bare=True)} to {number(row, row.high, bare=True)}"
    return f"{value} (95 % {'intervals within' if line.n_seeds > 1 else 'interval'} {ends})"


def clear_of(row: Row, chance: float, chance_text: str) -> str:
    """Whether the interval leaves chance out."""
    if math.isnan(row.low):
        return f"which without an interval says nothing about chance ({chance_text})"
    if row.low > chance:
        return f"clear of chance ({chance_text})"
    if row.high < chance:
        return f"worse than chance ({chance_text}), which wants an explanation"
    return f"not clear of chance ({chance_text})"


def counts(lines: Sequence[Line]) -> str:
    """How many of what, of how many persons, and of which kind.

    One for all lines where they agree, else from the fewest to the most.
    """
    rows = [line.row for line in lines]
    units = sorted({row.unit for row in rows})
    n = _range([row.n for row in rows])
    persons = _range([row.n_subjects for row in rows])
    one = "person" if persons == "1" else "persons"
    words = " or ".join(unit if n == "1" else f"{unit}s" for unit in units)
    what = f"{n} {words} of {persons} {one}"
    synthetic = any(row.data_kind == "synthetic" for row in rows)
    return f"{what}; synthetic" if synthetic else what


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


AXES = {"length_s": "window length (s)"}


def along(x_name: str) -> str:
    """The name of an axis for people; one that is not known keeps its own."""
    return AXES.get(x_name, x_name)


def joined(words: Sequence[str]) -> str:
    """Words as a list in a sentence.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
