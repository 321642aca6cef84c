"""Heart rate from the face by MTTS-CAN: a reference for heart rates, no emotion is asked of it.

Liu, Fromm, Patel & McDuff, NeurIPS 2020. Confirmed by the authors' code: the network (see
`models.mtts_can`), that it learns the derivative of the wave by its squared error, and the way from
its answer to a rate. Trained weights do not come with this project, so the network is fitted here,
to whatever windows with a contact signal it is given: a reading, not a reproduction.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import solveh_banded
from scipy.signal import butter, filtfilt
from torch import Tensor
from torch.nn.functional import mse_loss

from pulsefer.baselines.face_frames import read_frames, require_faces
from pulsefer.baselines.network_fit import drawn, fit_network, n_parameters, state_arrays
from pulsefer.core.bundle import Bundle, Fidelity, Modality, Unit
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal, SignalKind
from pulsefer.models.mtts_can import MttsCan, steps
from pulsefer.signals.beats import Beats, beats
from pulsefer.signals.clean import clean, filled
from pulsefer.signals.colour import MIN_FS_HZ, MIN_LENGTH_S
from pulsefer.signals.gate import window_rate
from pulsefer.signals.spectrum import spectral_rate

Floats = NDArray[np.float64]

BAND_HZ = (0.75, 2.5)
"""Where the authors look for the pulse: 45-150 bpm, narrower than the 40-180 of the labels."""
STIFFNESS = 100.0
"""Lambda of the trend that is taken away."""
MIN_STEPS = 10
"""What the filter's ends need."""
PULSE_DELAY_S = 0.25
"""From the R peak of an ECG to the most blood in the face, seconds. Choice: textbook size, the
same for everybody; it shifts the target, not its rate."""


@dataclass(frozen=True, slots=True)
class PulseConfig:
    """How the network learns.

    Choice: Adam, as every compared network here; the authors have Adadelta with a rate of 1, and
    batches of 32 over four GPUs.

    Attributes:
        epochs: Passes over the windows. The authors': 24.
        batch_size: Windows per step. Choice: 3 of 10 s are as many frames as 37 groups.
        lr: Learning rate. Choice: 0.001.
    """

    epochs: int = 24
    batch_size: int = 3
    lr: float = 1e-3


