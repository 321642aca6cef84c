"""Tables as text, for a page or for Markdown: figure | system | paper | ours | protocol | ..."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pulsefer.reports.groups import (
    HEART_RATE,
    PEEKED,
    Group,
    Line,
    at_one_epoch,
    by,
    in_one_unit,
    over_seeds,
)
from pulsefer.reports.protocols import LADDER, in_words, is_leaky, strictness
from pulsefer.reports.row import Row
from pulsefer.reports.table import (
    GUESSES,
    MARKED,
    NAMES,
    SHORT,
    is_difference,
    measured,
    name_of,
    number,
)
from pulsefer.reports.words import along

FIRST = (
    "balanced_accuracy", "leakage_gap", *SHORT[1:], "bce", "epochs_to_stl_best", "effective_beta",
    "ccc", "pearson", "rmse", "rmse_constant",
)  # fmt: skip
"""What a report shows first, in this order; all else is under "all figures"."""

ALONG = ("balanced_accuracy", "accuracy", "bce", "hr_rmse_bpm")
"""What of a series stands in the first table."""

NOBODY = "no network"
"""The system of a figure in which no network has a part."""

LEAKS = " (leaky)"
ANY = "any"
"""The protocol of a guess that is the same by all of them."""

SAID_ONCE = frozenset({"paper", "protocol", "epoch", "n", "persons", "seed", "p", "at"})
"""Columns that stand over a table once where all lines agree; of `paper`, `p` and `at`, only where
there is nothing in them."""

NOTHING = "–"
ONLY_EMPTY = frozenset({"paper", "p", "at"})

SHOWN = 60
"""Lines of a first table; more than that nobody reads in a minute."""


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Attributes:
        columns: Names.
        lines: Cells.
        same: What all lines agree in, by the name of the column that it replaces.
        more: How many lines are not here, but under all figures.
        strong: Columns of our own figures: bold, and marked where they are no result.
    """

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    same: Mapping[str, str]
    more: int = 0
    strong: tuple[str, ...] = ("ours",)

    @property
    def has_no_results(self) -> bool:
        """Whether a line or a column is marked as one that shows what a mistake buys."""
        around = (self.strong, tuple(self.same.values()))
        said = (cell for cells in (*self.lines, *around) for cell in cells)
        return any(is_no_result(cell) for cell in said)


COLUMNS = (
    "figure", "system", "at", "paper", "ours", "95 % interval", "protocol", "n", "persons", "p",
    "epoch", "seed", "data",
)  # fmt: skip


def first_sheet(group: Group) -> Sheet:
    """The figures that answer for each other: honest protocols before leaky ones."""
    found = [*_of_networks(group.rows), *_of_nobody(group.rows)]
    found.sort(key=_place)
    ends = _ends({line.row.protocol for line in found})
    lines = [line for line in found if line.row.protocol in ends or _is_headline(line.row)]
    return sheet(lines[:SHOWN], more=len(found) - len(lines[:SHOWN]))


def _is_headline(row: Row) -> bool:
    return row.metric == FIRST[0] or is_difference(row)


def _ends(protocols: Iterable[str]) -> set[str]:
    """The strictest honest protocol and the leakiest one: between them nothing else is needed.

    What is on no ladder, or on data of which nothing was learned, stays.
    """
    ladder = sorted({one for one in protocols if one in LADDER}, key=strictness)
    return {one for one in protocols if one not in LADDER} | {*ladder[:1], *ladder[-1:]}


def full_sheet(group: Group) -> Sheet:
    """Every row of a group as it is."""
    rows = sorted(
        group.rows, key=lambda row: (row.dimension == HEART_RATE, row.dimension, row.x_name,
                                     row.protocol, row.unit, row.selection),
    )  # fmt: skip
    return sheet([Line(row, row.system, 1) for row in rows])


def sheet(lines: Sequence[Line], *, more: int = 0) -> Sheet:
    """Cells of some lines; what they agree in is said once."""
    table = [_cells(line) for line in lines]
    same, kept = {}, []
    for place, column in enumerate(COLUMNS):
        found = {cells[place] for cells in table}
        only = next(iter(found)) if len(found) == 1 else None
        once = only is not None and (column in SAID_ONCE or column == "data")
        if once and column in ONLY_EMPTY and only != NOTHING:
            once = False
        if not once:
            kept.append(place)
        elif only and only != NOTHING:
            same[column] = only
    return Sheet(
        tuple(COLUMNS[place] for place in kept),
        tuple(tuple(cells[place] for place in kept) for cells in table),
        same,
        more,
    )


