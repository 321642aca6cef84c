"""What a compared system may look at, and how it is asked: one interface for all of them.

The harness owns windows, folds, labels, aggregation and metrics. A system sees samples without
names: no person, no clip, no trial, and of the tested side no label. So none can choose a protocol
of its own, and everything that is fitted is fitted inside `fit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.types import Signal, SignalKind

Unit = Literal["window", "trial"]
Modality = Literal["face", "ppg", "ecg", "eda"]
Fidelity = Literal["code", "abstract", "title"]
"""What of the original could be read: its code, its abstract, or no more than its title."""


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """Samples, each a window or a whole trial.

    Attributes:
        faces: (n) functions that read (T, 64, 64, 3) uint8 RGB; T may differ between trials.
            Empty for a system that does not look at faces.
        fps_hz: Frames per second inside a sample.
        signals: (n) contact signals by kind, cut to the sample; time 0 is its start. Empty
            mappings for a system that needs none.
        unit: What one sample is.
    """

    faces: Sequence[Callable[[], NDArray[np.uint8]]]
    fps_hz: float
    signals: Sequence[Mapping[SignalKind, Signal]]
    unit: Unit

    def __len__(self) -> int:
        return max(len(self.faces), len(self.signals))

    def take(self, places: Sequence[int] | NDArray[np.integer]) -> Bundle:
        """Some of the samples, in the order asked for."""
        return Bundle(
            [self.faces[place] for place in places] if len(self.faces) else (),
            self.fps_hz,
            [self.signals[place] for place in places] if len(self.signals) else (),
            self.unit,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """What the training side's samples are.

    Attributes:
        classes: (n,) int, 0 and 1 (low, high), or 0, 1, 2 where three classes are asked for.
        other: (n,) float, the class of the other rating (arousal beside valence) for systems that
            learn both at once; NaN where unknown.
    """

    classes: NDArray[np.int64]
    other: NDArray[np.float64]

    def take(self, places: Sequence[int] | NDArray[np.integer]) -> Labels:
        """Of some of the samples."""
        return Labels(self.classes[places], self.other[places])


class System(Protocol):
    """A compared system. What it chooses by itself (k, weights, features) it chooses in `fit`."""

    modality: tuple[Modality, ...]
    unit: Unit
    fidelity: Fidelity

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the training side.

        Args:
            bundle: Samples.
            labels: Of these samples.
            groups: (n,) number of the person of each, for an inner cross-validation by person.
        """

    def predict_proba(self, bundle: Bundle) -> NDArray[np.float64]:
        """(n, n_classes) probabilities. What it says of a sample depends on that sample alone."""

    def fitted(self) -> Mapping[str, NDArray[np.generic]]:
        """Everything that `fit` decided, as arrays by name; equal fits give equal bytes."""

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned."""
