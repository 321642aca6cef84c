"""What is installed beside us, found without importing it."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from types import ModuleType

from pulsefer.core.errors import BadInput

NEEDED = (
    "torch", "lightning", "av", "numpy", "scipy", "pandas", "pyarrow", "neurokit2", "pyedflib",
    "mtcnn", "scikit-learn", "scikit-image", "joblib",
)  # fmt: skip


def versions(names: tuple[str, ...] = NEEDED) -> Mapping[str, str | None]:
    """Version by distribution name; None for what is not installed."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def extras(distribution: str = "pulsefer") -> Mapping[str, bool]:
    """Optional extras of a distribution, and whether everything they ask for is installed."""
    try:
        meta = importlib.metadata.metadata(distribution)
    except importlib.metadata.PackageNotFoundError:
        return {}
    from packaging.requirements import Requirement

    needs = [Requirement(line) for line in meta.get_all("Requires-Dist") or []]
    names = meta.get_all("Provides-Extra") or []
    return {
        extra: all(
            versions((need.name,))[need.name] is not None
            for need in needs
            if need.marker is not None
            and need.marker.evaluate({"extra": extra})
            and not need.marker.evaluate({"extra": ""})
        )
        for extra in sorted(names)
    }


def needed(module: str, *, extra: str) -> ModuleType:
    """Import what an optional extra brings.

    Raises:
        BadInput: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BadInput(
            module,
            expected=f"what the extra [{extra}] brings",
            found=str(error),
            remedy=f"pip install 'pulsefer[{extra}]'",
        ) from error
