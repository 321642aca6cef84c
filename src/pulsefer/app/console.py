"""What every command says in the same way: problems, and the next step."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from pulsefer.core.errors import Problem

OK, SKIPPED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all done; done, but something was skipped; nothing could be done; Ctrl-C."""

SHOWN = 20
"""Problems printed in full; the rest is counted."""

COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def say(text: str) -> None:
    """A line for people, on standard error: standard output is for results."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text)


def problems_of(problems: Sequence[Problem]) -> None:
    """Print what was skipped or deserves a look, the worst first."""
    order = {"error": 0, "warning": 1, "note": 2}
    ranked = sorted(problems, key=lambda problem: (order[problem.severity], problem.where))
    for problem in ranked[:SHOWN]:
        colour = COLOURS[problem.severity]
        say(f"[{colour}]{problem.severity}[/{colour}] {escape(str(problem))}")
    if len(ranked) > SHOWN:
        say(f"… and {len(ranked) - SHOWN} more")


def next_step(command: str) -> None:
    """One obvious thing to do now."""
    say(f"next: [bold]{escape(command)}[/bold]")
