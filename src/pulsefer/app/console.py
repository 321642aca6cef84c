"""What every command says in the same way: problems, errors, and the next step."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pulsefer.core.errors import Problem

if TYPE_CHECKING:
    from rich.console import RenderableType

OK, SKIPPED, REFUSED, INTERRUPTED = 0, 1, 2, 130
"""Exit statuses: all done; done, but something was skipped; nothing could be done; Ctrl-C."""

CORES = os.cpu_count() or 1
"""Processes unless told otherwise."""

SHOWN = 20
"""Lines of problems that are printed; the rest is counted."""
ALIKE = 3
"""Of problems that differ in nothing but the place, so many are printed."""

COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def say(text: str, *, wrap: bool = True) -> None:
    """Words for people, on standard error: standard output is for results.

    Args:
        text: With rich's markup.
        wrap: Break lines between words on a screen. What is to be copied is not broken.
    """
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    console.print(text, soft_wrap=not (wrap and console.is_terminal))


def show(table: RenderableType) -> None:
    """A result, on standard output; wide where it goes to a file or a pipe."""
    from rich.console import Console

    # Such lines are searched and compared: they must not break at the 80 columns of no screen.
    is_seen = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(highlight=False, width=None if is_seen else 160).print(table)


def refuse(text: str) -> None:
    """Why nothing could be done."""
    from rich.markup import escape

    say(f"[bold red]error[/bold red] {escape(text)}")


def problems_of(problems: Sequence[Problem]) -> None:
    """Print what was skipped or deserves a look, the worst first; many of one kind are counted."""
    from rich.markup import escape

    order = {"error": 0, "warning": 1, "note": 2}
    alike: dict[tuple[str, str, str, str], list[Problem]] = {}
    for one in sorted(problems, key=lambda one: (order[one.severity], one.where)):
        alike.setdefault((one.severity, one.expected, one.found, one.remedy), []).append(one)
    lines = []
    for (severity, *_), some in alike.items():
        colour = COLOURS[severity]
        shown = some if len(some) <= ALIKE + 1 else some[:ALIKE]
        lines += [f"[{colour}]{severity}[/{colour}] {escape(str(one))}" for one in shown]
        if len(shown) < len(some):
            lines.append(f"[{colour}]{severity}[/{colour}] … and {len(some) - ALIKE} more like it")
    for line in lines[:SHOWN]:
        say(line)
    if len(lines) > SHOWN:
        say(f"… and {len(lines) - SHOWN} more lines")


def next_step(command: str) -> None:
    """One obvious thing to do now."""
    from rich.markup import escape

    say(f"next: [bold]{escape(command)}[/bold]", wrap=False)
