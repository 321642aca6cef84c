"""Video as a stream of RGB frames with times. One place converts colour; nothing is held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.files import whole_file
from pulsefer.core.types import Frame
from pulsefer.media.container import film_stream, first_rate_hz, open_container
from pulsefer.media.upright import AS_STORED, Turn, turn_of, upright

MAX_PIXELS = 7680 * 4320
"""Larger pictures are refused: a hostile header must not take all the memory."""

MIN_FPS_HZ, MAX_FPS_HZ = 0.1, 300.0
"""A rate beyond is not believed: 1000 and 90000 are units of time, and one damaged stamp makes the
mean of a whole film next to nothing."""

MAX_GAP_S = 3600.0
"""A stamp may be this much later than the one before. A damaged one would make a table of years."""

N_PASSED_OVER = 100
"""So many pictures that do not decode are passed over to see how the first one stands."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container says of its video stream: the first that is not a cover picture.

    Attributes:
        width_px: Width of the picture, turned upright as `frames` yields it.
        height_px: Height of the same.
        fps_hz: Average frame rate of the stream. Where the header has none that can be believed,
            the stamps at the beginning tell.
        n_frames: Frames the container claims; 0 where it does not say. The decoder has the last
            word.
        duration_s: Seconds the container claims; NaN where it does not say.
        codec: "h264", for example.
        container: "avi", "mov,mp4,m4a,3gp,3g2,mj2".
        has_times: Whether the file's own time stamps can be believed. AVI has none.
        pixel_aspect: Width of a pixel over its height, 1 is square. Choice: pixels stay as they
            are stored, and a face that they squeeze stays squeezed: a network must see what it
            learned from, and data sets are stored so.
    """

    width_px: int
    height_px: int
    fps_hz: float
    n_frames: int
    duration_s: float
    codec: str
    container: str
    has_times: bool
    pixel_aspect: float = 1.0


def probe(path: Path) -> VideoInfo:
    """Read the header, and how the first picture stands.

    Raises:
        BadInput: no such file, not a video, or no frame rate.
    """
    with open_container(path) as container:
        stream = film_stream(path, container)
        info = _info(path, container, stream)
        if _first_turn(container, stream).swaps:
            return replace(
                info,
                width_px=info.height_px,
                height_px=info.width_px,
                pixel_aspect=1.0 / info.pixel_aspect,
            )
        return info


def frames(
    path: Path,
    *,
    every: int = 1,
    at_most_hz: float = math.inf,
    fps_hz: float | None = None,
    start_s: float = 0.0,
    end_s: float = math.inf,
    on_problem: OnProblem | None = None,
    threads: int = 0,
) -> Iterator[Frame]:
    """Decode in order; hold one frame at a time.

    Time is index / rate for AVI, whose stamps cannot be believed (H.264 with B-frames in AVI
    counts 1, 4, 3, 5, 2), and for any file where `fps_hz` is given; elsewhere it is the file's
    own stamp, from the first frame, as long as it is finite, increases, and leaps by no more than
    `MAX_GAP_S`.

    Choice: pictures are turned as the file says (phones film lying down and write which way is
    up); of an interlaced frame both fields stay; what is transparent loses its transparency;
    colours of HDR are brought to 8 bits as they are, so they look pale.

    Args:
        path: Any container that FFmpeg reads. Nothing else is opened: no playlist's parts, no net.
        every: Yield frames 0, every, 2 every ...; the others are decoded but not converted.
        at_most_hz: Thin by time instead, where frames do not come evenly: of those that come
            faster, use the ones nearest to 1 / `at_most_hz` after the last one used. With an even
            rate that is the same as `every=round(rate / at_most_hz)`.
        fps_hz: The rate to believe instead of the file's.
        start_s: First time wanted. Decoding starts at the beginning all the same: frame numbers
            stay true and no seek can land on the wrong picture.
        end_s: Frames at this time and later are not wanted.
        on_problem: Told once, when it is over, of frames that do not decode: they are passed over,
            each keeps its number and its time. Without it the first of them is raised.
        threads: Decoder threads; 0 lets FFmpeg choose.

    Yields:
        Frames, (H, W, 3) uint8 RGB.

    Raises:
        BadInput: not a video; no frame could be decoded; or, without `on_problem`, a frame that
            does not decode.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, found {every}")
    if not at_most_hz > 0:
        raise ValueError(f"at_most_hz must be positive, found {at_most_hz}")
    import av
    from av.video.reformatter import VideoReformatter

    with open_container(path) as container:
        stream = film_stream(path, container)
        info = _info(path, container, stream)
        # One for all frames: a picture converted by itself sets up tables and threads anew, which
        # takes five times as long as the conversion.
        converter = VideoReformatter()
        stream.thread_type = "AUTO" if threads != 1 else "NONE"
        stream.codec_context.thread_count = threads
        clock = _Clock(
            fps_hz or info.fps_hz, None if fps_hz or not info.has_times else stream.time_base
        )
        losses = _Losses(path, info.n_frames)
        turn: Turn | None = None
        used_s, index = -math.inf, -1
        for picture in _decoded(container, stream):
            index += 1
            if isinstance(picture, av.FFmpegError):
                losses.add(index, picture)
                if on_problem is None:
                    raise losses.bad_input()
                continue
            losses.last_whole = index
            turn = turn or turn_of(picture)
            before_s = clock.now_s
            stamp = clock.tick(index, picture.pts)
            if stamp >= end_s:
                break
            # The next frame comes about as much later as this one came: whichever is nearer.
            ahead_s = (stamp - before_s) / 2 if index else 0.0
            if index % every or stamp + ahead_s < used_s + 1.0 / at_most_hz:
                continue
            used_s = stamp
            if stamp >= start_s:
                rgb: Any = converter.reformat(picture, format="rgb24", threads=1)
                try:
                    yield Frame(index, stamp, upright(rgb.to_ndarray(), turn))
                except GeneratorExit:  # whoever has seen enough is told of what was lost so far
                    break
        if losses.last_whole < 0:
            raise losses.bad_input()
        if losses.n_lost and on_problem is not None:
            on_problem(losses.problem())


