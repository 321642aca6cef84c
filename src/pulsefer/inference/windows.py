"""The windows of a network along one face, fed frame by frame.

A window is what the network learned from: a length and a number of frames, evenly spaced, each the
frame nearest to its time. It begins from the zero state and takes one step per frame; windows that
overlap have a state each, and share what does not depend on it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsefer.inference.engine import Answer, Engine

Picture = NDArray[np.uint8]

TIE_S = 1e-4
"""Two frames this equally near are equally near, and the earlier one is taken: as `samples.window`
takes them for training."""
ROUNDING_S = 1e-9
SPOILT = 1 << 30
"""Frames that no window has."""


@dataclass(slots=True)
class _Window:
    """One window on its way.

    Attributes:
        start_s: Its start.
        taken: Frames it has had.
        before: The last of them.
        answer: After that one; None before the first step.
    """

    start_s: float
    taken: int = 0
    before: Picture | None = None
    answer: Answer | None = None


@dataclass(slots=True)
class FaceWindows:
    """All open windows of one network along one face.

    Window number n ends at start_s + (n + 1) step_s, which is where row n ends.

    Attributes:
        engine: The network.
        length_s: Length of a window.
        n_frames: Frames in it.
        start_s: Start of row 0.
        step_s: From row to row.
    """

    engine: Engine
    length_s: float
    n_frames: int
    start_s: float
    step_s: float
    _open: dict[int, _Window] = field(default_factory=dict)
    _closed: int = -1
    _before: tuple[float, Picture] | None = None

    @property
    def slack_s(self) -> float:
        """A frame farther from its time than this spoils a window: the face was not there.

        Choice: the distance of two wanted frames, or a tenth of the window if that is more. Then
        every second frame may be missing, and a video may be a little slower than the network.
        """
        return max(self.length_s / self.n_frames, self.length_s / 10)

    def push(self, time_s: float, picture: Picture) -> None:
        """Take the next frame of the face.

        Args:
            time_s: Later than the one before.
            picture: (64, 64, 3) uint8, RGB; not changed, and not to be changed later.
        """
        self._begin(time_s)
        while self._step(self._open.values(), time_s, (time_s, picture)):
            pass
        self._before = time_s, picture

    def answer(self, number: int) -> Answer | None:
        """What the network says of a window that is over; None where the face was not all there.

        Windows up to this one are closed.
        """
        window = self._open.get(number)
        # What it still wants lies behind the last frame. Other windows may yet get a nearer one.
        while window and self._step([window], window.start_s + self.length_s, None):
            pass
        self._closed = max(self._closed, number)
        self._open = {n: one for n, one in self._open.items() if n > number}
        return window.answer if window and window.taken == self.n_frames else None

    def _begin(self, time_s: float) -> None:
        """Open the windows that begin before this time and do not end before it."""
        last = (time_s + self.length_s - self.start_s) / self.step_s - 1 + ROUNDING_S
        first = (time_s - self.start_s) / self.step_s - 1 - ROUNDING_S
        for number in range(max(math.ceil(first), self._closed + 1), math.floor(last) + 1):
            begin_s = self.start_s + (number + 1) * self.step_s - self.length_s
            # What lies before the first row was not asked for.
            if number not in self._open and begin_s > self.start_s - TIE_S:
                self._open[number] = _Window(begin_s)

    def _step(
        self, windows: Iterable[_Window], until_s: float, now: tuple[float, Picture] | None
    ) -> bool:
        """Give every window that is due the frame it wants; False where none was."""
        progress = False
        alike: dict[tuple[int, int], list[_Window]] = {}
        chosen: dict[tuple[int, int], Picture] = {}
        for window in windows:
            wanted_s = window.start_s + window.taken * (self.length_s / self.n_frames)
            if window.taken >= self.n_frames or wanted_s > until_s + ROUNDING_S:
                continue
            progress = True
            nearest = self._nearest(wanted_s, now)
            if nearest is None or abs(nearest[0] - wanted_s) > self.slack_s + TIE_S:
                # It stays, though it can never be right, so that it is not begun again.
                window.taken = SPOILT
                continue
            window.taken += 1
            picture = nearest[1]
            if self.engine.takes_change and window.before is None:
                window.before = picture
                continue
            key = id(picture), id(window.before)
            alike.setdefault(key, []).append(window)
            chosen[key] = picture
        for key, some in alike.items():
            states = [one.answer.state if one.answer else None for one in some]
            answers = self.engine.step(chosen[key], some[0].before, states)
            for window, answer in zip(some, answers, strict=True):
                window.answer = answer
                window.before = chosen[key] if self.engine.takes_change else None
        return progress

    def _nearest(
        self, wanted_s: float, now: tuple[float, Picture] | None
    ) -> tuple[float, Picture] | None:
        if now is None or self._before is None:
            return now or self._before
        closer = abs(now[0] - wanted_s) < abs(self._before[0] - wanted_s) - TIE_S
        return now if closer else self._before
