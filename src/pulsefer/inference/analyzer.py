"""A video in, a tidy table out: one row per time step and face.

Everything here is causal and streams: a row uses frames before the end of its step and nothing
after, no more than the last seconds of any face are held, and the same frames give the same row,
whether they come from a file or from a camera.
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.fingerprint import sha256_file
from pulsefer.core.types import Frame
from pulsefer.core.version import __version__
from pulsefer.faces.detector import Detector
from pulsefer.faces.follow import Follower, SeenFace
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.inference import accessor  # noqa: F401 - gives tables `.affect`
from pulsefer.inference.config import AnalyzeConfig, Watch
from pulsefer.inference.predictor import Predictor, is_onnx, load_predictors, model_folder
from pulsefer.inference.trace import Trace
from pulsefer.inference.windows import FaceWindows
from pulsefer.media.video import frames, probe
from pulsefer.models.description import FRAME_AFFECT, described

if TYPE_CHECKING:
    from pulsefer.inference.overlay import Overlay
    from pulsefer.inference.session import Session

_LOG = logging.getLogger(__name__)

Advance = Callable[[float], None]

EARLY_S = 1e-9
"""A step ends this much early: 2.9999999999999996 s has to count as 3 s."""

SHORT_S = 1.0
"""A file may end this much before it says; header and last frame seldom agree."""

SEARCH_S = 1.0
"""Where faces are to be hidden, new ones are looked for this often: an overlay hides a face for as
long before it was found."""

BASE_COLUMNS = (
    "time_s", "face_id", "face_score", "box_x_px", "box_y_px", "box_w_px", "box_h_px",
    "face_share", "hr_bpm", "hr_quality", "hr_reason", "hr_pos_bpm", "hr_chrom_bpm",
    "hrv_rmssd_ms", "hrv_sdnn_ms",
)  # fmt: skip
KINDS = {"face_id": "Int64", "hr_reason": "object", "picture": "object"}
"""Types of columns that are not numbers with a point."""


class Analyzer:
    """Finds faces, their heart rate, and with a trained run their valence or arousal.

    The heart rate needs no training. `hr_bpm` is given where the colour of the skin shows a rhythm
    that noise would show in fewer than one window in thirty (`signals.evidence`); elsewhere it is
    missing and `hr_reason` says why. POS and CHROM stand beside it for whoever wants a figure
    whatever it is worth. A trained run adds `valence_prob` or `arousal_prob`, whichever it learned,
    and `hr_network_bpm` where its network has a heart-rate head.

    Args:
        model: Folder of a run that `train` made, or several (one per dimension), or what
            `pulsefer export` made of one ("small/model.onnx", which needs no PyTorch); for
            `images`, that of a run of `pretrain`. None is no network.
        device: "auto", "cpu", "cuda", "mps".
        config: None takes the defaults, and the run's way of cutting faces.
        detector: None is MTCNN.

    Raises:
        BadInput: no such run, or two runs that cut faces differently or learned the same.

    Example:
        >>> from pulsefer.inference.analyzer import Analyzer
        >>> table = Analyzer().video("interview.mp4")       # doctest: +SKIP
        >>> table[["time_s", "face_id", "hr_bpm", "hr_reason"]]    # doctest: +SKIP
    """

    def __init__(
        self,
        model: Path | str | Sequence[Path | str] | None = None,
        *,
        device: str = "auto",
        config: AnalyzeConfig | None = None,
        detector: Detector | None = None,
    ) -> None:
        given = [] if model is None else [model] if isinstance(model, str | Path) else list(model)
        runs = [Path(run) for run in given]
        self.predictors: tuple[Predictor, ...] = ()
        self.device = device
        self._stills = next((run for run in runs if _is_of_pictures(run)), None)
        follow = None
        if self._stills is not None and len(runs) > 1:
            raise BadInput(
                "model",
                expected="runs of `pulsefer train`, or one of `pulsefer pretrain`",
                found="both",
                remedy="analyse once per run",
            )
        if runs and self._stills is None:
            self.predictors, follow = load_predictors(runs, device)
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
        self.detector = detector or self._detector(runs)

    def _detector(self, runs: Sequence[Path]) -> Detector:
        least = self.config.follow.min_face_fraction
        if runs and all(is_onnx(run) for run in runs):
            from pulsefer.faces.nets import onnx_nets

            folder = runs[0].parent if runs[0].is_file() else runs[0]
            return Mtcnn(min_face_fraction=least, nets=onnx_nets(folder))
        return Mtcnn(min_face_fraction=least)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the table of a video, the unit in every name."""
        added = (column for predictor in self.predictors for column in predictor.columns)
        return tuple(dict.fromkeys((*BASE_COLUMNS, *added)))

    @property
    def synthetic(self) -> bool:
        """Whether any of its networks learned from faces that do not exist."""
        return any(one.about["data_kind"] == "synthetic" for one in self.predictors)

    def video(
        self,
        path: Path | str,
        *,
        start_s: float = 0.0,
        end_s: float = math.inf,
        step_s: float | None = None,
        overlay: Path | str | None = None,
        blur_faces: bool = False,
        on_problem: OnProblem | None = None,
        advance: Advance | None = None,
    ) -> pd.DataFrame:
        """Analyse a file.

        Args:
            path: Any video that FFmpeg reads.
            start_s: First second wanted; nothing before it is looked at.
            end_s: Nothing from here on is wanted.
            step_s: Seconds per row; None is the configuration's.
            overlay: A film to write as well, with boxes, values, traces and the sound (".mp4").
            blur_faces: Hide the faces in that film. Whole pictures are then searched for more
                faces once a second at least, so that nobody is shown for long who has just come.
            on_problem: Told if the file breaks off; what was read before is returned. Without it
                a break in decoding is raised, an early end is logged.
            advance: Called with `step_s` after every step.

        Returns:
            A row per step and face; a step without a face has one row whose `face_id` is missing.
            `time_s` is the start of the step. `attrs` says how the table was made; `table.affect`
            plots it.

        Raises:
            BadInput: not a video, or one that ends before `start_s`; or no film can be written.
            ValueError: a span that is none.
        """
        path = Path(path)
        _check_span(start_s, end_s)
        config = self.config
        if step_s is not None:
            config = dataclasses.replace(config, step_s=step_s)
        if blur_faces and config.follow.detect_every_s > SEARCH_S:
            follow = dataclasses.replace(config.follow, detect_every_s=SEARCH_S)
            config = dataclasses.replace(config, follow=follow)
        if config != self.config:
            return self._with(config).video(
                path, start_s=start_s, end_s=end_s, overlay=overlay, blur_faces=blur_faces,
                on_problem=on_problem, advance=advance,
            )  # fmt: skip
        if blur_faces and overlay is None:
            raise ValueError("blur_faces hides faces in an overlay: say where that is to be")
        info = probe(path)
        last_s, last_index = start_s, -1

        def watched() -> Iterator[Frame]:
            nonlocal last_s, last_index
            at_most_hz = self.config.fps_hz or math.inf
            for frame in frames(
                path, at_most_hz=at_most_hz, start_s=start_s, on_problem=on_problem
            ):
                last_s, last_index = frame.time_s, frame.index
                yield frame

        def rows(film: Overlay | None) -> Iterator[dict[str, Any]]:
            watch = film.show if film else None
            for row in self.frames(watched(), start_s=start_s, end_s=end_s, watch=watch):
                if film:
                    film.tell(row)
                yield row

        def tabled(film: Overlay | None) -> pd.DataFrame:
            made = self.table(_counted(rows(film), self.config.step_s, advance), source=path.name)
            if made.empty:
                raise BadInput(
                    str(path),
                    expected=f"frames from {start_s:g} s on",
                    found=f"a video of {info.duration_s:.1f} s",
                    remedy="give an earlier start_s",
                )
            about = self.about_video(path, start_s=start_s, end_s=end_s)
            made.attrs = {**about, "fps_hz": info.fps_hz}
            return made

        if overlay is None:
            made = tabled(None)
        else:
            from pulsefer.inference.overlay import Overlay

            with Overlay(
                overlay, source=path, columns=self.columns, blur_faces=blur_faces,
                start_s=start_s, end_s=end_s, synthetic=self.synthetic, on_problem=on_problem,
            ) as film:  # fmt: skip
                made = tabled(film)
        # A cut file often ends without a decoding error. AVI's header counts frames; elsewhere
        # the duration knows of edits that the count does not, and the count of a last picture that
        # stays. Where the header says nothing (NaN), nothing is missed.
        claimed_s = info.duration_s if info.has_times else info.n_frames / info.fps_hz
        short_s = max(SHORT_S, 2 / info.fps_hz)
        is_whole = 0 < info.n_frames <= last_index + 1 + short_s * info.fps_hz
        if not is_whole and last_s < min(claimed_s, end_s) - short_s:
            (on_problem or _log)(
                Problem(
                    str(path),
                    expected=f"frames up to {min(claimed_s, end_s):.1f} s",
                    found=f"the last one at {last_s:.1f} s",
                    remedy="the file is cut or damaged; copy it again",
                )
            )
        return made

    def images(
        self,
        folder: Path | str,
        *,
        on_problem: OnProblem | None = None,
        advance: Advance | None = None,
    ) -> pd.DataFrame:
        """Find the faces of single pictures; with a run of `pretrain` tell valence and arousal.

        Args:
            folder: Of pictures (PNG, JPEG, WebP, BMP, TIFF), or one picture.
            on_problem: Told of a picture that cannot be read; without it that is logged. The
                others are looked at.
            advance: Called with 1 after every picture.

        Returns:
            A row per picture and face, in the order of the names; a picture without a face has one
            row whose `face_id` is missing.

        Raises:
            BadInput: no picture there, or a network that takes films.
        """
        from pulsefer.inference.pictures import Pictures

        if self.predictors:
            raise BadInput(
                "model",
                expected="a run of `pulsefer pretrain`, which looks at single pictures",
                found="one of `pulsefer train`, which looks at films",
                remedy="leave the model out to find faces alone",
            )
        looked = Pictures(self.config.follow, self.detector, self._stills, self.device)
        rows = looked.rows(Path(folder), on_problem=on_problem or _log, advance=advance)
        made = _typed(rows, looked.columns)
        made.attrs = {**self.about(Path(folder).name), "models": looked.about}
        return made

    def live(self, source: Any = 0, **options: Any) -> Session:
        """Analyse frames as they come: of a camera, of a file at its own pace, or of your own.

        Args:
            source: Number or name of a camera; a file; or any iterator of frames, `Frame` or
                (H, W, 3) uint8.
            options: See `inference.session.Session`.

        Example:
            >>> with Analyzer().live(0) as session:           # doctest: +SKIP
            ...     for row in session:
            ...         print(row["time_s"], row["hr_bpm"], row["hr_reason"])
        """
        from pulsefer.inference.session import Session

        return Session(self, source, **options)

    def frames(
        self,
        stream: Iterable[Frame],
        *,
        start_s: float = 0.0,
        end_s: float = math.inf,
        watch: Watch | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Rows of any frames, as they come: of a file, a camera, or a test.

        Args:
            stream: Frames in the order of their times.
            start_s: Start of the first row; frames before it are passed over.
            end_s: The first frame from here on ends it.
            watch: Called with every frame that counts and the faces in it.

        Yields:
            A row per step and face, as soon as the step is over.

        Raises:
            ValueError: a span that is none.
        """
        _check_span(start_s, end_s)
        if self._stills is not None:
            raise BadInput(
                "model",
                expected="a run of `pulsefer train`, which looks at films",
                found="one of `pulsefer pretrain`, which looks at single pictures",
                remedy="give it to Analyzer(...).images(FOLDER), or begin a training with it: "
                "pulsefer train STORE --cnn RUN",
            )
        config = self.config
        follower = Follower(config.follow, self.detector)
        faces: dict[int, _Face] = {}
        number, n_frames = 0, 0

        def is_over(now_s: float) -> bool:
            return now_s >= start_s + (number + 1) * config.step_s - EARLY_S

        for frame in stream:
            if frame.time_s < start_s:
                continue
            while is_over(min(frame.time_s, end_s)):
                yield from self._rows(faces, start_s, number, n_frames)
                number, n_frames = number + 1, 0
            if frame.time_s >= end_s:
                break
            n_frames += 1
            seen_faces = follower.push(frame)
            for seen in seen_faces:
                if seen.face_id not in faces:
                    faces[seen.face_id] = self._face(start_s)
                faces[seen.face_id].add(frame.time_s, seen)
            if watch:
                watch(frame, seen_faces)
            for lost in [i for i, face in faces.items() if face.is_over(frame.time_s)]:
                del faces[lost]
        if n_frames:
            yield from self._rows(faces, start_s, number, n_frames)

    def table(self, rows: Iterable[Mapping[str, Any]], *, source: str) -> pd.DataFrame:
        """Rows as a table with fixed types, even where there are none."""
        made = _typed(rows, self.columns)
        made.attrs = self.about(source)
        return made

    def about(self, source: str) -> dict[str, Any]:
        """How a table was made: versions, detector, settings, weights."""
        import json

        from pulsefer.core.extras import versions
        from pulsefer.core.fingerprint import canonical_json

        return {
            "pulsefer": __version__,
            "versions": dict(versions(("av", "numpy", "scipy", "torch", "onnxruntime"))),
            "source": source,
            "detector": self.detector.name,
            "detector_fingerprint": self.detector.fingerprint,
            "config": json.loads(canonical_json(self.config)),
            "models": [dict(predictor.about) for predictor in self.predictors],
        }

    def about_video(
        self, path: Path, *, start_s: float, end_s: float, step_s: float | None = None
    ) -> dict[str, Any]:
        """How the table of a file is made, as far as that is known before: with the file's hash."""
        config = self.config if step_s is None else dataclasses.replace(self.config, step_s=step_s)
        return {
            **self._with(config).about(path.name),
            "source_sha256": sha256_file(path),
            "start_s": start_s,
            "end_s": end_s,
        }

    def _with(self, config: AnalyzeConfig) -> Analyzer:
        """The same with other settings; networks and detector are shared."""
        other = copy.copy(self)
        other.config = config
        return other

    def _face(self, start_s: float) -> _Face:
        config = self.config
        along = {p: p.along(start_s=start_s, step_s=config.step_s) for p in self.predictors}
        keep_s = max([config.hrv_window_s, *(p.length_s for p in self.predictors)])
        return _Face(Trace(config.follow.crop, keep_s=keep_s), along, keep_s)

    def _rows(
        self, faces: Mapping[int, _Face], start_s: float, number: int, n_frames: int
    ) -> Iterator[dict[str, Any]]:
        config = self.config
        begin_s = start_s + number * config.step_s
        end_s = begin_s + config.step_s
        time_s = round(begin_s, 6)
        shown = [i for i, face in sorted(faces.items()) if face.trace.n_new]
        if not shown:
            yield {"time_s": time_s, "face_share": 0.0, "hr_reason": "no_face"}
        for face_id, face in sorted(faces.items()):
            # Windows that end here are closed, whether or not there is a row.
            told: dict[str, Any] = {}
            for predictor, windows in face.windows.items():
                # Of several networks with a heart-rate head the first one's counts.
                told = predictor.row(windows, number) | told
            if not face.trace.n_new:
                continue
            heart = face.trace.heart(end_s, window_s=config.hr_window_s)
            varies = face.trace.variability(end_s, heart, window_s=config.hrv_window_s)
            share = face.trace.n_new / n_frames
            face.trace.n_new = 0
            yield {
                "time_s": time_s,
                "face_id": face_id,
                **face.trace.place(),
                "face_share": share,
                "hr_bpm": heart.hr_bpm,
                "hr_quality": heart.quality,
                "hr_reason": heart.reason,
                "hr_pos_bpm": heart.pos_bpm,
                "hr_chrom_bpm": heart.chrom_bpm,
                "hrv_rmssd_ms": varies.rmssd_ms,
                "hrv_sdnn_ms": varies.sdnn_ms,
                **told,
            }


@dataclass(frozen=True)
class _Face:
    """What is kept of one face.

    Attributes:
        trace: Its last seconds.
        windows: Its open windows, by network.
        keep_s: It is forgotten this long after it was seen last.
    """

    trace: Trace
    windows: Mapping[Predictor, FaceWindows]
    keep_s: float

    def add(self, time_s: float, seen: SeenFace) -> None:
        """Take a frame of it."""
        self.trace.add(time_s, seen)
        for windows in self.windows.values():
            windows.push(time_s, seen.crop)

    def is_over(self, now_s: float) -> bool:
        """Whether nothing of it can be of use any more."""
        return self.trace.last_s < now_s - self.keep_s


def _typed(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=list(columns))
    return made.astype({column: KINDS.get(column, "float64") for column in made.columns})


def _check_span(start_s: float, end_s: float) -> None:
    if not 0 <= start_s < end_s:
        raise ValueError(f"expected 0 <= start_s < end_s, found {start_s:g} and {end_s:g}")


def _is_of_pictures(run: Path) -> bool:
    """Whether a folder holds a network of single pictures."""
    try:
        described(model_folder(run), FRAME_AFFECT)
    except BadInput:
        return False  # what does not fit is refused where it is loaded
    return True


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
