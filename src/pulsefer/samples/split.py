"""Folds that never cut through a unit, and a name for the unit that every result carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.samples.spans import Spans
from pulsefer.samples.units import Indices, Unit, Units

By = Literal[
    "window_within",
    "window_pooled",
    "block_within_trial",
    "trial_within",
    "trial_pooled",
    "subject",
    "stimulus",
    "subject_x_stimulus",
]
Folds = int | Literal["one_out"]

PROTOCOLS: Mapping[By, str] = {
    "window_within": "the tested trials, by their other windows (one model per person)",
    "window_pooled": "the tested trials, by their other windows, and the tested persons",
    "block_within_trial": "the tested trials, by their other seconds, and the tested persons",
    "trial_within": "the tested persons, by other trials (one model per person)",
    "trial_pooled": "the tested persons, by other trials, and the clips, watched by others",
    "subject": "the clips, watched by other persons",
    "stimulus": "the tested persons, watching other clips",
    "subject_x_stimulus": "nothing, neither the tested persons nor the tested clips",
}
"""What may cross from the training side to the tested one."""

LEAKY: frozenset[By] = frozenset({"window_within", "window_pooled", "block_within_trial"})
"""Protocols that let one trial, with its one label, stand on both sides."""

WITHIN: frozenset[By] = frozenset({"window_within", "trial_within"})
"""Protocols that fit one model per person."""

UNIT: Mapping[By, Unit] = {
    "window_within": "window",
    "window_pooled": "window",
    "trial_within": "trial",
    "trial_pooled": "trial",
    "subject": "subject",
    "stimulus": "stimulus",
}
"""What is dealt to the folds, where that is one thing."""


class Labelled(Protocol):
    """What can be split: a window of a trial, or a picture of a clip."""

    @property
    def id(self) -> str:
        """Unique over all data sets."""
        ...

    @property
    def dataset(self) -> str:
        """Data set."""
        ...

    @property
    def person(self) -> str:
        """Unique over all data sets."""
        ...

    @property
    def trial(self) -> str:
        """Unique for the person."""
        ...

    @property
    def emotion(self) -> int:
        """0 low, 1 high."""
        ...


class Timed(Labelled, Protocol):
    """What can be split by any protocol: it has a clip and a time in its trial."""

    @property
    def stimulus(self) -> str:
        """Unique for the data set."""
        ...

    @property
    def start_s(self) -> float:
        """Start on the trial's clock."""
        ...

    @property
    def length_s(self) -> float:
        """Length."""
        ...


@dataclass(frozen=True, slots=True)
class Split:
    """One fold: indices into the list of windows it was made from.

    Attributes:
        by: The protocol.
        within: The person inside whom the fold was made ("deap/s01"); None across persons.
        fold: Number, from 0.
        folds: How many there are, of this person or of all.
        seed: Seed of the shuffle; None for folds that others made.
        train: Indices to learn from.
        validation: Indices to choose with, cut along the same units; may be empty.
        test: Indices to report.
    """

    by: By
    within: str | None
    fold: int
    folds: int
    seed: int | None
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def name(self) -> str:
        """For example "subject", or "window_within deap/s01"."""
        return f"{self.by} {self.within}" if self.within else self.by

    def manifest(self, windows: Sequence[Labelled]) -> str:
        """Fingerprint of who stands where; equal splits have equal manifests.

        The order of the windows plays no part.
        """
        sides = (self.train, self.validation, self.test)
        return fingerprint(["\n".join(sorted(windows[i].id for i in side)) for side in sides])


