"""What `config.json` of a saved network says, read without PyTorch.

architecture    which network this is
format          of this file, 1; a reader refuses a later one
weights_sha256  of model.safetensors
pixels          what a face is when it is given to the network: colours, range, size_px
input ...       the settings of the network, `CrnnConfig` or `FrameAffectConfig`
about           what a user has to know; of a run's network, `models.artefact` reads it
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput

FACE_PX = 64
"""Width and height of the face picture. Paper: "resize facial images to 64x64" (Sec. IV-B)."""
WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
RELIABILITY = "reliability.svg"
FORMAT = 1
PIXELS: Mapping[str, Any] = {"colours": "RGB", "range": [0.0, 1.0], "size_px": FACE_PX}
"""How the networks here take a face (`models.pixels.to_float`)."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
MODEL = "model"
"""Where a run keeps its network."""

CRNN = "pulsefer.Crnn"
FRAME_AFFECT = "pulsefer.FrameAffect"
INSTEAD = {
    CRNN: "this is a whole network for clips: use `pulsefer analyze --model`",
    FRAME_AFFECT: "this is a pre-trained CNN: use `pulsefer train STORE --cnn`",
}
"""What to do with a folder that holds one, where the other was asked for."""
OWN = ("architecture", "format", "weights_sha256", "pixels", "about")
"""Keys of `config.json` that are no settings of a network."""


def described(folder: Path, *wanted: str) -> dict[str, Any]:
    """All that `config.json` says of a network of one of the wanted kinds.

    Args:
        folder: Of the network.
        wanted: `CRNN`, `FRAME_AFFECT` or both.

    Raises:
        BadInput: no such file, no description of such a network, or one of a later format.
    """
    path = file_of(folder / CONFIG)
    try:
        values = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(str(path), expected="JSON", found=str(error)) from error
    kind = values.get("architecture") if isinstance(values, dict) else type(values).__name__
    if kind not in wanted:
        raise BadInput(
            str(path),
            expected=" or ".join(f'"architecture": "{name}"' for name in wanted),
            found=str(kind),
            remedy=INSTEAD.get(str(kind), "this folder holds another kind of model"),
        )
    result: dict[str, Any] = values
    if not isinstance(result.setdefault("about", {}), dict):
        raise BadInput(str(path), expected='an object as "about"', found=str(result["about"]))
    for name, only in (("format", FORMAT), ("pixels", dict(PIXELS))):
        if result.get(name, only) != only:
            raise BadInput(
                str(path),
                expected=f'"{name}": {json.dumps(only)}',
                found=json.dumps(result[name])[:80],
                remedy="it was saved by another version of pulsefer: install that one",
            )
    return result


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name}, which is no number")


def file_of(path: Path) -> Path:
    """The same path, if there is a file.

    Raises:
        BadInput: there is none; a pickle that stands there instead is named.
    """
    if not path.is_file():
        pickled = sorted(one.name for one in path.parent.glob("*") if one.suffix in PICKLES)
        raise BadInput(
            str(path),
            expected="a file of a saved network",
            found=f"no such file, but {pickled[0]}, which could run code and is never opened"
            if pickled
            else "no such file",
            remedy=f"give the folder that holds {WEIGHTS} and {CONFIG}",
        )
    return path
