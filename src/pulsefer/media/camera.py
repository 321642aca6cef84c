"""Where live frames come from: a camera, a file played in real time, frames of one's own.

A source opens what it reads from when it is iterated, in the thread that iterates it, and lets go
of it there: some systems want a camera closed by the thread that opened it.
"""

from __future__ import annotations

import errno
import math
import operator
import re
import sys
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, SupportsIndex, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, Problem
from pulsefer.core.types import Frame
from pulsefer.media.thinning import Thinning
from pulsefer.media.video import frames, probe

FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
"""FFmpeg's word for cameras, by `sys.platform`."""
LISTING = Path("/sys/class/video4linux")
"""Where Linux says which cameras there are, and how they are called."""

PATIENCE_S = 10.0
"""A camera that shows nothing for so long has been unplugged, or may not be used."""
RETRY_S = 0.002
"""macOS has no picture yet: look again after so long."""
AGREE_S, AGREE_SHARE = 0.5, 0.01
"""A device's stamps may differ from the arrival of its pictures by so much, and by this share of
the time passed: two clocks drift."""
SMALL_PX = 640 * 480
"""Up to here USB cameras send raw pictures at full rate; larger ones are asked for as JPEG."""


@runtime_checkable
class FrameSource(Protocol):
    """Where frames come from."""

    @property
    def name(self) -> str:
        """Word for tables and messages."""

    @property
    def paced(self) -> bool:
        """Whether frames come in real time, so that they are dropped where the analysis is late."""

    @property
    def patience_s(self) -> float:
        """Without a frame for so long, it is over."""

    @property
    def problem(self) -> Problem | None:
        """Why it ended before its time, once it has."""

    def __iter__(self) -> Generator[Frame]:
        """Open it and yield frames in the order of their times, each when it is there.

        Raises:
            BadInput: it cannot be opened. Raised at once, not with the first frame.
        """

    def close(self) -> None:
        """Ask it to end, from any thread."""


Source = int | str | Path | FrameSource | Iterable[Frame] | Iterable[NDArray[np.uint8]]
"""What a person may give: a camera's number or name, a file, or frames."""


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """A camera that can be seen.

    Attributes:
        device: What to open, for example "/dev/video0" or "0".
        name: As its maker calls it.
    """

    device: str
    name: str

    def __str__(self) -> str:
        """For a message."""
        return f"{self.device} ({self.name})" if self.name != self.device else self.device


def cameras() -> list[CameraInfo]:
    """Cameras that can be seen, in the order of their numbers; none where the system is mute."""
    if sys.platform == "linux":
        found = [
            CameraInfo(f"/dev/{place.name}", _text(place / "name") or place.name)
            for place in LISTING.glob("video*")
            # A camera's other nodes carry its metadata, not its picture.
            if _text(place / "index") in ("", "0")
        ]
        return sorted(found, key=lambda camera: (len(camera.device), camera.device))
    import av

    listing = getattr(getattr(av, "device", None), "enumerate_input_devices", None)
    if listing is None or sys.platform not in FORMATS:
        return []
    try:
        devices = listing(FORMATS[sys.platform])
    except (av.FFmpegError, ValueError):
        return []
    return [
        CameraInfo(device.name, device.description or device.name)
        for device in devices
        if not device.media_types or "video" in device.media_types
    ]


