"""Pictures of a camera on their way to the process that looks at them: time, size, bytes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

HEAD = struct.Struct("<dI")
"""Time in seconds, number of bytes."""
MOST_BYTES = 1_000_000
"""Of one picture."""


def packed(time_s: float, content: bytes) -> bytes:
    """One picture, as `pictures` reads it.

    Args:
        time_s: When it was taken, on a clock that grows.
        content: A JPEG, PNG or WebP.
    """
    return HEAD.pack(time_s, len(content)) + content


def pictures(stream: BinaryIO) -> Iterator[tuple[float, bytes]]:
    """Pictures and their times until the stream ends, also in the middle of one.

    >>> import io
    >>> list(pictures(io.BytesIO(packed(0.5, b"JPEG") + packed(0.6, b"PNG")[:-1])))
    [(0.5, b'JPEG')]
    """
    while True:
        head = stream.read(HEAD.size)
        if len(head) < HEAD.size:
            return
        time_s, size = HEAD.unpack(head)
        if not 0 < size <= MOST_BYTES:
            return
        content = stream.read(size)
        if len(content) < size:
            return
        yield time_s, content
