"""The answer of every `check`: one table, expected and found."""

from __future__ import annotations

from dataclasses import dataclass, field
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

    def add(self, what: str, expected: str, found: str, verdict: Verdict = "ok") -> None:
        """One more row."""
        self.rows.append(CheckRow(what, expected, found, verdict))

    def short(self, path: Path | None) -> str:
        """The path from the root on."""
        return str(path.relative_to(self.root)) if path else "no file"

    def tell(self, problem: Problem) -> None:
        """A problem is a row too; give this to a reader as its `on_problem`."""
        self.problems.append(problem)
        self.add(problem.where, problem.expected, problem.found, _OF_SEVERITY[problem.severity])

    def report(self) -> CheckReport:
        """What was found."""
        return CheckReport(tuple(self.rows), tuple(self.problems), self.partial)