def is_marked(cell: str) -> bool:
    """Whether a cell changes what its figure is worth."""
    return cell in MARKED or is_no_result(cell)


def is_no_result(cell: str) -> bool:
    """Whether a cell says that the figure shows what a mistake buys."""
    return cell == PEEKED or cell.endswith(LEAKS)


def _of_networks(rows: Iterable[Row]) -> list[Line]:
    first = [
        row for row in rows
        if row.metric not in GUESSES
        and (row.metric in FIRST or is_difference(row) or not math.isnan(row.p))
        and (not row.x_name or (row.x_name != "epoch" and row.metric in ALONG))
    ]  # fmt: skip
    found: list[Row] = []
    for some in by(first, lambda row: (row.dimension, row.metric, row.system, row.protocol,
                                       row.x_name)).values():  # fmt: skip
        counted = in_one_unit(some)
        found += at_one_epoch(counted)
        found += [row for row in counted if row.selection == PEEKED]
    return over_seeds(found)


def _of_nobody(rows: Iterable[Row]) -> list[Line]:
    """Guesses, once where all systems have the same; each by its system where they differ."""
    first = [
        row for row in rows if row.metric in GUESSES and row.metric in FIRST and not row.x_name
    ]
    found = []
    for some in by(first, lambda row: (row.dimension, row.metric)).values():
        rows = at_one_epoch(in_one_unit(some))
        protocols = by(rows, lambda row: row.protocol)
        if len(protocols) > 1 and len({number(row, row.value) for row in rows}) == 1:
            most = max(rows, key=lambda row: row.n)
            found.append(Line(dataclasses.replace(most, protocol=ANY), NOBODY, 1))
            continue
        for own in protocols.values():
            lines = over_seeds(own)
            if len({number(line.row, line.row.value) for line in lines}) == 1:
                most = max((line.row for line in lines), key=lambda row: row.n)
                found.append(Line(most, NOBODY, 1))
            else:
                found += [Line(line.row, f"{NOBODY} (data of {line.label})", 1) for line in lines]
    return found


def _place(line: Line) -> tuple[object, ...]:
    row = line.row
    metric = measured(row)
    known = metric in FIRST
    return (
        row.dimension == HEART_RATE,
        row.dimension,
        FIRST.index(metric) if known else len(FIRST),
        is_difference(row),
        metric,
        is_leaky(row.protocol),
        -strictness(row.protocol),
        row.selection == PEEKED,
        row.x_name,
        0.0 if math.isnan(row.x) else row.x,
    )


def _cells(line: Line) -> tuple[str, ...]:
    row = line.row
    interval = NOTHING
    if not math.isnan(row.low):
        interval = f"{number(row, row.low, bare=True)} to {number(row, row.high, bare=True)}"
    paper = NOTHING
    if not math.isnan(row.paper):
        paper = f"{number(row, row.paper)} ({row.paper_where})"
    own = row.dimension if measured(row) in NAMES else f"{row.dimension}, not known here"
    return (
        f"{own}: {name_of(row)}",
        line.label,
        _at(row),
        paper,
        number(row, row.value),
        interval,
        ANY if row.protocol == ANY else in_words(row.protocol) + LEAKS * is_leaky(row.protocol),
        f"{row.n} {row.unit}" + "s" * (row.n != 1),
        str(row.n_subjects),
        NOTHING if math.isnan(row.p) else p_text(row.p),
        row.selection,
        f"mean of {line.n_seeds}" if line.n_seeds > 1 else str(row.seed),
        row.data_kind,
    )


def _at(row: Row) -> str:
    """Where on an axis: "beta 0.01", "window length 2 s"."""
    if not row.x_name:
        return NOTHING
    name, _, unit = along(row.x_name).partition(" (")
    return f"{name} {row.x:g} {unit.removesuffix(')')}".rstrip()


def p_text(p: float) -> str:
    """A p value as it is printed.

    >>> [p_text(0.0312), p_text(0.00001)]
    ['0.031', '< 0.001']
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
