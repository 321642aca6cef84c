"""WMD-DTW: whose heart rate and skin went the same way, after Albraikan and others (2019)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal, SignalKind
from pulsefer.estimators.dtw import channel_distances
from pulsefer.estimators.dtw_neighbors import DtwNeighbors
from pulsefer.signals.electrodermal import Part, electrodermal_series
from pulsefer.signals.rate_series import rate_series

from .physiology import Pulse, Split, inner_splits
from .remembered import remembered

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Channel = list[Floats | None]
"""One series for each trial; None where it cannot be had."""

FS_HZ = 4.0
"""Rate of both series."""
TENTHS = np.stack([np.arange(11) / 10.0, np.arange(10, -1, -1) / 10.0], axis=1)
"""Weights (HR, EDA) that add up to 1, in steps of 0.1."""
LEARNERS: Mapping[str, Floats] = {
    "hr": np.array([[1.0, 0.0]]),
    "eda": np.array([[0.0, 1.0]]),
    "hr_eda": TENTHS[np.argsort(np.abs(TENTHS[:, 0] - 0.5), kind="stable")],
}
"""Weights that each base learner may choose from, the most even first."""


@dataclass(frozen=True, slots=True)
class WmdDtwConfig:
    """What an experiment may vary.

    Attributes:
        crop: All trials to the length of the shortest of the training side. False keeps lengths,
            which name the clip that was watched. Warping stretches most of a difference away:
            what names a clip here is the course itself.
        part: Of the EDA.
        band: Of Sakoe and Chiba, share of the length. Choice: 10 %.
        ks: Neighbours that are tried. Choice: 1 to 7.
        inner_folds: Of the cross-validations inside the training side.
    """

    crop: bool = True
    part: Part = "whole"
    band: float = 0.1
    ks: tuple[int, ...] = (7, 5, 3, 1)
    inner_folds: int = 5

    def __post_init__(self) -> None:
        if self.part not in get_args(Part):
            raise ValueError(f"part is one of {get_args(Part)}, found {self.part!r}")
        if not self.band >= 0 or not self.ks or min(self.ks) < 1 or self.inner_folds < 2:
            raise ValueError(f"band >= 0, ks of 1 or more and inner_folds >= 2 are needed: {self}")


class WmdDtw:
    """Heart rate and EDA of a whole trial, neighbours by weighted DTW, stacked.

    After A. Albraikan, D. P. Tobon and A. El Saddik, "Toward user-independent emotion recognition
    using physiological signals", IEEE Sensors Journal 19(19), 2019. Known of it, from its abstract:
    a stacking model over several sensors, "user-independent"; weighted multi-dimensional DTW with
    k-NN as the base model. Not known: weights and how they are found, k, band, length of the
    series, stacker, folds, mapping of labels. A reading, not a reproduction.

    Each trial becomes two series at 4 Hz. Three base learners (HR, EDA, both) choose weights and k
    by a cross-validation over persons; a logistic regression weighs what they say. For it to learn
    from, they say it of persons whom they were not fitted to, their choice of weights and k
    included.

    Choice: each series is z-scored by its own mean and spread after it was cut. A baseline before
    the stimulus, as the literature has it, is no part of a sample.
    Choice: the independent form of DTW; a distance is divided by the sum of both lengths, so that
    with lengths kept a short trial is not everybody's neighbour.
    Choice: weights and k with the highest balanced accuracy on persons left out; of equals the most
    even weights, then the most neighbours.
    Choice: classes weigh the same for the stacker, however rare: from a few persons it learns
    little, and would otherwise answer with the larger class throughout.
    Choice: a channel that cannot be had in a trial (no beats, electrodes off) is as far from
    everything as two training trials are from each other in the median.
    Choice: with one person on the training side, folds of trials. Where no fold has two classes to
    learn from: even weights, the k in the middle of the list, and the mean of the base learners. A
    class that is alone has probability 1.

    Args:
        config: None is the default.
        seed: Nothing here is drawn; all systems are made alike.
        pulse: The signal that the heart rate is from.
        n_classes: 2, or 3 where three classes are asked for.
    """

    unit: Unit = "trial"
    fidelity: Fidelity = "abstract"

    def __init__(
        self,
        config: WmdDtwConfig | None = None,
        *,
        seed: int,
        pulse: Pulse = "ecg",
        n_classes: int = 2,
    ) -> None:
        if pulse not in get_args(Pulse):
            raise ValueError(f"pulse is ppg or ecg, found {pulse!r}")
        if n_classes not in (2, 3):
            raise ValueError(f"n_classes is 2 or 3, found {n_classes}")
        self.config = config or WmdDtwConfig()
        self.modality: tuple[Modality, ...] = (pulse, "eda")
        self.pulse: Pulse = pulse
        self.n_classes = n_classes
        self.seed = seed
        self._bases: dict[str, DtwNeighbors] = {}
        self._stacker: LogisticRegression | None = None

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the training side; see `core.bundle.System`.

        Raises:
            BadInput: labels or persons are not one for each sample, a class is not one of
                `n_classes`, or a channel cannot be had in any trial.
        """
        classes, groups = np.asarray(labels.classes), np.asarray(groups)
        if not len(bundle) == len(classes) == len(groups) > 0:
            raise BadInput(
                "training side",
                expected="one label and one person for each of its samples",
                found=f"{len(bundle)} samples, {len(classes)} labels, {len(groups)} persons",
            )
        if not set(classes.tolist()) <= set(range(self.n_classes)):
            raise BadInput(
                "training side",
                expected=f"classes 0 to {self.n_classes - 1}",
                found=", ".join(map(str, np.unique(classes))),
            )
        raw = self._raw(bundle)
        for kind, channel in zip(self.modality, raw, strict=True):
            if all(one is None for one in channel):
                raise BadInput(
                    "training side",
                    expected=f"a trial with a usable signal {kind}",
                    found=f"none of {len(bundle)}",
                )
        lengths = [len(one) for channel in raw for one in channel if one is not None]
        self._n_samples = min(lengths) if self.config.crop else max(lengths)
        self._series = [self._normalised(channel) for channel in raw]
        self._classes = classes.astype(np.int64)
        table = self._distances(self._series, None)
        self._usual = _usual(table)
        table = np.where(np.isnan(table), self._usual, table)
        self._bases = {
            name: self._chosen(candidates, table, self._classes, groups)
            for name, candidates in LEARNERS.items()
        }
        self._stacker = self._stacked(table, groups)

    def predict_proba(self, bundle: Bundle) -> Floats:
        """(n, n_classes); see `core.bundle.System`."""
        self._require_fitted()
        if not len(bundle):
            return np.empty((0, self.n_classes))
        series = [self._normalised(channel) for channel in self._raw(bundle)]
        table = self._distances(series, self._series)
        table = np.where(np.isnan(table), self._usual, table)
        said = [self._shares(base, table) for base in self._bases.values()]
        if self._stacker is None:
            return np.asarray(np.mean(said, axis=0))
        proba = np.zeros((len(bundle), self.n_classes))
        proba[:, self._stacker.classes_] = self._stacker.predict_proba(_features(said))
        return proba

    def fitted(self) -> Mapping[str, NDArray[np.generic]]:
        """Everything that `fit` decided, the neighbours too; see `core.bundle.System`."""
        self._require_fitted()
        arrays: dict[str, NDArray[np.generic]] = {
            "n_samples": np.array(self._n_samples),
            "classes": self._classes,
            "usual_distances": self._usual,
        }
        for name, channel in zip(("hr", "eda"), self._series, strict=True):
            arrays[f"{name}_series"] = np.concatenate([one for one in channel if one is not None])
            arrays[f"{name}_lengths"] = np.array(
                [0 if one is None else len(one) for one in channel]
            )
        for name, base in self._bases.items():
            arrays[f"chosen_k_{name}"] = np.array(base.k)
            arrays[f"chosen_weights_{name}"] = base.weights_
        if self._stacker is not None:
            arrays["stacker_weights"] = self._stacker.coef_
            arrays["stacker_offset"] = self._stacker.intercept_
        return arrays

    @property
    def n_parameters(self) -> int:
        """Of the stacker; what was chosen from a list is not counted, and neighbours are data."""
        self._require_fitted()
        stacker = self._stacker
        return int(stacker.coef_.size + stacker.intercept_.size) if stacker is not None else 0

    def _require_fitted(self) -> None:
        if not self._bases:
            raise RuntimeError("WmdDtw has not learned yet: call fit first")

    def _raw(self, bundle: Bundle) -> list[Channel]:
        """Heart rate and EDA of every trial."""
        return [
            [_made(_rate, signals, self.pulse) for signals in bundle.signals],
            [_made(_skin, signals, "eda", self.config.part) for signals in bundle.signals],
        ]

    def _normalised(self, channel: Channel) -> Channel:
        """Cut if that is asked for, then z-scored: what was cut off leaves no trace."""
        end = self._n_samples if self.config.crop else None
        return [None if one is None else _z_scored(one[:end]) for one in channel]

    def _distances(self, first: Sequence[Channel], second: Sequence[Channel] | None) -> Floats:
        """(N, M, 2) by channel, over the sum of both lengths; NaN where one cannot be had."""
        pairs = zip(first, first if second is None else second, strict=True)
        return np.stack(
            [self._table(rows, None if second is None else columns) for rows, columns in pairs],
            axis=-1,
        )

    def _table(self, rows: Channel, columns: Channel | None) -> Floats:
        others = rows if columns is None else columns
        table = np.full((len(rows), len(others)), np.nan)
        (row_places, x), (column_places, y) = _known(rows), _known(others)
        if x:
            costs = channel_distances(x, None if columns is None else y, band=self.config.band)
            lengths = np.add.outer([len(one) for one in x], [len(one) for one in y])
            table[np.ix_(row_places, column_places)] = costs[:, :, 0] / lengths
        return table

    def _chosen(
        self, candidates: Floats, table: Floats, classes: Ints, groups: Ints
    ) -> DtwNeighbors:
        """Neighbours with the weights and the k that do best on persons left out."""
        ks = self.config.ks
        best = DtwNeighbors(k=ks[len(ks) // 2], weights=candidates.mean(axis=0))
        splits = inner_splits(classes, groups, self.config.inner_folds)
        tried = [(weights, k) for weights in candidates for k in ks]
        if len(tried) > 1 and splits:
            scores = np.concatenate(
                [_scores(table @ weights, classes, splits, ks) for weights in candidates]
            )
            # Rounding must not decide between equals.
            weights, k = tried[int(np.argmax(scores >= scores.max() - 1e-9))]
            best = DtwNeighbors(k=k, weights=weights)
        return best.fit(table, classes)

    def _stacked(self, table: Floats, groups: Ints) -> LogisticRegression | None:
        """Weighs the base learners by what they say of persons left out."""
        classes = self._classes
        said = [np.full((len(table), self.n_classes), np.nan) for _ in LEARNERS]
        for train, test in inner_splits(classes, groups, self.config.inner_folds):
            inner = table[np.ix_(train, train)]
            for out, candidates in zip(said, LEARNERS.values(), strict=True):
                base = self._chosen(candidates, inner, classes[train], groups[train])
                out[test] = self._shares(base, table[np.ix_(test, train)])
        asked = np.isfinite(said[0][:, 0])
        if len(np.unique(classes[asked])) < 2:
            return None
        return LogisticRegression(class_weight="balanced").fit(
            _features(said)[asked], classes[asked]
        )

    def _shares(self, base: DtwNeighbors, table: Floats) -> Floats:
        """(M, n_classes): a class that was not there to be learned has probability 0."""
        shares = np.zeros((len(table), self.n_classes))
        shares[:, base.classes_] = base.predict_proba(table)
        return shares


def _rate(signal: Signal) -> Floats | None:
    try:
        return rate_series(signal, fs_hz=FS_HZ)
    except BadInput:
        return None


def _skin(signal: Signal, part: Part) -> Floats | None:
    try:
        return electrodermal_series(signal, fs_hz=FS_HZ, part=part)
    except BadInput:
        return None


def _made(
    make: Callable[..., Floats | None],
    signals: Mapping[SignalKind, Signal],
    kind: SignalKind,
    *settings: str,
) -> Floats | None:
    return remembered(make, signals[kind], *settings) if kind in signals else None


def _scores(distances: Floats, classes: Ints, splits: Sequence[Split], ks: Sequence[int]) -> Floats:
    """(n_ks,) balanced accuracy of the answers of all folds together."""
    answers = np.full((len(ks), len(classes)), -1)
    for train, test in splits:
        near = DtwNeighbors(k=max(ks)).fit(distances[np.ix_(train, train)], classes[train])
        nearest = near.nearest(distances[np.ix_(test, train)])
        for place, k in enumerate(ks):
            votes = (nearest[:, :k, None] == np.arange(len(near.classes_))).sum(axis=1)
            answers[place, test] = near.classes_[votes.argmax(axis=1)]
    asked = answers[0] >= 0
    truth = classes[asked]
    recalls = [
        np.mean([(answer[asked] == one)[truth == one].mean() for one in np.unique(truth)])
        for answer in answers
    ]
    return np.array(recalls)


def _features(said: Sequence[Floats]) -> Floats:
    """What the stacker sees: the shares of all base learners but those of the first class."""
    return np.concatenate([shares[:, 1:] for shares in said], axis=1)


def _known(series: Channel) -> tuple[list[int], list[Floats]]:
    """Places and values, (T, 1), of those that could be had."""
    known = [(place, one[:, None]) for place, one in enumerate(series) if one is not None]
    return [place for place, _ in known], [one for _, one in known]


def _usual(table: Floats) -> Floats:
    """(2,) median distance between two different trials; 1 where there are no two."""
    left, right = np.triu_indices(len(table), 1)
    usual = np.ones(2)
    for channel in range(2):
        between = table[left, right, channel]
        between = between[np.isfinite(between)]
        if len(between):
            usual[channel] = np.median(between)
    return usual


def _z_scored(series: Floats) -> Floats:
    level = float(series.mean())
    centred: Floats = series - level
    spread = float(centred.std())
    # What is held throughout has no course; rounding must not be blown up to one.
    if not spread > 1e-9 * abs(level):
        return np.zeros(len(series))
    return centred / spread
