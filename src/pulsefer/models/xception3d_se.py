"""Xception in space and time, with squeeze-and-excitation: what a face clip is turned into.

Chollet's Xception (CVPR 2017) is made of depthwise-separable convolutions with residuals around
them; Hu, Shen & Sun (CVPR 2018) let a block weigh its channels by what the whole picture holds.
Ouzar, Bousefsaf, Djeldjli & Maaoui (CVPR workshops 2022) name both, in three dimensions, and the
abstract says no more: depth and widths here are ours. A reading, not a reproduction.

Shape letters: B batch, C channels, T time, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Xception3dConfig:
    """Depth and widths.

    Choice: the entry of Xception (32, 64 channels), then four blocks; every block halves height,
    width and time, rounding up, so that a clip of five frames goes through as one of sixty does.

    Attributes:
        entry: Channels of the two plain convolutions; the first halves height and width.
        blocks: Channels of each residual block; the last is the size of the answer.
        reduction: How many channels share one number where a block weighs its channels.
    """

    entry: tuple[int, int] = (32, 64)
    blocks: tuple[int, ...] = (128, 256, 256, 256)
    reduction: int = 16

    def __post_init__(self) -> None:
        if len(self.entry) != 2 or not self.blocks or min(*self.entry, *self.blocks) < 1:
            raise ValueError(
                "expected two entry widths and at least one block, all positive, found "
                f"entry={self.entry}, blocks={self.blocks}"
            )
        if self.reduction < 1:
            raise ValueError(f"reduction is at least 1, found {self.reduction}")


class SeparableConv3d(nn.Sequential):
    """One 3x3x3 convolution per channel, then a mixture of the channels at every place.

    (C_in, C_out): 27 C_in + C_in C_out numbers, where a plain one has 27 C_in C_out.

    Args:
        channels: C_in.
        out_channels: C_out.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv3d(channels, channels, 3, padding=1, groups=channels, bias=False),
            nn.Conv3d(channels, out_channels, 1, bias=False),
        )


class SqueezeExcitation(nn.Module):
    """Each channel times a number in (0, 1) that the means of all channels decide.

    Args:
        channels: C.
        reduction: The layer between has C // reduction units, at least one.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        between = max(channels // reduction, 1)
        self.gate = nn.Sequential(
            nn.Linear(channels, between), nn.ReLU(), nn.Linear(between, channels), nn.Sigmoid()
        )

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Same shape."""
        share_BC: Tensor = self.gate(x_BCTHW.mean(dim=(2, 3, 4)))
        return x_BCTHW * share_BC[:, :, None, None, None]


class Block(nn.Module):
    """Two separable convolutions, pooled by 2 and weighed, beside a strided 1x1x1 convolution.

    Args:
        channels: C_in.
        out_channels: C_out.
        reduction: Of the squeeze-and-excitation.
    """

    def __init__(self, channels: int, out_channels: int, reduction: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.ReLU(),
            SeparableConv3d(channels, out_channels),
            nn.BatchNorm3d(out_channels),
            nn.ReLU(),
            SeparableConv3d(out_channels, out_channels),
            nn.BatchNorm3d(out_channels),
            nn.MaxPool3d(3, stride=2, padding=1),
            SqueezeExcitation(out_channels, reduction),
        )
        self.beside = nn.Sequential(
            nn.Conv3d(channels, out_channels, 1, stride=2, bias=False),
            nn.BatchNorm3d(out_channels),
        )

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """(B, C_out, T / 2, H / 2, W / 2), each rounded up."""
        sum_BCTHW: Tensor = self.body(x_BCTHW) + self.beside(x_BCTHW)
        return sum_BCTHW


class Xception3dSe(nn.Module):
    """A clip of any length and size as one vector.

    Choice: the mean over time and place of the last block, rectified.

    Args:
        config: None is the default depth and width.
    """

    def __init__(self, config: Xception3dConfig | None = None) -> None:
        super().__init__()
        self.config = config or Xception3dConfig()
        first, second = self.config.entry
        self.entry = nn.Sequential(
            nn.Conv3d(3, first, 3, stride=(1, 2, 2), padding=1, bias=False),
            nn.BatchNorm3d(first),
            nn.ReLU(),
            nn.Conv3d(first, second, 3, padding=1, bias=False),
            nn.BatchNorm3d(second),
        )
        widths = (second, *self.config.blocks)
        self.blocks = nn.Sequential(
            *(
                Block(wide_in, wide_out, self.config.reduction)
                for wide_in, wide_out in pairwise(widths)
            )
        )

    def forward(self, x_BTCHW: Tensor) -> Tensor:
        """(B, features).

        Args:
            x_BTCHW: (B, T, 3, H, W) float in [0, 1] (`pixels.to_float`).

        Raises:
            ValueError: another shape or type.
        """
        if x_BTCHW.ndim != 5 or x_BTCHW.shape[2] != 3 or not x_BTCHW.is_floating_point():
            raise ValueError(
                f"expected (B, T, 3, H, W) float in [0, 1], found {tuple(x_BTCHW.shape)} "
                f"{x_BTCHW.dtype}"
            )
        x_BCTHW = self.blocks(self.entry(x_BTCHW.transpose(1, 2)))
        return torch.relu(x_BCTHW).mean(dim=(2, 3, 4))

    @property
    def features(self) -> int:
        """Length of the vector."""
        return self.config.blocks[-1]


class TraceNet(nn.Sequential):
    """A trace of any length as one vector: two convolutions in time and a mean.

    Choice: Ouzar et al. do not say what reads their pulse signal; kernels of nine samples, which
    are most of a heart beat at 12.5 frames a second.

    Args:
        features: Length of the vector.
    """

    def __init__(self, features: int) -> None:
        super().__init__(
            nn.Conv1d(1, features // 2, 9, padding=4),
            nn.ReLU(),
            nn.Conv1d(features // 2, features, 9, padding=4),
            nn.ReLU(),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
        )


class FaceAndPulse(nn.Module):
    """Both branches side by side, one layer over both: late fusion.

    Args:
        config: Of the face's branch.
        trace_features: What the pulse's branch gives.
        hidden: Units of the layer over both.
        dropout: Probability behind it.
        classes: Logits.
    """

    def __init__(
        self,
        config: Xception3dConfig,
        *,
        trace_features: int,
        hidden: int,
        dropout: float,
        classes: int,
    ) -> None:
        super().__init__()
        self.face = Xception3dSe(config)
        self.pulse = TraceNet(trace_features)
        self.over_both = nn.Sequential(
            nn.Linear(self.face.features + trace_features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, classes),
        )

    def forward(self, x_BTCHW: Tensor, trace_BL: Tensor) -> Tensor:
        """(B, classes) logits.

        Args:
            x_BTCHW: As `Xception3dSe` takes it.
            trace_BL: (B, L) pulse traces, of order 1; L has nothing to do with T.
        """
        both = torch.cat([self.face(x_BTCHW), self.pulse(trace_BL[:, None])], dim=1)
        logits: Tensor = self.over_both(both)
        return logits
