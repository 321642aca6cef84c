"""What the systems on pulse features share: the matrix, its preparation, the choice by person."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.impute import SimpleImputer
from sklearn.metrics import recall_score
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from threadpoolctl import threadpool_limits

from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.core.errors import BadInput
from pulsefer.core.seeding import derive_seed
from pulsefer.core.types import Signal
from pulsefer.signals.pulse_features import NAMES, pulse_features

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Pulse = Literal["ppg", "ecg"]
Setting = tuple[float, ...]
"""Hyper-parameters, in the order of a system's `hyper_parameters`."""
Split = tuple[Ints, Ints]

FAR = 3.0
"""Standard deviations from the mean beyond which a feature counts no more. Choice: the few trials
in which a sensor came off must not stretch the scale."""
MAX_KNOWN = 50_000
"""Stretches whose features are kept in memory, 224 bytes each."""

_known: dict[bytes, Floats] = {}


class PulseSystem(ABC):
    """A classifier on the features of `signals.pulse_features`, one sample a trial.

    What is learned is learned in `fit`: medians that stand in for missing features, means and
    deviations, hyper-parameters, the classifier. A sample without the signal has no features; it
    is answered as one with median features.

    Choice: hyper-parameters by a cross-validation inside the training side that never cuts through
    a person, by the balanced accuracy of all its answers together; of equal ones the first. With
    one person, folds of samples; where no fold has two classes to learn from, the setting in the
    middle of the list.
    Choice: where the training side has one class only, that class has probability 1; where no
    sample of it has a usable signal, each class has its share.

    Args:
        seed: Decides all chance.
        signal: Which contact signal is looked at.
        n_classes: 2, or 3 where three classes are asked for.
    """

    unit: Unit = "trial"
    fidelity: Fidelity
    hyper_parameters: tuple[str, ...]
    inner_folds: int

    def __init__(self, *, seed: int, signal: Pulse, n_classes: int) -> None:
        if signal not in ("ppg", "ecg"):
            raise ValueError(f"signal is ppg or ecg, found {signal!r}")
        if n_classes not in (2, 3):
            raise ValueError(f"n_classes is 2 or 3, found {n_classes}")
        self.modality: tuple[Modality, ...] = (signal,)
        self.signal: Pulse = signal
        self.n_classes = n_classes
        self.seed = seed
        self._model: Any = None
        self._prepared: Pipeline | None = None
        self._decided: dict[str, NDArray[np.generic]] = {}

    @property
    @abstractmethod
    def settings(self) -> Sequence[Setting]:
        """What is tried, from plain to rich."""

    @abstractmethod
    def models(self, x: Floats, y: Ints, settings: Sequence[Setting]) -> Iterator[Pipeline]:
        """A fitted classifier for each setting, in their order.

        Args:
            x: (n, n_features) prepared.
            y: (n,) of two classes or more.
            settings: Some of `self.settings`.
        """

    @abstractmethod
    def learned(self, model: Pipeline) -> Mapping[str, NDArray[np.generic]]:
        """Numbers that a classifier of `models` learned."""

    def drawn(self, model: Pipeline) -> Mapping[str, NDArray[np.generic]]:  # noqa: ARG002
        """Numbers that a classifier holds because of its seed alone."""
        return {}

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the training side; see `core.bundle.System`.

        Raises:
            BadInput: no sample has the signal, labels or persons are not one for each sample, or a
                class is not one of `n_classes`.
        """
        y, groups = np.asarray(labels.classes), np.asarray(groups)
        if not len(bundle) == len(y) == len(groups) > 0:
            raise BadInput(
                "training side",
                expected="one label and one person for each of its samples",
                found=f"{len(bundle)} samples, {len(y)} labels, {len(groups)} persons",
            )
        if not set(y.tolist()) <= set(range(self.n_classes)):
            raise BadInput(
                "training side",
                expected=f"classes 0 to {self.n_classes - 1}",
                found=", ".join(map(str, np.unique(y))),
            )
        if not any(self.signal in signals for signals in bundle.signals):
            raise BadInput(
                "training side", expected=f"samples with a signal {self.signal}", found="none"
            )
        x = pulse_matrix(bundle, self.signal)
        # On matrices of this size threads of BLAS wait for each other; one rounds alike anywhere.
        with threadpool_limits(1):
            best, scores = self._chosen(x, y, groups)
            self._prepared = preparation().fit(x)
            (self._model,) = self._models(self._prepared.transform(x), y, [best])
        self._decided = {"inner_scores": scores, "classes": np.unique(y)} | {
            f"chosen_{name}": np.array(value)
            for name, value in zip(self.hyper_parameters, best, strict=True)
        }

    def predict_proba(self, bundle: Bundle) -> Floats:
        """(n, n_classes); see `core.bundle.System`."""
        prepared, model = self._ready()
        if not len(bundle):
            return np.empty((0, self.n_classes))
        x = pulse_matrix(bundle, self.signal)
        with threadpool_limits(1):
            return self._asked(model, prepared.transform(x))

    def fitted(self) -> Mapping[str, NDArray[np.generic]]:
        """Everything that `fit` decided; see `core.bundle.System`."""
        model = self._ready()[1]
        drawn = {} if _is_constant(model) else self.drawn(model)
        return {**self._decided, **self._learned(), **drawn}

    @property
    def n_parameters(self) -> int:
        """Numbers that were learned; what was drawn or chosen from a list is not counted."""
        return sum(array.size for array in self._learned().values())

    def chance(self, purpose: str) -> int:
        """A seed that scikit-learn takes, for one purpose."""
        return derive_seed(self.seed, purpose) % 2**32

    def _learned(self) -> dict[str, NDArray[np.generic]]:
        prepared, model = self._ready()
        own = {"prior": model.class_prior_} if _is_constant(model) else self.learned(model)
        return {
            "median": prepared["simpleimputer"].statistics_,
            "mean": prepared["standardscaler"].mean_,
            "deviation": prepared["standardscaler"].scale_,
            **own,
        }

    def _ready(self) -> tuple[Pipeline, Any]:
        if self._prepared is None or self._model is None:
            raise RuntimeError(f"{type(self).__name__} has not learned yet: call fit first")
        return self._prepared, self._model

    def _chosen(self, x: Floats, y: Ints, groups: Ints) -> tuple[Setting, Floats]:
        """The best setting, and the score of each (NaN where nothing could be tried)."""
        settings = list(self.settings)
        scores = np.full(len(settings), np.nan)
        splits = inner_splits(y, groups, self.inner_folds)
        if len(settings) == 1 or not splits:
            return settings[len(settings) // 2], scores
        answers = np.full((len(settings), len(y)), -1)
        for train, test in splits:
            prepared = preparation().fit(x[train])
            x_train, x_test = prepared.transform(x[train]), prepared.transform(x[test])
            for place, model in enumerate(self._models(x_train, y[train], settings)):
                answers[place, test] = self._asked(model, x_test).argmax(axis=1)
        asked = answers[0] >= 0
        truth = y[asked]
        for place, answer in enumerate(answers):
            scores[place] = recall_score(
                truth, answer[asked], labels=np.unique(truth), average="macro", zero_division=0
            )
        # Rounding must not decide between equals.
        return settings[int(np.argmax(scores >= scores.max() - 1e-9))], scores

    def _models(self, x: Floats, y: Ints, settings: Sequence[Setting]) -> Iterator[Any]:
        """As `models`; the shares of the classes where there is nothing to tell them by."""
        if len(np.unique(y)) < 2 or not np.ptp(x, axis=0).any():
            yield from [DummyClassifier(strategy="prior").fit(x, y)] * len(settings)
        else:
            yield from self.models(x, y, settings)

    def _asked(self, model: Any, x: Floats) -> Floats:
        """(n, n_classes): a class that was not there to be learned has probability 0."""
        proba = np.zeros((len(x), self.n_classes))
        proba[:, model.classes_] = model.predict_proba(x)
        return proba


def pulse_matrix(bundle: Bundle, signal: Pulse) -> Floats:
    """(n, 28) pulse features of a bundle; NaN where a sample lacks the signal."""
    nothing = np.full(len(NAMES), np.nan)
    rows = [features_of(has[signal]) if signal in has else nothing for has in bundle.signals]
    return np.stack(rows) if rows else np.empty((0, len(NAMES)))


def features_of(signal: Signal) -> Floats:
    """`pulse_features`, remembered by content: every fold and every system asks for them again."""
    values = np.ascontiguousarray(signal.values)
    about = f"{signal.kind} {signal.fs_hz!r} {values.dtype} {values.shape} "
    key = hashlib.sha256(about.encode() + values.tobytes()).digest()
    if key not in _known:
        if len(_known) >= MAX_KNOWN:
            _known.clear()
        _known[key] = pulse_features(signal)
    return _known[key]


def preparation() -> Pipeline:
    """Medians for what is missing, then standard scores, from -1 (3 deviations below) to 1.

    Choice: a feature that the whole training side lacks counts as 0 for everybody.
    """
    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        FunctionTransformer(_squeezed),
    )


def _squeezed(x: Floats) -> Floats:
    return np.clip(x, -FAR, FAR) / FAR


def _is_constant(model: Any) -> bool:
    return isinstance(model, DummyClassifier)


def inner_splits(y: Ints, groups: Ints, n_folds: int) -> list[Split]:
    """Folds inside a training side that never cut through a person.

    Choice: with two persons or more, folds of persons, with classes balanced over folds where each
    class has as many samples as there are folds. With one person, folds of samples, balanced in the
    same way. A fold that leaves one class to learn from is left out.

    Args:
        y: (n,) classes.
        groups: (n,) persons.
        n_folds: As many as there are, where there are fewer.

    Returns:
        (train, test) places; empty where there is nothing to try on.
    """
    fewest = int(np.unique(y, return_counts=True)[1].min())
    n_groups = len(np.unique(groups))
    folds: Any
    if n_groups > 1:
        n_folds = min(n_folds, n_groups)
        folds = StratifiedGroupKFold(n_folds) if fewest >= n_folds else GroupKFold(n_folds)
    elif fewest > 1:
        folds = StratifiedKFold(min(n_folds, fewest))
    else:
        return []
    nothing = np.zeros((len(y), 1))
    splits = folds.split(nothing, y, groups if n_groups > 1 else None)
    return [(train, test) for train, test in splits if len(np.unique(y[train])) > 1]
