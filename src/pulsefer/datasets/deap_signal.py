"""The finger pulse of one trial, from the preprocessed pickles or the original BDF files.

What public loaders get wrong, and what is proved here at load: the rows of a .dat file are in
the order of the clips (`Experiment_id`), videos and trigger codes in the order of presentation
(`Trial`); the pulse is channel 38 counted from 0; and it starts 3 s before the video.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.datasets import bdf
from pulsefer.datasets.deap_pickle import N_CHANNELS, read_dat
from pulsefer.datasets.deap_ratings import SCALES, Rated
from pulsefer.datasets.deap_tree import (
    DAT_FS_HZ,
    LEAD_S,
    N_STIMULI,
    Layout,
)

PPG_CHANNEL = 38
"""Plethysmograph in a .dat file, counted from 0. 39, which some public loaders read, is
temperature."""
GSR_CHANNEL = 36
"""Skin resistance in a .dat file, counted from 0."""
PPG_LABEL = "Plet"
"""Plethysmograph in a BDF file. Picked by name: the order of channels differs between sites."""
MUSIC_CODE = 4
"""Trigger code at the start of a music video, which is the first frame of the face video."""
RATING_TOLERANCE = 0.006
"""Ratings in the table have two decimals: half of the last one, and rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Preprocessed:
    """What is kept of a .dat file: 5.2 MB of DEAP's 103.

    Attributes:
        labels: (40, 4), columns as `SCALES`, row e - 1 for `Experiment_id` e.
        ppg: (40, samples), rows alike, 128 Hz, 3 s before the video onwards.
        gsr: (40, samples), like `ppg`.
    """

    labels: NDArray[np.float64]
    ppg: NDArray[np.float64]
    gsr: NDArray[np.float64]


def read_preprocessed(path: Path, layout: Layout) -> Preprocessed:
    """Ratings and pulse of one participant.

    A file of DEAP takes about a second and 200 MB to read, for 40 trials: the last two that were
    read stay in memory, in each process, as long as the file does not change.

    Raises:
        BadInput: no such file, or not what DEAP delivers.
    """
    if not path.is_file():
        raise BadInput(
            str(path), expected="a .dat file", found="no such file", remedy="check the path"
        )
    stat = path.stat()
    return _read_preprocessed(path, layout.n_dat_samples, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=2)
def _read_preprocessed(path: Path, n_samples: int, _size: int, _mtime_ns: int) -> Preprocessed:
    arrays = read_dat(path)
    expected = {
        "labels": (N_STIMULI, len(SCALES)),
        "data": (N_STIMULI, N_CHANNELS, n_samples),
    }
    found = {name: array.shape for name, array in arrays.items()}
    if any(found.get(name) != shape for name, shape in expected.items()):
        raise BadInput(
            str(path),
            expected=f"arrays {_listed(expected)}",
            found=_listed(found) or "none",
            remedy="take the file as DEAP delivers it (data_preprocessed_python.zip)",
        )
    return Preprocessed(
        labels=arrays["labels"].astype(np.float64),
        ppg=arrays["data"][:, PPG_CHANNEL].astype(np.float64),
        gsr=arrays["data"][:, GSR_CHANNEL].astype(np.float64),
    )


def prove_order(path: Path, labels: NDArray[np.float64], rows: Sequence[Rated]) -> None:
    """Row e - 1 of `labels` must hold the ratings that the table gives for `Experiment_id` e.

    Raises:
        BadInput: it does not; the message says whether the file is in the order of `Trial`.
    """
    table = np.array([[row.ratings[scale] for scale in SCALES] for row in rows])

    def differs(index: list[int]) -> NDArray[np.bool_]:
        # not >: NaN differs too.
        near = np.abs(labels[index] - table) <= RATING_TOLERANCE
        return np.asarray(~near.all(axis=1))

    wrong = differs([row.stimulus - 1 for row in rows])
    if not wrong.any():
        return
    if not differs([row.trial - 1 for row in rows]).any():
        raise BadInput(
            str(path),
            expected="labels in Experiment_id order",
            found="Trial order instead of Experiment_id order",
            remedy="somebody reordered this file; take it as DEAP delivers it",
        )
    first = rows[int(wrong.argmax())]
    raise BadInput(
        str(path),
        expected=f"the ratings of participant_ratings.csv in {len(rows)} rows of labels",
        found=f"{int(wrong.sum())} rows that differ, the first one row {first.stimulus - 1} "
        f"(Experiment_id {first.stimulus})",
        remedy="one of the two files is not as DEAP delivers it; its trials cannot be told apart",
    )


