"""A file opened by FFmpeg, or the reason why there is no film in it. Nothing else is opened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice, pairwise
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from pulsefer.core.errors import BadInput

N_FIRST = 250
"""So many packets tell the rate where the header does not."""
PICTURES = ("ico", "image2")
"""Names under which FFmpeg opens a picture, beside those that end in `_pipe`."""
ANIMATED = ("gif", "apng")
"""A picture or a film; the number of frames tells."""
KINDS = {"audio": "sound", "video": "a cover picture", "subtitle": "subtitles"}
"""FFmpeg's words for streams, and ours."""


@contextmanager
def open_container(path: Path) -> Iterator[Any]:
    """Open a file as an `av.container.InputContainer`, and close it.

    Raises:
        BadInput: no such file, no right to read it, or nothing that FFmpeg knows.
    """
    import av

    if not path.is_file():
        raise BadInput(
            str(path), expected="a video file", found=_not_a_file(path), remedy="check the path"
        )
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadInput(
            str(path),
            expected="a video file",
            found=f"one that cannot be opened: {error.strerror}",
            remedy="check who may read it",
        ) from error
    with file:
        head = file.read(2048)
        file.seek(0)
        try:
            # The file is open already, and there is no way to open another: what a playlist or an
            # index names stays shut, be it on the disk or in the net. It has no name either: what
            # is inside tells what it is. Not `options`, which older PyAV also gives to streams
            # that are not there yet (FLV), and crashes.
            container = av.open(
                SimpleNamespace(read=file.read, seek=file.seek, tell=file.tell),
                container_options={"protocol_whitelist": "none"},
                metadata_errors="ignore",
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            found, remedy = _looks_like(head)
            raise BadInput(
                str(path),
                expected="a video that FFmpeg can read",
                found=found or str(getattr(error, "strerror", error)),
                remedy=remedy,
            ) from error
        with container:
            yield container


def film_stream(path: Path, container: Any) -> Any:
    """The first stream that is a film: no cover picture of a song, no photograph.

    Raises:
        BadInput: there is none, or none that can be decoded.
    """
    films = [stream for stream in container.streams.video if not _is_cover(stream)]
    if not films:
        kinds = dict.fromkeys(stream.type for stream in container.streams)
        found = " and ".join(KINDS.get(kind, kind) for kind in kinds)
        raise BadInput(
            str(path),
            expected="a video stream",
            found=f"only {found}" if found else "none",
            remedy="give the file that has the pictures",
        )
    known = [stream for stream in films if stream.codec_context is not None]
    if not known:
        raise BadInput(
            str(path),
            expected="a video that FFmpeg can decode",
            found="a codec that it does not know, or one that is locked",
            remedy="save it as H.264 in MP4",
        )
    moving = [stream for stream in known if not _is_still(path, container.format.name, stream)]
    if not moving:
        raise BadInput(
            str(path),
            expected="a video",
            found=f"a picture ({known[0].codec_context.name})",
            remedy="give the folder of pictures to Analyzer.images",
        )
    return moving[0]


def first_rate_hz(path: Path) -> float:
    """Rate of the first packets of the film, by their median distance; 0 where none has a time."""
    gaps = [b - a for a, b in pairwise(sorted(_first_stamps_s(path, N_FIRST))) if b > a]
    return 1.0 / median(gaps) if gaps else 0.0


def _first_stamps_s(path: Path, n: int) -> list[float]:
    """Times of the first n packets of the film; nothing is decoded."""
    import av

    stamps: list[float] = []
    with open_container(path) as container, suppress(av.FFmpegError):
        film = next(s for s in container.streams.video if not _is_cover(s))
        stamps.extend(
            float(packet.pts * packet.time_base)
            for packet in islice(container.demux(film), n)
            if packet.size and packet.pts is not None
        )
    return stamps


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


def _is_still(path: Path, container: str, stream: Any) -> bool:
    if container.endswith("_pipe") or container in PICTURES:
        return True
    if container in ANIMATED:
        return len(_first_stamps_s(path, 2)) < 2
    # HEIC and AVIF lie in the container of MP4, as one frame that has no length.
    return stream.frames == 1 and not stream.duration and container.startswith("mov,")


def _not_a_file(path: Path) -> str:
    if path.is_dir():
        return "a folder"
    return "a device or a pipe" if path.exists() else "no such file"


def _looks_like(head: bytes) -> tuple[str, str]:
    """What a file is that FFmpeg does not open ("" where nobody can tell), and what to do."""
    if not head:
        return "an empty file", "copy or record it again"
    if head.lstrip().startswith((b"#EXTM3U", b"ffconcat", b"[playlist]")):
        return "a playlist, which only names other files", "give the video itself"
    if head[4:8] == b"ftyp":
        return "an MP4 without its index", "the recording or the copy broke off; copy it again"
    if not head.translate(None, bytes(range(32, 256)) + b"\t\n\f\r\x1b"):
        return "a text", "give the video itself"
    return "", "play it in a media player to see whether the copy is whole"
