"""What train and test share. A split whose groups violate its name is refused."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from pulsefer.core.errors import BadInput
from pulsefer.samples.split import Split
from pulsefer.samples.window import Window


@dataclass(frozen=True, slots=True)
class Audit:
    """What the test side has in common with everything the model saw.

    Attributes:
        split: Name of the split.
        n_train: Windows on the training and validation side.
        n_test: Windows on the test side.
        shared_windows: Windows on both sides; must be 0.
        overlap_s: Seconds of video that are on both sides.
        shared_trials: Trials on both sides.
        shared_subjects: Persons on both sides.
        shared_stimuli: Clips on both sides.
    """

    split: str
    n_train: int
    n_test: int
    shared_windows: int
    overlap_s: float
    shared_trials: int
    shared_subjects: int
    shared_stimuli: int


def audit(windows: Sequence[Window], split: Split) -> Audit:
    """Count what is shared.

    Raises:
        BadInput: a side is empty, a window stands on two sides, or a unit was cut that the
            split's name says is whole.
    """
    sides = (split.train, split.validation, split.test)
    used = [index for side in sides for index in side]
    seen = [windows[index] for index in (*split.train, *split.validation)]
    test = [windows[index] for index in split.test]
    where = f"split by {split.name}, fold {split.fold}"
    if not seen or not test:
        raise BadInput(where, expected="windows on both sides", found=f"{len(seen)}, {len(test)}")
    result = Audit(
        split=split.name,
        n_train=len(seen),
        n_test=len(test),
        shared_windows=len(used) - len(set(used)),
        overlap_s=_overlap_s(seen, test),
        shared_trials=_shared(seen, test, lambda w: (w.person, w.trial)),
        shared_subjects=_shared(seen, test, lambda w: w.person),
        shared_stimuli=_shared(seen, test, lambda w: (w.dataset, w.stimulus)),
    )
    broken = {
        "windows": result.shared_windows,
        "trials": result.shared_trials if split.by in ("trial", "subject") else 0,
        "subjects": result.shared_subjects if split.by == "subject" else 0,
        "subjects besides its own": len({w.person for w in seen + test} - {split.within})
        if split.within
        else 0,
    }
    for what, count in broken.items():
        if count:
            raise BadInput(where, expected=f"no shared {what}", found=f"{count}")
    return result


def _shared(
    seen: Sequence[Window], test: Sequence[Window], name: Callable[[Window], Hashable]
) -> int:
    return len({name(window) for window in seen} & {name(window) for window in test})


def _overlap_s(seen: Sequence[Window], test: Sequence[Window]) -> float:
    """Seconds of test video that a window of the other side also covers."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for window in seen:
        spans[window.key].append((window.start_s, window.start_s + window.length_s))
    for key, found in spans.items():
        spans[key] = _merged(found)
    mine: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for window in test:
        mine[window.key].append((window.start_s, window.start_s + window.length_s))
    total = 0.0
    for key, found in mine.items():
        for begin, end in _merged(found):
            for other_begin, other_end in spans.get(key, ()):
                total += max(0.0, min(end, other_end) - max(begin, other_begin))
    return round(total, 6)


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
