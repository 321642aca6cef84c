"""A small network of grey faces with two answers, valence and arousal, from one trunk.

Shape letters: B batch.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

GREY_PX = 48
"""Width and height of the grey face."""
LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the grey of ITU-R BT.601."""


class MtlCnn(nn.Sequential):
    """Two blocks of two 3x3 convolutions, one hidden layer, two logits.

    Choice: 32 and 64 kernels, "same" padding, ReLU, 2x2 max pooling and dropout of 0.25 after each
    block, 64 hidden units and dropout of 0.5. Huang et al. (2019) call it a multi-task CNN in their
    abstract; its layers could not be read. Weights begin as in `FrameCnn`.

    >>> sum(p.numel() for p in MtlCnn().parameters())
    655010
    >>> MtlCnn()(torch.zeros(5, 1, 48, 48)).shape
    torch.Size([5, 2])
    """

    def __init__(self) -> None:
        super().__init__()
        wide_in = 1
        for number, wide_out in enumerate((32, 64), start=1):
            self.add_module(f"conv{number}a", nn.Conv2d(wide_in, wide_out, 3, padding=1))
            self.add_module(f"relu{number}a", nn.ReLU(inplace=True))
            self.add_module(f"conv{number}b", nn.Conv2d(wide_out, wide_out, 3, padding=1))
            # As in `FrameCnn`, behind the pooling: a quarter of the work, the same numbers.
            self.add_module(f"pool{number}", nn.MaxPool2d(2))
            self.add_module(f"relu{number}b", nn.ReLU(inplace=True))
            self.add_module(f"drop{number}", nn.Dropout(0.25))
            wide_in = wide_out
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(64 * (GREY_PX // 4) ** 2, 64)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.answer = nn.Linear(64, 2)
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, layer.bias))
        nn.init.xavier_normal_(self.answer.weight)

    def forward(self, x_B1HW: Tensor) -> Tensor:
        """Logits of both high classes, (B, 2).

        Args:
            x_B1HW: (B, 1, 48, 48) float in [0, 1] (`grey`).

        Raises:
            ValueError: another shape or type.
        """
        if x_B1HW.shape[1:] != (1, GREY_PX, GREY_PX) or not x_B1HW.is_floating_point():
            raise ValueError(
                f"expected (B, 1, {GREY_PX}, {GREY_PX}) float in [0, 1], found "
                f"{tuple(x_B1HW.shape)} {x_B1HW.dtype}; mtl_cnn.grey makes it from colours"
            )
        logits: Tensor = super().forward(x_B1HW)  # type: ignore[no-untyped-call]
        return logits


def grey(x_BCHW: Tensor) -> Tensor:
    """Small grey faces.

    Args:
        x_BCHW: (B, 3, H, W) float in [0, 1], RGB (`pixels.to_float`).

    Returns:
        (B, 1, 48, 48) float in [0, 1].
    """
    weights = torch.tensor(LUMA).view(1, 3, 1, 1)
    light = (x_BCHW * weights).sum(dim=1, keepdim=True)
    return interpolate(light, size=(GREY_PX, GREY_PX), mode="bilinear", antialias=True)
