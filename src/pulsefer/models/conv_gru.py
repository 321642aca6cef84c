"""The convolutional GRU, equations (1)-(4).

Shape letters: T time, B batch, C input channels, D state channels, G the 3 D channels of update
gate, reset gate and candidate, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvGruCell(nn.Module):
    """One step of the convolutional GRU.

    Paper: Sec. III-A, equations (1)-(4).
    Choice: 3x3 kernels, "same" padding, one bias for each of z, r and the candidate (the equations
    show none): with them the parameters of Table 3 come out to the unit. The reset gate acts on
    the state before the convolution; the `U` without index of (3) is a kernel of its own.

    Args:
        in_channels: C.
        state_channels: D.
    """

    def __init__(self, in_channels: int, state_channels: int) -> None:
        super().__init__()
        self.state_channels = state_channels
        # The kernels of the three gates lie side by side: one convolution instead of three.
        self.of_input = nn.Conv2d(in_channels, 3 * state_channels, 3, padding=1)
        self.of_state = nn.Conv2d(state_channels, 2 * state_channels, 3, padding=1, bias=False)
        self.of_reset = nn.Conv2d(state_channels, state_channels, 3, padding=1, bias=False)
        for layer in (self.of_input, self.of_state, self.of_reset):
            # Each gate on its own: side by side they would count as one layer three times as wide.
            for gate in torch.split(layer.weight.data, state_channels):
                nn.init.xavier_normal_(gate)
        if self.of_input.bias is not None:
            nn.init.zeros_(self.of_input.bias)

    def forward(self, x_BCHW: Tensor, h_BDHW: Tensor | None = None) -> Tensor:
        """Next state.

        Args:
            x_BCHW: One frame's map.
            h_BDHW: The state so far; None is the zero state.

        Returns:
            (B, D, H, W).
        """
        return self.advance(self.of_input(x_BCHW), h_BDHW)

    def advance(self, w_BGHW: Tensor, h_BDHW: Tensor | None) -> Tensor:
        """Next state, from what the input kernels have already made of the input.

        Args:
            w_BGHW: `of_input` of the frame: z, r, candidate, bias included.
            h_BDHW: The state so far; None is the zero state, whose convolutions are zero and are
                left out.

        Returns:
            (B, D, H, W).
        """
        # Under autocast the convolutions run in half precision; the state adds up small changes
        # over time and stays in that of the weights.
        wz, wr, w = w_BGHW.to(self.of_input.weight.dtype).chunk(3, dim=1)
        if h_BDHW is None:
            return torch.sigmoid(wz) * torch.tanh(w)
        uz, ur = self.of_state(h_BDHW).chunk(2, dim=1)
        z = torch.sigmoid(wz + uz)  # (1)
        r = torch.sigmoid(wr + ur)  # (2)
        h_new = torch.tanh(w + self.of_reset(r * h_BDHW))  # (3) reset, then convolve
        return (1 - z) * h_BDHW + z * h_new  # (4)


class ConvGru(nn.Module):
    """The cell along time.

    Args:
        in_channels: C.
        state_channels: D.

    >>> ConvGru(3, 8)(torch.zeros(5, 2, 3, 6, 6)).shape
    torch.Size([2, 8, 6, 6])
    """

    def __init__(self, in_channels: int, state_channels: int) -> None:
        super().__init__()
        self.cell = ConvGruCell(in_channels, state_channels)

    def forward(self, x_TBCHW: Tensor, h_BDHW: Tensor | None = None) -> Tensor:
        """The state after the last frame.

        Args:
            x_TBCHW: Maps of the frames, time first.
            h_BDHW: The state before the first; None is the zero state.

        Returns:
            (B, D, H, W).
        """
        n_steps, n_batch = x_TBCHW.shape[:2]
        # What the input kernels see does not depend on the state: all frames in one convolution.
        w_TBGHW = self.cell.of_input(x_TBCHW.flatten(0, 1)).unflatten(0, (n_steps, n_batch))
        for w_BGHW in w_TBGHW:
            h_BDHW = self.cell.advance(w_BGHW, h_BDHW)
        if h_BDHW is None:
            raise ValueError("a state needs at least one frame, found none")
        return h_BDHW
