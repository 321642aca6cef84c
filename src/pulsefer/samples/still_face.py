"""The face of a single picture: found where nobody marked it, with square pixels, cut like any."""

from __future__ import annotations

import dataclasses
import functools
import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Picture
from pulsefer.faces.crop import CropConfig, Pose, crop, crop_frame
from pulsefer.faces.detector import check_image
from pulsefer.faces.mtcnn import Mtcnn

MARGIN_SIDES = 0.75
"""What a crop needs around its centre: half a diagonal is 0.71 of its side."""
MOST_ASPECT = 4.0


@dataclass(frozen=True)
class StillsConfig:
    """How faces of single pictures are cut.

    Choice: where landmarks come with the picture they are taken; else the largest face that MTCNN
    finds. Pixels are made square before anything is measured, so that a face has the shape it has
    in any other recording.

    Attributes:
        min_face_fraction: Smallest face that is looked for, in parts of the picture's height.
        crop: Geometry of the crop, the same as for recordings.
    """

    min_face_fraction: float = 0.1
    crop: CropConfig = field(default_factory=CropConfig)

    def __post_init__(self) -> None:
        if not 0 < self.min_face_fraction <= 1:
            raise ValueError(f"min_face_fraction must be in (0, 1], found {self.min_face_fraction}")


def face_of(picture: Picture, config: StillsConfig) -> NDArray[np.uint8]:
    """The face of one picture.

    Args:
        picture: With or without landmarks.
        config: How it is found and cut.

    Returns:
        (size_px, size_px, 3) uint8, RGB.

    Raises:
        BadInput: no face, landmarks that are none, or outside the picture.
    """
    image, aspect = picture.image, picture.pixel_aspect
    check_image(image)
    if not 1 / MOST_ASPECT <= aspect <= MOST_ASPECT:
        raise BadInput(
            "picture",
            expected=f"pixels at most {MOST_ASPECT:g} times as wide as high, or as high as wide",
            found=f"a pixel aspect of {aspect}",
        )
    if picture.landmarks_px is None:
        image = _squared(image, aspect)
        faces = detector(config.min_face_fraction).detect(image)
        if not faces:
            raise BadInput(
                "picture",
                expected="a face",
                found="none",
                remedy="look at it; a smaller face needs a smaller min_face_fraction",
            )
        largest = max(faces, key=lambda face: face.area_px2)
        pose = crop_frame(largest.landmarks_px, config.crop)
    else:
        landmarks_px = picture.landmarks_px
        if landmarks_px.shape == (5, 2):  # anything else is refused in the next line
            landmarks_px = landmarks_px * [aspect, 1.0]
        pose = crop_frame(landmarks_px, config.crop)
        height, width = image.shape[:2]
        if not (0 <= pose.centre_x_px <= width * aspect and 0 <= pose.centre_y_px <= height):
            raise BadInput(
                "landmarks",
                expected=f"a face inside the picture of {width}x{height} px",
                found=f"one around ({pose.centre_x_px / aspect:.0f}, {pose.centre_y_px:.0f})",
            )
        if aspect != 1.0:
            image, pose = _squared_around(image, pose, aspect)
    return crop(image, pose, config.crop.size_px)


def _squared(image: NDArray[np.uint8], aspect: float) -> NDArray[np.uint8]:
    """(H, W * aspect, 3), without the fraction of a pixel that may be left at the right."""
    if aspect == 1.0:
        return image
    from PIL import Image

    height, width = image.shape[:2]
    wide = max(1, math.floor(width * aspect + 1e-6))
    # Exactly `aspect`, not the nearest ratio of whole numbers.
    box = (0.0, 0.0, min(wide / aspect, float(width)), float(height))
    resized = Image.fromarray(image).resize((wide, height), Image.Resampling.BICUBIC, box)
    return np.asarray(resized, np.uint8)


def _squared_around(
    image: NDArray[np.uint8], pose: Pose, aspect: float
) -> tuple[NDArray[np.uint8], Pose]:
    """The part of a picture that a crop needs, with square pixels, and the crop's place in it."""
    reach = MARGIN_SIDES * pose.side_px + 4.0
    left = max(0, math.floor((pose.centre_x_px - reach) / aspect))
    right = math.ceil((pose.centre_x_px + reach) / aspect)
    upper, lower = max(0, math.floor(pose.centre_y_px - reach)), pose.centre_y_px + reach
    part = np.ascontiguousarray(image[upper : math.ceil(lower), left:right])
    place = dataclasses.replace(
        pose,
        centre_x_px=pose.centre_x_px - left * aspect,
        centre_y_px=pose.centre_y_px - upper,
    )
    return _squared(part, aspect), place


@functools.lru_cache(maxsize=2)
def detector(min_face_fraction: float) -> Mtcnn:
    """One per process: reading the weights takes longer than a picture."""
    return Mtcnn(min_face_fraction=min_face_fraction)
