"""A video in, a tidy table out: one row per second and face.

Everything here is causal and streams: a row uses frames before the end of its second and nothing
after, no more than the last window of any face is held, and the same frames give the same row.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.types import Frame
from pulsefer.core.version import __version__
from pulsefer.faces.crop import CropConfig
from pulsefer.faces.detector import Detector
from pulsefer.faces.follow import FollowConfig, Follower, SeenFace
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.faces.skin import skin_rgb
from pulsefer.media.video import frames, probe
from pulsefer.signals.colour import METHODS, rate_at

if TYPE_CHECKING:
    from pulsefer.inference.predictor import Predictor

_LOG = logging.getLogger(__name__)

Advance = Callable[[float], None]

EARLY_S = 1e-9
"""A second ends this much early: 2.9999999999999996 s has to count as 3 s."""

SHORT_S = 1.0
"""A file may end this much before it says; header and last frame seldom agree."""

BASE_COLUMNS = (
    "time_s", "face_id", "face_score", "box_x_px", "box_y_px", "box_w_px", "box_h_px",
    "face_share", "hr_bpm", "hr_quality",
)  # fmt: skip


@dataclass(frozen=True)
class AnalyzeConfig:
    """How a video becomes a table.

    Attributes:
        step_s: Seconds per row.
        hr_window_s: The heart rate at a time comes from the frames of this long before it.
        hr_method: "pos", "chrom" or "green".
        fps_hz: Frames used per second, at most. None uses all.
        follow: How faces are found and cut. A trained run brings its own, for its frames must
            look like those it learned from.
    """

    step_s: float = 1.0
    hr_window_s: float = 10.0
    hr_method: str = "pos"
    fps_hz: float | None = 25.0
    follow: FollowConfig = field(default_factory=FollowConfig)

    def __post_init__(self) -> None:
        if not self.step_s > 0:
            raise ValueError(f"step_s must be positive, found {self.step_s}")
        if not self.hr_window_s >= 5.0:
            raise ValueError(f"hr_window_s must be at least 5 s, found {self.hr_window_s}")
        if self.hr_method not in METHODS:
            raise ValueError(f"hr_method is one of {', '.join(METHODS)}, found {self.hr_method!r}")
        if self.fps_hz is not None and not self.fps_hz > 0:
            raise ValueError(f"fps_hz must be positive, found {self.fps_hz}")


class Analyzer:
    """Finds faces, their heart rate, and with a trained run their valence or arousal.

    The heart rate needs no training: it is POS on the colour of the skin (Wang et al. 2017). It
    is given for every second whose face was seen for 5 s, with a quality in [0, 1], however weak
    the signal: it is for the reader to say how much quality is enough. A trained run adds
    `valence_prob` or `arousal_prob`, whichever it learned, and `hr_network_bpm` where its network
    has a heart-rate head.

    Args:
        model: Folder of a run that `train` made, or several (one per dimension), or None.
        device: "auto", "cpu", "cuda", "mps".
        config: None takes the defaults, and the run's way of cutting faces.
        detector: None is MTCNN.

    Raises:
        BadInput: no such run, or two runs that cut faces differently or learned the same.

    Example:
        >>> from pulsefer.inference.analyzer import Analyzer
        >>> table = Analyzer().video("interview.mp4")       # doctest: +SKIP
        >>> table[["time_s", "face_id", "hr_bpm", "hr_quality"]]    # doctest: +SKIP
    """

    def __init__(
        self,
        model: Path | str | Sequence[Path | str] | None = None,
        *,
        device: str = "auto",
        config: AnalyzeConfig | None = None,
        detector: Detector | None = None,
    ) -> None:
        self.predictors: tuple[Predictor, ...] = ()
        follow = None
        if model is not None:
            from pulsefer.inference.predictor import load_predictors

            runs = [model] if isinstance(model, str | Path) else list(model)
            self.predictors, follow = load_predictors([Path(run) for run in runs], device)
        if config is None:
            config = AnalyzeConfig(follow=follow) if follow else AnalyzeConfig()
        elif follow is not None and config.follow.crop != follow.crop:
            raise BadInput(
                "config.follow.crop",
                expected=f"the crop the model learned from, {follow.crop}",
                found=f"{config.follow.crop}",
                remedy="leave config out",
            )
        self.config = config
        self.detector = detector or Mtcnn(min_face_fraction=config.follow.min_face_fraction)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table, the unit in every name."""
        added = (column for predictor in self.predictors for column in predictor.columns)
        return tuple(dict.fromkeys((*BASE_COLUMNS, *added)))

    def video(
        self,
        path: Path | str,
        *,
        start_s: float = 0.0,
        end_s: float = math.inf,
        on_problem: OnProblem | None = None,
        advance: Advance | None = None,
    ) -> pd.DataFrame:
        """Analyse a file.

        Args:
            path: Any video that FFmpeg reads.
            start_s: First second wanted; nothing before it is looked at.
            end_s: Nothing from here on is wanted.
            on_problem: Told if the file breaks off; what was read before is returned. Without it
                a break in decoding is raised, an early end is logged.
            advance: Called with `step_s` after every step.

        Returns:
            A row per second and face; a second without a face has one row whose `face_id` is
            missing. `time_s` is the start of the second. `attrs` says how the table was made.

        Raises:
            BadInput: not a video, or one that ends before `start_s`.
            ValueError: a span that is none.
        """
        path = Path(path)
        info = probe(path)
        every = max(1, round(info.fps_hz / self.config.fps_hz)) if self.config.fps_hz else 1
        last_s = start_s

        def watched() -> Iterator[Frame]:
            nonlocal last_s
            for frame in frames(path, every=every, start_s=start_s, on_problem=on_problem):
                last_s = frame.time_s
                yield frame

        rows = self.frames(watched(), start_s=start_s, end_s=end_s)
        made = self.table(_counted(rows, self.config.step_s, advance), source=path.name)
        if made.empty:
            raise BadInput(
                str(path),
                expected=f"frames from {start_s:g} s on",
                found=f"a video of {info.duration_s:.1f} s",
                remedy="give an earlier start_s",
            )
        # A cut file often ends without a decoding error. AVI's header counts frames; elsewhere
        # the duration knows of edits that the count does not.
        claimed_s = info.duration_s if info.has_times else info.n_frames / info.fps_hz
        if last_s < min(end_s, claimed_s) - SHORT_S:
            (on_problem or _log)(
                Problem(
                    str(path),
                    expected=f"frames up to {min(end_s, claimed_s):.1f} s",
                    found=f"the last one at {last_s:.1f} s",
                    remedy="the file is cut or damaged; copy it again",
                )
            )
        return made

    def frames(
        self, stream: Iterable[Frame], *, start_s: float = 0.0, end_s: float = math.inf
    ) -> Iterator[dict[str, Any]]:
        """Rows of any frames, as they come: of a file, a camera, or a test.

        Args:
            stream: Frames in the order of their times.
            start_s: Start of the first row; frames before it are passed over.
            end_s: The first frame from here on ends it.

        Yields:
            A row per second and face, as soon as the second is over.

        Raises:
            ValueError: a span that is none.
        """
        if not 0 <= start_s < end_s:
            raise ValueError(f"expected 0 <= start_s < end_s, found {start_s:g} and {end_s:g}")
        follower = Follower(self.config.follow, self.detector)
        keep_s = max([self.config.hr_window_s, *(p.length_s for p in self.predictors)])
        traces: dict[int, _Trace] = {}
        number, n_frames = 0, 0

        def is_over(now_s: float) -> bool:
            return now_s >= start_s + (number + 1) * self.config.step_s - EARLY_S

        for frame in stream:
            if frame.time_s < start_s:
                continue
            while is_over(min(frame.time_s, end_s)):
                yield from self._rows(traces, start_s, number, n_frames)
                number, n_frames = number + 1, 0
            if frame.time_s >= end_s:
                break
            n_frames += 1
            for seen in follower.push(frame):
                if seen.face_id not in traces:
                    traces[seen.face_id] = _Trace(
                        self.config.follow.crop, with_crops=bool(self.predictors)
                    )
                traces[seen.face_id].add(frame.time_s, seen, keep_s)
            for lost in [i for i, t in traces.items() if t.last_s < frame.time_s - keep_s]:
                del traces[lost]
        if n_frames:
            yield from self._rows(traces, start_s, number, n_frames)

    def table(self, rows: Iterable[Mapping[str, Any]], *, source: str) -> pd.DataFrame:
        """Rows as a table with fixed types, even where there are none."""
        made = pd.DataFrame(list(rows), columns=list(self.columns))
        made = made.astype({c: "Int64" if c == "face_id" else "float64" for c in made.columns})
        made.attrs = self.about(source)
        return made

    def about(self, source: str) -> dict[str, Any]:
        """How a table was made: versions, detector, settings, weights."""
        import json

        from pulsefer.core.fingerprint import canonical_json

        return {
            "pulsefer": __version__,
            "source": source,
            "detector": self.detector.name,
            "config": json.loads(canonical_json(self.config)),
            "models": [predictor.about for predictor in self.predictors],
        }

    def _rows(
        self, traces: Mapping[int, _Trace], start_s: float, number: int, n_frames: int
    ) -> Iterator[dict[str, Any]]:
        begin_s = start_s + number * self.config.step_s
        end_s = begin_s + self.config.step_s
        time_s = round(begin_s, 6)
        shown = sorted(i for i, trace in traces.items() if trace.n_new)
        if not shown:
            yield {"time_s": time_s, "face_share": 0.0}
        for face_id in shown:
            trace = traces[face_id]
            rate = rate_at(
                trace.colour, trace.time_s, end_s,
                window_s=self.config.hr_window_s, method=self.config.hr_method,
            )  # fmt: skip
            row = {
                "time_s": time_s,
                "face_id": face_id,
                **trace.place(),
                "face_share": trace.n_new / n_frames,
                "hr_bpm": rate.hr_bpm,
                "hr_quality": rate.quality if math.isfinite(rate.hr_bpm) else math.nan,
            }
            for predictor in self.predictors:
                # Of several networks with a heart-rate head the first one's counts.
                row = predictor(trace.time_s, trace.crops, end_s) | row
            trace.n_new = 0
            yield row


