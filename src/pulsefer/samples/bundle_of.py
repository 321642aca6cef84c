"""Samples for the compared systems, from the same windows that the CRNN learns from.

What leaves this file has no names: arrays, and functions that read arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.bundle import Bundle, Labels, Modality, Unit
from pulsefer.core.errors import BadInput
from pulsefer.core.label import label, third
from pulsefer.core.types import Signal, SignalKind
from pulsefer.samples.store import RATINGS, Store, StoredRecording
from pulsefer.samples.window import Window, WindowConfig, Windows, frame_indices, nearest

Ints = NDArray[np.int64]

PULSE: tuple[Modality, ...] = ("ppg", "ecg")
"""Two signals of one thing: of a system that names both, a trial needs to have one."""

ABSENT = -1
"""Place of a window that has no sample."""


def bundle_of(
    store: Store, windows: Windows, modality: Sequence[Modality], unit: Unit
) -> tuple[Bundle, Ints]:
    """The samples that a system looks at, and which window belongs to which.

    A window's frames are those that the CRNN is given (`samples.loader`). Signals are cut to the
    sample, to the nearest of their own samples, and nothing before or after is given.

    Choice: a trial's frames are those at the windows' rate from its start on, as far as windows
    cover them and they show a face. Where the windows' frames lie on one grid (whole steps), these
    are all the windows' frames, each once: no system sees more of a film than the CRNN.

    Choice: a window or trial that lacks a signal the system looks at, as where a sensor was off,
    is no sample: it is not learned from, and the harness answers for it.

    Args:
        store: Where the recordings are.
        windows: What was cut from it.
        modality: What the system looks at.
        unit: What one sample is.

    Returns:
        The samples in the order of the windows, and (n_windows,) the sample of each window,
        `ABSENT` where there is none.

    Raises:
        BadInput: not one sample has the signals.
    """
    recordings = {recording.key: recording for recording in store}
    members = _members(windows.windows, unit)
    faces: list[Callable[[], NDArray[np.uint8]]] = []
    signals: list[Mapping[SignalKind, Signal]] = []
    places = np.full(len(windows.windows), ABSENT, np.int64)
    for some in members:
        first = windows.windows[some[0]]
        recording = recordings[first.key]
        span_s = (first.start_s, first.length_s) if unit == "window" else (0.0, recording.length_s)
        found = _signals(recording, modality, *span_s)
        if found is None:
            continue
        places[some] = len(signals)
        signals.append(found)
        if "face" in modality:
            starts_s = [windows.windows[place].start_s for place in some]
            faces.append(_reader(recording, starts_s, windows.config, unit))
    if not signals:
        raise _nothing(store, modality)
    rate_hz = windows.config.n_frames / windows.config.length_s
    return Bundle(faces, rate_hz, signals, unit), places


def labels_of(store: Store, windows: Windows, places: Ints, *, n_classes: int = 2) -> Labels:
    """What the samples are.

    Args:
        store: Where the ratings are.
        windows: Their labels are the classes, whatever was done to them (`samples.placebo`).
        places: As `bundle_of` gave them.
        n_classes: 2, or 3 for `core.label.third` of the ratings.

    Raises:
        BadInput: three classes of labels that are not those of the ratings: there is nothing to
            divide in three.
    """
    ratings = {recording.key: recording.record["ratings"] for recording in store}
    config = windows.config
    beside = next(name for name in RATINGS if name != config.dimension)
    firsts = [windows.windows[place] for place in first_windows(places)]
    other = [_class(ratings[one.key].get(beside), config) for one in firsts]
    classes = [one.emotion for one in firsts]
    if n_classes == 3:
        own = [float(ratings[one.key][config.dimension]) for one in firsts]
        if classes != [label(rating, config.threshold) for rating in own]:
            raise BadInput(
                "labels",
                expected=f"those of the {config.dimension} ratings, to divide them in three",
                found="others, for example permuted ones",
                remedy="ask for two classes",
            )
        classes = [third(rating) for rating in own]
    return Labels(np.array(classes, np.int64), np.array(other, np.float64))


def groups_of(windows: Windows, places: Ints) -> tuple[Ints, Ints]:
    """Number of the person, and of the trial, of every sample."""
    firsts = [windows.windows[place] for place in first_windows(places)]
    persons = np.unique([one.person for one in firsts], return_inverse=True)[1]
    trials = np.unique([one.key for one in firsts], return_inverse=True)[1]
    return persons.astype(np.int64), trials.astype(np.int64)


def first_windows(places: Ints) -> Ints:
    """(n_samples,) the first window of each sample."""
    samples, firsts = np.unique(places, return_index=True)
    return np.asarray(firsts[samples != ABSENT], np.int64)


def _members(windows: Sequence[Window], unit: Unit) -> list[list[int]]:
    """The windows of every sample, in the order in which samples are first met."""
    if unit == "window":
        return [[place] for place in range(len(windows))]
    found: dict[str, list[int]] = {}
    for place, one in enumerate(windows):
        found.setdefault(one.key, []).append(place)
    return list(found.values())


def _signals(
    recording: StoredRecording, modality: Sequence[Modality], start_s: float, length_s: float
) -> dict[SignalKind, Signal] | None:
    """What is asked for, cut; None where something lacks."""
    wanted: list[Signal | None] = []
    if set(modality) & set(PULSE):
        wanted.append(recording.signal if recording.signal.kind in modality else None)
    beside = [kind for kind in modality if kind != "face" and kind not in PULSE]
    if beside:
        wanted += [recording.others.get(kind) for kind in beside]
    cut = [_cut(one, start_s, length_s) if one else None for one in wanted]
    there = [one for one in cut if one is not None]
    return {one.kind: one for one in there} if len(there) == len(cut) else None


def _cut(signal: Signal, start_s: float, length_s: float) -> Signal | None:
    first = round((start_s - signal.start_s) * signal.fs_hz)
    begin, end = max(first, 0), first + round(length_s * signal.fs_hz)
    # A copy: a view would lead to the whole trial.
    values = signal.values[begin : max(end, begin)].copy()
    begins_s = signal.start_s + begin / signal.fs_hz - start_s
    return Signal(signal.kind, values, signal.fs_hz, begins_s) if len(values) else None


def _reader(
    recording: StoredRecording, starts_s: Sequence[float], config: WindowConfig, unit: Unit
) -> Callable[[], NDArray[np.uint8]]:
    if unit == "window":
        (start_s,) = starts_s
        indices = frame_indices(recording.time_s, start_s, config)
    else:
        indices = _trial_frames(recording, starts_s, config)
    # Only pixels go into the function: a recording would tell its ratings to who asks.
    faces = recording.faces

    def read() -> NDArray[np.uint8]:
        return np.asarray(faces[indices], np.uint8)

    return read


def _trial_frames(
    recording: StoredRecording, starts_s: Sequence[float], config: WindowConfig
) -> NDArray[np.intp]:
    step_s = config.length_s / config.n_frames
    time_s = np.arange(round(recording.length_s / step_s), dtype=np.float64) * step_s
    begin_s = np.asarray(starts_s)[:, None] - 1e-6  # as far as starts are rounded
    covered = ((time_s >= begin_s) & (time_s < begin_s + config.length_s)).any(axis=0)
    indices = np.unique(nearest(recording.time_s, time_s[covered]))
    seen = indices[recording.seen[indices]]
    return seen if len(seen) else indices


def _class(rating: float | None, config: WindowConfig) -> float:
    found = None if rating is None else label(float(rating), config.threshold)
    return float("nan") if found is None else float(found)


def _nothing(store: Store, modality: Sequence[Modality]) -> BadInput:
    kinds = {recording.signal.kind for recording in store}
    kinds |= {kind for recording in store for kind in recording.others}
    wanted = " or ".join(kind for kind in modality if kind in PULSE)
    others = [kind for kind in modality if kind not in (*PULSE, "face")]
    expected = " and ".join([wanted, *others] if wanted else others)
    remedy = "take a system that looks at what is there"
    if set(others) - kinds:
        remedy = "prepare again: other signals are added to the store, if the data have them"
    return BadInput(
        str(store.path),
        expected=f"trials with {expected}",
        found=f"only {', '.join(sorted(kinds))}",
        remedy=remedy,
    )
