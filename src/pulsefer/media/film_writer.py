"""A film written frame by frame, every frame at its own time, with the sound of another."""

from __future__ import annotations

import math
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem
from pulsefer.core.files import whole_file
from pulsefer.media.sound import Sound

SUFFIXES: Final = (".mp4", ".mkv", ".mov")
CLOCK: Final = Fraction(1, 120_000)
"""Time base: a frame of 24, 25, 30, 50 or 60 Hz and of 24, 30 or 60/1.001 Hz is a whole number."""
LONE_S: Final = 0.04
"""How long a film of a single frame shows it."""


class FilmWriter:
    """Writes H.264 as the frames come; the file is there when all is well, and not before.

    The first frame is at 0 and every other as much later as its time says: the rate may vary. mkv
    rounds times to a millisecond and may begin all its streams some ms later, in step. Sound of
    the source is copied along and stays in step, too; see `Sound`.

    Choice: CRF 20, visually clean; x264's `superfast` with the looking ahead of `veryfast`, which
    gives files as small as that and takes two thirds of the time. BT.709 colours, said in the
    stream. No B-frames: a frame's place in the file is its place in time. A picture of odd width or
    height has its last column or row twice, for the colour of H.264 is stored for 2x2 pixels.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with FilmWriter(Path(folder) / "grey.mp4") as film:
        ...         for index in range(5):
        ...             film.write(index / 25, np.full((48, 64, 3), 128, np.uint8))
        ...     [path.name for path in Path(folder).iterdir()]
        ['grey.mp4']
    """

    def __init__(
        self,
        path: Path,
        *,
        sound_of: Path | None = None,
        end_s: float = math.inf,
        crf: int = 20,
        bit_exact: bool = True,
        on_problem: OnProblem | None = None,
    ) -> None:
        """Refuse at once what cannot be written.

        Args:
            path: ".mp4", ".mkv" or ".mov".
            sound_of: The film that the frames come from; their times are on its clock, as
                `video.frames` gives them.
            end_s: Sound from here on is left out, on the same clock.
            crf: Quality of x264: 0 loses nothing, 18 is visually clean, 23 its default.
            bit_exact: Leave out version strings and dates, so that equal frames give equal files.
            on_problem: Told where there is sound that cannot be had; without it the log is.

        Raises:
            BadInput: another suffix, or the path of the source.
        """
        if path.suffix.lower() not in SUFFIXES:
            raise BadInput(
                str(path),
                expected=f"a film that ends in {', '.join(SUFFIXES)}",
                found=repr(path.suffix) if path.suffix else "no suffix",
                remedy="give the output another name",
            )
        if sound_of is not None and path.exists() and path.samefile(sound_of):
            raise BadInput(
                str(path),
                expected="another file than the source",
                found="the source itself",
                remedy="give the output another name",
            )
        self.path = path
        self._sound_of, self._end_s, self._on_problem = sound_of, end_s, on_problem
        self._crf, self._bit_exact = crf, bit_exact
        self._open = ExitStack()
        self._part = path
        self._shape: tuple[int, ...] = ()
        self._origin_s = self._last_s = -math.inf
        self._film: Any = None
        self._stream: Any = None
        self._sound: Sound | None = None
        self._waiting: Any = None
        self._length = round(LONE_S / CLOCK)

    def __enter__(self) -> Self:
        """Itself, with a name beside the final one to write to."""
        self._part = self._open.enter_context(whole_file(self.path))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the film in its place; after an error leave nothing.

        Raises:
            BadInput: no frame was written.
        """
        if kind is not None:
            self._open.__exit__(kind, error, trace)
            return
        with self._open:
            self._finish()

    def write(self, time_s: float, image: NDArray[np.uint8]) -> None:
        """Add a frame.

        Args:
            time_s: Later than the one before.
            image: (H, W, 3) uint8, RGB, of the same size as the one before.

        Raises:
            BadInput: another size, or a time that is not later.
        """
        from av.video.reformatter import Colorspace

        if self._film is None:
            self._begin(time_s, image)
        if image.shape != self._shape or not time_s > self._last_s:
            raise BadInput(
                f"{self.path}, frame at {time_s:g} s",
                expected=f"{self._shape[1]}x{self._shape[0]} px after {self._last_s:g} s",
                found=f"{image.shape[1]}x{image.shape[0]} px at {time_s:g} s",
            )
        self._last_s = time_s
        height, width = image.shape[:2]
        self._canvas[:height, : 3 * width] = image.reshape(height, -1)
        if width % 2:
            self._canvas[:height, 3 * width : 3 * width + 3] = image[:, -1]
        if height % 2:
            self._canvas[height] = self._canvas[height - 1]
        picture = self._converter.reformat(
            self._picture, format="yuv420p", dst_colorspace=Colorspace.ITU709, threads=1
        )
        picture.pts, picture.time_base = round((time_s - self._origin_s) / CLOCK), CLOCK
        self._put(self._stream.encode(picture))
        self._put_sound(time_s - self._origin_s)

    def _begin(self, time_s: float, image: NDArray[np.uint8]) -> None:
        import av
        from av.video.reformatter import VideoReformatter

        self._origin_s, self._shape = time_s, image.shape
        self._converter = VideoReformatter()
        # One for all frames: to ask for the memory of each costs more than to fill it.
        even = [n + n % 2 for n in image.shape[:2]]
        self._picture = av.VideoFrame(even[1], even[0], "rgb24")
        plane: Any = self._picture.planes[0]
        self._canvas = np.frombuffer(plane, np.uint8).reshape(even[0], plane.line_size)
        if self._sound_of is not None:
            self._sound = self._open.enter_context(
                Sound(
                    self._sound_of,
                    origin_s=time_s,
                    end_s=self._end_s,
                    on_problem=self._on_problem,
                )
            )
        try:
            self._start(image)
        except (av.FFmpegError, ValueError) as error:
            # Most likely a stream of sound that the container does not take after all.
            if self._sound is None or not self._sound.give_up(error):
                raise
            self._start(image)

    def _start(self, image: NDArray[np.uint8]) -> None:
        """Open the film and write its header."""
        import av

        height, width = image.shape[:2]
        # The index of mp4 and mov goes to the front, so that they play while they load.
        options = {} if self.path.suffix.lower() == ".mkv" else {"movflags": "+faststart"}
        with ExitStack() as files:
            film: Any = files.enter_context(av.open(str(self._part), "w", options=options))
            stream: Any = film.add_stream("libx264", rate=30)
            stream.width, stream.height = width + width % 2, height + height % 2
            stream.pix_fmt = "yuv420p"
            codec = stream.codec_context
            codec.time_base = CLOCK
            codec.colorspace = codec.color_primaries = codec.color_trc = 1  # BT.709
            codec.color_range = 1  # 16 to 235
            stream.options = {
                "crf": str(self._crf),
                "preset": "superfast",
                "bf": "0",
                # As many everywhere: x264's rate control depends on it, and bytes have to repeat.
                # Two, so that whoever makes the frames does not wait for them to be written.
                "threads": "2",
                # Some SIMD code of x264 reads past its rows: equal frames, other bytes.
                "x264-params": "mbtree=1:rc-lookahead=10:cpu-independent=1",
            }
            if self._bit_exact:
                codec.flags |= av.codec.context.Flags.bitexact.value
                film.flags |= av.container.Flags.bitexact.value
            if self._sound is not None:
                self._sound.join(film, bit_exact=self._bit_exact)
            film.start_encoding()
            self._film, self._stream = film, stream
            self._open.push(files.pop_all())

    def _put(self, packets: list[Any]) -> None:
        """Write packets of the picture, each with its true length: until the next."""
        for packet in packets:
            if self._waiting is not None:
                self._length = packet.pts - self._waiting.pts
                self._put_waiting()
            self._waiting = packet

    def _put_waiting(self) -> None:
        self._waiting.duration = self._length
        self._film.mux(self._waiting)

    def _put_sound(self, time_s: float) -> None:
        if self._sound is not None:
            for packet in self._sound.until(time_s):
                self._film.mux(packet)

    def _finish(self) -> None:
        if self._film is None:
            raise BadInput(str(self.path), expected="at least one frame", found="none")
        self._put(self._stream.encode(None))
        self._put_waiting()  # the last frame is shown as long as the one before
        self._put_sound(math.inf)