def signal_from_dat(path: Path, layout: Layout, stimulus: int) -> Signal:
    """The pulse of the trial in which clip `stimulus` (`Experiment_id`, 1-40) was shown.

    Raises:
        BadInput: the file is broken, or the pulse is flat or not finite.
    """
    values = read_preprocessed(path, layout).ppg[stimulus - 1].copy()
    require_alive(values, f"{path}: row {stimulus - 1}, channel {PPG_CHANNEL}")
    return Signal("ppg", values, DAT_FS_HZ, -LEAD_S)


def skin_from_dat(path: Path, layout: Layout, stimulus: int) -> Signal:
    """The skin resistance of the trial in which clip `stimulus` was shown.

    Raises:
        BadInput: the file is broken, or the signal is flat or not finite.
    """
    values = read_preprocessed(path, layout).gsr[stimulus - 1].copy()
    require_alive(values, f"{path}: row {stimulus - 1}, channel {GSR_CHANNEL}")
    return Signal("eda", values, DAT_FS_HZ, -LEAD_S)


def music_onsets(path: Path, layout: Layout) -> NDArray[np.int64]:
    """Samples at which the music videos start, in the order of presentation.

    Raises:
        BadInput: the file is broken, has no pulse, another number of starts than there are trials,
            or starts closer than a trial is long.
    """
    info = bdf.probe(path)
    fs_hz = info.fs_hz[info.channel(PPG_LABEL, path)]
    if info.fs_hz[-1] != fs_hz:
        raise BadInput(
            str(path),
            expected=f"triggers at {fs_hz:g} Hz as {PPG_LABEL}",
            found=f"{info.fs_hz[-1]:g} Hz",
        )
    starts = _onsets(path, path.stat().st_size, path.stat().st_mtime_ns)
    if len(starts) != N_STIMULI:
        raise BadInput(
            str(path),
            expected=f"{N_STIMULI} starts of a music video (trigger code {MUSIC_CODE})",
            found=str(len(starts)),
            remedy="which trial is which cannot be told; use data_preprocessed_python for it",
        )
    gaps_s = np.diff(starts) / fs_hz
    if len(gaps_s) and gaps_s.min() < layout.length_s:
        raise BadInput(
            str(path),
            expected=f"music videos of {layout.length_s:g} s",
            found=f"two that start {gaps_s.min():.2f} s apart",
            remedy="the trigger channel is damaged; use data_preprocessed_python for it",
        )
    return starts


def signal_from_bdf(path: Path, layout: Layout, trial: int) -> Signal:
    """The pulse of the trial that was shown as number `trial` (from 1), 3 s of lead included.

    Raises:
        BadInput: the file is broken or ends too early, or the pulse is flat or not finite.
    """
    onset = int(music_onsets(path, layout)[trial - 1])
    info = bdf.probe(path)
    channel = info.channel(PPG_LABEL, path)
    fs_hz = info.fs_hz[channel]
    values = bdf.read_channel(
        path,
        channel,
        start=onset - round(LEAD_S * fs_hz),
        n_samples=round((LEAD_S + layout.length_s) * fs_hz),
    )
    require_alive(values, f"{path}: {PPG_LABEL}, trial {trial}")
    return Signal("ppg", values, fs_hz, -LEAD_S)


def require_alive(values: NDArray[np.float64], where: str) -> None:
    """Refuse a signal that is not finite or does not move at all.

    Raises:
        BadInput: so it is.
    """
    if not np.isfinite(values).all():
        raise BadInput(
            where,
            expected="finite numbers",
            found=f"{int((~np.isfinite(values)).sum())} of {len(values)} that are not",
        )
    if np.ptp(values) == 0:
        raise BadInput(
            where, expected="a signal that changes", found=f"the value {values[0]:g} throughout"
        )


@lru_cache(maxsize=4)
def _onsets(path: Path, _size: int, _mtime_ns: int) -> NDArray[np.int64]:
    return bdf.onsets(path, MUSIC_CODE)


def _listed(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items()))
