"""Frames in as they come, rows out as soon as each second is over; what is late is dropped.

One thread reads the source, another analyses. Between them is room for very few frames: where the
analysis is late the oldest waiting one gives way, so that an answer is never about what was long
ago. A dropped frame is counted and named; it changes a row as a camera of a lower rate would.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import pandas as pd

from pulsefer.core.errors import OnProblem, Problem, log_problem
from pulsefer.core.types import Frame
from pulsefer.media.camera import Source, source_of

if TYPE_CHECKING:
    from pulsefer.inference.config import Analyses, Watch

_LOG = logging.getLogger(__name__)

Row = dict[str, Any]

WAITING = 2
"""Frames that may wait. Choice: at 30 frames/s they bridge the search of a whole picture for
faces; more would only be older."""
DAY_S = 24 * 3600.0
"""Rows older than this leave the table."""
UNREAD = 10_000
"""Rows that wait for a reader."""
PACKED = 1_000
"""Rows that become a table of numbers together: a dictionary takes five times the memory."""
NAMED = 100_000
"""Dropped frames whose indices are kept."""
RECENT = 100
"""Frames that the rate is counted over."""
LATENCIES = 10_000
"""Rows whose latency is kept."""
LOOK_S = 0.2
"""A wait is cut into pieces of so long: Ctrl-C has to come through on every system."""
CLOSE_S = 5.0
"""The analysis of a frame is waited for this long, a source that gives none a tenth of it."""


class Latency(NamedTuple):
    """From the last frame of a step being there to its row being ready; NaN before the first.

    Attributes:
        median_s: Of the last 10 000 rows.
        max_s: Of all rows.
    """

    median_s: float
    max_s: float


class Handover:
    """Very few frames between the thread that films and the one that analyses.

    Args:
        room: Frames that may wait.
        drop: The oldest gives way to a new one. Otherwise whoever gives waits for room.
    """

    def __init__(self, room: int = WAITING, *, drop: bool = True) -> None:
        if room < 1:
            raise ValueError(f"waiting must be at least 1, found {room}")
        self.room, self.drop = room, drop
        self.seen, self.dropped = 0, 0
        self.dropped_indices: deque[int] = deque(maxlen=NAMED)
        self._waiting: deque[tuple[Frame, float]] = deque()
        self._changed = threading.Condition()
        self._ended = False  # nothing more is given
        self._closed = False  # nothing more is taken

    def __len__(self) -> int:
        return len(self._waiting)

    def give(self, frame: Frame, at_s: float) -> bool:
        """Put a frame where it can be taken; False once nothing is taken any more."""
        with self._changed:
            while not (self.drop or self._closed or len(self._waiting) < self.room):
                self._changed.wait()
            if self._closed:
                return False
            self.seen += 1
            while len(self._waiting) >= self.room:
                late, _ = self._waiting.popleft()
                self.dropped += 1
                self.dropped_indices.append(late.index)
            self._waiting.append((frame, at_s))
            self._changed.notify_all()
            return True

    def take(self, patience_s: float = math.inf) -> tuple[Frame, float] | None:
        """The oldest frame that waits, and when it came; None at the end.

        Raises:
            TimeoutError: there was none for `patience_s`.
        """
        timeout_s = patience_s if math.isfinite(patience_s) else None
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._waiting or self._ended or self._closed, timeout_s
            ):
                raise TimeoutError
            if self._closed or not self._waiting:
                return None
            taken = self._waiting.popleft()
            self._changed.notify_all()
            return taken

    def end(self) -> None:
        """Nothing more will be given; what waits can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Session:
    """An analysis that goes on while the camera films.

    Offline and live give the same numbers for the same frames: a session hands what it kept to
    `Analyzer.frames`, and to nothing else. Its table holds the last 24 hours.

    Args:
        analyzer: What analyses.
        source: A camera's number or name, a file (played in real time), or frames.
        pace: In real time, dropping what is late. False takes every frame of a file or of an
            iterable as fast as it is analysed, and drops none.
        end_s: Nothing from here on is wanted; seconds from the first frame.
        waiting: Frames that may wait for the analysis.
        on_problem: Told if the source ends before its time; the log is told without it.
        watch: Called in the analysis's thread with every analysed frame and its faces.

    Raises:
        BadInput: no such file or camera.

    Example:
        >>> from pulsefer import Analyzer                        # doctest: +SKIP
        >>> with Analyzer().live(0) as session:                  # doctest: +SKIP
        ...     for row in session:
        ...         print(row["time_s"], row.get("hr_bpm"))
    """

    def __init__(
        self,
        analyzer: Analyses,
        source: Source = 0,
        *,
        pace: bool = True,
        end_s: float = math.inf,
        waiting: int = WAITING,
        on_problem: OnProblem | None = None,
        watch: Watch | None = None,
    ) -> None:
        if not end_s > 0:
            raise ValueError(f"end_s must be above 0, found {end_s:g}")
        self.analyzer = analyzer
        self.source = source_of(source, pace=pace, at_most_hz=analyzer.config.fps_hz)
        self.problems: list[Problem] = []
        self._handover = Handover(waiting, drop=self.source.paced)
        self._end_s, self._on_problem, self._watch = end_s, on_problem or log_problem, watch
        # Nothing of this is touched without holding `_changed`.
        self._changed = threading.Condition()
        self._rows: list[Row] = []
        self._packed: deque[pd.DataFrame] = deque()
        self._unread: deque[Row] = deque(maxlen=UNREAD)
        self._n_rows = 0
        self._latencies_s: deque[float] = deque(maxlen=LATENCIES)
        self._max_latency_s = math.nan
        self._analysed_at: deque[float] = deque(maxlen=RECENT)
        self._came_at = (math.nan, math.nan)
        self._ended = False
        self._error: BaseException | None = None
        self._raised = False
        self._opened, self._is_open = threading.Event(), False
        self._threads = [
            threading.Thread(target=self._capture, name="pulsefer-capture", daemon=True),
            threading.Thread(target=self._analyse, name="pulsefer-analyse", daemon=True),
        ]

    def __enter__(self) -> Self:
        """Open the source and begin.

        Raises:
            BadInput: the source cannot be opened.
            RuntimeError: a session runs once.
        """
        for thread in self._threads:
            thread.start()
        try:
            while not self._opened.wait(LOOK_S):
                pass
            # What cannot be opened is told here; what fails later, where rows are read.
            if not self._is_open:
                self._raise()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop, and raise what went wrong in either thread unless it has been."""
        self.close()
        if self._error is None or self._raised:
            return
        if error is not None:
            error.add_note(f"before that, the session had ended with {self._error!r}")
            return
        self._raise()

    def __iter__(self) -> Iterator[Row]:
        """Rows as they come, until the source ends or `close` is called.

        A row is given once: of two readers each gets some. Those that came before are waiting, the
        last 10 000 of them.

        Raises:
            BaseException: whatever either thread failed with, after the rows before it.
        """
        while not self.ended:
            yield from self.read(LOOK_S)

    def read(self, timeout_s: float = math.inf) -> list[Row]:
        """Rows that nobody has read.

        Args:
            timeout_s: Wait for a row at most so long.

        Returns:
            None of them if time is up, or all has been read and `ended` is true.

        Raises:
            BaseException: whatever either thread failed with, after the rows before it.
        """
        until_s = time.perf_counter() + timeout_s
        with self._changed:
            while not (self._unread or self._ended):
                left_s = until_s - time.perf_counter()
                if left_s <= 0:
                    break
                self._changed.wait(min(left_s, LOOK_S))
            rows = list(self._unread)
            self._unread.clear()
        if not rows and self._ended and self._error is not None and not self._raised:
            self._raise()
        return rows

    def close(self) -> None:
        """Stop both threads; a second that has begun gets its row from the frames so far.

        Quick also where the source gives nothing: what cannot be interrupted is left behind.
        """
        self.source.close()
        self._handover.end()
        self._handover.close()
        capture, analyse = self._threads
        for thread, patience_s in ((analyse, CLOSE_S), (capture, CLOSE_S / 10)):
            if thread.ident is not None and thread is not threading.current_thread():
                thread.join(patience_s)
                if thread.is_alive():
                    _LOG.warning("%s: %s is still busy, left behind", self.source.name, thread.name)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether no more rows will come, and all have been read."""
        with self._changed:
            return self._ended and not self._unread and (self._error is None or self._raised)

    @property
    def seen(self) -> int:
        """Frames that came."""
        return self._handover.seen

    @property
    def dropped(self) -> int:
        """Frames that came and were too late to be analysed."""
        return self._handover.dropped

    @property
    def dropped_indices(self) -> tuple[int, ...]:
        """Which ones, by `Frame.index`: the last 100 000."""
        return tuple(self._handover.dropped_indices)

    @property
    def waiting(self) -> int:
        """Frames that wait to be analysed now."""
        return len(self._handover)

    @property
    def n_rows(self) -> int:
        """Rows so far, also those that have left the table."""
        return self._n_rows

    @property
    def fps_hz(self) -> float:
        """Frames that are analysed per second, lately; NaN before the second."""
        with self._changed:
            at_s = list(self._analysed_at)
        return (len(at_s) - 1) / (at_s[-1] - at_s[0]) if len(at_s) > 1 else math.nan

    @property
    def silent_s(self) -> float:
        """Seconds since the last frame came to be analysed; NaN before the first."""
        return time.perf_counter() - self._came_at[1]

    @property
    def latency_s(self) -> Latency:
        """From the last frame of a step being there to its row being ready."""
        with self._changed:
            known = list(self._latencies_s)
            return Latency(median(known) if known else math.nan, self._max_latency_s)

    @property
    def latencies_s(self) -> tuple[float, ...]:
        """Of each of the last 10 000 rows."""
        with self._changed:
            return tuple(self._latencies_s)

    def latest(self, seconds: float = 10.0) -> pd.DataFrame:
        """The rows of the last seconds, as a table like a video's; empty before the first row."""
        with self._changed:
            rows, packed = list(self._rows), list(self._packed)
        step_s = self.analyzer.config.step_s
        begin_s = rows[-1]["time_s"] - max(seconds, step_s) if rows else math.nan
        if rows and rows[0]["time_s"] <= begin_s:
            packed = []  # the usual case: what is packed is older
        table = self._joined(packed, rows)
        # Half a step: 0.1 + 0.2 is not 0.3.
        recent = table[table["time_s"] > begin_s + step_s / 2].reset_index(drop=True)
        recent.attrs = table.attrs
        return recent

    def table(self) -> pd.DataFrame:
        """Everything so far, at most the last 24 hours, as a table like a video's."""
        with self._changed:
            rows, packed = list(self._rows), list(self._packed)
        return self._joined(packed, rows)

    def _joined(self, packed: list[pd.DataFrame], rows: list[Row]) -> pd.DataFrame:
        newest = self.analyzer.table(rows, source=self.source.name)
        if not packed:
            return newest
        table = pd.concat([*packed, newest] if rows else packed, ignore_index=True)
        table.attrs = newest.attrs
        return table

    def _capture(self) -> None:
        """Read the source: the first thread."""
        try:
            with contextlib.closing(iter(self.source)) as stream:
                self._is_open = True
                self._opened.set()
                for frame in stream:
                    if not self._handover.give(frame, time.perf_counter()):
                        break
            if self.source.problem is not None:
                self._tell(self.source.problem)
        except BaseException as error:
            self._fail(error)
        finally:
            self._handover.end()
            self._opened.set()

    def _analyse(self) -> None:
        """Make rows: the second thread."""
        rows = self.analyzer.frames(self._frames(), end_s=self._end_s, watch=self._watch)
        try:
            for row in rows:
                self._add(row)
        except BaseException as error:
            self._fail(error)
        finally:
            # Nobody takes what the source still gives.
            self.source.close()
            self._handover.close()
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _frames(self) -> Iterator[Frame]:
        """What the analysis looks at, with a note of when it came."""
        while True:
            try:
                taken = self._handover.take(self.source.patience_s)
            except TimeoutError:
                self._tell(
                    Problem(
                        self.source.name,
                        expected="pictures until it is closed",
                        found=f"none for {self.source.patience_s:g} s",
                        remedy="plug it in again, and see that it may be used",
                    )
                )
                break
            if taken is None:
                break
            frame, at_s = taken
            self._came_at = (self._came_at[1], at_s)
            yield frame
            with self._changed:
                self._analysed_at.append(time.perf_counter())
        self._came_at = (self._came_at[1], self._came_at[1])

    def _add(self, row: Row) -> None:
        # The frame that ended the step came last: the step's own last one is that before it.
        latency_s = time.perf_counter() - self._came_at[0]
        with self._changed:
            self._n_rows += 1
            self._rows.append(row)
            self._unread.append(row)
            if not math.isnan(latency_s):
                self._latencies_s.append(latency_s)
                self._max_latency_s = max(latency_s, self._max_latency_s)
            self._changed.notify_all()
        if len(self._rows) >= 2 * PACKED:
            self._pack(row["time_s"])

    def _pack(self, now_s: float) -> None:
        oldest = self.analyzer.table(self._rows[:PACKED], source=self.source.name)
        with self._changed:
            self._packed.append(oldest)
            del self._rows[:PACKED]
            while self._packed[0]["time_s"].iloc[-1] < now_s - DAY_S:
                self._packed.popleft()

    def _tell(self, problem: Problem) -> None:
        self.problems.append(problem)
        self._on_problem(problem)

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._error is None:
                self._error = error
        self.source.close()

    def _raise(self) -> None:
        assert self._error is not None
        self._raised = True
        raise self._error
