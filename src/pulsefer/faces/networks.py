"""The three networks of MTCNN (Zhang et al. 2016), filled with the weights of `faces.weights`.

Shape suffixes: B boxes, C channels, H height, W width, N features.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pulsefer.faces import weights
from pulsefer.faces.nets import Answer, Floats, Nets


class Network(nn.Module):
    """A trunk and its heads; with dense layers, the maps are flattened as (W, H, C)."""

    def __init__(
        self, trunk: list[nn.Module], dense: list[nn.Module], heads: list[nn.Module]
    ) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*trunk)
        self.dense = nn.Sequential(*dense)
        self.heads = nn.ModuleList(heads)

    def forward(self, x_BCHW: Tensor) -> tuple[Tensor, ...]:
        """Fields of an `Answer` for each place of the maps (no dense layers) or each picture."""
        x = self.trunk(x_BCHW)
        if len(self.dense):
            x = self.dense(x.permute(0, 3, 2, 1).flatten(1))
        shift, *points, face = [head(x) for head in self.heads]
        # Two logits, the second for "face": their softmax is a sigmoid of the difference.
        return torch.sigmoid(face[:, 1] - face[:, 0]), shift, *points


@dataclass(frozen=True)
class TorchNet:
    """A network that takes and gives NumPy's arrays."""

    network: Network

    def __call__(self, x_BCHW: Floats) -> Answer:
        """See `nets.Net`."""
        with torch.inference_mode():
            return Answer(*(found.numpy() for found in self.network(torch.from_numpy(x_BCHW))))


def torch_nets(where: Path | None = None) -> Nets:
    """The three networks in PyTorch, on the CPU.

    Args:
        where: Folder of the weights; None is where `weights.folder` finds them.

    Raises:
        BadInput: the weights are absent or not the expected ones.
    """
    where = where or weights.folder()
    makers = {"pnet": pnet, "rnet": rnet, "onet": onet}
    return Nets(
        **{name: TorchNet(make(weights.read(name, where))) for name, make in makers.items()}
    )


def pnet(tensors: list[NDArray[np.float32]]) -> Network:
    """Proposes: slides a 12 px window over a picture with a stride of 2 px."""
    trunk = [
        *_block(3, 10, 3), nn.MaxPool2d(2, 2, ceil_mode=True),
        *_block(10, 16, 3),
        *_block(16, 32, 3),
    ]  # fmt: skip
    return _filled(Network(trunk, [], [nn.Conv2d(32, 4, 1), nn.Conv2d(32, 2, 1)]), tensors)


def rnet(tensors: list[NDArray[np.float32]]) -> Network:
    """Refines boxes seen at 24x24 px."""
    trunk = [
        *_block(3, 28, 3), nn.MaxPool2d(3, 2, ceil_mode=True),
        *_block(28, 48, 3), nn.MaxPool2d(3, 2),
        *_block(48, 64, 2),
    ]  # fmt: skip
    dense: list[nn.Module] = [nn.Linear(576, 128), nn.PReLU(128)]
    return _filled(Network(trunk, dense, [nn.Linear(128, 4), nn.Linear(128, 2)]), tensors)


def onet(tensors: list[NDArray[np.float32]]) -> Network:
    """Decides, and places five landmarks, on boxes seen at 48x48 px."""
    trunk = [
        *_block(3, 32, 3), nn.MaxPool2d(3, 2, ceil_mode=True),
        *_block(32, 64, 3), nn.MaxPool2d(3, 2),
        *_block(64, 64, 3), nn.MaxPool2d(2, 2, ceil_mode=True),
        *_block(64, 128, 2),
    ]  # fmt: skip
    dense: list[nn.Module] = [nn.Linear(1152, 256), nn.PReLU(256)]
    heads: list[nn.Module] = [nn.Linear(256, 4), nn.Linear(256, 10), nn.Linear(256, 2)]
    return _filled(Network(trunk, dense, heads), tensors)


def _block(channels_in: int, channels_out: int, kernel: int) -> list[nn.Module]:
    return [nn.Conv2d(channels_in, channels_out, kernel), nn.PReLU(channels_out)]


def _filled(network: Network, tensors: list[NDArray[np.float32]]) -> Network:
    """Copy Keras tensors into the layers, in order; the shapes must use every one up."""
    queue = iter(tensors)
    layers = [*network.trunk, *network.dense, *network.heads]
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters():
                parameter.copy_(_torch_layout(next(queue)).reshape(parameter.shape))
    if next(queue, None) is not None:
        raise ValueError("more tensors than the network has parameters")
    return network.eval().requires_grad_(False)


def _torch_layout(tensor: NDArray[np.float32]) -> Tensor:
    """(kH, kW, in, out) to (out, in, kH, kW); (in, out) to (out, in)."""
    order = {4: (3, 2, 0, 1), 2: (1, 0)}.get(tensor.ndim)
    return torch.from_numpy(np.ascontiguousarray(tensor.transpose(order) if order else tensor))
