"""Names made from content: the same configuration or file has the same fingerprint."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SAID_IF_CHANGED = {"said_if_changed": True}
"""Metadata of a field that came later: at its default it has no place in the canonical text, so
that what was named before it came keeps its name."""


def fingerprint(thing: Any, *, length: int = 16) -> str:
    """SHA-256 of a canonical JSON text, shortened.

    Args:
        thing: Dataclasses, mappings, sequences, numbers, text, paths, None, arrays.
        length: Hexadecimal digits to keep.

    Raises:
        TypeError: something has no canonical text.

    >>> fingerprint({"b": 1, "a": 2}) == fingerprint({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(canonical_json(thing).encode()).hexdigest()[:length]


def canonical_json(thing: Any) -> str:
    """JSON with sorted keys and no blanks; equal things give equal text."""
    return json.dumps(_plain(thing), sort_keys=True, separators=(",", ":"), allow_nan=True)


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _default(field: dataclasses.Field[Any]) -> Any:
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


def _plain(thing: Any) -> Any:
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        return {
            f.name: _plain(getattr(thing, f.name))
            for f in dataclasses.fields(thing)
            if not ("said_if_changed" in f.metadata and getattr(thing, f.name) == _default(f))
        }
    if isinstance(thing, Mapping):
        return {str(key): _plain(value) for key, value in thing.items()}
    if isinstance(thing, np.ndarray):
        return {"shape": thing.shape, "sha256": hashlib.sha256(thing.tobytes()).hexdigest()}
    if isinstance(thing, np.generic):
        return thing.item()
    if isinstance(thing, Path):
        return thing.as_posix()
    if isinstance(thing, list | tuple):
        return [_plain(item) for item in thing]
    if thing is None or isinstance(thing, str | int | float | bool):
        return thing
    raise TypeError(f"no canonical text for {type(thing).__name__}")
