"""The answer of every `check`: one table, expected and found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pulsefer.core.errors import Problem

Verdict = Literal["ok", "note", "warning", "broken"]

_OF_SEVERITY: dict[str, Verdict] = {"error": "broken", "warning": "warning", "note": "note"}


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One line of the table.

    Attributes:
        what: What was looked at.
        expected: What a whole copy has.
        found: What this one has.
        verdict: "ok"; "note" (normal for a partial copy); "warning" (used, but look at it);
            "broken" (the reader leaves it out).
    """

    what: str
    expected: str
    found: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CheckReport:
    """The table, and what in it is not as it should be.

    Attributes:
        rows: In the order of looking.
        problems: What `read` would tell.
        partial: The copy is not whole; that alone breaks nothing.
    """

    rows: tuple[CheckRow, ...]
    problems: tuple[Problem, ...]
    partial: bool = False

    @property
    def ok(self) -> bool:
        """Nothing is broken."""
        return all(row.verdict != "broken" for row in self.rows)


@dataclass
class CheckTable:
    """Collects the rows of one check.

    Attributes:
        root: Folder of the copy.
        rows: So far.
        problems: So far.
        partial: Set it where something of a whole copy is not there.
    """

    root: Path
    rows: list[CheckRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    partial: bool = False
    _found: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, what: str, expected: str, found: str, verdict: Verdict = "ok") -> None:
        """One more row."""
        self.rows.append(CheckRow(what, expected, found, verdict))

    def each(
        self, what: str, whose: str, expected: str, found: str, verdict: Verdict = "ok"
    ) -> None:
        """One of many alike: the good ones share a row, every other has its own.

        Args:
            what: The same for all of them.
            whose: Which one, for example "s01".
            expected: The same for all of them.
            found: What this one has.
            verdict: As in `add`.
        """
        if verdict != "ok":
            self.add(f"{what}, {whose}", expected, found, verdict)
            return
        alike = self._found.setdefault((what, expected), [])
        if not alike:
            self.add(what, expected, "")  # its place; `report` fills it in
        alike.append(found)

    def short(self, path: Path | None) -> str:
        """The path from the root on."""
        return str(path.relative_to(self.root)) if path else "no file"

    def tell(self, problem: Problem) -> None:
        """A problem is a row too; give this to a reader as its `on_problem`."""
        self.problems.append(problem)
        self.add(problem.where, problem.expected, problem.found, _OF_SEVERITY[problem.severity])

    def report(self) -> CheckReport:
        """What was found."""
        rows = (
            replace(row, found=_counted(self._found[row.what, row.expected]))
            if row.verdict == "ok" and (row.what, row.expected) in self._found
            else row
            for row in self.rows
        )
        return CheckReport(tuple(rows), tuple(self.problems), self.partial)


def _counted(found: Sequence[str]) -> str:
    counts = Counter(found)
    if len(counts) <= 3:
        return ", ".join(f"{value} ({n})" for value, n in sorted(counts.items()))
    return f"{len(found)}, from {min(counts)} to {max(counts)}"
