"""What a stranger's film may cost."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Limits:
    """Bounds of the server; beyond them it refuses with a reason, and nothing grows.

    Attributes:
        size_mb: Of one film.
        minutes: Of one film, by its pictures and not by its header.
        running: Films analysed at a time, each in a process with one thread of its own.
        waiting: Films that may wait or be on their way here.
        memory_mb: Of one process, all that it has asked for: an ordinary film takes 1500, of which
            some 500 are in use.
        work_per_s: Seconds of work for a second of film; a process that needs longer is ended.
        keep_minutes: Results are deleted after so long.
        kept: Results at a time; the oldest give way.
        cameras: Cameras analysed at a time.
        camera_minutes: Of one camera.
    """

    size_mb: float = 500.0
    minutes: float = 20.0
    running: int = max(1, min(4, os.cpu_count() or 1))
    waiting: int = 16
    memory_mb: int = 3072
    work_per_s: float = 8.0
    keep_minutes: float = 60.0
    kept: int = 50
    cameras: int = 2
    camera_minutes: float = 30.0

    def __post_init__(self) -> None:
        for one in fields(self):
            if not 0 < getattr(self, one.name) < math.inf:
                raise ValueError(
                    f"{one.name} must be above 0 and finite, found {getattr(self, one.name)}"
                )

    @property
    def size_bytes(self) -> int:
        """Of one film."""
        return int(self.size_mb * 10**6)
