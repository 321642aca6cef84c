"""A picture file as RGB, and back. One place decides what grey and transparent become."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.media.video import MAX_PIXELS

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""What is read. Others have decoders too, each a door more for a hostile file."""
PNG_LEVEL = 3
"""Compression of what is written: level 6 takes four times as long for a tenth fewer bytes."""

_ORIENTATION = 0x0112
_DEEP_GREY = {"I", "I;16", "I;16B", "I;16L", "I;16N"}


def decode_image(content: bytes, where: str) -> NDArray[np.uint8]:
    """Decode one picture.

    Choice: turned upright as its EXIF says; grey three times; 16 bits scaled to 8; what is
    transparent lies on white, as a viewer shows it; of an animation the first picture; a colour
    profile is not applied.

    Args:
        content: The bytes of a PNG, JPEG, WEBP or BMP file.
        where: Name for the complaint.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        BadInput: no such picture, cut, damaged, or more than `MAX_PIXELS`.
    """
    try:
        # The decoders warn of what does not matter here, and of large pictures before we can
        # refuse them.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(content, where) as picture:
                turn = _turn(picture)
                rgb = _rgb(picture)
                upright = rgb if turn is None else rgb.transpose(turn)
                return np.array(upright, np.uint8)
    except BadInput:
        raise
    except Exception as error:  # a damaged file makes a decoder raise almost anything
        raise _unreadable(where, error) from error


def image_size(content: bytes, where: str) -> tuple[int, int]:
    """Width and height as stored, pixels, from the first bytes of a file; nothing is decoded.

    Raises:
        BadInput: no picture, or more than `MAX_PIXELS`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with _open(content, where) as picture:
                width, height = picture.size
                return int(width), int(height)
    except BadInput:
        raise
    except Exception as error:  # as above
        raise _unreadable(where, error) from error


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """A PNG of a (H, W, 3) uint8 RGB picture; equal pictures give equal bytes."""
    return _encoded(image, format="PNG", compress_level=PNG_LEVEL)


def encode_jpeg(image: NDArray[np.uint8], quality: int = 90) -> bytes:
    """A JPEG of a (H, W, 3) uint8 RGB picture; equal pictures give equal bytes.

    Args:
        image: The picture.
        quality: 1 - 95; 90 is visually clean.
    """
    return _encoded(image, format="JPEG", quality=quality)


def _open(content: bytes, where: str) -> Any:
    from PIL import Image

    picture = Image.open(io.BytesIO(content), formats=FORMATS)
    width, height = picture.size
    if width * height > MAX_PIXELS:
        raise BadInput(where, expected=f"at most {MAX_PIXELS} pixels", found=f"{width}x{height}")
    return picture


def _turn(picture: Any) -> Any:
    from PIL import Image

    turns = Image.Transpose
    try:
        orientation = picture.getexif().get(_ORIENTATION, 1)
    except Exception:  # broken EXIF around a sound picture
        return None
    return {
        2: turns.FLIP_LEFT_RIGHT,
        3: turns.ROTATE_180,
        4: turns.FLIP_TOP_BOTTOM,
        5: turns.TRANSPOSE,
        6: turns.ROTATE_270,
        7: turns.TRANSVERSE,
        8: turns.ROTATE_90,
    }.get(orientation)


def _rgb(picture: Any) -> Any:
    from PIL import Image

    if picture.mode in _DEEP_GREY:
        deep = np.asarray(picture).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((deep + 128) // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        above = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", above.size, "white"), above).convert("RGB")
    return picture.convert("RGB")


def _unreadable(where: str, error: Exception) -> BadInput:
    return BadInput(
        where,
        expected=f"a whole picture ({', '.join(FORMATS)})",
        found=f"{type(error).__name__}: {error}" if str(error) else type(error).__name__,
        remedy="open it in a viewer to see whether the copy is whole",
    )


def _encoded(image: NDArray[np.uint8], **options: Any) -> bytes:
    from PIL import Image

    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"expected (H, W, 3) uint8, found {image.shape} {image.dtype}")
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, **options)
    return file.getvalue()
