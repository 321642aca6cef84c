"""How frames become a table, and what whoever feeds frames has to know of whoever takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pandas as pd

from pulsefer.core.types import Frame
from pulsefer.faces.follow import FollowConfig, SeenFace

Watch = Callable[[Frame, Sequence[SeenFace]], None]
"""Told of every frame that was analysed and the faces in it."""


@dataclass(frozen=True)
class AnalyzeConfig:
    """How a video becomes a table.

    Attributes:
        step_s: Seconds per row.
        hr_window_s: The heart rate at a time comes from the frames of this long before it. Choice:
            12 s; with 10 more windows of weak signals are abstained, with 15 a rate that changes is
            further behind.
        hrv_window_s: The same for its variability.
        fps_hz: Frames used per second, at most. None uses all.
        follow: How faces are found and cut. A trained run brings its own, for its frames must
            look like those it learned from.
    """

    step_s: float = 1.0
    hr_window_s: float = 12.0
    hrv_window_s: float = 30.0
    fps_hz: float | None = 25.0
    follow: FollowConfig = field(default_factory=FollowConfig)

    def __post_init__(self) -> None:
        if not self.step_s > 0:
            raise ValueError(f"step_s must be positive, found {self.step_s}")
        if not 5.0 <= self.hr_window_s <= self.hrv_window_s:
            raise ValueError(
                "expected 5 <= hr_window_s <= hrv_window_s, "
                f"found {self.hr_window_s} and {self.hrv_window_s}"
            )
        if self.fps_hz is not None and not self.fps_hz > 0:
            raise ValueError(f"fps_hz must be positive, found {self.fps_hz}")


class Analyses(Protocol):
    """What a session asks of an analyzer."""

    config: AnalyzeConfig

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table."""

    def frames(
        self,
        stream: Iterable[Frame],
        *,
        start_s: float = ...,
        end_s: float = ...,
        watch: Watch | None = ...,
    ) -> Iterator[dict[str, Any]]:
        """Rows of frames, as they come."""

    def table(self, rows: Iterable[Mapping[str, Any]], *, source: str) -> pd.DataFrame:
        """Rows as a table."""
