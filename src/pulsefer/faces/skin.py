"""Mean colour of the skin of aligned crops: the input of colour-based pulse methods."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.faces.crop import CropConfig

BELOW_EYES: Final = (0.20, 0.65)
"""Rows of the skin area, in parts of the distance from the line of the eyes to the lips."""
BESIDE_MIDDLE: Final = 0.55
"""Half width of the skin area, in the same unit."""


def skin_area(config: CropConfig | None = None) -> tuple[slice, slice]:
    """Rows and columns of the skin in a crop.

    Choice: one fixed rectangle over cheeks and nose. It begins under the lower lids, ends above
    the upper lip even of a laughing mouth, and leaves the sides out, where a turned head shows
    hair or wall. The forehead is left out: in this crop it is mostly eyebrows and fringe.
    No pixel is chosen by its colour: such a rule moves with the pulse it is to let through.

    >>> skin_area()
    (slice(24, 40, None), slice(12, 52, None))
    """
    config = config or CropConfig()
    n_px_per_unit = config.size_px / (config.top + 1.0 + config.bottom)
    rows = [round((config.top + below) * n_px_per_unit) for below in BELOW_EYES]
    reach = min(BESIDE_MIDDLE * n_px_per_unit, config.size_px / 2)
    columns = [round(config.size_px / 2 + reach * sign) for sign in (-1, 1)]
    if rows[0] >= rows[1] or columns[0] >= columns[1]:
        raise BadInput("skin area", expected="at least one pixel", found=f"none in {config}")
    return slice(*rows), slice(*columns)


def skin_rgb(crops: NDArray[np.uint8], config: CropConfig | None = None) -> NDArray[np.float64]:
    """Mean red, green and blue of the skin area.

    Args:
        crops: (..., size_px, size_px, 3) as `crop` makes them: one or many.
        config: The geometry with which they were made.

    Returns:
        (..., 3), in grey levels 0 to 255.

    Raises:
        BadInput: crops of another size.
    """
    config = config or CropConfig()
    expected = (config.size_px, config.size_px, 3)
    if crops.shape[-3:] != expected:
        raise BadInput(
            "crops",
            expected=f"shape (..., {', '.join(map(str, expected))})",
            found=str(crops.shape),
            remedy="give the CropConfig that made them",
        )
    rows, columns = skin_area(config)
    area = crops[..., rows, columns, :]
    return np.asarray(area.mean(axis=(-3, -2), dtype=np.float64), dtype=np.float64)
