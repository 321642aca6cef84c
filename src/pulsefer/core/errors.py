"""Errors are instructions: where, what was expected, what was found, what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a batch skipped or wants to have said, and went on.

    Attributes:
        where: File, recording or row.
        expected: What should have been there.
        found: What was there.
        remedy: What the user can do.
        severity: "error" (skipped; the exit status tells), "warning" (used, but look at it),
            "note" (normal, for example a partial copy).
    """

    where: str
    expected: str
    found: str
    remedy: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        """One line for a log."""
        text = f"{self.where}: expected {self.expected}, found {self.found}"
        return f"{text}; {self.remedy}" if self.remedy else text


OnProblem = Callable[[Problem], None]

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "note": logging.INFO}


def log_problem(problem: Problem) -> None:
    """What a reader does with a problem if nobody wants to be told: the log has it."""
    logging.getLogger("pulsefer").log(_LEVELS[problem.severity], "%s", problem)


class PulseferError(Exception):
    """Any error this package raises on purpose."""


class BadInput(PulseferError, ValueError):
    """Input that cannot be used. In a batch it is caught, counted and named.

    >>> str(BadInput("a.dat", expected="a pickle of a dict", found="a JPEG"))
    'a.dat: expected a pickle of a dict, found a JPEG'
    """

    def __init__(self, where: str, *, expected: str, found: str, remedy: str = "") -> None:
        self.problem = Problem(where, expected, found, remedy)
        super().__init__(str(self.problem))

    def __reduce__(self) -> tuple[object, ...]:
        """Survives the trip from a worker process."""
        return (bad_input, (self.problem,))


def bad_input(problem: Problem) -> BadInput:
    """The error of a problem that came from another process."""
    return BadInput(
        problem.where, expected=problem.expected, found=problem.found, remedy=problem.remedy
    )
