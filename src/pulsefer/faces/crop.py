"""The aligned face: where its square lies, and its picture by area averaging.

Coordinates are continuous: the centre of pixel (0, 0) lies at (0.5, 0.5).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from pulsefer.core.errors import BadInput
from pulsefer.faces.detector import check_image

CELLS: Final = 2
"""Cells of the lattice per pixel of the crop and axis."""
MOST_SIDES: Final = 4
"""Larger squares are refused: a wild landmark must not take all the memory."""


@dataclass(frozen=True, slots=True)
class CropConfig:
    """Geometry of the crop, in parts of the distance from the line of the eyes to the lips.

    Paper: faces are "cropped" by "facial landmarks" and resized to 64x64; it does not say how.
    Choice: the geometry of the paper's public ancestor (DeepVANet): the eyes are turned level; the
    square reaches from 0.45 above the eyes to 0.30 below the lips, centred on the eyes.

    Attributes:
        size_px: Side of the result.
        top: Upper edge above the line of the eyes.
        bottom: Lower edge below the corners of the mouth.
    """

    size_px: int = 64
    top: float = 0.45
    bottom: float = 0.30

    def __post_init__(self) -> None:
        if self.size_px < 1:
            raise ValueError(f"size_px must be at least 1, found {self.size_px}")
        if self.top < 0 or self.bottom < 0:
            raise ValueError(f"top and bottom must not be negative, found {self}")


@dataclass(frozen=True, slots=True)
class Pose:
    """Where the square of a crop lies in the picture.

    Attributes:
        centre_x_px: Centre of the square.
        centre_y_px: Centre of the square.
        side_px: Length of its side.
        angle_rad: Direction of its upper edge; positive where the right eye of the picture is
            lower than the left one.
    """

    centre_x_px: float
    centre_y_px: float
    side_px: float
    angle_rad: float


def crop_frame(landmarks_px: NDArray[np.float64], config: CropConfig | None = None) -> Pose:
    """Where the crop of a face lies.

    Args:
        landmarks_px: (5, 2) as in `Face.landmarks_px`.
        config: Geometry.

    Raises:
        BadInput: not five finite points, or the mouth is not below the eyes.

    >>> face = np.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0], [-3.0, 8.0], [3.0, 8.0]])
    >>> crop_frame(face)
    Pose(centre_x_px=0.0, centre_y_px=3.4, side_px=14.0, angle_rad=0.0)
    """
    config = config or CropConfig()
    if landmarks_px.shape != (5, 2) or not np.isfinite(landmarks_px).all():
        raise BadInput(
            "landmarks",
            expected="(5, 2) finite numbers: eyes, nose, mouth corners",
            found=f"shape {landmarks_px.shape}, {np.isfinite(landmarks_px).sum()} finite numbers",
        )
    eye_left, eye_right, _, mouth_left, mouth_right = landmarks_px
    right_x, right_y = eye_right - eye_left
    angle_rad = math.atan2(right_y, right_x)
    eyes_x, eyes_y = (eye_left + eye_right) / 2
    lips_x, lips_y = (mouth_left + mouth_right) / 2
    sin, cos = math.sin(angle_rad), math.cos(angle_rad)
    to_lips = cos * (lips_y - eyes_y) - sin * (lips_x - eyes_x)
    if to_lips <= 0:
        raise BadInput(
            "landmarks",
            expected="a mouth below the eyes",
            found=f"{to_lips:.1f} px from the line of the eyes down to the lips",
            remedy="turn the picture upright",
        )
    side_px = (config.top + 1.0 + config.bottom) * to_lips
    below_eyes = side_px / 2 - config.top * to_lips
    return Pose(
        centre_x_px=float(eyes_x - sin * below_eyes),
        centre_y_px=float(eyes_y + cos * below_eyes),
        side_px=float(side_px),
        angle_rad=angle_rad,
    )


def crop(image: NDArray[np.uint8], pose: Pose, size_px: int = 64) -> NDArray[np.uint8]:
    """Picture of the square, each pixel the mean of the area it covers.

    A pulse is a change of less than one grey level. It survives because every source pixel has
    its share in the mean, which averages the noise; picking pixels would keep the noise whole.

    In two steps, and rounded once: the area means over an upright lattice around the same centre,
    with cells of half a pixel of the result; then, where the face is inclined, the lattice is
    turned (bilinear), and two by two cells are averaged. Outside the picture its border is
    repeated.

    Args:
        image: (H, W, 3) uint8, RGB.
        pose: The square.
        size_px: Side of the result.

    Returns:
        (size_px, size_px, 3) uint8, RGB.

    Raises:
        BadInput: not a (H, W, 3) uint8 picture, or a square without area or far too large.
    """
    check_image(image)
    if not 0 < pose.side_px <= MOST_SIDES * max(image.shape):
        raise BadInput(
            "crop",
            expected=f"a square with a side above 0 and up to {MOST_SIDES} times the picture's",
            found=f"{pose} in a picture of {image.shape[1]}x{image.shape[0]} px",
        )
    turn, n_half = _turn(pose.angle_rad, size_px)
    cell_px = pose.side_px / (CELLS * size_px)
    rows, upper, lower = _cells(pose.centre_y_px, cell_px, n_half, image.shape[0])
    columns, left, right = _cells(pose.centre_x_px, cell_px, n_half, image.shape[1])
    region = image[upper:lower, left:right].astype(np.float32)
    by_row = (rows @ region.reshape(lower - upper, -1)).reshape(2 * n_half, right - left, 3)
    # Channel by channel, so that every product below runs along a row of memory.
    by_row_turned = np.empty((right - left, 3, 2 * n_half), np.float32)
    for channel in range(3):
        by_row_turned[:, channel] = by_row[..., channel].T
    by_cell = (columns @ by_row_turned.reshape(right - left, -1)).reshape(2 * n_half, 3, -1)
    means = np.empty((size_px**2, 3), np.float32)
    for channel in range(3):
        means[:, channel] = turn @ by_cell[:, channel].ravel()
    picture: NDArray[np.uint8] = (means + 0.5).astype(np.uint8).reshape(size_px, size_px, 3)
    return picture


@functools.lru_cache(maxsize=16)  # a resting pose asks for the same two, frame after frame
def _cells(centre_px: float, cell_px: float, n_half: int, n_px: int) -> tuple[Any, int, int]:
    """The matrix that takes pixels of one axis to means over 2 n_half cells around a centre.

    Returns:
        Sparse (2 n_half, last - first) matrix, first pixel, last pixel + 1. Pixels outside the
        picture count as the nearest one inside.
    """
    edges = centre_px + cell_px * np.arange(-n_half, n_half + 1)
    n_taps = math.ceil(cell_px) + 1
    pixel = np.floor(edges[:-1]).astype(np.int64)[:, None] + np.arange(n_taps)
    share = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    share = np.clip(share, 0.0, None)
    inside = np.clip(pixel, 0, n_px - 1)
    first, last = int(inside[0, 0]), int(inside[-1, -1]) + 1
    matrix = csr_array(
        (
            (share / share.sum(axis=1, keepdims=True)).astype(np.float32).ravel(),
            (inside - first).ravel(),
            np.arange(0, share.size + 1, n_taps),
        ),
        shape=(2 * n_half, last - first),
    )
    return matrix, first, last


@functools.lru_cache(maxsize=32)  # half a megabyte each; see ANGLE_STEP_RAD in `steady`
def _turn(angle_rad: float, size_px: int) -> tuple[Any, int]:
    """The matrix that takes the upright lattice to the pixels of an inclined crop.

    Returns:
        Sparse (size_px^2, (2 n_half)^2) matrix and n_half, half the side of the lattice that it
        needs, in cells. The lattice counts columns first, then rows; the crop rows first.
    """
    n = CELLS * size_px
    sin, cos = math.sin(angle_rad), math.cos(angle_rad)
    n_half = math.ceil(n / 2 * (abs(sin) + abs(cos))) + 1
    along = np.arange(n, dtype=np.float32) - (n - 1) / 2
    # Place of each sample among the centres of the lattice's cells.
    x = cos * along[None, :] - sin * along[:, None] + (n_half - 0.5)
    y = sin * along[None, :] + cos * along[:, None] + (n_half - 0.5)
    column, row = x.astype(np.int32), y.astype(np.int32)
    right, low = x - column, y - row
    first = column * (2 * n_half) + row
    places = np.stack([first, first + 1, first + 2 * n_half, first + 2 * n_half + 1], axis=-1)
    shares = np.stack(
        [(1 - right) * (1 - low), (1 - right) * low, right * (1 - low), right * low], axis=-1
    ).astype(np.float32)
    pixels = (size_px, CELLS, size_px, CELLS, 4)
    matrix = csr_array(
        (
            shares.reshape(pixels).swapaxes(1, 2).ravel() / CELLS**2,
            places.reshape(pixels).swapaxes(1, 2).ravel(),
            np.arange(0, shares.size + 1, 4 * CELLS**2, dtype=np.int32),
        ),
        shape=(size_px**2, (2 * n_half) ** 2),
    )
    matrix.sum_duplicates()  # the samples of a pixel share cells: almost half of the entries go
    return matrix, n_half
