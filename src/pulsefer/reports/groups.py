"""Rows put together: by experiment and data set, and over the seeds of one system."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TypeVar

from pulsefer.core.types import DataKind
from pulsefer.reports.protocols import is_honest, strictness
from pulsefer.reports.row import Row
from pulsefer.reports.table import is_difference

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

HEART_RATE = "heart rate"
PEEKED = "best_on_test"
UNITS = ("trial", "window")
"""A trial has one rating: where both were counted, trials speak."""
SELECTIONS = ("last", "validation")


@dataclass(frozen=True)
class Group:
    """All rows of one experiment on one data set, real or synthetic."""

    experiment: str
    dataset: str
    data_kind: DataKind
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        """For a heading."""
        return f"{self.experiment} · {self.dataset}"

    @property
    def synthetic(self) -> bool:
        """Whether nobody real was measured."""
        return self.data_kind == "synthetic"


@dataclass(frozen=True, slots=True)
class Line:
    """One system's figure, over its seeds.

    Attributes:
        row: The first seed's row, with the mean of the values, and an interval that reaches from
            the lowest end to the highest: as wide as the doubt of any one seed.
        label: The system, with what tells it from another of the same name.
        n_seeds: How many rows are in it.
    """

    row: Row
    label: str
    n_seeds: int


def groups(rows: Iterable[Row]) -> list[Group]:
    """Rows by experiment, data set and kind, in the order of their first row."""
    found = by(rows, lambda row: (row.experiment, row.dataset, row.data_kind))
    return [Group(*key, tuple(some)) for key, some in found.items()]


def by(things: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Things under their key, in the order in which keys first appear."""
    found: dict[K, list[T]] = {}
    for thing in things:
        found.setdefault(key(thing), []).append(thing)
    return found


def over_seeds(rows: Iterable[Row]) -> list[Line]:
    """Rows that differ in nothing but the seed, as one; others of one name stay apart.

    A configuration is known by its fingerprint only, and that changes with the seed. Rows of one
    name in which no seed comes twice are taken for its seeds; otherwise they are of different
    settings, and each is named with its fingerprint.
    """
    found = []
    for some in by(rows, _but_seed).values():
        if len({row.seed for row in some}) < len(some):
            found += [Line(row, f"{row.system} ({row.config[:6]})", 1) for row in some]
        else:
            found.append(_mean(some))
    return found


def _but_seed(row: Row) -> tuple[Hashable, ...]:
    return (
        row.experiment, row.dataset, row.data_kind, row.system, row.dimension, row.metric,
        row.protocol, row.selection, row.unit, row.x_name, None if math.isnan(row.x) else row.x,
    )  # fmt: skip


def _mean(rows: Sequence[Row]) -> Line:
    first = rows[0]
    if len(rows) == 1:
        return Line(first, first.system, 1)
    ends = [end for row in rows for end in (row.low, row.high)]
    known = not any(math.isnan(end) for end in ends)
    row = dataclasses.replace(
        first,
        value=fmean(row.value for row in rows),
        low=min(ends) if known else math.nan,
        high=max(ends) if known else math.nan,
    )
    return Line(row, first.system, len(rows))


def curves(lines: Iterable[Line]) -> dict[str, list[Line]]:
    """Lines of one metric by system, in the order of x.

    Where every system has one x only, x is what their names tell, and they are one curve, under
    "".
    """
    in_order = sorted(lines, key=lambda line: line.row.x)
    found = by(in_order, lambda line: line.label)
    if len(found) > 1 and all(len(curve) == 1 for curve in found.values()):
        return {"": in_order}
    return found


def alone(rows: Iterable[Row]) -> list[Row]:
    """Rows that stand for a system: no series along an axis, no differences."""
    return [row for row in rows if not row.x_name and not is_difference(row)]


def in_one_unit(rows: Iterable[Row]) -> list[Row]:
    """Those that count trials, where some do; else windows."""
    return _first_of(list(rows), UNITS, lambda row: row.unit)


def at_one_epoch(rows: Iterable[Row]) -> list[Row]:
    """Those of the last epoch, where some are; never those that the test side chose."""
    some = [row for row in rows if row.selection != PEEKED]
    return _first_of(some, SELECTIONS, lambda row: row.selection)


def _first_of(rows: list[Row], wanted: Sequence[str], of: Callable[[Row], str]) -> list[Row]:
    there = {of(row) for row in rows}
    for word in (*wanted, *sorted(there)):
        if word in there:
            return [row for row in rows if of(row) == word]
    return []


def strictest(rows: Iterable[Row]) -> list[Row]:
    """Those of the strictest honest protocol among them; none where none is honest."""
    honest = [row for row in rows if is_honest(row.protocol)]
    if not honest:
        return []
    chosen = max((row.protocol for row in honest), key=strictness)
    return [row for row in honest if row.protocol == chosen]


def is_permuted(system: str) -> bool:
    """Whether labels were dealt to other trials, so that there is nothing to be learned.

    Permuted heart rates leave the labels as they are.
    """
    words = system.lower()
    return "permuted" in words and "label" in words


def is_shuffled(row: Row) -> bool:
    """Whether the frames of every window were out of order: what stays was read from one frame."""
    return "shuffled" in row.selection.lower()
