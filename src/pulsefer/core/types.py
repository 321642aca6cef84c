"""What travels between rooms: small frozen data, the unit in every name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

DataKind = Literal["real", "synthetic"]
SignalKind = Literal["ppg", "ecg", "eda", "respiration", "temperature"]
"""A heart rate is read from the first two only."""

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
    """A contact signal on the clock of its trial.

    Attributes:
        kind: "ppg" or "ecg" for the pulse; "eda", "respiration", "temperature".
        values: (n,) float64, the sensor's own unit.
        fs_hz: Sampling rate.
        start_s: Time of `values[0]` on the trial's clock; negative where the signal begins
            before the trial (DEAP: -3.0).
    """

    kind: SignalKind
    values: NDArray[np.float64]
    fs_hz: float
    start_s: float

    @property
    def end_s(self) -> float:
        """Time just after the last sample, on the trial's clock."""
        return self.start_s + len(self.values) / self.fs_hz


@dataclass(frozen=True, slots=True)
class Recording:
    """One trial of one person: a video, its ratings, and signals that are read when asked for.

    The trial's clock starts at its first frame, which is `begin_s` into the video.

    Attributes:
        dataset: "deap".
        subject: "s01".
        trial: "trial01", in the order in which the person saw the clips.
        stimulus: Which clip was watched, the same word for every person ("video07").
        video: The file.
        fps_hz: The rate to believe where the container's is known to be wrong; None believes it.
        length_s: Seconds of the trial. The video may go on after it.
        ratings: For example {"valence": 7.1, "arousal": 3.2}, each 1-9; empty where none was given.
        data_kind: "synthetic" for anything that `write_fake` wrote.
        load_signal: Reads the contact signal of the pulse. Raises `BadInput`.
        begin_s: Time of the trial's start on the video's clock, 0 or more.
        load_other: Reads other signals by their kind ("eda"), each on the trial's clock.
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
    begin_s: float = 0.0
    load_other: Mapping[SignalKind, Callable[[], Signal]] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Name that is unique over all data sets, for example "deap/s01/trial01"."""
        return f"{self.dataset}/{self.subject}/{self.trial}"


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A single picture with a face.

    Attributes:
        image: (H, W, 3) uint8, RGB, as stored.
        landmarks_px: (5, 2) eyes, nose, corners of the mouth, as `faces.detector.Face` has them;
            None where nobody marked them.
        pixel_aspect: Width of a pixel over its height. 1 is square; landmarks are in stored pixels.
    """

    image: NDArray[np.uint8]
    landmarks_px: NDArray[np.float64] | None = None
    pixel_aspect: float = 1.0


@dataclass(frozen=True, slots=True)
class Still:
    """One picture of one person with its emotion, read when asked for.

    Attributes:
        dataset: "afew_va".
        person: Who is seen; no fold cuts through a person.
        clip: What it was taken from: pictures of one clip look alike. A photograph is its own.
        name: Unique in its data set, for example "001/00000".
        valence: -1 to 1, NaN where not known.
        arousal: -1 to 1, NaN where not known.
        data_kind: "synthetic" for anything that `write_fake` wrote.
        load: Reads the picture. Raises `BadInput`.
        content: Fingerprint of all that `load` reads, without decoding it. Raises `BadInput`.
    """

    dataset: str
    person: str
    clip: str
    name: str
    valence: float
    arousal: float
    data_kind: DataKind
    load: Callable[[], Picture]
    content: Callable[[], str]

    @property
    def id(self) -> str:
        """Name that is unique over all data sets, for example "afew_va/001/00000"."""
        return f"{self.dataset}/{self.name}"
