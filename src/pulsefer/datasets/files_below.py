"""Look through somebody's copy of a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(root: Path) -> Iterator[Path]:
    """All files, also behind links: videos are large and often lie on another disk.

    A folder is entered once, however many links lead to it. Files come in no special order.
    """
    seen: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        if (true := os.path.realpath(folder)) in seen:
            subfolders.clear()
            continue
        seen.add(true)
        for name in names:
            yield Path(folder, name)
