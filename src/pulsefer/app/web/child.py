"""What a process that touches foreign bytes does first: it gives up what it does not need."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable

FILES = 256
"""Open at a time."""
NICER = 5
"""Behind the server, which has to answer."""


def confine(*, memory_mb: int, cpu_s: float, file_mb: int) -> None:
    """Bound memory, processor time and size of files, as far as the system can.

    Linux and macOS can; Windows has no such bounds, and there only the server's clock ends a
    process that takes too much.

    Args:
        memory_mb: Of data; libraries themselves do not count.
        cpu_s: Of all threads together.
        file_mb: Of every file it writes.
    """
    try:
        import resource
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_DATA, memory_mb * 2**20),
        (resource.RLIMIT_CPU, int(cpu_s) + 1),
        (resource.RLIMIT_FSIZE, file_mb * 2**20),
        (resource.RLIMIT_NOFILE, FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        # A bound that is there already may be lower, and is not ours to raise.
        _, hard = resource.getrlimit(what)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (bound, bound))
    with contextlib.suppress(OSError):
        os.nice(NICER)


def end_with_parent(before: Callable[[], object]) -> None:
    """End this process as soon as standard input does: whoever started it is gone.

    Args:
        before: Called first, in a thread of its own.
    """

    def watch() -> None:
        # Not `sys.stdin`: its lock would be held at the end of the process.
        while os.read(0, 1):
            pass
        try:
            before()
        finally:
            os._exit(1)

    threading.Thread(target=watch, name="pulsefer-parent", daemon=True).start()
