"""Windows: labelled slices of trials, asked for in seconds and frames, found by time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.label import THRESHOLDS, Threshold, label
from pulsefer.samples.store import RATINGS, Store, StoredRecording
from pulsefer.signals.beats import beats
from pulsefer.signals.gate import window_rate


@dataclass(frozen=True, slots=True)
class Window:
    """A labelled slice of one trial.

    Attributes:
        dataset: Data set.
        subject: Person.
        trial: Trial of that person.
        stimulus: Clip watched.
        key: Content address of the recording in its store.
        start_s: Start on the video's clock.
        length_s: Length.
        emotion: 0 low, 1 high, of the dimension asked for.
        hr_bpm: Heart rate of the contact signal around this window; NaN where it was rejected.
        hr_reason: Why it was rejected; "" where it was not.
    """

    dataset: str
    subject: str
    trial: str
    stimulus: str
    key: str
    start_s: float
    length_s: float
    emotion: int
    hr_bpm: float
    hr_reason: str

    @property
    def person(self) -> str:
        """Unique over data sets: "deap/s01"."""
        return f"{self.dataset}/{self.subject}"

    @property
    def id(self) -> str:
        """Unique: "deap/s01/trial01@12.000"."""
        return f"{self.person}/{self.trial}@{self.start_s:.3f}"


@dataclass(frozen=True)
class WindowConfig:
    """What a sample is.

    Attributes:
        length_s: Length. Choice: 1 s of 5 frames, as the network's ancestor has it; the paper
            does not say. A pulse cannot be seen in it; `PRESETS["pulse"]` has room for one.
        n_frames: Frames per window, evenly spaced in time.
        step_s: From one window's start to the next; None is `length_s`, without overlap.
        dimension: The rating that is the label.
        threshold: Where 5 goes; see `label`.
        hr_context_s: The heart rate is taken over at least this long, centred on the window and
            pushed inside the trial at its ends. Choice: 10 s; one second holds no rate.
        min_face_share: A window is left out if fewer of its frames show a face.
    """

    length_s: float = 1.0
    n_frames: int = 5
    step_s: float | None = None
    dimension: str = "valence"
    threshold: Threshold = "ge5"
    hr_context_s: float = 10.0
    min_face_share: float = 1.0

    def __post_init__(self) -> None:
        if self.length_s <= 0 or (self.step_s is not None and self.step_s <= 0):
            raise ValueError("length_s and step_s must be positive")
        if self.n_frames < 1:
            raise ValueError(f"n_frames must be at least 1, found {self.n_frames}")
        if self.dimension not in RATINGS:
            raise ValueError(f"dimension is one of {', '.join(RATINGS)}; found {self.dimension!r}")
        if self.threshold not in THRESHOLDS:
            raise ValueError(
                f"threshold is one of {', '.join(THRESHOLDS)}; found {self.threshold!r}"
            )

    @property
    def stride_s(self) -> float:
        """Seconds from one window to the next."""
        return self.step_s if self.step_s is not None else self.length_s


PRESETS: Mapping[str, WindowConfig] = {
    "paper": WindowConfig(),
    "pulse": WindowConfig(length_s=10.0, n_frames=125, step_s=5.0),
}


@dataclass(frozen=True)
class Windows:
    """The windows of a store, and what was left out.

    Attributes:
        windows: In the order of recordings and time.
        config: How they were asked for.
        left_out: Count by reason: "face", "middle", "rating", "frames" (a store with fewer frames
            per second than a window asks for would show one twice).
        hr_rejected: Count of windows without a heart rate, by reason; they stay for emotion.
    """

    windows: tuple[Window, ...]
    config: WindowConfig
    left_out: Mapping[str, int] = field(default_factory=dict)
    hr_rejected: Mapping[str, int] = field(default_factory=dict)


def window(
    store: Store,
    config: WindowConfig | None = None,
    *,
    advance: Callable[[float], None] | None = None,
) -> Windows:
    """Cut every recording of a store into labelled windows.

    Args:
        store: Where the recordings are.
        config: What a sample is; None is the paper's.
        advance: Called with 1 after every recording: on a whole data set this takes minutes.

    Raises:
        BadInput: no window is left.
    """
    config = config or WindowConfig()
    found: list[Window] = []
    left_out: Counter[str] = Counter()
    rejected: Counter[str] = Counter()
    for number, recording in enumerate(store):
        if advance and number:
            advance(1)
        rating = recording.record["ratings"].get(config.dimension)
        starts = _starts(recording, config)
        if rating is None:
            left_out["rating"] += len(starts)
            continue
        emotion = label(float(rating), config.threshold)
        if emotion is None:
            left_out["middle"] += len(starts)
            continue
        signal = recording.signal
        found_beats = beats(signal)
        for start_s in starts:
            indices = frame_indices(recording.time_s, start_s, config)
            if (np.diff(indices) == 0).any():
                left_out["frames"] += 1
                continue
            if recording.seen[indices].mean() < config.min_face_share:
                left_out["face"] += 1
                continue
            context = rate_span(start_s, config, recording.length_s)
            rate = window_rate(signal, found_beats, *context)
            if rate.reason:
                rejected[rate.reason] += 1
            found.append(
                Window(
                    dataset=recording.dataset,
                    subject=recording.subject,
                    trial=recording.trial,
                    stimulus=recording.stimulus,
                    key=recording.key,
                    start_s=start_s,
                    length_s=config.length_s,
                    emotion=emotion,
                    hr_bpm=rate.hr_bpm,
                    hr_reason=rate.reason,
                )
            )
    if advance:
        advance(1)
    if not found:
        raise BadInput(
            str(store.path),
            expected=f"windows of {config.length_s:g} s with a face and a {config.dimension} label",
            found=f"none; left out: {dict(left_out) or 'trials too short'}",
            remedy="shorter windows, another threshold, or more recordings",
        )
    return Windows(tuple(found), config, dict(left_out), dict(rejected))


def frame_times_s(start_s: float, length_s: float, n_frames: int) -> NDArray[np.float64]:
    """(n_frames,) times at which a window looks: the start of each of n equal parts."""
    return np.asarray(start_s + np.arange(n_frames) * (length_s / n_frames), np.float64)


def nearest(time_s: NDArray[np.float64], wanted_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the stored frame nearest to each wanted time; the earlier one of two.

    >>> nearest(np.array([0.0, 0.4, 0.8]), np.array([0.1, 0.2, 0.9])).tolist()
    [0, 0, 2]
    """
    right = np.searchsorted(time_s, wanted_s).clip(1, max(len(time_s) - 1, 1))
    left = right - 1
    right = right.clip(max=len(time_s) - 1)
    # A tenth of a millisecond: 0.2 - 0 and 0.4 - 0.2 must tie whatever their last bit.
    closer = np.abs(time_s[right] - wanted_s) < np.abs(time_s[left] - wanted_s) - 1e-4
    return np.where(closer, right, left)


def frame_indices(
    time_s: NDArray[np.float64], start_s: float, config: WindowConfig
) -> NDArray[np.intp]:
    """Which stored frames a window is made of; resampled by time, never by counting."""
    return nearest(time_s, frame_times_s(start_s, config.length_s, config.n_frames))


def _starts(recording: StoredRecording, config: WindowConfig) -> list[float]:
    count = math.floor((recording.length_s - config.length_s) / config.stride_s + 1e-9) + 1
    return [round(number * config.stride_s, 6) for number in range(max(count, 0))]


def rate_span(start_s: float, config: WindowConfig, trial_s: float) -> tuple[float, float]:
    """The span of the rate: around the window, never past the trial into another state."""
    span = min(max(config.hr_context_s, config.length_s), trial_s)
    begin = start_s + (config.length_s - span) / 2
    begin = min(max(begin, 0.0), trial_s - span)
    return begin, begin + span
