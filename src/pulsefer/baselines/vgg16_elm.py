"""Trials of faces, by the features of VGG-16 and an extreme learning machine.

Siddharth, Jung & Sejnowski, IEEE TAC 13(1), 2022 (arXiv 1905.07039). Confirmed by its abstract:
deep features of the video, each modality alone and fused, on DEAP, MAHNOB-HCI, AMIGOS and DREAMER;
whole trials are counted. Recalled and not confirmed: faces of 224x224, the 4096 numbers of VGG-16,
30 principal components, the mean, standard deviation and 95th percentile of each over a trial's
frames, a scale of -1 to 1, an extreme learning machine with sigmoid units of a tuned number. A
reading, not a reproduction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import recall_score
from sklearn.preprocessing import MinMaxScaler
from torch import nn

from pulsefer.baselines.face_frames import evenly, read_frames, require_faces, require_labels
from pulsefer.baselines.network_fit import drawn
from pulsefer.baselines.physiology import inner_splits
from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.core.seeding import derive_seed
from pulsefer.estimators.elm import RegularizedElm
from pulsefer.models.pixels import to_float
from pulsefer.models.vgg16 import SMALLEST_PX, Vgg16, load_vgg16, vgg_input

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Features = NDArray[np.float32]

HIGH_PERCENTILE = 95.0
DRAWS_INNER = 3
"""Hidden layers at most, where settings are compared."""


@dataclass(frozen=True, slots=True)
class Vgg16ElmConfig:
    """What is looked at, and what is tried.

    Attributes:
        weights: File of VGG-16's weights (`models.vgg16.load_vgg16`). Choice: None, weights that
            the seed draws, as no licence lets this project hand out learned ones. Random
            convolutions tell pictures apart, but know nothing of faces: with weights that were
            learned on pictures the row is nearer to its paper.
        size_px: Width and height that the 64 px faces are brought to. On one core of a server a
            frame takes about 0.4 s at 224, 0.05 s at 64 and 0.03 s at 32.
        n_frames: Frames looked at in a trial, evenly placed. Choice: 16; the paper's rate is not
            known.
        components: Principal components kept, of frames of the training side.
        n_hidden: Sizes of the hidden layer that are tried. Choice: 50-500, as `RElmConfig`.
        log2_c: Inverse ridge penalties that are tried, as powers of two. Choice: these.
        n_draws: Hidden layers whose scores are averaged. Choice: 10, as `RElmConfig`; a single
            one, as in the textbook, answers by the luck of its draw.
        inner_folds: Of the cross-validation that chooses between them. Choice: 3.
    """

    weights: Path | None = None
    size_px: int = 224
    n_frames: int = 16
    components: int = 30
    n_hidden: tuple[int, ...] = (50, 200, 500)
    log2_c: tuple[float, ...] = (-10.0, -6.0, -2.0, 2.0, 6.0)
    n_draws: int = 10
    inner_folds: int = 3

    def __post_init__(self) -> None:
        if self.size_px < SMALLEST_PX:
            raise ValueError(f"size_px is at least {SMALLEST_PX}, found {self.size_px}")
        if min(self.n_frames, self.components, self.n_draws, *self.n_hidden) < 1:
            raise ValueError(f"frames, components, draws and hidden units start at 1: {self}")
        if not (self.n_hidden and self.log2_c) or self.inner_folds < 2:
            raise ValueError(f"sizes, penalties and two inner folds or more are needed: {self}")


class Vgg16ElmSystem:
    """Whole trials of faces; one sample a trial.

    VGG-16 is fixed. Components, scale and machine are learned in `fit`, and for every fold of the
    inner cross-validation anew.

    Choice: size and penalty by that cross-validation, which never cuts through a person, by the
    balanced accuracy of all its answers together; of equal ones the first.
    Choice: where the training side has one class only, that class has probability 1.

    The features of a frame are the same in every fold, and are computed anew in every `fit` and
    `predict_proba`: nothing of a sample is kept, and that is what this system costs.

    Args:
        config: None is the default.
        seed: Of VGG-16's weights where none are given, and of the machine.
        network: VGG-16, where several systems shall share one (it fills 0.5 GB and takes a second
            to draw), or whatever else makes features of (T, 3, size_px, size_px) frames. It is
            asked in `eval()`, and learns nothing. None reads or draws VGG-16 at the first use.
    """

    modality: tuple[Modality, ...] = ("face",)
    unit: Unit = "trial"
    fidelity: Fidelity = "abstract"

    def __init__(
        self, config: Vgg16ElmConfig | None = None, *, seed: int, network: nn.Module | None = None
    ) -> None:
        self.config = config or Vgg16ElmConfig()
        self.seed = seed
        self._network = network
        self._look: _Look | None = None
        self._machine: RegularizedElm | None = None
        self._decided: dict[str, NDArray[Any]] = {}

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the trials' frames.

        Args:
            bundle: Trials with faces.
            labels: Of the trials, two classes; the other rating is not looked at.
            groups: Persons, for the inner cross-validation.

        Raises:
            BadInput: no faces, another unit, labels that do not fit, or weights that cannot be
                read.
        """
        require_faces(bundle, self.unit)
        require_labels(bundle, labels, groups)
        trials = self._features(bundle)
        y = np.asarray(labels.classes)
        (n_hidden, log2_c), scores = self._chosen(trials, y, np.asarray(groups))
        self._look = _Look(trials, self.config.components, self._chance("components"))
        self._machine = None
        if len(np.unique(y)) > 1:
            n_draws = self.config.n_draws
            self._machine = self._new_machine(n_hidden, log2_c, n_draws).fit(self._look(trials), y)
        self._decided = {
            "n_hidden": np.array(n_hidden),
            "log2_c": np.array(log2_c),
            "inner_scores": scores,
            "classes": np.unique(y),
        }

    def predict_proba(self, bundle: Bundle) -> Floats:
        """(n, 2) probabilities of low and high.

        Raises:
            BadInput: as `fit`.
            RuntimeError: nothing was learned yet.
        """
        look = self._ready()
        require_faces(bundle, self.unit)
        proba = np.zeros((len(bundle), 2))
        for place in range(len(bundle)):  # one at a time: added up in the same order everywhere
            trial = self._features(bundle.take([place]))
            one = self._machine.predict_proba(look(trial))[0] if self._machine else 1.0
            proba[place, self._decided["classes"]] = one
        return proba

    def fitted(self) -> Mapping[str, NDArray[Any]]:
        """Components, scale and machine; VGG-16 is not decided by `fit`."""
        look, machine = self._ready(), self._machine
        drawn_layers = (
            {"hidden_weights": machine.hidden_weights_, "hidden_offsets": machine.hidden_offsets_}
            if machine
            else {}
        )
        return {**self._decided, **self._learned(look), **drawn_layers}

    @property
    def n_parameters(self) -> int:
        """Numbers that `fit` learned; not VGG-16's 134,260,544 and what was drawn."""
        return sum(array.size for array in self._learned(self._ready()).values())

    def _learned(self, look: _Look) -> dict[str, NDArray[Any]]:
        weights = {"output_weights": self._machine.coef_} if self._machine else {}
        return {**look.learned(), **weights}

    def _ready(self) -> _Look:
        if self._look is None:
            raise RuntimeError(f"{type(self).__name__} has not learned yet: call fit first")
        return self._look

    def _chosen(
        self, trials: Sequence[Features], y: Ints, groups: Ints
    ) -> tuple[tuple[int, float], Floats]:
        """The best setting, and the score of each (NaN where nothing could be tried)."""
        config = self.config
        settings = [(n, log2_c) for n in config.n_hidden for log2_c in config.log2_c]
        scores = np.full(len(settings), np.nan)
        splits = inner_splits(y, groups, config.inner_folds)
        if len(settings) == 1 or not splits:
            return settings[len(settings) // 2], scores
        answers = np.full((len(settings), len(y)), -1)
        for train, test in splits:
            learning = [trials[place] for place in train]
            look = _Look(learning, config.components, self._chance("components"))
            x_train, x_test = look(learning), look([trials[place] for place in test])
            for place, setting in enumerate(settings):
                machine = self._new_machine(*setting, min(config.n_draws, DRAWS_INNER))
                answers[place, test] = machine.fit(x_train, y[train]).predict(x_test)
        asked = answers[0] >= 0
        for place, answer in enumerate(answers):
            scores[place] = recall_score(
                y[asked], answer[asked], labels=np.unique(y[asked]), average="macro"
            )
        # Rounding must not decide between equals.
        return settings[int(np.argmax(scores >= scores.max() - 1e-9))], scores

    def _new_machine(self, n_hidden: int, log2_c: float, n_draws: int) -> RegularizedElm:
        return RegularizedElm(
            n_hidden, C=2.0**log2_c, n_draws=n_draws, random_state=self._chance("hidden layers")
        )

    def _features(self, bundle: Bundle) -> list[Features]:
        """(T, 4096) of each trial, by VGG-16."""
        if self._network is None:
            weights = self.config.weights
            self._network = load_vgg16(weights) if weights else drawn(Vgg16, self.seed)
        network = self._network.eval()
        found = []
        for place in range(len(bundle)):
            frames = read_frames(bundle, place)
            frames = frames[evenly(len(frames), min(len(frames), self.config.n_frames))]
            with torch.inference_mode():
                x = vgg_input(to_float(torch.from_numpy(frames)), self.config.size_px)
                found.append(network(x).numpy())
        return found

    def _chance(self, purpose: str) -> int:
        """A seed that scikit-learn takes, for one purpose."""
        return derive_seed(self.seed, purpose) % 2**32


class _Look:
    """From the features of a trial's frames to one row, as the training side has it.

    Args:
        trials: (T, 4096) of each trial of the training side.
        components: Principal components wanted; fewer where there are fewer frames.
        random_state: Of the components' approximation.
    """

    def __init__(self, trials: Sequence[Features], components: int, random_state: int) -> None:
        frames = np.concatenate(trials)
        self._pca = PCA(min(components, *frames.shape), random_state=random_state)
        with np.errstate(invalid="ignore"):  # shares of no variance, where all frames are equal
            self._pca.fit(frames)
        self._scale = MinMaxScaler((-1, 1)).fit(self._rows(trials))

    def __call__(self, trials: Sequence[Features]) -> Floats:
        """(n, 3 components), on the training side from -1 to 1."""
        rows: Floats = self._scale.transform(self._rows(trials))
        return rows

    def learned(self) -> dict[str, NDArray[Any]]:
        """What the training side decided."""
        return {
            "pca_mean": self._pca.mean_,
            "pca_components": self._pca.components_,
            "scale": self._scale.scale_,
            "scale_offset": self._scale.min_,
        }

    def _rows(self, trials: Sequence[Features]) -> Floats:
        return np.stack([_statistics(self._pca.transform(trial)) for trial in trials])


def _statistics(frames: NDArray[np.floating]) -> Floats:
    """Mean, standard deviation and 95th percentile of each column."""
    frames = frames.astype(np.float64)
    high = np.percentile(frames, HIGH_PERCENTILE, axis=0)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0), high])
