"""What the network sees of a face: colours as they are, or how they change from frame to frame.

Shape letters: B batch, T time, C channels (3, RGB), H height, W width.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Input = Literal["appearance", "difference", "both"]

CHANNELS: dict[Input, int] = {"appearance": 3, "difference": 3, "both": 6}
"""Channels that each kind of input has."""

TYPICAL_DIFFERENCE = 0.01
"""Normalised difference that counts as 1: about the sensor noise of one pixel between frames."""
LARGEST_DIFFERENCE = 3.0
"""Larger differences, in units of the typical one, are cut: they are motion, and would swamp."""
DARKEST = 1 / 255
"""Added to the sum of two pixels, so that black divided by black is zero."""


def to_float(frames: Tensor) -> Tensor:
    """The one place where stored bytes become the numbers that the network takes.

    Choice: [0, 1], RGB; the paper does not name its scaling.

    Args:
        frames: (..., H, W, 3) uint8, as pictures are stored.

    Returns:
        (..., 3, H, W) float32 in [0, 1], still lying in memory with channels last, which is the
        order in which convolutions are fastest.

    Raises:
        ValueError: not bytes, or no three colours at the end.

    >>> to_float(torch.full((2, 5, 64, 64, 3), 255, dtype=torch.uint8)).max().item()
    1.0
    """
    if frames.dtype != torch.uint8 or frames.ndim < 3 or frames.shape[-1] != 3:
        raise ValueError(
            f"frames are (..., H, W, 3) uint8, found {tuple(frames.shape)} {frames.dtype}"
        )
    return frames.movedim(-1, -3).to(torch.float32).div_(255)


def difference(before: Tensor, after: Tensor) -> Tensor:
    """Change of every pixel relative to its brightness, of order 1.

    (after - before) / (after + before): the brightness of the skin and of the lamp cancels, what
    the blood does to them stays. A pulse moves it by about 0.005, so it is divided by a fixed 0.01.

    Choice: a fixed scale, cut at 3, where DeepPhys (Chen & McDuff, ECCV 2018) uses the standard
    deviation of the clip, cut at 3. A clip's own statistic would look into the future: live
    frames could not give the numbers that the recorded clip gives.

    Args:
        before: Frames in [0, 1].
        after: The frames that follow them, same shape.

    Returns:
        Same shape, in [-3, 3].
    """
    change = (after - before) / (after + before + DARKEST)
    return (change / TYPICAL_DIFFERENCE).clamp(-LARGEST_DIFFERENCE, LARGEST_DIFFERENCE)


def network_input(before: Tensor | None, after: Tensor, kind: Input) -> Tensor:
    """What the network is given for frames and the frames before them.

    Args:
        before: (..., 3, H, W) in [0, 1]; not looked at, and may be None, for "appearance".
        after: Same shape, the frames themselves.
        kind: "appearance" the frames, "difference" their change, "both" frame then change.

    Returns:
        (..., 3 or 6, H, W).

    Raises:
        ValueError: a change is wanted and there is nothing before.
    """
    if kind == "appearance":
        return after
    if before is None:
        raise ValueError(f"input {kind!r} needs the frame before")
    change = difference(before, after)
    return change if kind == "difference" else torch.cat([after, change], dim=-3)
