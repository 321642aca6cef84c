"""A CNN on the pulse wave and on the intervals between its beats, after Lee and others (2020)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, softmax
from sklearn.pipeline import Pipeline
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from pulsefer.core.bundle import Bundle, Fidelity, Labels, Modality, Unit
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.models.pulse_cnn import PulseCnn
from pulsefer.signals.clean import bridged, clean, filled
from pulsefer.signals.pulse_features import NAMES
from pulsefer.signals.rate_series import beat_intervals

from .network_fit import (
    Inputs,
    drawn,
    fit_network,
    n_parameters,
    predict_network,
    state_arrays,
)
from .physiology import Pulse, features_of, preparation
from .remembered import remembered

Floats = NDArray[np.float64]

USUAL_S, SPREAD_S = 0.85, 0.15
"""Intervals are given as (interval - 0.85 s) / 0.15 s. Choice: textbook sizes, so that nothing of
other trials enters and the rate itself can be seen."""


@dataclass(frozen=True, slots=True)
class PpgCnnConfig:
    """What an experiment may vary.

    Attributes:
        window_s: Length of what the network sees. Choice: 10 s; the abstract says "short".
        fs_hz: Rate of the wave that it sees. Choice: 128 Hz, that of DEAP.
        n_intervals: Points of the interval series. Choice: 16.
        fuse_stats: Statistics beside the features of the CNN, as the whole of the system has it.
            False is the CNN alone, the row that Table 1 names.
        n_stats: How many. Choice: 10.
        epochs: Passes over the windows. Choice: 15, as the paper's own network has.
        batch_size: Windows per step. Choice: 64, as the paper's own network has.
        lr: Learning rate of Adam. Choice: 0.001.
    """

    window_s: float = 10.0
    fs_hz: float = 128.0
    n_intervals: int = 16
    fuse_stats: bool = False
    n_stats: int = 10
    epochs: int = 15
    batch_size: int = 64
    lr: float = 1e-3

    def __post_init__(self) -> None:
        if self.window_s < 5.0 or self.fs_hz < 20.0:
            raise ValueError(f"window_s >= 5 and fs_hz >= 20 are needed: {self}")
        if self.n_intervals < 2 or not 1 <= self.n_stats <= len(NAMES):
            raise ValueError(f"n_intervals >= 2 and n_stats of 1-{len(NAMES)} are needed: {self}")
        if min(self.epochs, self.batch_size) < 1 or self.lr <= 0:
            raise ValueError(f"epochs, batch_size and lr above 0 are needed: {self}")


class Windows(NamedTuple):
    """What the network sees, W windows."""

    waves: NDArray[np.float32]
    """(W, T) from 0 to 1."""
    intervals: NDArray[np.float32]
    """(W, N) scaled."""
    stats: Floats
    """(W, 28) as measured, NaN where one cannot be had; (W, 0) where none are asked for."""


class PpgCnn:
    """Windows of 10 s of a pulse, by a network; a trial is the mean of its windows.

    After M. Lee, Y. K. Lee, M.-T. Lim and T.-K. Kang, "Emotion recognition using convolutional
    neural network with selected statistical photoplethysmogram features", Applied Sciences 10(10),
    2020. Known of it, from its abstract: one CNN on the PPG, one on the intervals of beats;
    statistics from both, selected by Pearson correlation with the emotion, beside their features;
    DEAP; a short interval. Not known: layers, window, number of statistics, folds. A reading, not
    a reproduction.

    Choice: windows follow each other from the start of the trial; a last one that is not whole is
    left out. A trial shorter than a window is one window, its end held.
    Choice: the wave is filtered as for finding beats and scaled from 0 to 1 by its extremes in the
    trial. The group's earlier work takes the person's extremes, which are not known when a trial
    is judged by itself.
    Choice: statistics are `signals.pulse_features` of the window; those with the largest |r| with
    the class on the training side are taken, missing ones by their median, scaled to -1 to 1.
    Choice: a trial without believable beats is not learned from, and is answered by the shares of
    the classes; so are all where the training side has one class only or no such trial.

    Args:
        config: None is the default.
        seed: Of the first weights, the order of the windows and the dropout.
        signal: Which contact signal is looked at.
        n_classes: 2, or 3 where three classes are asked for.
    """

    unit: Unit = "trial"
    fidelity: Fidelity = "abstract"

    def __init__(
        self,
        config: PpgCnnConfig | None = None,
        *,
        seed: int,
        signal: Pulse = "ppg",
        n_classes: int = 2,
    ) -> None:
        if signal not in get_args(Pulse):
            raise ValueError(f"signal is ppg or ecg, found {signal!r}")
        if n_classes not in (2, 3):
            raise ValueError(f"n_classes is 2 or 3, found {n_classes}")
        self.config = config or PpgCnnConfig()
        self.modality: tuple[Modality, ...] = (signal,)
        self.signal: Pulse = signal
        self.n_classes = n_classes
        self.seed = seed
        self._network: PulseCnn | None = None
        self._prepared: Pipeline | None = None
        self._decided: dict[str, NDArray[np.generic]] = {}

    def fit(self, bundle: Bundle, labels: Labels, groups: NDArray[np.int64]) -> None:
        """Learn from the windows of the training side; see `core.bundle.System`.

        Raises:
            BadInput: no sample has the signal, labels or persons are not one for each sample, or a
                class is not one of `n_classes`.
        """
        classes = np.asarray(labels.classes)
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
        if not any(self.signal in signals for signals in bundle.signals):
            raise BadInput(
                "training side", expected=f"samples with a signal {self.signal}", found="none"
            )
        trials = self._trials(bundle)
        of_window = np.concatenate(
            [np.repeat(one, len(trial.waves)) for one, trial in zip(classes, trials, strict=True)]
        ).astype(np.int64)
        windows = Windows(*(np.concatenate(parts) for parts in zip(*trials, strict=True)))
        shares = np.bincount(classes, minlength=self.n_classes) / len(classes)
        self._decided = {"shares": shares}
        self._network = self._prepared = None
        if len(np.unique(of_window)) < 2:
            return
        if self.config.fuse_stats:
            self._select(windows.stats, of_window)
        n_stats = self.config.n_stats if self.config.fuse_stats else 0
        n_answers = 1 if self.n_classes == 2 else self.n_classes
        self._network = drawn(lambda: PulseCnn(n_stats, n_answers), self.seed)
        as_float = torch.from_numpy(of_window.astype(np.float32))[:, None]
        fit_network(
            self._network,
            self._inputs(windows),
            as_float if n_answers == 1 else torch.from_numpy(of_window),
            loss=binary_cross_entropy_with_logits if n_answers == 1 else cross_entropy,
            epochs=self.config.epochs,
            batch_size=self.config.batch_size,
            lr=self.config.lr,
            seed=self.seed,
        )

    def predict_proba(self, bundle: Bundle) -> Floats:
        """(n, n_classes); see `core.bundle.System`."""
        self._require_fitted()
        proba = np.tile(self._decided["shares"].astype(np.float64), (len(bundle), 1))
        if self._network is None:
            return proba
        for place, trial in enumerate(self._trials(bundle)):
            if not len(trial.waves):
                continue
            # One window at a time: it is added up in the same order whatever stands beside it.
            said = predict_network(self._network, self._inputs(trial), len(trial.waves), 1)
            said = said.astype(np.float64)
            if self.n_classes == 2:
                high = expit(said)
                said = np.concatenate([1.0 - high, high], axis=1)
            else:
                said = softmax(said, axis=1)
            proba[place] = said.mean(axis=0)
        return proba

    def fitted(self) -> Mapping[str, NDArray[np.generic]]:
        """Everything that `fit` decided; see `core.bundle.System`."""
        self._require_fitted()
        if self._network is None:
            return dict(self._decided)
        return {**self._decided, **state_arrays(self._network)}

    @property
    def n_parameters(self) -> int:
        """Weights of the network; 66,753 without statistics. What was selected is not counted."""
        self._require_fitted()
        return n_parameters(self._network) if self._network else 0

    def _require_fitted(self) -> None:
        if not self._decided:
            raise RuntimeError("PpgCnn has not learned yet: call fit first")

    def _trials(self, bundle: Bundle) -> list[Windows]:
        config = self.config
        asked = (config.window_s, config.fs_hz, config.n_intervals, config.fuse_stats)
        nothing = _none(*asked)
        return [
            remembered(windows_of, signals[self.signal], *asked)
            if self.signal in signals
            else nothing
            for signals in bundle.signals
        ]

    def _select(self, stats: Floats, of_window: NDArray[np.int64]) -> None:
        """Statistics with the largest correlation with the class."""
        self._prepared = preparation().fit(stats)
        correlations = _correlations(self._prepared.transform(stats), of_window)
        # Rounding must not decide between equals; of these the first.
        order = np.argsort(-np.abs(correlations).round(9), kind="stable")
        self._decided |= {
            "selected": order[: self.config.n_stats],
            "correlations": correlations,
            "median": self._prepared["simpleimputer"].statistics_,
            "mean": self._prepared["standardscaler"].mean_,
            "deviation": self._prepared["standardscaler"].scale_,
        }

    def _inputs(self, windows: Windows) -> Inputs:
        stats = np.empty((len(windows.waves), 0))
        if self._prepared is not None:
            stats = self._prepared.transform(windows.stats)[:, self._decided["selected"]]
        tensors = tuple(
            torch.from_numpy(np.ascontiguousarray(one, np.float32))
            for one in (windows.waves, windows.intervals, stats)
        )
        return lambda places: tuple(one[torch.from_numpy(places)] for one in tensors)


def windows_of(
    signal: Signal, window_s: float, fs_hz: float, n_intervals: int, with_stats: bool
) -> Windows:
    """The windows of a trial; none where it has no believable beats.

    Args:
        signal: PPG or ECG.
        window_s: Length of a window.
        fs_hz: Rate of the waves.
        n_intervals: Points of the interval series, evenly over the window.
        with_stats: Measure the statistics, which takes most of the time.
    """
    try:
        intervals = beat_intervals(signal)
        wave = _wave(signal, fs_hz)
    except BadInput:
        return _none(window_s, fs_hz, n_intervals, with_stats)
    size = round(window_s * fs_hz)
    wave = np.pad(wave, (0, max(size - len(wave), 0)), mode="edge")
    n_windows = len(wave) // size
    starts_s = signal.start_s + window_s * np.arange(n_windows)
    points_s = starts_s[:, None] + (np.arange(n_intervals) + 0.5) * window_s / n_intervals
    stats = np.empty((n_windows, 0))
    if with_stats:
        stats = np.stack([features_of(_cut(signal, one, window_s)) for one in starts_s])
    return Windows(
        wave[: n_windows * size].reshape(n_windows, size).astype(np.float32),
        ((intervals.lengths_at(points_s) - USUAL_S) / SPREAD_S).astype(np.float32),
        stats,
    )


def _none(window_s: float, fs_hz: float, n_intervals: int, with_stats: bool) -> Windows:
    return Windows(
        np.empty((0, round(window_s * fs_hz)), np.float32),
        np.empty((0, n_intervals), np.float32),
        np.empty((0, len(NAMES) if with_stats else 0)),
    )


def _wave(signal: Signal, fs_hz: float) -> Floats:
    """The filtered wave of a trial from 0 to 1, at another rate.

    Gaps of any length are bridged here: what the beats allow is not refused for the wave.
    """
    values = np.array(signal.values, np.float64)
    values[~np.isfinite(values)] = np.nan
    whole = filled(dataclasses.replace(signal, values=bridged(values)))
    wave = clean(signal.kind, whole, signal.fs_hz)
    n_samples = math.floor(len(wave) / signal.fs_hz * fs_hz + 1e-9)
    at = np.arange(n_samples) * signal.fs_hz / fs_hz
    wave = np.interp(at, np.arange(len(wave)), wave)
    return np.asarray((wave - wave.min()) / np.ptp(wave))


def _cut(signal: Signal, start_s: float, length_s: float) -> Signal:
    first = round((start_s - signal.start_s) * signal.fs_hz)
    values = signal.values[first : first + round(length_s * signal.fs_hz)]
    return dataclasses.replace(signal, values=values, start_s=0.0)


def _correlations(x: Floats, y: NDArray[np.int64]) -> Floats:
    """(n_features,) Pearson's r of each with the class; 0 for one that never changes."""
    x, y_centred = x - x.mean(axis=0), y - y.mean()
    norms = np.linalg.norm(x, axis=0) * np.linalg.norm(y_centred)
    is_flat = np.ptp(x, axis=0) == 0
    return np.asarray(np.where(is_flat, 0.0, y_centred @ x / np.where(is_flat, 1.0, norms)))