class MttsCanPulse:
    """Heart rate of windows from their faces, learned from other windows' contact signals.

    Choice: one head, the pulse (the authors call this TS-CAN): no breathing is recorded beside the
    windows. Of the 934,564 numbers of the network with both heads, 532,899 are left.
    Choice: a window is one group. The zeros that the temporal shift finds at the ends of a group
    leave a mark there; after every tenth step, as published, it comes back at 75 bpm in video of
    12.5 frames a second, and is read as a pulse. At 30 frames a second it lies outside the band.
    Choice: a window's spread (of motion and of appearance) is the window's own, as the authors
    standardise each video: nothing of other windows enters.

    Args:
        config: None is the default.
        seed: Of the first weights, the order of the windows and the dropout.
    """

    modality: tuple[Modality, ...] = ("face",)
    unit: Unit = "window"
    fidelity: Fidelity = "code"

    def __init__(self, config: PulseConfig | None = None, *, seed: int) -> None:
        self.config = config or PulseConfig()
        self.seed = seed
        self._network = _drawn(seed)
        self._is_fitted = False

    def fit(self, bundle: Bundle) -> None:
        """Learn what the faces of these windows look like while blood comes and goes.

        Windows whose contact signal has no believable rate are left out.

        Args:
            bundle: Windows with faces and with a PPG or, failing that, an ECG. Where their lengths
                differ, steps beyond the shortest are left out.

        Raises:
            BadInput: no faces, another unit, no window with a pulse to learn from, windows too
                short (10 frames or fewer), or fewer than 8 frames a second.
        """
        require_faces(bundle, self.unit)
        lengths = [len(read_frames(bundle, place)) for place in range(len(bundle))]
        n_steps = _n_steps(min(lengths), bundle.fps_hz)
        found = [
            pulse_steps(signals, n_frames, bundle.fps_hz)
            for signals, n_frames in zip(bundle.signals, lengths, strict=False)
        ]
        places = [place for place, target in enumerate(found) if target is not None]
        if not places:
            raise BadInput(
                "windows",
                expected="a PPG or an ECG with a believable rate in at least one",
                found=f"none in {len(bundle)}",
                remedy=f"windows of {MIN_LENGTH_S:g} s or more; 10 s is better",
            )
        targets = np.stack([target[:n_steps] for target in found if target is not None])

        def inputs(batch: NDArray[np.int64]) -> tuple[Tensor, ...]:
            pairs = [_steps(read_frames(bundle, places[place])) for place in batch]
            return (
                torch.stack([m[:n_steps] for m, _ in pairs]),
                torch.stack([a[:n_steps] for _, a in pairs]),
            )

        config = self.config
        self._network = _drawn(self.seed)
        fit_network(
            self._network,
            inputs,
            torch.from_numpy(targets.astype(np.float32))[..., None],
            loss=mse_loss,
            epochs=config.epochs,
            batch_size=config.batch_size,
            lr=config.lr,
            seed=self.seed,
        )
        self._is_fitted = True

    def trace(self, faces: NDArray[np.uint8], fps_hz: float) -> Floats:
        """Pulse wave of one window.

        Args:
            faces: (T, H, W, 3) uint8.
            fps_hz: Their rate.

        Returns:
            (T - 1,) wave at the frame rate; no unit, band-passed to 45-150 bpm.

        Raises:
            BadInput: 10 frames or fewer, fewer than 8 frames a second, or the same picture in all.
            RuntimeError: nothing was learned yet.
        """
        self._require_fitted()
        _n_steps(len(faces), fps_hz)
        m, a = _steps(faces)
        if not m.any():
            raise BadInput("window", expected="pictures that differ", found="one picture")
        with torch.inference_mode():
            derivative = self._network(m[None], a[None])[0, :, 0].numpy()
        return wave(derivative.astype(np.float64), fps_hz)

    def predict_hr_bpm(self, bundle: Bundle) -> Floats:
        """Heart rate of each window.

        Choice: NaN below 5 s and below 8 frames a second, as for the classical methods: a window of
        1 s holds no rate. From 8-10 s on a rate is worth something.
        Choice: the authors take the highest line of a Fourier transform, whose lines are 6 bpm
        apart in 10 s; here it is `spectral_rate` in the same band.

        Args:
            bundle: Windows with faces; signals are not looked at.

        Returns:
            (n,) bpm, 45-150; NaN where there is none.

        Raises:
            BadInput: no faces, or another unit.
            RuntimeError: nothing was learned yet.
        """
        self._require_fitted()
        require_faces(bundle, self.unit)
        return np.array(
            [self._rate(read_frames(bundle, at), bundle.fps_hz) for at in range(len(bundle))]
        )

    def fitted(self) -> Mapping[str, NDArray[Any]]:
        """The weights, by their names."""
        return state_arrays(self._network)

    @property
    def n_parameters(self) -> int:
        """Weights of the network: 532,899."""
        return n_parameters(self._network)

    def _require_fitted(self) -> None:
        if not self._is_fitted:
            raise RuntimeError(f"{type(self).__name__} has not learned yet: call fit first")

    def _rate(self, faces: NDArray[np.uint8], fps_hz: float) -> float:
        if len(faces) / fps_hz < MIN_LENGTH_S - 1e-6:
            return math.nan
        try:
            found = self.trace(faces, fps_hz)
        except BadInput:
            return math.nan
        low_bpm, high_bpm = (60.0 * edge_hz for edge_hz in BAND_HZ)
        return spectral_rate(found, fps_hz, low_bpm=low_bpm, high_bpm=high_bpm).hr_bpm


