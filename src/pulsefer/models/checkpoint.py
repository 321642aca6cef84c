"""A network in a folder: `model.safetensors`, `config.json`, `README.md`.

These are the names that the Hugging Face hub knows, so the folder can be uploaded as it is. Nothing
here goes to the network, and nothing in the folder is executed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_folder
from pulsefer.models.crnn import Crnn, CrnnConfig

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
ARCHITECTURE = "pulsefer.Crnn"


def save(model: Crnn, folder: Path, *, card: str, about: Mapping[str, Any] | None = None) -> None:
    """Write the folder whole or not at all; what stood there before is replaced.

    Args:
        model: On any device.
        folder: For example "runs/deap-valence/model".
        card: The model card, Markdown.
        about: What else a user of the network has to know (dimension, length of a window, rate of
            the frames): plain values, given back by `about`.

    Raises:
        BadInput: the folder holds something else, which would be lost.
    """
    from safetensors.torch import save_file

    others = {path.name for path in folder.glob("*")} - {WEIGHTS, CONFIG, CARD}
    if others or (folder.exists() and not folder.is_dir()):
        raise BadInput(
            str(folder),
            expected="a new folder, or one that holds a saved network and nothing else",
            found=", ".join(sorted(others)[:4]) or "a file",
            remedy="give another folder: this one would be replaced",
        )
    config = {
        "architecture": ARCHITECTURE,
        **dataclasses.asdict(model.config),
        "about": dict(about or {}),
    }
    text = json.dumps(config, indent=2, sort_keys=True, allow_nan=False)
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()
    }
    with whole_folder(folder) as part:
        save_file(tensors, part / WEIGHTS, metadata={"format": "pt"})
        (part / CONFIG).write_text(text + "\n", encoding="utf-8")
        (part / CARD).write_text(card, encoding="utf-8")


def load(folder: Path) -> Crnn:
    """The network as it was saved, on the CPU, in `eval()`.

    Raises:
        BadInput: a file is missing, damaged, of another network, or holds numbers that are not
            finite.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = _config(folder)
    path = _file(folder / WEIGHTS)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise BadInput(
            str(path),
            expected="a safetensors file",
            found=str(error),
            remedy="copy it again; other formats are not opened, because they can run code",
        ) from error
    # Built without memory: nothing is drawn from the caller's random numbers.
    with torch.device("meta"):
        model = Crnn(config)
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
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
    # Copied, not mapped: the file may be replaced while the network is in use.
    model = model.to_empty(device="cpu")
    model.load_state_dict(tensors)
    return model.eval()


def about(folder: Path) -> dict[str, Any]:
    """What `save` was told beside the network.

    Raises:
        BadInput: as `load`.
    """
    return dict(_read(folder)["about"])


def _config(folder: Path) -> CrnnConfig:
    values = {k: v for k, v in _read(folder).items() if k not in ("architecture", "about")}
    try:
        return CrnnConfig(**values)
    except (TypeError, ValueError) as error:
        fields = ", ".join(field.name for field in dataclasses.fields(CrnnConfig))
        raise BadInput(
            str(folder / CONFIG), expected=f"the fields {fields}", found=str(error)
        ) from error


def _read(folder: Path) -> dict[str, Any]:
    path = _file(folder / CONFIG)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(str(path), expected="JSON", found=str(error)) from error
    if not isinstance(values, dict) or values.get("architecture") != ARCHITECTURE:
        kind = values.get("architecture") if isinstance(values, dict) else type(values).__name__
        raise BadInput(
            str(path),
            expected=f'"architecture": "{ARCHITECTURE}"',
            found=str(kind),
            remedy="this folder holds another kind of model",
        )
    if not isinstance(values.setdefault("about", {}), dict):
        raise BadInput(str(path), expected='an object as "about"', found=str(values["about"]))
    return values


def _file(path: Path) -> Path:
    if not path.is_file():
        raise BadInput(
            str(path),
            expected="a file of a saved network",
            found="no such file",
            remedy=f"give the folder that holds {WEIGHTS} and {CONFIG}",
        )
    return path
