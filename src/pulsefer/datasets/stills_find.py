"""Which table, and where the pictures lie that it names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pulsefer.core.errors import BadInput
from pulsefer.datasets.members import Member


def find_table(root: Path, found: Sequence[Member], table: Path | None) -> Member:
    """The table that was named, or the only .csv of the copy.

    Args:
        root: Of the copy.
        found: Its files.
        table: A path of its own or from the root on; None looks for the only one.

    Raises:
        BadInput: none, or several.
    """
    if table is not None:
        for path in (Path(table), root / table):
            if path.is_file():
                by_path = {m.path.resolve(): m for m in found if m.inside is None}
                return by_path.get(path.resolve(), Member(path, None, path.name))
        by_place = {m.place: m for m in reversed(found)}
        if inside := by_place.get(Path(table).as_posix()):
            return inside
        raise BadInput(str(table), expected="a table", found="no such file", remedy="see --table")
    tables = [m for m in found if m.name.lower().endswith(".csv")]
    if len(tables) == 1:
        return tables[0]
    raise BadInput(
        str(root),
        expected="one table, .csv, with a column `image`",
        found=", ".join(m.place for m in tables[:10]) + ", ..." * (len(tables) > 10) or "none",
        remedy="name one of them with --table" if tables else "write one; see the documentation",
    )


def pictures_of(names: Iterable[str], found: Sequence[Member], table: Member) -> dict[str, Member]:
    """The files that a table names; a name without a file is not in the answer.

    Choice: names are read from the table's folder on. Where none of them is there (the pictures
    lie in a zip, or in a folder that the names leave out), the file is the only one of the copy
    whose place ends with the name.

    Raises:
        BadInput: two files end with the same name, so nobody can know which is meant.
    """
    by_place: dict[str, Member] = {}
    for member in found:
        by_place.setdefault(member.place, member)  # a folder's comes before a zip's
    start = f"{table.folder}/" if table.folder else ""
    wanted = list(names)
    beside = {name: by_place[start + name] for name in wanted if start + name in by_place}
    if beside:
        return beside
    by_name: dict[str, list[Member]] = {}
    for place, member in by_place.items():
        by_name.setdefault(place.rpartition("/")[2], []).append(member)
    answer = {}
    for name in wanted:
        last = name.rpartition("/")[2]
        fits = [m for m in by_name.get(last, ()) if f"/{m.place}".endswith(f"/{name}")]
        if len(fits) > 1:
            raise BadInput(
                str(table),
                expected="every picture at one place",
                found=f"{name} as {fits[0]} and as {fits[1]}",
                remedy="write the folder into the column `image`, or remove one",
            )
        if fits:
            answer[name] = fits[0]
    return answer
