"""Short clips of faces, by a network of three-dimensional convolutions.

Zhu, Lu & Yan, ICMLSC 2020, pp. 81-85. Confirmed: its title, which names EEG, peripheral signals,
facial expression and the valence-arousal model. Everything else here is ours: what "3D-CNN" means
for face clips of those years. A reading, not a reproduction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from pulsefer.baselines.face_frames import read_frames, require_faces, require_labels
from pulsefer.baselines.network_fit import (
    drawn,
    fit_network,
    n_parameters,
    predict_network,
    state_arrays,
)
from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.models.cnn3d import Cnn3d
from pulsefer.models.pixels import to_float

MOST_FRAMES = 16
"""Frames of a clip of the original C3D."""


@dataclass(frozen=True, slots=True)
class Cnn3dConfig:
    """How the network learns.

    Attributes:
        epochs: Passes over the windows. Choice: 15, as the paper's own network has.
        batch_size: Windows per step. Choice: 16.
        lr: Learning rate of Adam. Choice: 0.0001.
    """

    epochs: int = 15
    batch_size: int = 16
    lr: float = 1e-4


class Cnn3dSystem:
    """Windows of faces, each judged as one clip.

    Choice: a clip has as many frames as the first window of the training side, at most 16; longer
    windows are read at evenly placed frames, in shorter ones frames stand for their neighbours.

    Args:
        config: None is the default.
        seed: Of the first weights, the order of the windows and the dropout.
    """

    modality: tuple[Modality, ...] = ("face",)
    unit: Unit = "window"
    fidelity: Fidelity = "title"

    def __init__(self, config: Cnn3dConfig | None = None, *, seed: int) -> None:
        self.config = config or Cnn3dConfig()
        self.seed = seed
        self._network = drawn(Cnn3d, seed)
        self._n_frames = 0

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the windows, which are read anew in every epoch.

        Args:
            bundle: Windows with faces.
            labels: Of the windows, two classes; the other rating is not looked at.
            groups: Not looked at: nothing is chosen by an inner cross-validation.

        Raises:
            BadInput: no faces, another unit, labels that do not fit.
        """
        require_faces(bundle, self.unit)
        require_labels(bundle, labels, groups)
        n_frames = min(MOST_FRAMES, len(read_frames(bundle, 0)))
        config = self.config
        self._network = drawn(Cnn3d, self.seed)
        fit_network(
            self._network,
            lambda places: (_clips(bundle, places, n_frames),),
            torch.from_numpy(labels.classes.astype(np.float32))[:, None],
            loss=binary_cross_entropy_with_logits,
            epochs=config.epochs,
            batch_size=config.batch_size,
            lr=config.lr,
            seed=self.seed,
        )
        self._n_frames = n_frames

    def predict_proba(self, bundle: Bundle) -> NDArray[np.float64]:
        """(n, 2) probabilities of low and high.

        Raises:
            BadInput: as `fit`.
            RuntimeError: nothing was learned yet.
        """
        if not self._n_frames:
            raise RuntimeError(f"{type(self).__name__} has not learned yet: call fit first")
        require_faces(bundle, self.unit)
        # One at a time: a window is then added up in the same order whatever stands beside it.
        logits = predict_network(
            self._network, lambda places: (_clips(bundle, places, self._n_frames),), len(bundle), 1
        )
        high = expit(logits[:, 0].astype(np.float64))
        return np.stack([1 - high, high], axis=1)

    def fitted(self) -> Mapping[str, NDArray[Any]]:
        """The network's weights and running statistics, and the frames of a clip."""
        return {**state_arrays(self._network), "n_frames": np.array(self._n_frames)}

    @property
    def n_parameters(self) -> int:
        """Weights of the network: 1,197,793."""
        return n_parameters(self._network)


def _clips(bundle: Bundle, places: NDArray[np.int64], n_frames: int) -> Tensor:
    """(B, 3, T, 64, 64), lying in memory with channels last, in which convolutions are faster."""
    clips = np.stack([read_frames(bundle, place, n_frames) for place in places])
    return to_float(torch.from_numpy(clips)).movedim(2, 1)
