"""What is made of a contact signal, remembered: every fold and every fit asks for it again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import numpy as np

from pulsefer.core.types import Signal

MOST = 5_000
"""Results that are kept. Those of a trial are some tens of kilobytes."""

Made = TypeVar("Made")

_known: dict[tuple[object, ...], Any] = {}


def remembered(make: Callable[..., Made], signal: Signal, *settings: Hashable) -> Made:
    """`make(signal, *settings)`, made once for equal signals and settings.

    Nothing passes from one sample to another by this: what is remembered is a function of the
    signal alone.

    Args:
        make: A function of a module, without state; known by its name.
        signal: By content, not by identity.
        settings: What else `make` takes.

    Returns:
        What `make` gave. It is shared: leave it as it is.
    """
    values = np.ascontiguousarray(signal.values)
    content = hashlib.sha256(values.tobytes()).digest()
    about = (signal.kind, signal.fs_hz, signal.start_s, values.dtype.str, values.shape)
    key = (make.__module__, make.__qualname__, *settings, *about, content)
    if key not in _known:
        if len(_known) >= MOST:
            _known.clear()
        _known[key] = make(signal, *settings)
    made: Made = _known[key]
    return made