class Clock:
    """Time since the first frame: by the device's stamps while they go with the arrivals.

    Choice: stamps say when a picture was taken, arrivals when this machine had time for it; so
    stamps are believed until one is missing, does not increase, or leaves the arrivals behind.
    From then on arrivals count: time never jumps back.

    >>> clock = Clock()
    >>> clock(7.0, now_s=100.0), clock(7.25, now_s=100.375), clock(7.25, now_s=100.5)
    (0.0, 0.25, 0.375)
    """

    def __init__(self) -> None:
        self._first: tuple[float | None, float] | None = None
        self._last_s, self._last_now_s = 0.0, 0.0
        self._trusted = True

    def __call__(self, stamp_s: float | None, *, now_s: float) -> float:
        """Time of a frame.

        Args:
            stamp_s: The device's own, on whatever clock; None where it has none.
            now_s: Of its arrival, on a clock that never goes back.

        Returns:
            Seconds since the first frame, more than any before.
        """
        if self._first is None:
            self._first, self._last_now_s = (stamp_s, now_s), now_s
            return 0.0
        first_s, first_now_s = self._first
        passed_s = now_s - first_now_s
        time_s = math.nan
        if self._trusted and first_s is not None and stamp_s is not None:
            time_s = stamp_s - first_s
        self._trusted = (
            time_s > self._last_s and abs(time_s - passed_s) <= AGREE_S + AGREE_SHARE * passed_s
        )
        if not self._trusted:
            time_s = self._last_s + max(now_s - self._last_now_s, 1e-6)
        self._last_s, self._last_now_s = time_s, now_s
        return self._last_s


class Camera:
    """A camera of this machine.

    Args:
        device: Its number, its name, or its path under /dev.
        fps_hz: Frames per second that are asked for; the camera has the last word.
        size_px: Width and height that are asked for; None takes what the camera likes.
        at_most_hz: Of a faster camera, some pictures are passed over, as of a file. None uses all.
    """

    def __init__(
        self,
        device: int | str = 0,
        *,
        fps_hz: float = 30.0,
        size_px: tuple[int, int] | None = (640, 480),
        at_most_hz: float | None = None,
    ) -> None:
        self.device, self.fps_hz, self.size_px = str(device), fps_hz, size_px
        self.at_most_hz = at_most_hz
        self.paced, self.patience_s = True, PATIENCE_S
        self.problem: Problem | None = None
        self._closed = threading.Event()

    @property
    def name(self) -> str:
        """With the word camera, for a number alone says nothing."""
        return f"camera {self.device}"

    def close(self) -> None:
        """End after the frame that is on its way."""
        self._closed.set()

    def __iter__(self) -> Generator[Frame]:
        """Open the camera.

        Raises:
            BadInput: there is none, it is busy, or it may not be used.
        """
        return self._frames(self._open())

    def _frames(self, container: Any) -> Generator[Frame]:
        import av
        from av.video.reformatter import VideoReformatter

        clock, converter = Clock(), VideoReformatter()
        with container:
            stream = container.streams.video[0]
            # More threads would hold frames back.
            stream.thread_type = "NONE"
            stream.codec_context.thread_count = 1
            wanted, index = Thinning(self.at_most_hz), -1
            try:
                for picture in self._pictures(container, stream):
                    index += 1
                    stamp_s = None
                    if picture.pts is not None and picture.time_base:
                        stamp_s = float(picture.pts * picture.time_base)
                    time_s = clock(stamp_s, now_s=time.perf_counter())
                    if wanted(time_s):
                        rgb: Any = converter.reformat(picture, format="rgb24", threads=1)
                        yield Frame(index, time_s, rgb.to_ndarray())
            except av.FFmpegError as error:
                self.problem = self._gone(str(error.strerror), index + 1)
                return
            if not self._closed.is_set():
                self.problem = self._gone("its end", index + 1)

    def _pictures(self, container: Any, stream: Any) -> Iterator[Any]:
        while not self._closed.is_set():
            try:
                for picture in container.decode(stream):
                    if self._closed.is_set():
                        return
                    yield picture
            except BlockingIOError:
                # macOS instead of waiting; the decoder's generator has ended with it.
                self._closed.wait(RETRY_S)
            else:
                return

    def _gone(self, found: str, n_frames: int) -> Problem:
        return Problem(
            self.name,
            expected="pictures until it is closed",
            found=f"{n_frames}, then: {found}",
            remedy="plug it in again and start anew",
        )

    def _open(self) -> Any:
        import av

        if sys.platform not in FORMATS:
            raise BadInput(
                self.name,
                expected=f"a system whose cameras FFmpeg reads: {', '.join(FORMATS)}",
                found=sys.platform,
                remedy="give an iterator of frames",
            )
        form, place = FORMATS[sys.platform], self._place()
        wishes = list(self._wishes(form))
        for options in wishes:
            try:
                return av.open(place, format=form, options=dict(options))
            except (av.FFmpegError, OSError) as error:
                # A size or rate that it has not: the next wish asks for less.
                if options is not wishes[-1] and error.errno in (errno.EIO, errno.EINVAL):
                    continue
                raise self._refused(error.errno, str(error.strerror)) from error
        raise AssertionError("the last wish has been tried")

    def _place(self) -> str:
        """What FFmpeg wants to hear for a number, a name or a path."""
        seen = cameras()
        is_number = self.device.isdecimal()
        if sys.platform == "linux":
            by_name = [camera.device for camera in seen if camera.name == self.device]
            return f"/dev/video{self.device}" if is_number else (by_name or [self.device])[0]
        if sys.platform == "win32":
            named = self.device
            if is_number and int(named) < len(seen):
                named = seen[int(named)].device
            return named if named.startswith("video=") else f"video={named}"
        return self.device

    def _wishes(self, form: str) -> Iterator[Mapping[str, str]]:
        """Options, the most wanted first."""
        # Nothing is held back: a late picture is worth nothing.
        quick = {"fflags": "nobuffer", "flags": "low_delay"}
        rate = {"framerate": f"{self.fps_hz:g}"}
        if self.size_px:
            width_px, height_px = self.size_px
            size = {"video_size": f"{width_px}x{height_px}"}
            if form == "v4l2" and width_px * height_px > SMALL_PX:
                yield {**quick, **rate, **size, "input_format": "mjpeg"}
            yield {**quick, **rate, **size}
        yield {**quick, **rate}
        yield quick

    def _refused(self, code: int | None, words: str) -> BadInput:
        allow = {
            "linux": "add yourself to the group `video`, or give a container "
            "`--device /dev/video0`",
            "darwin": "allow it under System Settings, Privacy & Security, Camera, for the "
            "terminal or app that starts this",
            "win32": "allow it under Settings, Privacy & security, Camera, for desktop apps",
        }[sys.platform]
        seen = cameras()
        listed = ", ".join(map(str, seen)) or "no camera"
        if code in (errno.EACCES, errno.EPERM):
            found, remedy = "one that may not be used", allow
        elif code == errno.EBUSY:
            found, remedy = "one that is in use", "close the program that films with it"
        elif code in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or not seen:
            found = f"none of that name; to be seen: {listed}"
            remedy = f"plug one in, {allow}" if not seen else "give one of these"
        else:
            found = f"{words}; to be seen: {listed}"
            remedy = f"close other programs that film; {allow}"
        return BadInput(self.name, expected="a camera that opens", found=found, remedy=remedy)