def pulse_steps(
    signals: Mapping[SignalKind, Signal], n_frames: int, fps_hz: float
) -> Floats | None:
    """What the network is to say of a window: how the pulse wave changes from frame to frame.

    The wave of a PPG is filtered to 0.5-8 Hz and read at the times of the frames.
    Choice: an ECG is no pulse wave; in its place stands a cosine that has its top
    `PULSE_DELAY_S` after every R peak and follows the intervals between.
    Choice: the changes are divided by their standard deviation in the window, so that every window
    counts alike whatever its sensor's unit.
    Choice: a PPG is taken the way up in which it was stored. Sensors of one data set agree on that,
    and a wave that is learned upside down has the same rate.

    Args:
        signals: Of the window, time 0 is its start. The PPG is taken before the ECG.
        n_frames: T.
        fps_hz: Rate of the frames; the first stands at time 0.

    Returns:
        (T - 1,), standard deviation 1; None where there is no signal, or none with a believable
        rate (`signals.gate`).
    """
    signal = signals.get("ppg") or signals.get("ecg")
    if signal is None:
        return None
    time_s = np.arange(n_frames) / fps_hz
    try:
        found = beats(signal)
        if math.isnan(window_rate(signal, found, 0.0, n_frames / fps_hz).hr_bpm):
            return None
        values = _ppg_wave(signal, time_s) if signal.kind == "ppg" else _train(found, time_s)
    except BadInput:
        return None
    change = np.diff(values)
    return np.asarray(change / change.std())


def wave(derivative: Floats, fs_hz: float) -> Floats:
    """The authors' way from the network's answer to a pulse wave.

    Summed up, its trend taken away (smoothness priors: Tarvainen, Ranta-aho & Karjalainen, IEEE
    TBME 2002, lambda 100), Butterworth of first order, 0.75-2.5 Hz, forwards and backwards.

    Args:
        derivative: (N,), 10 or more.
        fs_hz: Its rate, above 5 Hz.
    """
    numerator, denominator = butter(1, BAND_HZ, btype="bandpass", fs=fs_hz)
    flat = detrended(np.cumsum(derivative), STIFFNESS)
    return np.asarray(filtfilt(numerator, denominator, flat))


def detrended(values: Floats, stiffness: float) -> Floats:
    """Without the smooth part: z - (I + lambda^2 D'D)^-1 z, D the second differences.

    Args:
        values: (n,) z, 3 or more.
        stiffness: Lambda; the larger, the straighter the trend.
    """
    n = len(values)
    bands = np.zeros((3, n))  # D'D from its second upper diagonal down to its middle
    for row, a in enumerate((1.0, -2.0, 1.0)):
        for column, b in enumerate((1.0, -2.0, 1.0)):
            if column >= row:
                bands[2 + row - column, column : n - 2 + column] += a * b
    bands *= stiffness**2
    bands[2] += 1.0
    return np.asarray(values - solveh_banded(bands, values))


def _drawn(seed: int) -> MttsCan:
    return drawn(lambda: MttsCan(("pulse",), group=None), seed)


def _steps(faces: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    return steps(torch.from_numpy(np.array(faces)), group=1)


def _n_steps(n_frames: int, fps_hz: float) -> int:
    if fps_hz < MIN_FS_HZ or n_frames <= MIN_STEPS:
        raise BadInput(
            "window",
            expected=f"more than {MIN_STEPS} frames at {MIN_FS_HZ:g} a second or more",
            found=f"{n_frames} at {fps_hz:g}",
            remedy="windows of 10 s at 12.5 frames a second are enough",
        )
    return n_frames - 1


def _ppg_wave(signal: Signal, time_s: Floats) -> Floats:
    filtered = clean("ppg", filled(signal), signal.fs_hz)
    stored_s = signal.start_s + np.arange(len(filtered)) / signal.fs_hz
    return np.interp(time_s, stored_s, filtered)


def _train(found: Beats, time_s: Floats) -> Floats:
    """A cosine with a top at every beat; before the first and after the last, as fast as there."""
    tops_s = found.times_s + PULSE_DELAY_S
    first_s, last_s = tops_s[1] - tops_s[0], tops_s[-1] - tops_s[-2]
    n_more = math.ceil((time_s[-1] + 1.0) / min(first_s, last_s)) + 1
    before_s = tops_s[0] - first_s * np.arange(n_more, 0, -1)
    after_s = tops_s[-1] + last_s * np.arange(1, n_more + 1)
    tops_s = np.concatenate([before_s, tops_s, after_s])
    turns = np.interp(time_s, tops_s, np.arange(len(tops_s)))
    return np.asarray(np.cos(2.0 * np.pi * turns))
