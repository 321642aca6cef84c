"""Video as a stream of RGB frames with times. One place converts colour; nothing is held."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.core.files import whole_file
from pulsefer.core.types import Frame

MAX_PIXELS = 7680 * 4320
"""Larger pictures are refused: a hostile header must not take all the memory."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container says of its first video stream.

    Attributes:
        width_px: Width of the stored picture.
        height_px: Height of the stored picture.
        fps_hz: Average frame rate of the stream.
        n_frames: Frames the container claims; 0 where it does not say. The decoder has the last
            word.
        duration_s: Seconds the container claims; NaN where it does not say.
        codec: "h264", for example.
        container: "avi", "mov,mp4,m4a,3gp,3g2,mj2".
        has_times: Whether the file's own time stamps can be believed. AVI has none.
    """

    width_px: int
    height_px: int
    fps_hz: float
    n_frames: int
    duration_s: float
    codec: str
    container: str
    has_times: bool


def probe(path: Path) -> VideoInfo:
    """Read the header.

    Raises:
        BadInput: no such file, not a video, or no frame rate.
    """
    with _open(path) as container:
        return _info(path, container)


def frames(
    path: Path,
    *,
    every: int = 1,
    fps_hz: float | None = None,
    start_s: float = 0.0,
    end_s: float = math.inf,
    on_problem: OnProblem | None = None,
    threads: int = 0,
) -> Iterator[Frame]:
    """Decode in order; hold one frame at a time.

    Time is index / rate for AVI, whose stamps cannot be believed (H.264 with B-frames in AVI
    counts 1, 4, 3, 5, 2), and for any file where `fps_hz` is given; elsewhere it is the file's
    own stamp, from the first frame, as long as it is finite and increases.

    Args:
        path: Any container that FFmpeg reads.
        every: Yield frames 0, every, 2 every ...; the others are decoded but not converted.
        fps_hz: The rate to believe instead of the file's.
        start_s: First time wanted. Decoding starts at the beginning all the same: frame numbers
            stay true and no seek can land on the wrong picture.
        end_s: Frames at this time and later are not wanted.
        on_problem: Told when decoding breaks off after the first frame (a truncated file). Without
            it the break is raised.
        threads: Decoder threads; 0 lets FFmpeg choose.

    Yields:
        Frames, (H, W, 3) uint8 RGB.

    Raises:
        BadInput: not a video; no frame could be decoded; or, without `on_problem`, a break.
    """
    if every < 1:
        raise ValueError(f"every must be at least 1, found {every}")
    import av
    from av.video.reformatter import VideoReformatter

    with _open(path) as container:
        info = _info(path, container)
        # One for all frames: a picture converted by itself sets up tables and threads anew, which
        # takes five times as long as the conversion.
        converter = VideoReformatter()
        stream = container.streams.video[0]
        stream.thread_type = "AUTO" if threads != 1 else "NONE"
        stream.codec_context.thread_count = threads
        rate = fps_hz or info.fps_hz
        by_index = fps_hz is not None or not info.has_times
        first_s, last_s, index = math.nan, -math.inf, -1
        try:
            for picture in container.decode(stream):
                index += 1
                stamp = index / rate
                if not by_index and picture.pts is not None:
                    own = float(picture.pts * stream.time_base)
                    first_s = own if index == 0 else first_s
                    stamp = own - first_s
                if not math.isfinite(stamp) or stamp <= last_s:
                    stamp = max(last_s, 0.0) + 1.0 / rate
                last_s = stamp
                if stamp >= end_s:
                    return
                if index % every == 0 and stamp >= start_s:
                    rgb: Any = converter.reformat(picture, format="rgb24", threads=1)
                    yield Frame(index, stamp, rgb.to_ndarray())
        except av.FFmpegError as error:
            broken = Problem(
                str(path),
                expected=f"{info.n_frames or 'more'} frames",
                found=f"{index + 1}, then: {error.strerror}",
                remedy="the file is cut or damaged; copy it again",
            )
            if index < 0 or on_problem is None:
                raise BadInput(
                    broken.where,
                    expected=broken.expected,
                    found=broken.found,
                    remedy=broken.remedy,
                ) from error
            on_problem(broken)
            return
        if index < 0:
            raise BadInput(
                str(path),
                expected="at least one frame",
                found="none that decodes",
                remedy="the file is empty or cut; copy it again",
            )


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


def _open(path: Path) -> Any:
    import av

    if not path.is_file():
        raise BadInput(
            str(path), expected="a video file", found="no such file", remedy="check the path"
        )
    try:
        # Local files only: a playlist must not make the decoder fetch something.
        return av.open(str(path), options={"protocol_whitelist": "file"}, metadata_errors="ignore")
    except av.FFmpegError as error:
        raise BadInput(
            str(path),
            expected="a video that FFmpeg can read",
            found=str(error.strerror),
            remedy="play it in a media player to see whether the copy is whole",
        ) from error


def _info(path: Path, container: Any) -> VideoInfo:
    if not container.streams.video:
        raise BadInput(str(path), expected="a video stream", found="none")
    stream = container.streams.video[0]
    rate = stream.average_rate or stream.guessed_rate or stream.base_rate
    if not rate:
        raise BadInput(str(path), expected="a frame rate", found="none in the header")
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise BadInput(
            str(path),
            expected=f"at most {MAX_PIXELS} pixels a frame",
            found=f"{context.width}x{context.height}",
        )
    duration_s = math.nan
    if stream.duration and stream.time_base:
        duration_s = float(stream.duration * stream.time_base)
    elif container.duration:
        duration_s = container.duration / 1e6
    return VideoInfo(
        width_px=context.width,
        height_px=context.height,
        fps_hz=float(rate),
        n_frames=int(stream.frames or 0),
        duration_s=duration_s,
        codec=context.name,
        container=container.format.name,
        has_times="avi" not in container.format.name.split(","),
    )
