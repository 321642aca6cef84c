"""Progress on anything that takes more than two seconds: how far, how fast, how long yet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Advance = Callable[[float], None]


@contextmanager
def progress(what: str, total: float | None, *, show: bool = True) -> Iterator[Advance]:
    """A bar on standard error; yields `advance(amount)`.

    Args:
        what: Words in front of the bar.
        total: Amount at the end; None shows a pulse.
        show: False gives a silent `advance`, so that callers have one path.
    """
    if not show:
        yield lambda _amount: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    with bar:
        task = bar.add_task(what, total=total)
        yield lambda amount: bar.advance(task, amount)


@contextmanager
def watched(
    amount_done: Callable[[], float], advance: Advance, *, every_s: float = 1.0
) -> Iterator[None]:
    """Keep a bar up to date with what other processes have written, while the block runs.

    Args:
        amount_done: Counts it; called in a thread of its own.
        advance: Of `progress`.
        every_s: Seconds between two counts.
    """
    told = 0.0
    stop = threading.Event()

    def look() -> None:
        nonlocal told
        now = amount_done()
        advance(now - told)
        told = now

    def watch() -> None:
        while not stop.wait(every_s):
            look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        look()
