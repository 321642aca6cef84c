"""Words drawn once and laid on many frames."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Rgb = tuple[int, int, int]

INK: Final[Rgb] = (240, 243, 246)
SOFT: Final[Rgb] = (178, 187, 198)
GROUND: Final[Rgb] = (17, 21, 27)
SHADE: Final = 200
"""How much of `GROUND` lies between a label and the picture behind it, of 255."""


@dataclass(frozen=True, slots=True, eq=False)
class Stamp:
    """A small picture that lets through what is behind it.

    Attributes:
        ink: (h, w, 3) uint16, colour times opacity, 0 to 255^2.
        clear: (h, w, 1) uint16, 255 where what is behind it is seen whole.
    """

    ink: NDArray[np.uint16]
    clear: NDArray[np.uint16]

    @property
    def width_px(self) -> int:
        """Pixels across."""
        return int(self.ink.shape[1])

    @property
    def height_px(self) -> int:
        """Pixels down."""
        return int(self.ink.shape[0])


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a label.

    Attributes:
        text: What it says.
        size: Height of the letters, in parts of the label's.
        bold: Whether they are.
        colour: Theirs.
    """

    text: str
    size: float = 1.0
    bold: bool = False
    colour: Rgb = INK


def letters_px(height_px: int, width_px: int) -> int:
    """Size of letters for a picture: to be read at 360 lines, and not to shout at 1080.

    >>> [letters_px(h, w) for h, w in ((360, 640), (480, 640), (720, 1280), (1920, 1080))]
    [12, 15, 20, 28]
    """
    return max(10, round(4 + 0.0225 * min(height_px, width_px)))


@functools.lru_cache(maxsize=32)
def font(size_px: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib."""
    import matplotlib as mpl

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size_px, layout_engine=ImageFont.Layout.BASIC)


def stamp(picture: Image.Image) -> Stamp:
    """A picture with opacity, made ready to be laid on frames."""
    rgba = np.asarray(picture.convert("RGBA"), np.uint16)
    opaque = rgba[..., 3:]
    return Stamp(rgba[..., :3] * opaque, 255 - opaque)


@functools.lru_cache(maxsize=64)
def label(lines: tuple[Line, ...], letters: int, edge: Rgb) -> Stamp:
    """Lines on a dark ground, with an edge of colour at the left.

    Args:
        lines: From top to bottom.
        letters: Size of letters, pixels.
        edge: Its colour.
    """
    fonts = [font(max(9, round(line.size * letters)), bold=line.bold) for line in lines]
    pad, bar = max(3, round(0.4 * letters)), max(2, round(0.2 * letters))
    steps = [round(1.3 * face.size) for face in fonts]
    wide = max(face.getlength(line.text) for face, line in zip(fonts, lines, strict=True))
    size = (bar + round(wide) + 2 * pad + 1, sum(steps) + pad)
    picture = Image.new("RGBA", size, (*GROUND, SHADE))
    ImageDraw.Draw(picture).rectangle((0, 0, bar - 1, size[1]), fill=(*edge, 255))
    y = pad // 2
    for line, face, step in zip(lines, fonts, steps, strict=True):
        # Through a mask: written directly, letters would make holes of their soft edges.
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).text(
            (bar + pad, y + step // 2), line.text, font=face, fill=255, anchor="lm"
        )
        picture.paste((*line.colour, 255), (0, 0, *size), mask)
        y += step
    return stamp(picture)


def lay(image: NDArray[np.uint8], what: Stamp, x: int, y: int) -> None:
    """Lay a stamp on a picture.

    Args:
        image: (H, W, 3) uint8; changed in place.
        what: The stamp; what lies outside the picture is left out.
        x: Where its left edge comes to lie, pixels.
        y: Where its upper edge comes to lie.
    """
    left, upper = max(x, 0), max(y, 0)
    right, lower = min(x + what.width_px, image.shape[1]), min(y + what.height_px, image.shape[0])
    if left >= right or upper >= lower:
        return
    region = image[upper:lower, left:right]
    inside = np.s_[upper - y : lower - y, left - x : right - x]
    region[:] = (region * what.clear[inside] + what.ink[inside]) // 255
