"""A table that somebody saved with whatever program: which signs part it, which columns it has."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from pulsefer.core.errors import BadInput

DELIMITERS = (",", ";", "\t")
MAX_TABLE_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class Table:
    """A table, all of it text.

    Attributes:
        columns: Names, lower case.
        rows: Line in the file, and its values by column; a value that is not there is "".
        delimiter: What parts two values.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    delimiter: str


def parse(content: bytes, *, where: str, needed: Sequence[tuple[str, ...]]) -> Table:
    """Read a CSV: UTF-8 with or without a mark, parted by comma, semicolon or tab, quoted or not.

    Args:
        content: The file.
        where: Name for the complaint.
        needed: Columns that must be there; of each group any one.

    Raises:
        BadInput: not such a file, a column is missing or there twice, or a row is longer than
            the first.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            where,
            expected="a table in UTF-8",
            found=f"byte {content[error.start]:#04x} at {error.start}",
            remedy="save it as CSV UTF-8",
        ) from error
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: tuple[str, ...] = ()
    rows = []
    try:
        for values in lines:
            if not any(value.strip() for value in values):
                continue
            if not columns:
                columns = tuple(value.strip().casefold() for value in values)
                _require(columns, needed, where)
                continue
            if len(values) > len(columns):
                raise BadInput(
                    f"{where}, line {lines.line_num}",
                    expected=f"{len(columns)} values",
                    found=f"{len(values)}",
                    remedy=f'a value with {delimiter!r} in it stands between "quotes"',
                )
            filled = [value.strip() for value in values] + [""] * (len(columns) - len(values))
            rows.append((lines.line_num, dict(zip(columns, filled, strict=True))))
    except csv.Error as error:
        raise BadInput(
            f"{where}, line {lines.line_num}", expected="a CSV table", found=str(error)
        ) from error
    if not columns:
        _require((), needed, where)
    return Table(columns, tuple(rows), delimiter)


def number_in(text: str, delimiter: str) -> float | None:
    """A finite number, or None. Where the comma does not part values it may part decimals.

    >>> number_in("-0.5", ","), number_in("-0,5", ";"), number_in("low", ",")
    (-0.5, -0.5, None)
    """
    try:
        value = float(text if delimiter == "," else text.replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _require(columns: tuple[str, ...], needed: Sequence[tuple[str, ...]], where: str) -> None:
    missing = [group for group in needed if not any(name in columns for name in group)]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if missing or twice:
        expected = ", ".join(" or ".join(group) for group in needed)
        raise BadInput(
            where,
            expected=f"the columns {expected}, each once",
            found=", ".join(columns) or "an empty file",
            remedy=f"name the column for {' or '.join(missing[0])}" if missing else "",
        )
