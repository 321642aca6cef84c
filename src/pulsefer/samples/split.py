"""Folds that never cut through a unit, and a name for the unit that every result carries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.seeding import derive_seed

Unit = Literal["window", "trial", "subject"]
UNITS: tuple[Unit, ...] = get_args(Unit)

LEAKY: frozenset[Unit] = frozenset({"window"})
"""Units that let one trial, with its one label, stand on both sides."""


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


@dataclass(frozen=True, slots=True)
class Split:
    """One fold: indices into the list of windows it was made from.

    Attributes:
        by: Unit that is never cut.
        within: The person inside whom the fold was made ("deap/s01"); None across persons.
        fold: Number, from 0.
        folds: How many there are.
        seed: Seed of the shuffle.
        train: Indices to learn from.
        validation: Indices to choose with, cut along the same unit; may be empty.
        test: Indices to report.
    """

    by: Unit
    within: str | None
    fold: int
    folds: int
    seed: int
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def name(self) -> str:
        """For example "subject", or "window within deap/s01"."""
        return f"{self.by} within {self.within}" if self.within else self.by

    def manifest(self, windows: Sequence[Labelled]) -> str:
        """Fingerprint of who stands where; equal splits have equal manifests."""
        sides = (self.train, self.validation, self.test)
        return fingerprint([[windows[index].id for index in side] for side in sides])


def split(
    windows: Sequence[Labelled],
    *,
    by: Unit,
    folds: int = 5,
    within: bool = False,
    validation: float = 0.0,
    seed: int = 0,
) -> Iterator[Split]:
    """Cut windows into folds.

    `by="window"` lets one trial stand on both sides. It exists to measure how much a published
    number owes to that, and every report prints the unit next to the number.

    Choice: units are ordered by data set and by their share of high labels, chance deciding between
    equals, and dealt to the folds block by block, so that data sets and labels are spread evenly:
    one rule for windows, trials and persons, and for data that have one label only.

    Args:
        windows: What to cut.
        by: "window", "trial" or "subject".
        folds: Number of folds; no more than there are units.
        within: Make the folds inside each person, one model per person and fold.
        validation: Share of the training side, cut along the same unit, to choose an epoch with.
        seed: Seed of the shuffle.

    Raises:
        ValueError: an unknown unit, subjects within a subject, or fewer units than folds.
    """
    if by not in UNITS:
        raise ValueError(f"by is one of {', '.join(UNITS)}; found {by!r}")
    if within and by == "subject":
        raise ValueError("folds by subject cannot be made within one subject")
    if folds < 2:
        raise ValueError(f"folds must be at least 2, found {folds}")
    if not 0.0 <= validation < 1.0:
        raise ValueError(f"validation is a share in [0, 1), found {validation}")
    everyone = np.arange(len(windows))
    people = np.array([window.person for window in windows])
    for person in sorted(set(people)) if within else [None]:
        some = everyone if person is None else everyone[people == person]
        dealt = _deal(windows, some, by, folds, derive_seed(seed, "folds", person or ""))
        for fold in range(folds):
            test, rest = some[dealt == fold], some[dealt != fold]
            chosen = np.zeros(len(rest), bool)
            if validation:
                units = {unit_of(windows[index], by) for index in rest}
                # With few units one of them is more than the share asked for; none is worse.
                parts = max(2, min(round(1.0 / validation), len(units)))
                chosen = _deal(
                    windows, rest, by, parts, derive_seed(seed, "validation", person or "", fold)
                ) == 0  # fmt: skip
            yield Split(
                by=by,
                within=person,
                fold=fold,
                folds=folds,
                seed=seed,
                train=tuple(rest[~chosen].tolist()),
                validation=tuple(rest[chosen].tolist()),
                test=tuple(test.tolist()),
            )


def unit_of(window: Labelled, by: Unit) -> str:
    """Name of the unit a window belongs to."""
    if by == "window":
        return window.id
    return f"{window.person}/{window.trial}" if by == "trial" else window.person


def _deal(
    windows: Sequence[Labelled], some: NDArray[np.intp], by: Unit, parts: int, seed: int
) -> NDArray[np.intp]:
    """Part number of each window of `some`: units of like share of high, dealt out by blocks."""
    names, unit = np.unique([unit_of(windows[index], by) for index in some], return_inverse=True)
    if len(names) < parts:
        raise ValueError(
            f"{parts} parts need at least {parts} {by}s, found {len(names)}; use fewer folds"
        )
    high = np.bincount(unit, weights=[windows[index].emotion for index in some])
    share = high / np.bincount(unit)
    rng = np.random.default_rng(seed)
    chance = rng.permutation(len(names))
    dataset = np.empty(len(names), object)
    dataset[unit] = [windows[index].dataset for index in some]
    by_share = np.lexsort((chance, share, np.unique(dataset, return_inverse=True)[1]))
    part_of = np.empty(len(names), np.intp)
    for begin in range(0, len(names), parts):
        block = by_share[begin : begin + parts]
        part_of[block] = rng.permutation(parts)[: len(block)]
    return part_of[unit]