def split(
    windows: Sequence[Labelled],
    *,
    by: By,
    folds: Folds = 5,
    validation: float = 0.0,
    seed: int = 0,
) -> Iterator[Split]:
    """Cut windows into folds. Every window is tested exactly once.

    `PROTOCOLS` says what each name lets cross. Those in `LEAKY` let one trial stand on both sides:
    they exist to measure how much a published number owes to that, and every report prints the
    name next to the number.

    Choice: units are ordered by data set and by their share of high labels, chance deciding between
    equals, and dealt to the folds block by block, so that data sets and labels are spread evenly:
    one rule for windows, trials, persons and clips, and for data that have one label only. The
    validation part is dealt from the training side in the same way.

    Choice: of `subject_x_stimulus`, the validation part is `validation` of the training side's
    persons, watching `validation` of its clips; what mixes these with the persons and clips that
    are learned from is left out, as it is between training and test.

    Choice: of `block_within_trial`, a window belongs to the block that its middle lies in, of the
    time from the first middle in its trial to the last. The validation part is a run of
    whole blocks on one side of the test block, the same in all trials, drawn by the seed. Windows
    that overlap the test part are left out, and of those to learn from, such as overlap the
    validation part.

    Args:
        windows: What to cut. Their order plays no part. By clips or blocks they are `Timed`.
        by: Protocol; a key of `PROTOCOLS`.
        folds: Number of folds, no more than there are units, or "one_out": a fold for every
            person, trial or clip. `subject_x_stimulus` makes so many groups of persons and so many
            of clips, and a fold of every pair of groups that has windows.
        validation: Share of the training side, to choose an epoch with.
        seed: Seed of the shuffle.

    Raises:
        ValueError: an unknown protocol, or too few units.
    """
    _refuse_nonsense(windows, by, folds, validation)
    count = None if folds == "one_out" else folds
    for person, found in _groups(windows, by, count, validation, seed):
        made = list(found)
        for fold, sides in enumerate(made):
            yield Split(
                by=by,
                within=person or None,
                fold=fold,
                folds=len(made),
                seed=seed,
                train=tuple(sides.train.tolist()),
                validation=tuple(sides.validation.tolist()),
                test=tuple(sides.test.tolist()),
            )


def _refuse_nonsense(windows: Sequence[Labelled], by: By, folds: Folds, validation: float) -> None:
    if by not in PROTOCOLS:
        raise ValueError(f"by is one of {', '.join(PROTOCOLS)}; found {by!r}")
    if folds != "one_out" and (not isinstance(folds, int) or folds < 2):
        raise ValueError(f"folds must be at least 2, or one_out; found {folds!r}")
    if folds == "one_out" and (by == "block_within_trial" or UNIT.get(by) == "window"):
        raise ValueError(f"one_out leaves out persons, trials or clips; {by} takes a number")
    if not 0.0 <= validation < 1.0:
        raise ValueError(f"validation is a share in [0, 1), found {validation}")
    timed = all(hasattr(window, "start_s") and hasattr(window, "stimulus") for window in windows)
    if not timed and by in ("block_within_trial", "stimulus", "subject_x_stimulus"):
        raise ValueError(f"{by} needs windows with a clip and a time")


class _Sides(NamedTuple):
    train: Indices
    validation: Indices
    test: Indices


def _groups(
    windows: Sequence[Labelled], by: By, folds: int | None, validation: float, seed: int
) -> Iterator[tuple[str, Iterator[_Sides]]]:
    """The folds of every person by name, or "" and those of all together."""
    if by == "subject_x_stimulus":
        yield "", _crossed(windows, folds, validation, seed)
    elif by == "block_within_trial":
        yield "", _blocks(windows, folds or 0, validation, seed)
    else:
        units = Units(windows, UNIT[by])
        people = np.array([window.person if by in WITHIN else "" for window in windows])
        for person in np.unique(people).tolist() or [""]:
            some = np.flatnonzero(people == person)
            yield person, _dealt(units, some, folds, validation, seed, person)


def _dealt(
    units: Units, some: Indices, folds: int | None, validation: float, seed: int, person: str
) -> Iterator[_Sides]:
    """Units of one kind dealt to folds; the validation part dealt from the others."""
    part = units.folds(some, folds, derive_seed(seed, "folds", person), of=person)
    for fold in range(int(part.max()) + 1):
        rest = some[part != fold]
        chosen = np.zeros(len(rest), bool)
        if validation:
            held = derive_seed(seed, "validation", person, fold)
            chosen = units.held_out(rest, validation, held) == 0
        yield _Sides(rest[~chosen], rest[chosen], some[part == fold])


