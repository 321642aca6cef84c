"""The file beside a table that says how it was made and what its columns mean."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput
from pulsefer.core.files import whole_file
from pulsefer.core.fingerprint import sha256_file
from pulsefer.inference.columns import Column

KEYS = {"about", "columns", "table_sha256"}


def sidecar_path(path: Path) -> Path:
    """Its place. The whole name is kept: `talk.csv` and `talk.parquet` have one each.

    >>> sidecar_path(Path("talk.csv")).name
    'talk.csv.json'
    """
    return path.with_name(f"{path.name}.json")


def check_sidecar(path: Path) -> None:
    """Refuse a table whose sidecar would take the place of a file of the user's.

    Raises:
        BadInput: something is there that is no sidecar.
    """
    place = sidecar_path(path)
    if place.exists() and not KEYS.issubset(read_object(place)):
        raise BadInput(
            str(place),
            expected="nothing there, or what was written beside an earlier table",
            found="another file",
            remedy="move it away, or choose another name for the table",
        )


def write_sidecar(path: Path, about: Mapping[str, Any], columns: Mapping[str, Column]) -> Path:
    """Say how the table at `path` was made and what its columns are.

    It is written after the table and holds the table's SHA-256: one that was left by an earlier
    table does not pass for this one's.

    Args:
        path: The table, written already.
        about: Its `attrs`.
        columns: In their order.
    """
    check_sidecar(path)
    told = {
        "about": about,
        "columns": {name: asdict(column) for name, column in columns.items()},
        "table_sha256": sha256_file(path),
    }
    with whole_file(sidecar_path(path)) as part:
        part.write_text(json_text(told), "utf-8", newline="\n")
    return sidecar_path(path)


def json_text(told: Mapping[str, Any]) -> str:
    """JSON that every reader takes: what is not finite is null, for JSON has no word for it.

    >>> print(json_text({"end_s": math.inf}), end="")
    {
      "end_s": null
    }
    """
    return json.dumps(_finite(told), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; an empty one where there is none."""
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _finite(thing: Any) -> Any:
    if isinstance(thing, Mapping):
        return {str(key): _finite(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_finite(value) for value in thing]
    return None if isinstance(thing, float) and not math.isfinite(thing) else thing
