"""What a detector finds, and what any detector must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face in one picture.

    Coordinates are continuous: the picture spans [0, W] x [0, H], the centre of pixel (0, 0) lies
    at (0.5, 0.5). So a picture of twice the size has exactly twice the coordinates.

    Attributes:
        box_x_px: Left edge.
        box_y_px: Upper edge.
        box_w_px: Width.
        box_h_px: Height.
        score: Confidence of the detector, [0, 1].
        landmarks_px: (5, 2) x and y of the eye at the left in the picture, the eye at the right,
            the nose tip, the mouth corner at the left, the mouth corner at the right.
    """

    box_x_px: float
    box_y_px: float
    box_w_px: float
    box_h_px: float
    score: float
    landmarks_px: NDArray[np.float64]

    @property
    def corners_px(self) -> NDArray[np.float64]:
        """(4,) left, upper, right, lower edge."""
        x, y = self.box_x_px, self.box_y_px
        return np.array([x, y, x + self.box_w_px, y + self.box_h_px])

    @property
    def area_px2(self) -> float:
        """Area of the box, square pixels."""
        return self.box_w_px * self.box_h_px


class Detector(Protocol):
    """Finds faces in one picture; remembers nothing between two pictures."""

    @property
    def name(self) -> str:
        """Word for reports: "mtcnn"."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever the numbers may change: weights, thresholds, code."""

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Faces of a (H, W, 3) uint8 RGB picture, best score first."""


@runtime_checkable
class Refiner(Protocol):
    """What a detector may offer besides: a quick look where a face was a moment ago."""

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        """The face as it is now, or None where none is found near its last place."""


def check_image(image: NDArray[np.uint8]) -> None:
    """Refuse what is not a colour picture.

    Raises:
        BadInput: not (H, W, 3), empty, or not uint8.
    """
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise BadInput(
            "picture",
            expected="(height, width, 3) RGB",
            found=f"shape {image.shape}",
            remedy="repeat a grey picture three times, drop an alpha channel",
        )
    if image.dtype != np.uint8:
        raise BadInput(
            "picture",
            expected="uint8, 0 to 255",
            found=str(image.dtype),
            remedy="scale and round floats first: (255 * image).round().astype('uint8')",
        )
