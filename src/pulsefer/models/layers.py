"""The network as a table: what stands in it, what comes out, how many numbers are learnt."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from pulsefer.models.conv_gru import ConvGru
from pulsefer.models.conv_lstm import ConvLstm
from pulsefer.models.crnn import FACE_PX, Crnn, CrnnConfig


class Layer(NamedTuple):
    """One row.

    Attributes:
        name: Name of the module inside the network, "cnn.conv1".
        output_shape: What comes out for one frame of one clip, "32 x 62 x 62".
        parameters: Numbers that are learnt.
    """

    name: str
    output_shape: str
    parameters: int


def layers(config: CrnnConfig) -> list[Layer]:
    """The layers of the network in the order in which a clip passes them.

    Shapes are seen, not computed: a clip without memory (PyTorch's meta device) goes through.

    >>> layers(CrnnConfig())[0]
    Layer(name='cnn.conv1', output_shape='32 x 62 x 62', parameters=896)
    """
    rows: list[Layer] = []

    def note(name: str, module: nn.Module, out: Tensor) -> None:
        shape = " x ".join(str(size) for size in out.shape[1:])
        rows.append(Layer(name, shape, sum(p.numel() for p in module.parameters())))

    with torch.device("meta"):
        model = Crnn(config).eval()
        for name, module in model.named_modules():
            leaf = not name.startswith(("gru.", "lstm.")) and not list(module.children())
            if leaf or isinstance(module, ConvGru | ConvLstm):
                module.register_forward_hook(
                    lambda module, _inputs, out, name=name: note(name, module, out)
                )
        n_frames = 1 if config.input == "appearance" else 2
        model(torch.zeros(1, n_frames, 3, FACE_PX, FACE_PX))
    return rows
