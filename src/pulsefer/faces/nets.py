"""What the detector asks of its three networks, and those that ONNX Runtime computes.

Those of PyTorch are in `faces.networks`; nothing here imports it.

Shape suffixes: B boxes, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.onnx_file import OnnxFile
from pulsefer.faces import weights

Floats = NDArray[np.float32]


class Answer(NamedTuple):
    """What a network says of each place or box.

    Attributes:
        score: Probability of a face, (B,); of the first network (B, H, W).
        shift: Four corrections of the box: left, upper, right, lower, in parts of its size;
            (B, 4) or (B, 4, H, W).
        points: (B, 10) five x, then five y, in parts of the box; only the last network gives them.
    """

    score: Floats
    shift: Floats
    points: Floats | None = None


Net = Callable[[Floats], Answer]
"""Pictures in, (B, 3, H, W) float32 with values (byte - 127.5) / 128; what it says of them out."""


class Nets(NamedTuple):
    """The three networks.

    Attributes:
        pnet: Proposes, at every place of pictures of any size.
        rnet: Refines, 24x24 px.
        onet: Decides, 48x48 px.
    """

    pnet: Net
    rnet: Net
    onet: Net


SIDES: Final = {"pnet": None, "rnet": 24, "onet": 48}
"""Of the pictures that each takes, px; None is any."""
OUTPUTS: Final = {
    "pnet": ("score", "shift"),
    "rnet": ("score", "shift"),
    "onet": ("score", "shift", "points"),
}
WEIGHTS_KEY: Final = "mtcnn_sha256"
"""Name in the file's metadata of the SHA-256 of the weights it was made from."""


@dataclass(frozen=True)
class OnnxNet:
    """One of the networks in ONNX Runtime."""

    file: OnnxFile

    def __call__(self, x_BCHW: Floats) -> Answer:
        """See `Net`."""
        return Answer(*self.file(picture=x_BCHW))


def onnx_nets(folder: Path, *, threads: int | None = None) -> Nets:
    """The three networks from `pnet.onnx`, `rnet.onnx` and `onet.onnx`.

    Args:
        folder: Where `pulsefer export` wrote them.
        threads: Of ONNX Runtime; None is its own choice.

    Raises:
        BadInput: a file is absent, damaged or another network, or was made from other weights.
    """
    return Nets(**{name: OnnxNet(_opened(folder, name, threads)) for name in SIDES})


def _opened(folder: Path, name: str, threads: int | None) -> OnnxFile:
    path = folder / f"{name}.onnx"
    shape = (None, 3, SIDES[name], SIDES[name])
    file = OnnxFile(
        path, inputs={"picture": ("float", shape)}, outputs=OUTPUTS[name], threads=threads
    )
    found = file.metadata.get(WEIGHTS_KEY)
    if found != weights.SHA256[name]:
        raise BadInput(
            str(path),
            expected=f"a network of the weights with SHA-256 {weights.SHA256[name]}",
            found=f"SHA-256 {found}" if found else "no word of its weights",
            remedy="write it again with `pulsefer export`",
        )
    return file
