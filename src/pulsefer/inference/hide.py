"""Faces hidden in a picture: what is left are the means of a few large cells."""

from __future__ import annotations

import functools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.faces.follow import SeenFace

CELLS: Final = 4
"""Cells across a hidden area, and down. Networks have told forty known persons apart from 6 by 7
cells (McPherson et al. 2016, "Defeating image obfuscation with deep learning")."""
ENLARGE: Final = 1.4
"""Hidden area over box: hair, ears and chin are the person's too."""

Area = tuple[int, int, int, int]
"""Left, upper, right and lower edge, whole pixels inside the picture."""


def area_of(seen: SeenFace, shape: tuple[int, ...], *, enlarge: float = ENLARGE) -> Area:
    """The upright area around a face: its box and the square of its crop, enlarged.

    Args:
        seen: The face.
        shape: Of the picture, (H, W, ...).
        enlarge: Width of the area over that of what it has to cover.
    """
    face, pose = seen.face, seen.pose
    half = pose.side_px / 2 * (abs(math.sin(pose.angle_rad)) + abs(math.cos(pose.angle_rad)))
    left = min(face.box_x_px, pose.centre_x_px - half)
    upper = min(face.box_y_px, pose.centre_y_px - half)
    right = max(face.box_x_px + face.box_w_px, pose.centre_x_px + half)
    lower = max(face.box_y_px + face.box_h_px, pose.centre_y_px + half)
    more_x, more_y = (enlarge - 1) / 2 * (right - left), (enlarge - 1) / 2 * (lower - upper)
    height, width = shape[:2]
    return (
        min(max(math.floor(left - more_x), 0), width),
        min(max(math.floor(upper - more_y), 0), height),
        min(max(math.ceil(right + more_x), 0), width),
        min(max(math.ceil(lower + more_y), 0), height),
    )


def hide(image: NDArray[np.uint8], area: Area) -> None:
    """Replace an area of a picture by the means over `CELLS` by `CELLS` cells, run together.

    Nothing else of the area remains, so nothing else can be got back from this picture. Many
    pictures of a head that moves tell more than one.

    Args:
        image: (H, W, 3) uint8; changed in place.
        area: Where. Nothing happens where it is empty.
    """
    left, upper, right, lower = area
    if left >= right or upper >= lower:
        return
    region = image[upper:lower, left:right]
    height, width = region.shape[:2]
    bands, down = _bands(height), _blend(height)
    # Sums of whole numbers, below 2^24 and then in double precision: exact in any order.
    by_band = bands @ region.reshape(height, -1).astype(np.float32)
    sums = _bands(width).astype(np.float64) @ by_band.reshape(-1, width, 3).astype(np.float64)
    n_px = bands.sum(axis=1)[:, None, None] * _bands(width).sum(axis=1)[:, None]
    means = (sums / n_px).astype(np.float32)
    smooth = (down @ means.reshape(len(means), -1)) @ _blend_rgb(width)
    region[:] = (smooth + 0.5).astype(np.uint8).reshape(region.shape)


@functools.lru_cache(maxsize=32)
def _bands(n_px: int) -> NDArray[np.float32]:
    """(n_cells, n_px) 1 where a pixel of an axis lies in a cell."""
    n_cells = min(CELLS, n_px)
    cell = np.arange(n_px) * n_cells // n_px
    return np.asarray(cell == np.arange(n_cells)[:, None], np.float32)


@functools.lru_cache(maxsize=32)
def _blend(n_px: int) -> NDArray[np.float32]:
    """(n_px, n_cells) shares of the cells in every pixel: straight from centre to centre."""
    n_cells = min(CELLS, n_px)
    place = np.clip((np.arange(n_px) + 0.5) / n_px * n_cells - 0.5, 0, n_cells - 1)
    share = np.clip(1 - np.abs(place[:, None] - np.arange(n_cells)), 0, None)
    return np.asarray(share, np.float32)


@functools.lru_cache(maxsize=32)
def _blend_rgb(n_px: int) -> NDArray[np.float32]:
    """(3 n_cells, 3 n_px), the same along a row of pixels, the colours beside each other."""
    return np.asarray(np.kron(_blend(n_px).T, np.eye(3)), np.float32)
