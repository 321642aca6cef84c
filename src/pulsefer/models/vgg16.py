"""VGG-16: thirteen convolutions and three layers on top, configuration D of its paper.

Simonyan & Zisserman, ICLR 2015. Tensors are named as torchvision names them, so that its weights
can be given; torchvision itself is not needed. Nothing is downloaded.

Shape letters: B batch, C channels (3, RGB), H height, W width.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from pulsefer.core.errors import BadInput

BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Kernels, and convolutions before a pooling."""
FEATURES = 4096
SMALLEST_PX = 32
"""Below this nothing is left after five poolings."""
MEAN = (0.485, 0.456, 0.406)
SPREAD = (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue in [0, 1], which torchvision's weights expect taken away."""


class Vgg16(nn.Module):
    """The network up to fc7, with or without the layer that names a thousand things.

    The layers on top take a map of 7x7. Pictures of 224 px give one; from any other size it is
    made by adaptive averaging, as torchvision does. A smaller picture costs less by its area.

    Weights begin as He et al. (2015) have it for ReLU, offsets at zero.

    Args:
        n_classes: Outputs of the last layer; None is no last layer.

    >>> with torch.device("meta"):
    ...     sum(p.numel() for p in Vgg16(1000).parameters())
    138357544
    """

    def __init__(self, n_classes: int | None = None) -> None:
        super().__init__()
        maps: list[nn.Module] = []
        wide_in = 3
        for wide_out, n_layers in BLOCKS:
            for _ in range(n_layers):
                maps += [nn.Conv2d(wide_in, wide_out, 3, padding=1), nn.ReLU(inplace=True)]
                wide_in = wide_out
            maps.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*maps)
        self.avgpool = nn.AdaptiveAvgPool2d(7)
        top: list[nn.Module] = [
            nn.Linear(wide_in * 7 * 7, FEATURES), nn.ReLU(inplace=True), nn.Dropout(),
            nn.Linear(FEATURES, FEATURES), nn.ReLU(inplace=True), nn.Dropout(),
        ]  # fmt: skip
        if n_classes is not None:
            top.append(nn.Linear(FEATURES, n_classes))
        self.classifier = nn.Sequential(*top)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """What the last layer there is says: 4096 features after fc7, or logits.

        Args:
            x_BCHW: (B, 3, H, W) from `vgg_input`, at least 32 px wide and high.

        Returns:
            (B, 4096), none negative; or (B, n_classes).

        Raises:
            ValueError: another shape or type.
        """
        small = x_BCHW.ndim != 4 or min(x_BCHW.shape[2:]) < SMALLEST_PX
        if small or x_BCHW.shape[1] != 3 or not x_BCHW.is_floating_point():
            raise ValueError(
                f"expected (B, 3, H, W) float of at least {SMALLEST_PX} px, found "
                f"{tuple(x_BCHW.shape)} {x_BCHW.dtype}; vgg16.vgg_input makes it from colours"
            )
        answers: Tensor = self.classifier(self.avgpool(self.features(x_BCHW)).flatten(1))
        return answers


def vgg_input(x_BCHW: Tensor, size_px: int) -> Tensor:
    """Pictures in the size and on the scale that VGG-16 is given.

    Args:
        x_BCHW: (B, 3, H, W) float in [0, 1], RGB (`pixels.to_float`).
        size_px: Width and height wanted; the network learned at 224.

    Returns:
        (B, 3, size_px, size_px), each colour with ImageNet's mean and spread taken away.
    """
    x_BCHW = interpolate(x_BCHW, size=(size_px, size_px), mode="bilinear", antialias=True)
    return (x_BCHW - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(SPREAD).view(3, 1, 1)


def load_vgg16(path: Path) -> Vgg16:
    """The network up to fc7 with weights that somebody else learned, in `eval()`.

    Args:
        path: A `.safetensors` file, or a state dict saved by torch (`.pth`, `.pt`; nothing in it is
            executed), with torchvision's names, "features.0.weight". A last layer is left out.

    Raises:
        BadInput: no such file, damaged, of another network, or numbers that are not finite.
    """
    with torch.device("meta"):
        empty = Vgg16()
    wanted = {name: tuple(value.shape) for name, value in empty.state_dict().items()}
    tensors = {name: value for name, value in _read(path).items() if name in wanted}
    odd = sorted(
        name
        for name, shape in wanted.items()
        if name not in tensors or tuple(tensors[name].shape) != shape
    )
    if odd:
        raise BadInput(
            str(path),
            expected=f"the {len(wanted)} tensors of VGG-16 by torchvision's names",
            found=f"a difference at {', '.join(odd[:4])}",
            remedy="give configuration D without batch normalisation (torchvision's vgg16)",
        )
    for name, value in tensors.items():
        if not value.is_floating_point() or not torch.isfinite(value).all():
            raise BadInput(str(path), expected="finite weights", found=f"{name} with other values")
    network = empty.to_empty(device="cpu")
    network.load_state_dict(tensors)
    return network.eval()


def _read(path: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    if not path.is_file():
        raise BadInput(
            str(path), expected="a file of VGG-16's weights", found="no such file",
            remedy="give another, or none: the weights are then drawn from the seed",
        )  # fmt: skip
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch's unpickler stumbles over damage in a dozen ways
        raise BadInput(
            str(path),
            expected="a safetensors file, or a state dict that torch opens with weights_only",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            remedy="copy it again; files that can run code are not opened",
        ) from error
    if not isinstance(found, dict) or not all(isinstance(v, Tensor) for v in found.values()):
        raise BadInput(
            str(path), expected="a dict of tensors by name", found=type(found).__name__,
            remedy="save the network's state_dict()",
        )  # fmt: skip
    return found