class Played:
    """A file in real time: each frame when its time has come.

    Args:
        path: Any video that FFmpeg reads.
        at_most_hz: Frames used per second, as for a file that is analysed. None uses all.
        pace: False gives them as fast as they are taken.
    """

    def __init__(
        self, path: Path | str, *, at_most_hz: float | None = None, pace: bool = True
    ) -> None:
        self.path, self.at_most_hz, self.paced = Path(path), at_most_hz, pace
        self.patience_s = math.inf
        self.problem: Problem | None = None
        self._closed = threading.Event()

    @property
    def name(self) -> str:
        """The file's."""
        return self.path.name

    def close(self) -> None:
        """End at once, also while waiting for a frame's time."""
        self._closed.set()

    def __iter__(self) -> Generator[Frame]:
        """Open the file.

        Raises:
            BadInput: not a video.
        """
        probe(self.path)
        stream = frames(self.path, at_most_hz=self.at_most_hz or math.inf, on_problem=self._broken)
        return _paced(stream, self._closed) if self.paced else _until(stream, self._closed)

    def _broken(self, problem: Problem) -> None:
        self.problem = problem


class Given:
    """Frames of one's own, each with its time or timed when it comes.

    A `Frame` carries its time, and is held back until that time has come: so a list plays in real
    time, and what films in real time is not held back. A bare (H, W, 3) uint8 array is copied, for
    whoever films may use its memory again, and gets the time of its arrival.

    Args:
        items: Frames or arrays.
        pace: False gives frames as fast as they are taken.
    """

    name = "frames"
    patience_s = math.inf
    problem = None

    def __init__(self, items: Iterable[Any], *, pace: bool = True) -> None:
        self.items, self.paced = items, pace
        self._closed = threading.Event()

    def close(self) -> None:
        """End before the next frame; one that is being waited for is waited for in vain."""
        self._closed.set()

    def __iter__(self) -> Generator[Frame]:
        """Begin with the iterable.

        Raises:
            BadInput: later, an item that is no frame.
        """
        stream = self._frames(iter(self.items))
        return _paced(stream, self._closed) if self.paced else _until(stream, self._closed)

    def _frames(self, items: Iterator[Any]) -> Generator[Frame]:
        clock = Clock()
        for index, item in enumerate(items):
            if isinstance(item, Frame):
                yield item
                continue
            if not isinstance(item, np.ndarray):
                raise BadInput(
                    f"frame {index}",
                    expected="a Frame or an array (H, W, 3) of uint8",
                    found=type(item).__name__,
                    remedy="for example Frame(index, time_s, image)",
                )
            if not self.paced or isinstance(self.items, Sequence | np.ndarray):
                raise BadInput(
                    f"frame {index}",
                    expected="a time of its own, for it is not filmed while it is taken",
                    found="an array",
                    remedy="give Frame(index, time_s, image)",
                )
            yield Frame(index, clock(None, now_s=time.perf_counter()), item.copy())


