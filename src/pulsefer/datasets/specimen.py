"""The marker at the root of every tree that a `write_fake` wrote: such a tree is synthetic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput

MARKER = "SPECIMEN.json"


def write_marker(root: Path, dataset: str, content: Mapping[str, Any]) -> None:
    """Say that a tree is synthetic, and what was planted in it.

    Args:
        root: Root of the tree.
        dataset: For example "deap".
        content: Plain values: geometry, effects, seed, the truth about every trial.
    """
    what = "Synthetic: made for testing, nobody was recorded. No data of the data set's name."
    text = json.dumps({"what": what, "dataset": dataset, **content}, indent=1)
    (root / MARKER).write_text(text + "\n", encoding="utf-8")


def read_marker(root: Path, dataset: str) -> dict[str, Any] | None:
    """What `write_marker` was told, or None: no marker, so the data are real.

    Raises:
        BadInput: a marker that cannot be read, or of another data set.
    """
    path = root / MARKER
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        found = content["dataset"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise bad_marker(root, error) from error
    if found != dataset:
        raise BadInput(str(path), expected=f"a specimen of {dataset}", found=f"one of {found}")
    return dict(content)


def bad_marker(root: Path, error: Exception) -> BadInput:
    """The complaint about a marker without the values that it should have."""
    return BadInput(
        str(root / MARKER),
        expected="the marker of a synthetic specimen",
        found=f"{type(error).__name__}: {error}",
        remedy="write the specimen again into an empty folder; real data have no such file",
    )


def require_empty(root: Path) -> None:
    """Refuse to write a specimen over anything.

    Raises:
        BadInput: there is a file of this name, or a folder with something in it.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise BadInput(
            str(root),
            expected="a folder that is empty or does not exist yet",
            found="something in it",
            remedy="a specimen never overwrites anything; name another folder",
        )
