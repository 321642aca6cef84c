"""From the lines of a table to rows that can be used; what cannot is counted and told."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.datasets.circumplex import Affect, normal
from pulsefer.datasets.members import leaves_its_folder
from pulsefer.datasets.stills_csv import Table, number_in

VALUES = ("valence", "arousal")
WORDS = ("category", "emotion")
_KNOWN = {"image", *VALUES, *WORDS, "person", "clip", ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One picture of the table.

    Attributes:
        line: In the file, from 1.
        name: Of the picture, from the table's folder on.
        affect: What it shows.
        word: What the table calls it; "" for values.
        person: Who is seen; "" where the table does not say.
        clip: What it was taken from; "" where the table does not say.
        others: What else the table says of it, by column.
    """

    line: int
    name: str
    affect: Affect
    word: str
    person: str
    clip: str
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """The table, read.

    Attributes:
        n: Rows in the file.
        usable: Those with a name and an emotion, in its order.
        unknown_words: Words without a place on the circle, and how many rows have them.
        has_words: The emotion is a word; else values.
    """

    n: int
    usable: tuple[Row, ...]
    unknown_words: Mapping[str, int]
    has_words: bool


def affects(
    table: Table, where: str, words: Mapping[str, Affect], scale: float, *, own_words: bool
) -> list[Affect | None]:
    """What each row shows; None where it does not say.

    Choice: values come before words where the table has both; `category` before `emotion`. One
    of the two values may be blank: it is not known.

    Args:
        table: With valence and arousal, or a column of words.
        where: Name of the table.
        words: What words mean.
        scale: Values are divided by it.
        own_words: The user brought `words`.

    Raises:
        BadInput: neither values nor words, a value out of range, or an option for the other kind.
        ValueError: a scale that is not positive.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be positive, found {scale}")
    has_values, column = set(VALUES) <= set(table.columns), word_column(table)
    if not has_values and column is None:
        raise BadInput(
            where,
            expected="the columns valence and arousal, or category, or emotion",
            found=", ".join(table.columns),
            remedy="name the columns so",
        )
    if has_values and own_words:
        raise BadInput(
            where,
            expected="words, for they are what the table of words is for",
            found="valence and arousal",
            remedy="leave out --circumplex",
        )
    if not has_values and scale != 1:
        raise BadInput(
            where,
            expected="valence and arousal to divide by the scale",
            found=f"words in {column}",
            remedy="leave out --scale",
        )
    if has_values:
        return [_scaled(row, table, f"{where}, line {line}", scale) for line, row in table.rows]
    return [words.get(normal(row[column or ""])) for _, row in table.rows]


def word_column(table: Table) -> str | None:
    """The column of words, or None: the table has values or nothing."""
    if set(VALUES) <= set(table.columns):
        return None
    return next((name for name in WORDS if name in table.columns), None)


def usable_rows(table: Table, shown: Sequence[Affect | None], where: str, tell: OnProblem) -> Rows:
    """Rows with a name and an emotion; of rows with the same name the first.

    Args:
        table: The lines.
        shown: Of `affects`.
        where: Name of the table.
        tell: Told of what is left out, one problem per kind, and of missing persons.
    """
    column = word_column(table)
    usable: dict[str, Row] = {}
    left: dict[str, list[tuple[int, str]]] = {"name": [], "affect": [], "twice": []}
    unknown: Counter[str] = Counter()
    for (line, row), affect in zip(table.rows, shown, strict=True):
        if not row["image"] or leaves_its_folder(row["image"]):
            left["name"].append((line, row["image"]))
            continue
        name = PurePosixPath(row["image"]).as_posix()
        word = row[column] if column else ""
        if affect is None and column:
            unknown[normal(word)] += 1
        elif affect is None:
            left["affect"].append((line, f"{row['valence']!r}, {row['arousal']!r}"))
        elif name in usable:
            left["twice"].append((line, name))
        else:
            person, clip = (" ".join(row.get(key, "").split()) for key in ("person", "clip"))
            others = {key: row[key] for key in table.columns if key not in _KNOWN}
            usable[name] = Row(line, name, affect, word, person, clip, others)
    _tell(left["name"], where, "names from the table's folder on, with /", "{0!r}", tell)
    _tell(left["affect"], where, "numbers for valence and arousal", "{0}", tell)
    _tell(left["twice"], where, "every picture once", "{0} again; the first counts", tell, True)
    if unknown:
        counts = ", ".join(f"{n} of {word!r}" for word, n in unknown.most_common(20))
        tell(
            Problem(
                where,
                expected="words with a place on the circle of emotions",
                found=f"{unknown.total()} rows without, which are left out: {counts}",
                remedy="give a table of your own with --circumplex",
            )
        )
    rows = Rows(len(table.rows), tuple(usable.values()), unknown, column is not None)
    _tell_persons(rows, where, tell, has_column="person" in table.columns)
    return rows


def _scaled(row: Mapping[str, str], table: Table, where: str, scale: float) -> Affect | None:
    texts = [row[name] for name in VALUES]
    found = [number_in(text, table.delimiter) for text in texts]
    if not any(texts) or any(
        text and value is None for text, value in zip(texts, found, strict=True)
    ):
        return None
    values = [math.nan if value is None else value / scale for value in found]
    if any(abs(value) > 1 for value in values):
        every = [
            number_in(other[name], table.delimiter) for _, other in table.rows for name in VALUES
        ]
        largest = max(abs(value) for value in every if value is not None)
        raise BadInput(
            where,
            expected="valence and arousal from -1 to 1"
            + f" after division by {scale:g}" * (scale != 1),
            found=", ".join(texts),
            remedy=f"say what they are to be divided by with --scale; the largest is {largest:g}",
        )
    return Affect(values[0], values[1], where)


def _tell(
    left: Sequence[tuple[int, str]],
    where: str,
    expected: str,
    found: str,
    tell: OnProblem,
    is_warning: bool = False,
) -> None:
    if not left:
        return
    line, text = left[0]
    tell(
        Problem(
            f"{where}, line {line}",
            expected,
            f"{found.format(text)}; {len(left)} such rows are left out",
            severity="warning" if is_warning else "error",
        )
    )


def _tell_persons(rows: Rows, where: str, tell: OnProblem, *, has_column: bool) -> None:
    n_unnamed = sum(not row.person for row in rows.usable)
    if n_unnamed:
        tell(
            Problem(
                where,
                expected="a column `person`" if not has_column else "a person in every row",
                found="none" if not has_column else f"none in {n_unnamed} rows",
                remedy="each such picture is a person of its own: folds cannot keep the pictures "
                "of one face on one side",
                severity="warning",
            )
        )
