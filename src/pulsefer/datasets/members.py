"""The files of a copy, whether they lie in folders or inside .zip files. Nothing is extracted."""

from __future__ import annotations

import functools
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.datasets.files_below import files_below
from pulsefer.datasets.specimen import MARKER, bad_marker, read_marker

MAX_BYTES = 64 * 2**20
"""A larger file is no picture and no table of ours: it is refused before it fills the memory."""
HEAD_BYTES = 64 * 2**10
"""Enough of a picture to know its size."""
OPEN_ZIPS = 16
"""Zip files that a process keeps open: the directory of each is read once."""

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ESCAPES = re.compile(r"\\|^/|^[A-Za-z]:|(^|/)\.\.(/|$)|\x00")
_CLUTTER = re.compile(r"(^|/)(__MACOSX/|\._|\.DS_Store$)")


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a copy. It travels to worker processes; the zip is opened where it is read.

    Attributes:
        path: The file, or the zip that it is in.
        inside: Its name inside the zip; None for a file in a folder.
        place: Where it lies from the root on, a zip counting as a folder: "001/00000.png" for
            00000.png inside 001.zip.
    """

    path: Path
    inside: str | None
    place: str

    @property
    def folder(self) -> str:
        """The place without the file's own name; "" at the root."""
        return self.place.rpartition("/")[0]

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.place.rpartition("/")[2]

    def __str__(self) -> str:
        """For a complaint."""
        return str(self.path) if self.inside is None else f"{self.path}: {self.inside}"


def leaves_its_folder(name: str) -> bool:
    """Whether a name from somebody else's file is absolute, climbs, or has a backslash.

    >>> [leaves_its_folder(name) for name in ("a/b.png", "../b.png", "/b.png", "a..png")]
    [False, True, True, False]
    """
    return _ESCAPES.search(name) is not None


def members(root: Path, *, on_problem: OnProblem) -> list[Member]:
    """All files of a copy, sorted by their place; what lies in a folder before what is zipped.

    A zip that cannot be read, names that leave their folder, and a zip inside a zip are told
    and left out; the rest goes on.

    Args:
        root: A folder, with zips or not, or one zip.
        on_problem: Told of what is left out.

    Raises:
        BadInput: neither a folder nor a zip.
    """
    if root.is_dir():
        paths = sorted(files_below(root))
    elif root.is_file() and root.suffix.lower() == ".zip":
        paths = [root]
    else:
        raise BadInput(
            str(root), expected="a folder or a .zip", found="no such thing", remedy="check the path"
        )
    found: list[Member] = []
    for path in paths:
        place = path.relative_to(root).as_posix() if root.is_dir() else ""
        if _CLUTTER.search(place):
            continue
        if path.suffix.lower() == ".zip":
            found += _zipped(path, place[:-4], on_problem)
        else:
            found.append(Member(path, None, place))
    return sorted(found, key=lambda member: (member.inside is not None, member.place))


def read_member(member: Member, *, limit_bytes: int = MAX_BYTES) -> bytes:
    """The whole file.

    Raises:
        BadInput: it is not there, cannot be read, or is larger than the limit, whatever the
            zip says of its size.
    """
    content = _read(member, limit_bytes + 1)
    if len(content) > limit_bytes:
        raise BadInput(str(member), expected=f"at most {limit_bytes} bytes", found="more")
    return content


def read_head(member: Member) -> bytes:
    """The first `HEAD_BYTES` of the file.

    Raises:
        BadInput: it is not there or cannot be read.
    """
    return _read(member, HEAD_BYTES)


def marker_of(found: Iterable[Member], dataset: str) -> dict[str, Any] | None:
    """What the marker of a specimen says, wherever it lies; None: no marker, so real data.

    Raises:
        BadInput: a marker that cannot be read, or of another data set.
    """
    for member in found:
        if member.name != MARKER:
            continue
        if member.inside is None:
            return read_marker(member.path.parent, dataset)
        try:
            content = json.loads(read_member(member))
            if content["dataset"] == dataset:
                return dict(content)
            raise ValueError(f"one of {content['dataset']}, not of {dataset}")
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise bad_marker(member.path, error) from error
    return None


def _zipped(path: Path, place: str, on_problem: OnProblem) -> Iterator[Member]:
    try:
        names = _opened(path).namelist()
    except BadInput as bad:
        on_problem(bad.problem)
        return
    files = [name for name in dict.fromkeys(names) if not name.endswith("/")]
    escaping = [name for name in files if leaves_its_folder(name)]
    nested = [name for name in files if name.lower().endswith(".zip")]
    for left_out, expected, what, remedy in (
        (escaping, "names that stay in their folder", "name", "make the zip again"),
        (nested, "no zip inside a zip", "zip", "unpack the outer one"),
    ):
        if left_out:
            found = f"{left_out[0]!r}; {len(left_out)} such {what}{'s' * (len(left_out) > 1)}"
            on_problem(Problem(str(path), expected, f"{found}, left out", remedy))
    for name in sorted({*files} - {*escaping} - {*nested}):
        if not _CLUTTER.search(name):
            inside = PurePosixPath(name).as_posix()
            yield Member(path, name, f"{place}/{inside}" if place else inside)


def _read(member: Member, n_bytes: int) -> bytes:
    try:
        if member.inside is None:
            with member.path.open("rb") as plain:
                return plain.read(n_bytes)
        with _entry(_opened(member.path), member.inside, member) as packed:
            return packed.read(n_bytes)
    except BadInput:
        raise
    except (OSError, zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise BadInput(
            str(member),
            expected="a file that can be read",
            found=f"{type(error).__name__}: {error}",
            remedy="the copy is damaged; copy it again",
        ) from error


def _entry(archive: zipfile.ZipFile, name: str, member: Member) -> IO[bytes]:
    try:
        entry = archive.getinfo(name)
    except KeyError as error:
        raise BadInput(str(member), expected="this file in the zip", found="none") from error
    if entry.flag_bits & 1:
        raise BadInput(
            str(member), expected="an open file", found="an encrypted one", remedy="unpack it"
        )
    if entry.compress_type not in _METHODS:
        # The other decompressors of the standard library cannot be told where to stop.
        raise BadInput(
            str(member),
            expected="a file that is stored or deflated",
            found=f"compression method {entry.compress_type}",
            remedy="unpack it",
        )
    return archive.open(entry)


def _opened(path: Path) -> zipfile.ZipFile:
    """The zip, opened once in a process; after it was replaced, once more."""
    try:
        now = path.stat()
        # A forked process must not share the parent's place in the file.
        return _open(path, now.st_mtime_ns, now.st_size, os.getpid())
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise BadInput(
            str(path),
            expected="a .zip that can be read",
            found=f"{type(error).__name__}: {error}",
            remedy="the copy broke off or is damaged; copy it again",
        ) from error


@functools.lru_cache(maxsize=OPEN_ZIPS)
def _open(path: Path, _mtime_ns: int, _size: int, _process: int) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)