def source_of(given: Source, *, pace: bool = True, at_most_hz: float | None = None) -> FrameSource:
    """What a person means by 0, "1", "USB Camera", "interview.mp4", or frames.

    Args:
        given: A number is a camera; a text is a file if there is one of this name, else a camera.
        pace: In real time. A camera knows no other.
        at_most_hz: Frames used per second of cameras and files. None uses all.

    Returns:
        A source; nothing is opened yet.

    Raises:
        BadInput: neither file nor camera.
    """
    if isinstance(given, SupportsIndex) and not isinstance(given, np.ndarray):
        return Camera(operator.index(given), at_most_hz=at_most_hz)
    if isinstance(given, Path):
        return Played(given, at_most_hz=at_most_hz, pace=pace)
    if isinstance(given, str):
        if given.isdecimal() or re.match(r"/dev/|video=", given):
            return Camera(given, at_most_hz=at_most_hz)
        seen = cameras()
        if not Path(given).is_file():
            if given in [word for camera in seen for word in (camera.device, camera.name)]:
                return Camera(given, at_most_hz=at_most_hz)
            listed = "; cameras: " + ", ".join(map(str, seen)) if seen else " and no camera"
            raise BadInput(
                given,
                expected="a video file, or the number or name of a camera",
                found=f"no such file{listed}",
                remedy="check the path; the first camera is 0",
            )
        return Played(given, at_most_hz=at_most_hz, pace=pace)
    if isinstance(given, FrameSource):
        return given
    if isinstance(given, Iterable):
        return Given(given, pace=pace)
    raise BadInput(
        "source",
        expected="a camera's number or name, a file, or an iterable of frames",
        found=type(given).__name__,
    )


def _paced(stream: Iterator[Frame], closed: threading.Event) -> Generator[Frame]:
    """Each frame when its time has come, counted from the first."""
    begin_s = math.nan
    for frame in stream:
        now_s = time.perf_counter()
        if math.isnan(begin_s):
            begin_s = now_s - frame.time_s
        if closed.wait(begin_s + frame.time_s - now_s):
            return
        yield frame


def _until(stream: Iterator[Frame], closed: threading.Event) -> Generator[Frame]:
    for frame in stream:
        if closed.is_set():
            return
        yield frame


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""