def encode(
    path: Path,
    images: Iterable[NDArray[np.uint8]],
    *,
    fps_hz: float,
    crf: int = 18,
    preset: Literal["ultrafast", "veryfast", "medium"] = "veryfast",
    bit_exact: bool = True,
) -> int:
    """Write H.264, yuv420p, into the container that the suffix names.

    Args:
        path: ".avi", ".mp4", ".mkv", ".mov".
        images: (H, W, 3) uint8 RGB, all of one even size.
        fps_hz: Frame rate.
        crf: Quality of x264: 0 loses nothing, 18 is visually clean, 23 its default.
        preset: Speed of x264.
        bit_exact: Leave out version strings and dates, so that equal frames give equal files.

    Returns:
        Number of frames written.

    Raises:
        ValueError: no frames, or odd or changing size.
    """
    import av

    n_written = 0
    container: Any
    stream: Any = None
    with whole_file(path) as part, av.open(str(part), "w") as container:
        for image in images:
            if stream is None:
                height, width = image.shape[:2]
                if height % 2 or width % 2:
                    raise ValueError(f"yuv420p needs an even size, found {width}x{height}")
                rate = Fraction(fps_hz).limit_denominator(100_000)
                stream = container.add_stream("libx264", rate=rate)
                stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                # One thread: x264's rate control depends on their number, and bytes have to repeat.
                stream.options = {
                    "crf": str(crf),
                    "preset": preset,
                    "threads": "1",
                    # Some SIMD code of x264 reads past its rows: equal frames, other bytes.
                    "x264-params": "cpu-independent=1",
                }
                if bit_exact:
                    stream.codec_context.flags |= av.codec.context.Flags.bitexact.value
                    container.flags |= av.container.Flags.bitexact.value
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(picture))
            n_written += 1
        if stream is None:
            raise ValueError("a video needs at least one frame, found none")
        container.mux(stream.encode())
    return n_written


