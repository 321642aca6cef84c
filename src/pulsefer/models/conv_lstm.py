"""The convolutional LSTM, in which the network's ancestor differs from it.

    i  = sigmoid(W_i * x + U_i * h + b_i)        (a) input gate
    f  = sigmoid(W_f * x + U_f * h + b_f)        (b) forget gate
    o  = sigmoid(W_o * x + U_o * h + b_o)        (c) output gate
    c' = f c + i tanh(W_c * x + U_c * h + b_c)   (d) cell
    h' = o tanh(c')                              (e) state

after Shi et al. (NeurIPS 2015), without the weights from the cell to the gates: DeepVANet, the
public ancestor of the paper's network, leaves them out.

Shape letters: T time, B batch, C input channels, D state channels, G the 4 D channels of input
gate, forget gate, output gate and candidate, S the 2 D channels of state and cell, H height, W
width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ConvLstmCell(nn.Module):
    """One step of the convolutional LSTM.

    Choice: 3x3 kernels, "same" padding, one bias for each gate, as the ancestor has them; weights
    and biases begin as in `ConvGruCell`, so that what differs between the two is the equations.

    Args:
        in_channels: C.
        state_channels: D.
    """

    def __init__(self, in_channels: int, state_channels: int) -> None:
        super().__init__()
        self.state_channels = state_channels
        self.of_input = nn.Conv2d(in_channels, 4 * state_channels, 3, padding=1)
        self.of_state = nn.Conv2d(state_channels, 4 * state_channels, 3, padding=1, bias=False)
        for layer in (self.of_input, self.of_state):
            for gate in torch.split(layer.weight.data, state_channels):
                nn.init.xavier_normal_(gate)
        if self.of_input.bias is not None:
            nn.init.zeros_(self.of_input.bias)

    def forward(self, x_BCHW: Tensor, hc_BSHW: Tensor | None = None) -> Tensor:
        """Next state and cell.

        Args:
            x_BCHW: One frame's map.
            hc_BSHW: State and cell so far; None is zero.

        Returns:
            (B, 2 D, H, W), the state first.
        """
        return self.advance(self.of_input(x_BCHW), hc_BSHW)

    def advance(self, w_BGHW: Tensor, hc_BSHW: Tensor | None) -> Tensor:
        """Next state and cell, from what the input kernels have already made of the input.

        Args:
            w_BGHW: `of_input` of the frame: i, f, o, candidate, biases included.
            hc_BSHW: State and cell so far; None is zero, whose convolutions are left out.

        Returns:
            (B, 2 D, H, W), the state first.
        """
        # As in the GRU: under autocast the cell stays in the precision of the weights.
        gates_BGHW = w_BGHW.to(self.of_input.weight.dtype)
        if hc_BSHW is None:
            i, _, o, new = gates_BGHW.chunk(4, dim=1)
            c = torch.sigmoid(i) * torch.tanh(new)
        else:
            h, c = hc_BSHW.chunk(2, dim=1)
            i, f, o, new = (gates_BGHW + self.of_state(h)).chunk(4, dim=1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(new)  # (a) (b) (d)
        return torch.cat([torch.sigmoid(o) * torch.tanh(c), c], dim=1)  # (c) (e)


class ConvLstm(nn.Module):
    """The cell along time; stands where `ConvGru` stands.

    Args:
        in_channels: C.
        state_channels: D.

    >>> ConvLstm(3, 8)(torch.zeros(5, 2, 3, 6, 6)).shape
    torch.Size([2, 16, 6, 6])
    """

    def __init__(self, in_channels: int, state_channels: int) -> None:
        super().__init__()
        self.cell = ConvLstmCell(in_channels, state_channels)

    def forward(self, x_TBCHW: Tensor, hc_BSHW: Tensor | None = None) -> Tensor:
        """State and cell after the last frame.

        Args:
            x_TBCHW: Maps of the frames, time first.
            hc_BSHW: State and cell before the first; None is zero.

        Returns:
            (B, 2 D, H, W): the first D channels are the state, which the layers above are given;
            the others the cell, which only the next frame needs.
        """
        n_steps, n_batch = x_TBCHW.shape[:2]
        # What the input kernels see does not depend on the state: all frames in one convolution.
        w_TBGHW = self.cell.of_input(x_TBCHW.flatten(0, 1)).unflatten(0, (n_steps, n_batch))
        for w_BGHW in w_TBGHW:
            hc_BSHW = self.cell.advance(w_BGHW, hc_BSHW)
        if hc_BSHW is None:
            raise ValueError("a state needs at least one frame, found none")
        return hc_BSHW
