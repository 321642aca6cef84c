"""The sound of one film in another: copied packet by packet, cut, and moved to the new clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pulsefer.core.errors import BadInput, OnProblem, Problem, log_problem
from pulsefer.media.container import film_stream, open_container

AAC_RATES_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Samples per second that every player of AAC knows."""


class Sound:
    """The sound of a file on its way into a film that is being written.

    Packets are copied as they are: nothing is lost, and it costs next to nothing. Where the new
    container cannot take their codec they are encoded as AAC.

    Choice: at a cut, packets that begin before it are left out. So the first 20 ms or so of a film
    that begins later than its source are silent, and nothing is heard that was not asked for.

    Where stamps of the source leap so far that `video.frames` does not follow them, sound after the
    leap is out of step.
    """

    def __init__(
        self, path: Path, *, origin_s: float, end_s: float, on_problem: OnProblem | None = None
    ) -> None:
        """Open the file once more: somebody else reads its frames.

        Args:
            path: A film, with sound or without.
            origin_s: Where the new film begins, on the clock whose 0 is the first frame of the old.
            end_s: Sound that begins here or later is left out, on the same clock.
            on_problem: Told where there is sound that cannot be had; without it the log is.
        """
        import av

        self._where = str(path)
        self._tell = on_problem or log_problem
        self._origin_s, self._length_s = origin_s, end_s - origin_s
        self._files = ExitStack()
        self._source: Any = None
        self._target: Any = None
        self._encodes = False
        self._next: Any = None
        self._packets: Iterator[Any] = iter(())
        try:
            first_s = _first_frame_s(path)
            container = self._files.enter_context(open_container(path))
            self._source = container.streams.best("audio")
        except (av.FFmpegError, BadInput) as error:
            self._give_up(error)
        if self._source is not None:
            self._shift = round((first_s + origin_s) / self._source.time_base)
            self._packets = container.demux(self._source)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._files.close()

    def join(self, film: Any, *, bit_exact: bool) -> None:
        """Give a film a stream for this sound, if there is any.

        Args:
            film: An output container of PyAV whose header is not written yet.
            bit_exact: Whether an encoder has to leave out its version.
        """
        import av

        if self._source is None:
            return
        codec = self._source.codec_context
        self._encodes = codec.name not in film.supported_codecs
        if not self._encodes:
            self._target = film.add_stream_from_template(self._source)
            return
        rate_hz = codec.sample_rate if codec.sample_rate in AAC_RATES_HZ else 48000
        layout = "mono" if codec.layout.nb_channels == 1 else "stereo"
        self._target = film.add_stream("aac", rate=rate_hz, layout=layout)
        if bit_exact:
            self._target.codec_context.flags |= av.codec.context.Flags.bitexact.value

    def until(self, time_s: float) -> Iterator[Any]:
        """What comes next of the sound.

        Args:
            time_s: Up to here, on the clock of the new film; infinity is all the rest.

        Yields:
            Packets for the new film.
        """
        import av

        try:
            while self._target is not None:
                if self._next is None:
                    self._next = self._following()
                if self._next is None or self._start_s(self._next) >= self._length_s:
                    if self._encodes:
                        yield from self._target.encode(None)
                    self._target = None
                elif self._start_s(self._next) > time_s:
                    return
                else:
                    packet, self._next = self._next, None
                    yield from self._made(packet)
        except av.FFmpegError as error:
            self._give_up(error)

    def give_up(self, why: Exception) -> bool:
        """Go on without sound, and say so.

        Returns:
            Whether there was any.
        """
        had = self._source is not None
        if had:
            self._give_up(why)
        return had

    def _following(self) -> Any:
        """The next packet that the new film wants, on its clock; None at the end."""
        for packet in self._packets:
            if packet.dts is None or packet.pts is None:
                continue  # the mark of the end
            packet.pts -= self._shift
            packet.dts -= self._shift
            # From a film's own beginning everything is taken: a codec may need what lies before 0.
            if self._origin_s <= 0 or packet.pts >= 0:
                return packet
        return None

    def _start_s(self, packet: Any) -> float:
        return float(packet.pts * packet.time_base)

    def _made(self, packet: Any) -> Iterator[Any]:
        if not self._encodes:
            packet.stream = self._target
            yield packet
            return
        for sound in packet.decode():
            yield from self._target.encode(sound)

    def _give_up(self, why: Exception) -> None:
        self._source = self._target = None
        said = why.problem.found if isinstance(why, BadInput) else getattr(why, "strerror", None)
        self._tell(
            Problem(
                self._where,
                expected="sound that can be copied",
                found=str(said or why),
                remedy="the film is written; from here on it is silent",
                severity="warning",
            )
        )


def _first_frame_s(path: Path) -> float:
    """Stamp of the first frame that decodes, which `video.frames` calls 0; in AVI that is none."""
    import av

    with open_container(path) as container:
        if "avi" in container.format.name.split(","):
            return 0.0
        stream = film_stream(path, container)
        for packet in container.demux(stream):
            with suppress(av.FFmpegError):
                for picture in packet.decode():
                    if picture.pts is not None:
                        return float(picture.pts * stream.time_base)
    return 0.0