class _Trace:
    """The last seconds of one face."""

    def __init__(self, crop: CropConfig, *, with_crops: bool) -> None:
        self.crop = crop
        self.times: deque[float] = deque()
        self.colours: deque[NDArray[np.float64]] = deque()
        self.pictures: deque[NDArray[np.uint8]] | None = deque() if with_crops else None
        self.n_new = 0
        self.last_s = -math.inf
        self.seen: SeenFace | None = None

    def add(self, time_s: float, seen: SeenFace, keep_s: float) -> None:
        self.times.append(time_s)
        self.last_s = time_s
        if seen.held:
            # Whatever hides the face has a colour too, but no pulse.
            self.colours.append(np.full(3, np.nan))
        else:
            self.colours.append(np.asarray(skin_rgb(seen.crop, self.crop), np.float64))
            self.n_new += 1
            self.seen = seen
        if self.pictures is not None:
            self.pictures.append(seen.crop)
        # A second more than the window: the frame nearest to its start may lie just before it.
        while self.times[0] < time_s - keep_s - 1.0:
            self.times.popleft()
            self.colours.popleft()
            if self.pictures is not None:
                self.pictures.popleft()

    @property
    def time_s(self) -> NDArray[np.float64]:
        return np.array(self.times)

    @property
    def colour(self) -> NDArray[np.float64]:
        return np.array(self.colours)

    @property
    def crops(self) -> Sequence[NDArray[np.uint8]]:
        return self.pictures if self.pictures is not None else ()

    def place(self) -> dict[str, float]:
        assert self.seen is not None
        face = self.seen.face
        return {
            "face_score": face.score,
            "box_x_px": face.box_x_px,
            "box_y_px": face.box_y_px,
            "box_w_px": face.box_w_px,
            "box_h_px": face.box_h_px,
        }


def _log(problem: Problem) -> None:
    _LOG.warning("%s", problem)


def _counted(
    rows: Iterator[dict[str, Any]], step_s: float, advance: Advance | None
) -> Iterator[dict[str, Any]]:
    told_s = -math.inf
    for row in rows:
        if advance and row["time_s"] > told_s:
            advance(step_s)
            told_s = row["time_s"]
        yield row
