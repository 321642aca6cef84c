"""What an AVI says of its own length."""

from __future__ import annotations

import struct
from pathlib import Path

from pulsefer.core.errors import BadInput


def require_whole_avi(path: Path) -> None:
    """An AVI says in its first bytes how long it is. FFmpeg opens a cut one without a word.

    Raises:
        BadInput: the file is shorter than it says.
    """
    if not path.is_file():
        raise BadInput(
            str(path), expected="a video file", found="no such file", remedy="check the path"
        )
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise BadInput(str(path), expected="a file that can be read", found=str(error)) from error
    if len(head) < 12 or head[:4] != b"RIFF":
        return  # no AVI at all: `probe` says what it is
    expected, found = 8 + struct.unpack("<I", head[4:8])[0], path.stat().st_size
    if found < expected:
        raise BadInput(
            str(path),
            expected=f"{expected} bytes",
            found=f"{found}",
            remedy="the copy broke off; copy it again",
        )
