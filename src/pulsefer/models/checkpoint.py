"""A network in a folder: `model.safetensors`, `config.json`, `README.md`, `reliability.svg`.

These are the names that the Hugging Face hub knows, so the folder can be uploaded as it is. Nothing
here goes to the network, and nothing in the folder is executed. What `config.json` holds is said in
`models.description`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_folder
from pulsefer.core.fingerprint import canonical_json
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.description import (
    CARD,
    CONFIG,
    CRNN,
    FORMAT,
    FRAME_AFFECT,
    MODEL,
    OWN,
    PIXELS,
    RELIABILITY,
    WEIGHTS,
    described,
    file_of,
)
from pulsefer.models.frame_affect import FrameAffect, FrameAffectConfig

__all__ = [
    "CARD", "CONFIG", "CRNN", "FRAME_AFFECT", "MODEL", "RELIABILITY", "WEIGHTS",
    "CnnWeights", "about", "described", "file_of", "load", "load_cnn", "load_frame_affect", "save",
]  # fmt: skip

Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class CnnWeights:
    """The CNN of a saved network, to begin another one with.

    Attributes:
        tensors: By the names of `FrameCnn.state_dict()`.
        sha256: Of the whole file of weights that they come from.
        about: What `save` was told beside that network.
    """

    tensors: Mapping[str, Tensor]
    sha256: str
    about: Mapping[str, Any]


def save(
    model: Crnn | FrameAffect,
    folder: Path,
    *,
    card: str,
    about: Mapping[str, Any] | None = None,
    reliability: bytes | None = None,
) -> None:
    """Write the folder whole or not at all; what stood there before is replaced.

    Args:
        model: On any device.
        folder: For example "runs/deap-valence/model".
        card: The model card, Markdown.
        about: What else a user of the network has to know (dimension, length of a window, rate of
            the frames): plain values, given back by `about`.
        reliability: SVG of how the probabilities hold, for the card to show; None where there is
            none.

    Raises:
        BadInput: the folder holds something else, which would be lost.
    """
    from safetensors.torch import save as in_bytes

    others = {path.name for path in folder.glob("*")} - {WEIGHTS, CONFIG, CARD, RELIABILITY}
    if others or (folder.exists() and not folder.is_dir()):
        raise BadInput(
            str(folder),
            expected="a new folder, or one that holds a saved network and nothing else",
            found=", ".join(sorted(others)[:4]) or "a file",
            remedy="give another folder: this one would be replaced",
        )
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    weights = in_bytes(tensors, metadata={"format": "pt"})
    config = {
        "architecture": CRNN if isinstance(model, Crnn) else FRAME_AFFECT,
        "format": FORMAT,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "pixels": PIXELS,
        **json.loads(canonical_json(model.config)),
        "about": dict(about or {}),
    }
    text = json.dumps(config, indent=2, sort_keys=True, allow_nan=False)
    with whole_folder(folder) as part:
        (part / WEIGHTS).write_bytes(weights)
        (part / CONFIG).write_bytes(f"{text}\n".encode())
        (part / CARD).write_bytes(card.encode())
        if reliability is not None:
            (part / RELIABILITY).write_bytes(reliability)


def load(folder: Path) -> Crnn:
    """The network as it was saved, on the CPU, in `eval()`.

    Raises:
        BadInput: a file is missing, damaged, of another network or a later version, holds numbers
            that are not finite, or the weights are not those that config.json was written with.
    """
    values = described(folder, CRNN)
    with torch.device("meta"):
        empty = Crnn(_config(folder, values, CrnnConfig))
    return _filled(empty, folder, values)


def load_frame_affect(folder: Path) -> FrameAffect:
    """The network of single pictures as it was saved, on the CPU, in `eval()`.

    Raises:
        BadInput: as `load`.
    """
    values = described(folder, FRAME_AFFECT)
    with torch.device("meta"):
        empty = FrameAffect(_config(folder, values, FrameAffectConfig))
    return _filled(empty, folder, values)


def load_cnn(path: Path) -> CnnWeights:
    """The CNN alone, out of any network that looks at single pictures.

    Args:
        path: Folder of a saved network, or of the run that made it.

    Raises:
        BadInput: as `load`; or the CNN looks at differences between frames.
    """
    path = Path(path)
    folder = path / MODEL if (path / MODEL / CONFIG).is_file() else path
    values = described(folder, CRNN, FRAME_AFFECT)
    with torch.device("meta"):
        if values["architecture"] == CRNN:
            empty: nn.Module = Crnn(config := _config(folder, values, CrnnConfig))
            looks_at = config.input
        else:
            empty = FrameAffect(_config(folder, values, FrameAffectConfig))
            looks_at = "appearance"
    if looks_at != "appearance":
        raise BadInput(
            str(folder / CONFIG),
            expected='a CNN that looks at colours (input "appearance")',
            found=f'input "{looks_at}"',
            remedy="take one that was pre-trained on single pictures",
        )
    tensors, sha256 = _tensors(folder, empty, values)
    cnn = {name.removeprefix("cnn."): tensors[name] for name in tensors if name.startswith("cnn.")}
    return CnnWeights(cnn, sha256, dict(values["about"]))


def about(folder: Path) -> dict[str, Any]:
    """What `save` was told beside the network, of either kind.

    Raises:
        BadInput: as `load`.
    """
    return dict(described(folder, CRNN, FRAME_AFFECT)["about"])


def _filled(empty: Network, folder: Path, values: Mapping[str, Any]) -> Network:
    """A network that was built without memory, so that no random number was drawn, as saved."""
    tensors, _ = _tensors(folder, empty, values)
    model = empty.to_empty(device="cpu")
    model.load_state_dict(tensors)
    return model.eval()


def _tensors(
    folder: Path, empty: nn.Module, values: Mapping[str, Any]
) -> tuple[dict[str, Tensor], str]:
    """Weights that fit the network and its description, and the SHA-256 of their file."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    path = file_of(folder / WEIGHTS)
    try:
        content = path.read_bytes()  # not mapped: the file may be replaced while they are in use
        tensors = load(content)
    except (SafetensorError, OSError) as error:
        raise BadInput(
            str(path),
            expected="a safetensors file",
            found=str(error),
            remedy="copy it again; other formats are not opened, because they can run code",
        ) from error
    wanted = {name: tuple(value.shape) for name, value in empty.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if wanted != found:
        odd = sorted(wanted.items() ^ found.items())
        raise BadInput(
            str(path),
            expected=f"the {len(wanted)} tensors of this {CONFIG}",
            found=f"a difference at {', '.join(sorted({name for name, _ in odd})[:4])}",
            remedy=f"use the {CONFIG} that was saved with these weights",
        )
    for name, value in tensors.items():
        if value.dtype != torch.float32 or not torch.isfinite(value).all():
            raise BadInput(
                str(path),
                expected="finite float32 weights",
                found=f"{name} in {value.dtype} with NaN or infinity"
                if value.dtype == torch.float32
                else f"{name} in {value.dtype}",
            )
    sha256 = hashlib.sha256(content).hexdigest()
    told = values.get("weights_sha256", sha256)  # folders did not always say
    if told != sha256:
        raise BadInput(
            str(path),
            expected=f'the file that {CONFIG} names, "weights_sha256": {told!r}',
            found=sha256,
            remedy="copy the whole folder again: weights and description are of two networks",
        )
    return tensors, sha256


Config = TypeVar("Config", CrnnConfig, FrameAffectConfig)


def _config(folder: Path, values: Mapping[str, Any], kind: type[Config]) -> Config:
    given = {k: v for k, v in values.items() if k not in OWN}
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        fields = ", ".join(field.name for field in dataclasses.fields(kind))
        raise BadInput(
            str(folder / CONFIG), expected=f"the fields {fields}", found=str(error)
        ) from error
