"""Valence and arousal of single grey faces, by one network with two answers.

Huang, Yang, Liu & Pan, Future Internet 11(5):105, 2019. Confirmed by its abstract: the face is
judged by a multi-task CNN, transfer-learned, that gives the states of valence and arousal, on DEAP
and MAHNOB-HCI (and EEG is judged by two SVMs, and both are fused: left out here). Recalled and not
confirmed: grey faces of 48x48, four a second; the mean over a trial's frames. A reading, not a
reproduction.
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

from pulsefer.baselines.face_frames import evenly, read_frames, require_faces, require_labels
from pulsefer.baselines.network_fit import (
    drawn,
    fit_network,
    n_parameters,
    predict_network,
    state_arrays,
)
from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.models.mtl_cnn import MtlCnn, grey
from pulsefer.models.pixels import to_float

FRAMES_HZ = 4.0
"""Frames looked at in a second, where there are more."""


@dataclass(frozen=True, slots=True)
class MtlCnnConfig:
    """How the network learns.

    Attributes:
        epochs: Passes over the frames. Choice: 15, as the paper's own network has.
        batch_size: Frames per step. Choice: 64.
        lr: Learning rate of Adam. Choice: 0.001.
    """

    epochs: int = 15
    batch_size: int = 64
    lr: float = 1e-3


class MtlCnnSystem:
    """Windows of faces, judged frame by frame.

    Choice: the network begins with drawn weights; the original begins with one that had learned
    expressions, on pictures that this project cannot hand out.
    Choice: both answers weigh alike; a frame whose other rating is unknown teaches the asked one
    alone. A window is what its frames are on average.

    Args:
        config: None is the default.
        seed: Of the first weights, the order of the frames and the dropout.
    """

    modality: tuple[Modality, ...] = ("face",)
    unit: Unit = "window"
    fidelity: Fidelity = "abstract"

    def __init__(self, config: MtlCnnConfig | None = None, *, seed: int) -> None:
        self.config = config or MtlCnnConfig()
        self.seed = seed
        self._network = drawn(MtlCnn, seed)
        self._is_fitted = False

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from every frame; the small grey frames lie in memory, 2.3 kB each.

        Args:
            bundle: Windows with faces.
            labels: Of the windows, two classes.
            groups: Not looked at: nothing is chosen by an inner cross-validation.

        Raises:
            BadInput: no faces, another unit, labels that do not fit.
        """
        require_faces(bundle, self.unit)
        require_labels(bundle, labels, groups)
        windows = [_grey_frames(bundle, place) for place in range(len(bundle))]
        frames = np.concatenate(windows)
        asked_and_other = np.stack([labels.classes, labels.other], axis=1)
        targets = np.repeat(asked_and_other, [len(window) for window in windows], axis=0)
        config = self.config
        self._network = drawn(MtlCnn, self.seed)
        fit_network(
            self._network,
            lambda places: (_as_input(frames[places]),),
            torch.from_numpy(targets.astype(np.float32)),
            loss=both_answers,
            epochs=config.epochs,
            batch_size=config.batch_size,
            lr=config.lr,
            seed=self.seed,
        )
        self._is_fitted = True

    def predict_proba(self, bundle: Bundle) -> NDArray[np.float64]:
        """(n, 2) mean probabilities of low and high over a window's frames.

        Raises:
            BadInput: as `fit`.
            RuntimeError: nothing was learned yet.
        """
        if not self._is_fitted:
            raise RuntimeError(f"{type(self).__name__} has not learned yet: call fit first")
        require_faces(bundle, self.unit)
        high = np.empty(len(bundle))
        for place in range(len(bundle)):
            logits = self._logits(_grey_frames(bundle, place))
            high[place] = expit(logits[:, 0]).mean()
        return np.stack([1 - high, high], axis=1)

    def fitted(self) -> Mapping[str, NDArray[Any]]:
        """The network's weights."""
        return state_arrays(self._network)

    def _logits(self, frames: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(T, 2) of one window, whatever stands beside it."""
        logits = predict_network(
            self._network, lambda places: (_as_input(frames[places]),), len(frames), len(frames)
        )
        return logits.astype(np.float64)

    @property
    def n_parameters(self) -> int:
        """Weights of the network: 655,010."""
        return n_parameters(self._network)


def both_answers(logits_B2: Tensor, targets_B2: Tensor) -> Tensor:
    """Cross-entropy of the asked answer, plus that of the other over the frames where it is known.

    Args:
        logits_B2: What the network says.
        targets_B2: 0 or 1; NaN is unknown.
    """
    known = ~torch.isnan(targets_B2)
    each = binary_cross_entropy_with_logits(
        logits_B2, torch.nan_to_num(targets_B2), weight=known.to(logits_B2.dtype), reduction="none"
    )
    return (each.sum(dim=0) / known.sum(dim=0).clamp(min=1)).sum()


def _grey_frames(bundle: Bundle, place: int) -> NDArray[np.uint8]:
    """(T, 48, 48) of one window, at most four a second."""
    frames = read_frames(bundle, place)
    wanted = max(1, round(len(frames) * min(1.0, FRAMES_HZ / bundle.fps_hz)))
    light = grey(to_float(torch.from_numpy(frames[evenly(len(frames), wanted)])))
    return (light[:, 0] * 255).round().to(torch.uint8).numpy()


def _as_input(frames: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(frames)[:, None].to(torch.float32) / 255
