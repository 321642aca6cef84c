"""What lies under a folder of results: rows, and runs with their predictions.

Whatever cannot be read is named and left out; the rest is shown.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.version import InvalidVersion, Version

from pulsefer.core.errors import BadInput, Problem
from pulsefer.datasets.files_below import files_below
from pulsefer.reports.protocols import is_known
from pulsefer.reports.row import Row, lines, of_line
from pulsefer.reports.table import NAMES, measured

if TYPE_CHECKING:
    import pandas as pd

ROWS, RUN, PREDICTIONS = ".jsonl", "run.json", "predictions.parquet"


@dataclass(frozen=True)
class Trained:
    """A finished run, seen from outside.

    Attributes:
        name: Its folder, below that of the results.
        folder: Where it is.
        about: What its `run.json` says.
    """

    name: str
    folder: Path
    about: Mapping[str, Any]

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """Every test window of every fold, once per selection rule.

        Raises:
            BadInput: a table that cannot be read.
        """
        import pandas as pd

        file = self.folder / PREDICTIONS
        try:
            return pd.read_parquet(file)
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            raise BadInput(
                str(file),
                expected="a table of predictions",
                found=type(error).__name__,
                remedy="give the same `pulsefer train` command again with another --out",
            ) from error


@dataclass(frozen=True)
class Results:
    """What was found.

    Attributes:
        where: The folder or file that was looked at.
        rows: Each measurement once, in the order of the files' names.
        runs: Finished runs.
        files: How many rows each file gave, by its name below `where`.
        problems: What was left out, or is not known to this version.
    """

    where: Path
    rows: tuple[Row, ...]
    runs: tuple[Trained, ...]
    files: Mapping[str, int]
    problems: tuple[Problem, ...]


def read_results(where: Path) -> Results:
    """Read a file of rows, or all rows and runs under a folder.

    A measurement that stands in several files, or was repeated by a later version, counts once:
    the latest version's.

    Args:
        where: A JSONL file of any name, or a folder.

    Raises:
        BadInput: nothing is there.
    """
    where = Path(where)
    if not where.exists():
        raise BadInput(
            str(where),
            expected="a folder of results, or a file of rows",
            found="nothing",
            remedy="check the path; `pulsefer train STORE --out RUN` leaves RUN/rows.jsonl",
        )
    problems: list[Problem] = []
    if where.is_dir():
        found = sorted(path for path in files_below(where) if not path.name.startswith("."))
        tables = [path for path in found if path.suffix == ROWS]
        runs = [
            run for path in found if path.name == RUN and (run := _run(path, where, problems))
        ]  # fmt: skip
    else:
        tables, runs = [where], []
    read: list[tuple[Path, Row]] = []
    files = {}
    for path in tables:
        rows = _rows(path, problems)
        read += [(path, row) for row in rows]
        files[_below(path, where)] = len(rows)
    kept = _once(read, problems)
    problems += _unknown(kept)
    return Results(where, tuple(kept), tuple(runs), files, tuple(problems))


def _below(path: Path, where: Path) -> str:
    return path.name if path == where else str(path.relative_to(where))


def _rows(path: Path, problems: list[Problem]) -> list[Row]:
    rows: list[Row] = []
    broken: list[Problem] = []
    foreign = True
    try:
        for number, line in lines(path):
            try:
                rows.append(of_line(line))
            except ValueError as error:
                foreign = foreign and line.startswith("{") and '"metric"' not in line
                broken.append(Problem(f"{path}:{number}", "a row", str(error)))
    except OSError as error:
        problems.append(Problem(str(path), "a file of rows", error.strerror or str(error)))
    if rows or not broken:
        problems += broken
    elif foreign:
        problems.append(
            Problem(str(path), "rows of results", "lines of something else", severity="note")
        )
    else:
        # One thing is wrong with the file, not one with each of its lines.
        found = f"{len(broken)} lines of which none is one, the first {broken[0].found}"
        problems.append(Problem(str(path), "rows of results", found))
    return rows


def _run(path: Path, where: Path, problems: list[Problem]) -> Trained | None:
    folder = path.parent
    try:
        about = json.loads(path.read_text("utf-8"))
        if not isinstance(about, dict):
            raise ValueError("JSON that is not about a run")
    except (OSError, ValueError, RecursionError) as error:
        problems.append(Problem(str(path), "a run's settings", type(error).__name__))
        return None
    if not (folder / PREDICTIONS).is_file():
        problems.append(
            Problem(str(folder), "a finished run", "one without predictions",
                    "give its `pulsefer train` command again; it goes on where it was",
                    severity="note")
        )  # fmt: skip
        return None
    name = folder.name if folder == where else str(folder.relative_to(where))
    return Trained(name, folder, about)


def _once(read: list[tuple[Path, Row]], problems: list[Problem]) -> list[Row]:
    """Each measurement once, and of several versions the latest."""
    kept: dict[object, tuple[Path, Row]] = {}
    for path, row in read:
        key = dataclasses.replace(row, version="").identity
        there = kept.get(key)
        if there is None:
            kept[key] = path, row
            continue
        before = there[1]
        if before.version == row.version and before.value != row.value and row.value == row.value:
            problems.append(
                Problem(str(path), f"the same figures as in {there[0]}",
                        f"another {row.metric} of the same measurement; the first is shown",
                        severity="warning")
            )  # fmt: skip
        if _version(row.version) > _version(before.version):
            kept[key] = path, row
    versions = {row.version for _, row in kept.values()}
    if len(versions) > 1:
        problems.append(
            Problem("rows", "figures of one version", f"figures of {len(versions)} versions",
                    "the versions are named under “How it was done”", severity="note")
        )  # fmt: skip
    return [row for _, row in kept.values()]


def _version(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion:
        return Version("0")


def _unknown(rows: list[Row]) -> list[Problem]:
    """What is shown as it is, but not understood."""
    metrics = sorted({row.metric for row in rows if measured(row) not in NAMES})
    protocols = sorted({row.protocol for row in rows if not is_known(row.protocol)})
    return [
        Problem(f"metric {name!r}", "one that this version knows", "another",
                "it stands as it is in the table of all figures", severity="warning")
        for name in metrics
    ] + [
        Problem(f"protocol {name!r}", "one that this version knows", "another",
                "no sentence is made of it", severity="warning")
        for name in protocols
    ]  # fmt: skip
