"""What travels between rooms: small frozen data, the unit in every name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DataKind = Literal["real", "synthetic"]
SignalKind = Literal["ppg", "ecg"]

MIN_BPM = 40.0
"""Lowest heart rate that is believed, bpm. Choice: the guard that public loaders use."""
MAX_BPM = 180.0
"""Highest heart rate that is believed, bpm."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        index: Number of the frame in its stream, from 0.
        time_s: Time since the first frame of the stream, seconds.
        image: (H, W, 3) uint8, RGB.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Signal:
    """A contact pulse signal on the clock of its video.

    Attributes:
        kind: "ppg" or "ecg".
        values: (n,) float64, the sensor's own unit.
        fs_hz: Sampling rate.
        start_s: Time of `values[0]` on the video's clock; negative where the signal begins
            before the video (DEAP: -3.0).
    """

    kind: SignalKind
    values: NDArray[np.float64]
    fs_hz: float
    start_s: float

    @property
    def end_s(self) -> float:
        """Time just after the last sample, on the video's clock."""
        return self.start_s + len(self.values) / self.fs_hz


@dataclass(frozen=True, slots=True)
class Recording:
    """One trial of one person: a video, its ratings, and a signal that is read when asked for.

    Attributes:
        dataset: "deap".
        subject: "s01".
        trial: "trial01", in the order in which the person saw the clips.
        stimulus: Which clip was watched, the same word for every person ("video07").
        video: The file.
        fps_hz: The rate to believe where the container's is known to be wrong; None believes it.
        length_s: Seconds of the trial, from the video's first frame.
        ratings: For example {"valence": 7.1, "arousal": 3.2}, each 1-9.
        data_kind: "synthetic" for anything that `write_fake` wrote.
        load_signal: Reads the contact signal. Raises `BadInput`.
    """

    dataset: str
    subject: str
    trial: str
    stimulus: str
    video: Path
    fps_hz: float | None
    length_s: float
    ratings: Mapping[str, float]
    data_kind: DataKind
    load_signal: Callable[[], Signal]

    @property
    def id(self) -> str:
        """Name that is unique over all data sets, for example "deap/s01/trial01"."""
        return f"{self.dataset}/{self.subject}/{self.trial}"
