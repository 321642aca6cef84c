"""What the sides of a split share. A split whose groups violate its name is refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pulsefer.core.errors import BadInput
from pulsefer.samples.spans import Mask, Spans
from pulsefer.samples.split import PROTOCOLS, WITHIN, By, Split, Timed
from pulsefer.samples.units import NAME, Indices, codes


@dataclass(frozen=True, slots=True)
class Shared:
    """What two sides have in common.

    Attributes:
        windows: Windows on both.
        seconds: Seconds of video on both.
        trials: Trials on both.
        subjects: Persons on both.
        stimuli: Clips on both.
    """

    windows: int
    seconds: float
    trials: int
    subjects: int
    stimuli: int


@dataclass(frozen=True, slots=True)
class Audit:
    """A split, counted.

    Attributes:
        split: Name of the split.
        n_train: Windows to learn from.
        n_validation: Windows to choose with.
        n_test: Windows to report.
        test: What the test side shares with everything the model saw.
        validation: What the validation part shares with what the model learned from.
    """

    split: str
    n_train: int
    n_validation: int
    n_test: int
    test: Shared
    validation: Shared


MUST_BE_ZERO: Mapping[By, tuple[str, ...]] = {
    "window_within": ("windows",),
    "window_pooled": ("windows",),
    "block_within_trial": ("windows", "seconds"),
    "trial_within": ("windows", "seconds", "trials"),
    "trial_pooled": ("windows", "seconds", "trials"),
    "subject": ("windows", "seconds", "trials", "subjects"),
    "stimulus": ("windows", "seconds", "trials", "stimuli"),
    "subject_x_stimulus": ("windows", "seconds", "trials", "subjects", "stimuli"),
}
"""Which counts of `Shared` a name forbids, between any two sides."""


def audit(windows: Sequence[Timed], split: Split) -> Audit:
    """Count what the sides of one split share; see `audits`."""
    return next(audits(windows, [split]))


def audits(windows: Sequence[Timed], splits: Iterable[Split]) -> Iterator[Audit]:
    """Count what the sides of every split share.

    Besides `MUST_BE_ZERO`, the windows of a side are one run in every trial of
    `block_within_trial`, and all windows are of one person where a model is fitted to one.

    Raises:
        BadInput: no such protocol or windows, an empty side, a window that stands twice, or a unit
            that was cut although the split's name says that it is whole.
    """
    books = _Books(windows)
    for split in splits:
        yield books.audit(split)


class _Books:
    """Which window, trial, person and clip stands where, as numbers."""

    def __init__(self, windows: Sequence[Timed]) -> None:
        self.n = len(windows)
        self.window = codes([NAME["window"](window) for window in windows])
        self.subject = codes([NAME["subject"](window) for window in windows])
        self.stimulus = codes([NAME["stimulus"](window) for window in windows])
        self.people = np.array([window.person for window in windows], dtype=str)
        self.spans = Spans(windows)

    def audit(self, split: Split) -> Audit:
        """Count, then refuse."""
        where = f"split by {split.name}, fold {split.fold}"
        if split.by not in PROTOCOLS:
            raise BadInput(where, expected=f"one of {', '.join(PROTOCOLS)}", found=split.by)
        if split.within is not None and split.by not in WITHIN:
            raise BadInput(where, expected="folds of all persons together", found=split.within)
        sides = [self._indices(where, side) for side in (split.train, split.validation, split.test)]
        train, validation, test = (self._mask(side) for side in sides)
        if not train.any() or not test.any():
            raise BadInput(
                where,
                expected="windows on both sides",
                found=f"{len(sides[0])} to learn from, {len(sides[2])} to test",
            )
        result = Audit(
            split=split.name,
            n_train=len(sides[0]),
            n_validation=len(sides[1]),
            n_test=len(sides[2]),
            test=self._shared(train | validation, test),
            validation=self._shared(train, validation),
        )
        for shared, between in (
            (result.test, "test and what the model saw"),
            (result.validation, "train and validation"),
        ):
            for what in MUST_BE_ZERO[split.by]:
                if count := getattr(shared, what):
                    raise BadInput(
                        where, expected=f"no shared {what}", found=f"{count:g} between {between}"
                    )
        used = np.concatenate(sides)
        for what, n in {
            "windows that stand twice": len(used) - len(np.unique(self.window[used])),
            "scattered blocks": self._n_scattered(split.by, train, validation, test),
            "subjects besides its own": self._n_strangers(split, used),
        }.items():
            if n:
                raise BadInput(where, expected=f"no {what}", found=f"{n}")
        return result

    def _indices(self, where: str, side: Sequence[int]) -> Indices:
        found = np.array(side, np.intp)
        if len(found) and not 0 <= found.min() <= found.max() < self.n:
            raise BadInput(
                where,
                expected=f"indices into {self.n} windows",
                found=f"{found.min()} to {found.max()}",
                remedy="give the windows that the split was made from",
            )
        return found

    def _mask(self, side: Indices) -> Mask:
        mask = np.zeros(self.n, bool)
        mask[side] = True
        return mask

    def _shared(self, some: Mask, others: Mask) -> Shared:
        return Shared(
            windows=_both(self.window, some, others),
            seconds=self.spans.shared_s(some, others),
            trials=_both(self.spans.trial, some, others),
            subjects=_both(self.subject, some, others),
            stimuli=_both(self.stimulus, some, others),
        )

    def _n_scattered(self, by: By, train: Mask, validation: Mask, test: Mask) -> int:
        """Trials where the test part or the validation part is not one run of windows."""
        if by != "block_within_trial":
            return 0
        return self.spans.n_mixed(test, train | validation) + self.spans.n_mixed(validation, train)

    def _n_strangers(self, split: Split, used: Indices) -> int:
        """Persons that a split within one person must not have."""
        if split.by not in WITHIN:
            return 0
        return len(set(self.people[used].tolist()) - {split.within})


def _both(code: Indices, some: Mask, others: Mask) -> int:
    """How many units have windows on both sides."""
    n = int(code.max(initial=-1)) + 1
    first, second = np.zeros(n, bool), np.zeros(n, bool)
    first[code[some]] = True
    second[code[others]] = True
    return int(np.count_nonzero(first & second))
