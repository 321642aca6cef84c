"""Labels and heart rates that carry no information, or only some: what a real one is held against.

An auxiliary task can help because it teaches physiology, because it tells persons apart, or
because any second task keeps a network from learning its examples by heart. Only arms that differ
in nothing else can tell which.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from pulsefer.core.seeding import generator
from pulsefer.samples.window import Window, Windows

Auxiliary = Literal["true", "permuted", "permuted_within", "subject_mean", "random"]
AUXILIARIES: tuple[Auxiliary, ...] = get_args(Auxiliary)

MEANING: dict[Auxiliary, str] = {
    "true": "the heart rate that was measured",
    "permuted": "the heart rates of another trial of anybody",
    "permuted_within": "the heart rates of another trial of the same person",
    "subject_mean": "each person's mean heart rate",
    "random": "a random number for each trial",
}
"""What the heart-rate head is taught, for people."""


def with_auxiliary(windows: Windows, auxiliary: Auxiliary, *, seed: int = 0) -> Windows:
    """The same windows with another target for the heart-rate head.

    Trials change their rates as a whole, so that a placebo is as steady within a trial as the
    truth. A window without a rate has none afterwards, and the other way round, as far as the
    trial whose rates it is given has one at its place.

    Choice: a random number is drawn from a normal distribution with the mean and the spread of
    the rates of all windows.

    Args:
        windows: What `window` gave.
        auxiliary: Which target; see `MEANING`.
        seed: Of the permutation, or of the numbers.

    Raises:
        ValueError: an unknown target, or random numbers where no rate is known.
    """
    if auxiliary not in AUXILIARIES:
        raise ValueError(f"auxiliary is one of {', '.join(AUXILIARIES)}; found {auxiliary!r}")
    if auxiliary == "true":
        return windows
    rates = np.array([one.hr_bpm for one in windows.windows], np.float64)
    trials = _trials(windows.windows)
    rng = generator(seed, "placebo", auxiliary)
    given = np.full(len(rates), np.nan)
    if auxiliary == "subject_mean":
        people = np.array([one.person for one in windows.windows])
        for person in np.unique(people):
            own = people == person
            if np.isfinite(rates[own]).any():
                given[own] = np.nanmean(rates[own])
    elif auxiliary == "random":
        if not np.isfinite(rates).any():
            raise ValueError("no window has a heart rate to draw random ones like")
        mean, spread = float(np.nanmean(rates)), float(np.nanstd(rates))
        for places in trials.values():
            given[places] = rng.normal(mean, spread)
    else:
        names = list(trials)
        group = [person if auxiliary == "permuted_within" else "" for person, _ in names]
        for some in _groups(group):
            for here, there in zip(some, _derangement(len(some), rng), strict=True):
                places, source = trials[names[here]], trials[names[some[there]]]
                given[places] = rates[source[np.arange(len(places)) % len(source)]]
    if auxiliary in ("subject_mean", "random"):
        given[np.isnan(rates)] = np.nan
    changed = tuple(
        replace(one, hr_bpm=float(rate)) for one, rate in zip(windows.windows, given, strict=True)
    )
    return replace(windows, windows=changed)


def with_permuted_labels(windows: Windows, *, seed: int = 0) -> Windows:
    """The same windows with the labels of other trials of the same data set.

    Every honest protocol must then be at chance. One that is not measures something else.
    """
    trials = _trials(windows.windows)
    names = list(trials)
    dataset = [windows.windows[places[0]].dataset for places in trials.values()]
    rng = generator(seed, "permuted labels")
    given = np.zeros(len(windows.windows), np.int64)
    for some in _groups(dataset):
        for here, there in zip(some, rng.permutation(len(some)), strict=True):
            source = trials[names[some[there]]]
            given[trials[names[here]]] = windows.windows[source[0]].emotion
    changed = tuple(
        replace(one, emotion=int(label)) for one, label in zip(windows.windows, given, strict=True)
    )
    return replace(windows, windows=changed)


def _trials(windows: Sequence[Window]) -> dict[tuple[str, str], np.ndarray]:
    """(person, trial) to the places of its windows, in order of time."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, one in enumerate(windows):
        found.setdefault((one.person, one.trial), []).append(place)
    return {
        name: np.array(sorted(places, key=lambda place: windows[place].start_s))
        for name, places in found.items()
    }


def _groups(names: Sequence[str]) -> list[list[int]]:
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name, []).append(place)
    return list(found.values())


def _derangement(n: int, rng: np.random.Generator) -> np.ndarray:
    """A shuffle that leaves nothing at its place: a ring in random order; of one, itself."""
    order = rng.permutation(n)
    moved = np.empty(n, np.int64)
    moved[order] = np.roll(order, 1)
    return moved
