"""PulseFER: emotion and heart rate from a face video, by one network.

>>> from pulsefer import Analyzer                    # doctest: +SKIP
>>> Analyzer().video("interview.mp4")                # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pulsefer.core.version import __version__

if TYPE_CHECKING:
    from pulsefer.inference.analyzer import Analyzer as Analyzer

__all__ = ["Analyzer", "__version__"]


def __getattr__(name: str) -> object:
    """Load what is asked for when it is asked for: `import pulsefer` takes no torch."""
    if name == "Analyzer":
        from pulsefer.inference.analyzer import Analyzer

        return Analyzer
    raise AttributeError(f"module 'pulsefer' has no attribute {name!r}")
