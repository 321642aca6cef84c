"""A small network of three-dimensional convolutions, for clips of any length.

Shape letters: B batch, C channels, T time, H height, W width.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

WIDTHS = (32, 64, 128, 256)
SMALLEST_PX = 16
"""Below this nothing is left after four poolings."""


class Cnn3d(nn.Sequential):
    """Four 3x3x3 convolutions with pooling, the mean over place and time, one hidden layer.

    Choice: all of it. Of Zhu, Lu & Yan (2020) no more than the title could be read; this is what
    "3D-CNN" means for face clips of those years, a small C3D (Tran et al. 2015): 32, 64, 128 and
    256 kernels, each followed by batch normalisation, ReLU and max pooling by 2, the first of them
    in place alone; 128 hidden units, dropout of 0.5.
    Choice: pooling over time takes what there is: of an odd number of frames the last stands
    alone, and a single frame passes. 16 frames become 8, 4 and 2; 5 become 3, 2 and 1.

    >>> import torch
    >>> sum(p.numel() for p in Cnn3d().parameters())
    1197793
    >>> Cnn3d().eval()(torch.zeros(2, 3, 5, 64, 64)).shape
    torch.Size([2, 1])
    """

    def __init__(self) -> None:
        super().__init__()
        for number, (wide_in, wide_out) in enumerate(zip((3, *WIDTHS), WIDTHS, strict=False), 1):
            # Without offsets: the normalisation has its own.
            layer = nn.Conv3d(wide_in, wide_out, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            size = (1 if number == 1 else 2, 2, 2)
            self.add_module(f"conv{number}", layer)
            self.add_module(f"norm{number}", nn.BatchNorm3d(wide_out))
            self.add_module(f"relu{number}", nn.ReLU(inplace=True))
            self.add_module(f"pool{number}", nn.MaxPool3d(size, ceil_mode=True))
        self.mean = nn.AdaptiveAvgPool3d(1)
        self.flatten = nn.Flatten()
        self.hidden = nn.Linear(WIDTHS[-1], 128)
        self.relu = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.answer = nn.Linear(128, 1)
        nn.init.kaiming_normal_(self.hidden.weight, nonlinearity="relu")
        nn.init.xavier_normal_(self.answer.weight)
        for linear in (self.hidden, self.answer):
            nn.init.zeros_(cast(Tensor, linear.bias))

    def forward(self, x_BCTHW: Tensor) -> Tensor:
        """Logit of the high class, (B, 1).

        Args:
            x_BCTHW: (B, 3, T, H, W) float in [0, 1], RGB, T at least 1, H and W at least 16.

        Raises:
            ValueError: another shape or type.
        """
        shape = x_BCTHW.shape
        fits = x_BCTHW.ndim == 5 and shape[1] == 3 and shape[2] > 0
        if not fits or min(shape[3:]) < SMALLEST_PX or not x_BCTHW.is_floating_point():
            raise ValueError(
                f"expected (B, 3, T, H, W) float in [0, 1] of at least one frame and "
                f"{SMALLEST_PX} px, found {tuple(shape)} {x_BCTHW.dtype}"
            )
        logits: Tensor = super().forward(x_BCTHW)  # type: ignore[no-untyped-call]
        return logits