def _info(path: Path, container: Any, stream: Any) -> VideoInfo:
    has_times = "avi" not in container.format.name.split(",")
    rate = float(stream.average_rate or stream.guessed_rate or stream.base_rate or 0.0)
    if has_times and not MIN_FPS_HZ <= rate <= MAX_FPS_HZ:
        rate = first_rate_hz(path) or rate
    if not rate:
        raise BadInput(str(path), expected="a frame rate", found="none in the header")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise BadInput(
            str(path),
            expected=f"at most {MAX_PIXELS} pixels a frame",
            found=f"{context.width}x{context.height}",
        )
    return VideoInfo(
        width_px=context.width,
        height_px=context.height,
        fps_hz=rate,
        n_frames=int(stream.frames or 0),
        duration_s=_duration_s(container, stream),
        codec=context.name,
        container=container.format.name,
        has_times=has_times,
        pixel_aspect=float(stream.sample_aspect_ratio or 1.0),
    )


def _duration_s(container: Any, stream: Any) -> float:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska's own length is that of the longest stream; sound may go on after the film.
    try:
        hours, minutes, seconds = stream.metadata.get("DURATION", "").split(":")
        return 3600.0 * int(hours) + 60.0 * int(minutes) + float(seconds)
    except ValueError:
        return container.duration / 1e6 if container.duration else math.nan


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    """Every picture, and in place of one that does not decode the error."""
    import av

    # A picture may grow on the way; the header's size says nothing about that.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    packets, has_come = container.demux(stream), True
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except av.FFmpegError as error:
            yield error
            if not has_come:
                return
            packets, has_come = container.demux(stream), False
            continue
        has_come = True
        try:
            yield from packet.decode()
        except av.FFmpegError as error:
            yield error


class _Clock:
    """Time of every frame, strictly increasing.

    Args:
        rate_hz: Where stamps are missing or wrong, frames come at this rate.
        time_base: Seconds per unit of the file's stamps; None counts frames instead.
    """

    def __init__(self, rate_hz: float, time_base: Fraction | None) -> None:
        self.rate_hz = rate_hz
        self.time_base = time_base
        self.first_s = math.nan
        self.now_s = -math.inf

    def tick(self, index: int, pts: int | None) -> float:
        """Seconds from the first frame to this one."""
        stamp = index / self.rate_hz
        if self.time_base is not None and pts is not None:
            own_s = float(pts * self.time_base)
            self.first_s = own_s if math.isnan(self.first_s) else self.first_s
            stamp = own_s - self.first_s
        elif math.isfinite(self.first_s):
            stamp = self.now_s  # the others have stamps: the count is another clock
        if math.isfinite(self.now_s) and not self.now_s < stamp <= self.now_s + MAX_GAP_S:
            stamp = self.now_s + 1.0 / self.rate_hz
        self.now_s = stamp
        return stamp


class _Losses:
    """Frames that do not decode, counted."""

    def __init__(self, path: Path, n_claimed: int) -> None:
        self.path = path
        self.n_claimed = n_claimed
        self.n_lost = 0
        self.first_lost = self.last_whole = -1
        self.error: Any = None

    def add(self, index: int, error: Any) -> None:
        self.n_lost += 1
        if self.error is None:
            self.first_lost, self.error = index, error

    def problem(self) -> Problem:
        reason = str(self.error.strerror) if self.error is not None else ""
        if self.last_whole < 0:
            return Problem(
                str(self.path),
                expected="at least one frame",
                found="none that decodes" + (f": {reason}" if reason else ""),
                remedy="the file is empty, cut or locked; copy it again",
            )
        found = f"{self.last_whole + 1}, then: {reason}"
        if self.last_whole > self.first_lost:
            found = f"{self.n_lost} that do not decode, from frame {self.first_lost} on: {reason}"
        return Problem(
            str(self.path),
            expected=f"{self.n_claimed or 'more'} frames",
            found=found,
            remedy="the file is cut or damaged; copy it again",
        )

    def bad_input(self) -> BadInput:
        problem = self.problem()
        bad = BadInput(
            problem.where,
            expected=problem.expected,
            found=problem.found,
            remedy=problem.remedy,
        )
        bad.__cause__ = self.error
        return bad


def _first_turn(container: Any, stream: Any) -> Turn:
    """How the first picture that decodes stands; as stored where none does."""
    import av

    for picture in islice(_decoded(container, stream), N_PASSED_OVER):
        if not isinstance(picture, av.FFmpegError):
            return turn_of(picture)
    return AS_STORED
