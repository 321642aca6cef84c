"""Any folder of face pictures with a table of their emotions.

The table is a CSV: a column `image`, and either `valence` and `arousal` or a word in `category`
or `emotion`; `person` and `clip` where they are known. Without `person` no protocol can keep the
pictures of one face on one side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pulsefer.core.errors import BadInput, OnProblem, Problem, log_problem
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import DataKind, Picture, Still
from pulsefer.datasets.circumplex import circumplex as russell
from pulsefer.datasets.circumplex import read_circumplex
from pulsefer.datasets.members import Member, marker_of, members, read_member
from pulsefer.datasets.stills_csv import MAX_TABLE_BYTES, parse
from pulsefer.datasets.stills_fake import write_fake
from pulsefer.datasets.stills_find import find_table, pictures_of
from pulsefer.datasets.stills_rows import Row, Rows, affects, usable_rows
from pulsefer.media.image import decode_image

__all__ = ["read", "write_fake"]


def read(
    root: Path,
    *,
    on_problem: OnProblem | None = None,
    table: Path | None = None,
    circumplex: Path | None = None,
    scale: float = 1.0,
) -> Iterator[Still]:
    """The pictures of a table, in its order. The table is read whole, no picture is opened.

    Pictures are taken as they lie, in folders or zips. A row that cannot be used is left out,
    counted and told: one problem per kind.

    Choice: a picture without a person is a person of its own, one without a clip a clip of its
    own.

    Args:
        root: Folder or zip with pictures and table.
        on_problem: Told of what is left out or deserves a look; None writes it to the log.
        table: Which table, where there are several.
        circumplex: CSV with category, valence, arousal; None takes Russell's circle.
        scale: Valence and arousal are divided by it and must then lie in -1 - 1.

    Returns:
        Stills; `name` is the value of `image`.

    Raises:
        BadInput: no table or several, a column is missing, a value out of range, a picture that
            is at two places, or no row that can be used.
        ValueError: a scale that is not positive.
    """
    tell = on_problem or log_problem
    copy = open_copy(Path(root), tell, table=table, circumplex=circumplex, scale=scale)
    return iter([_still(row, copy) for row in copy.rows.usable if row.name in copy.pictures])


@dataclass(frozen=True, slots=True)
class Copy:
    """A folder of pictures, looked through.

    Attributes:
        rows: Of the table.
        pictures: Name in the table to file; a name without a file is not there.
        data_kind: "synthetic" where the specimen's marker lies.
    """

    rows: Rows
    pictures: dict[str, Member]
    data_kind: DataKind


def open_copy(
    root: Path, tell: OnProblem, *, table: Path | None, circumplex: Path | None, scale: float
) -> Copy:
    """Read the table and find its pictures; arguments and errors are those of `read`."""
    found = members(root, on_problem=tell)
    kind: DataKind = "real" if marker_of(found, "stills") is None else "synthetic"
    chosen = find_table(root, found, table)
    lines = parse(
        read_member(chosen, limit_bytes=MAX_TABLE_BYTES), where=str(chosen), needed=(("image",),)
    )
    words = read_circumplex(circumplex) if circumplex else russell()
    found_affects = affects(lines, str(chosen), words, scale, own_words=circumplex is not None)
    rows = usable_rows(lines, found_affects, str(chosen), tell)
    pictures = pictures_of((row.name for row in rows.usable), found, chosen)
    missing = [row for row in rows.usable if row.name not in pictures]
    if missing:
        tell(
            Problem(
                f"{chosen}, line {missing[0].line}",
                expected="every picture of the table",
                found=f"no {missing[0].name}; {len(missing)} of {rows.n} rows are left out",
                remedy="copy the pictures again, or mend the column `image`",
            )
        )
    if not pictures:
        raise BadInput(
            str(chosen),
            expected="at least one row that can be used",
            found=f"none of {rows.n}",
            remedy="mend what is told above",
        )
    return Copy(rows, pictures, kind)


def _still(row: Row, copy: Copy) -> Still:
    picture = copy.pictures[row.name]
    return Still(
        dataset="stills",
        person=row.person or f"unnamed {row.name}",
        clip=row.clip or row.name,
        name=row.name,
        valence=row.affect.valence,
        arousal=row.affect.arousal,
        data_kind=copy.data_kind,
        load=partial(_load, picture),
        content=partial(_content, picture),
    )


def _load(picture: Member) -> Picture:
    return Picture(decode_image(read_member(picture), str(picture)))


def _content(picture: Member) -> str:
    return fingerprint({"sha256": hashlib.sha256(read_member(picture)).hexdigest()})