def _crossed(
    windows: Sequence[Any], folds: int | None, validation: float, seed: int
) -> Iterator[_Sides]:
    """Groups of persons by groups of clips; what mixes tested with untested is left out."""
    persons, clips = Units(windows, "subject"), Units(windows, "stimulus")
    everyone = np.arange(len(windows))
    row = persons.folds(everyone, folds, derive_seed(seed, "folds", "subject"))
    column = clips.folds(everyone, folds, derive_seed(seed, "folds", "stimulus"))
    fold = 0
    for i in range(int(row.max()) + 1):
        for j in range(int(column.max()) + 1):
            test = np.flatnonzero((row == i) & (column == j))
            if not len(test):
                continue
            rest = np.flatnonzero((row != i) & (column != j))
            if not len(rest):
                raise ValueError("no window is of another person and of another clip than tested")
            chosen, left = np.zeros(len(rest), bool), np.ones(len(rest), bool)
            if validation:
                seeds = [derive_seed(seed, "validation", of, fold) for of in ("subject", "clip")]
                chosen, left = _corner(
                    persons.held_out(rest, validation, seeds[0]),
                    clips.held_out(rest, validation, seeds[1]),
                )
            yield _Sides(rest[left], rest[chosen], test)
            fold += 1


def _corner(row: Indices, column: Indices) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """One group of persons by one of clips, and the windows that have neither."""
    for i in range(int(row.max()) + 1):
        for j in range(int(column.max()) + 1):
            chosen, left = (row == i) & (column == j), (row != i) & (column != j)
            if chosen.any() and left.any():
                return chosen, left
    raise ValueError("no validation part has both other persons and other clips than are learned")


def _blocks(windows: Sequence[Any], folds: int, validation: float, seed: int) -> Iterator[_Sides]:
    """The k-th of `folds` equal parts of every trial's time, and what does not overlap it."""
    if validation and folds < 3:
        raise ValueError(f"a validation block needs at least 3 folds, found {folds}")
    spans = Spans(windows)
    most = int(np.bincount(spans.trial).max(initial=0))
    if most < folds:
        raise ValueError(
            f"{folds} blocks need at least {folds} windows in a trial, found {most}; "
            "use fewer folds"
        )
    block = spans.block(folds)
    for fold in range(folds):
        test = block == fold
        if not test.any():
            raise ValueError(
                f"block {fold + 1} of {folds} has no window in any trial; use fewer folds"
            )
        rest = ~test & ~spans.reach_into(test)
        found = _runs(fold, folds, validation, seed) if validation else [(0, 0)]
        for first, after in found:
            chosen = rest & (block >= first) & (block < after)
            left = rest & ~chosen & ~spans.reach_into(chosen)
            if left.any() and (chosen.any() or not validation):
                break
        else:
            raise ValueError(
                f"windows of {spans.longest_s:g} s leave nothing beside those that "
                f"overlap block {fold + 1} of {folds}; use shorter windows, or fewer folds"
            )
        yield _Sides(np.flatnonzero(left), np.flatnonzero(chosen), np.flatnonzero(test))


def _runs(fold: int, folds: int, share: float, seed: int) -> list[tuple[int, int]]:
    """Runs of blocks beside the tested one, of the share or as near as there is room, shuffled."""
    wanted = min(max(1, round(share * (folds - 1))), folds - 2, max(fold, folds - 1 - fold))
    runs = [
        (first, first + wanted)
        for first in range(folds - wanted + 1)
        if not first <= fold < first + wanted
    ]
    order = generator(seed, "validation", "block", fold).permutation(len(runs))
    return [runs[place] for place in order]
