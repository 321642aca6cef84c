"""Windows of small made-up data sets, without any video."""

import numpy as np

from pulsefer.samples.window import Window


def people(subjects=6, trials=6, windows=8, length_s=1.0, step_s=1.0, dataset="deap"):
    """Every trial has one label, everybody has both, and everybody watches the same clips."""
    return [
        Window(dataset, f"s{s:02d}", f"trial{t:02d}", f"video{t:02d}", f"{s}-{t}", w * step_s,
               length_s, (t + s) % 2, 70.0, "")
        for s in range(1, subjects + 1)
        for t in range(1, trials + 1)
        for w in range(windows)
    ]  # fmt: skip


def uneven():
    """Two data sets, persons with few and many trials, trials with gaps, clips in any order."""
    rng = np.random.default_rng(7)
    return [
        Window(dataset, f"s{s:02d}", f"trial{t:02d}", f"video{(3 * t + s) % 7}", f"{s}-{t}",
               round(w / 3, 6), 1 / 3, int(rating), 70.0, "")
        for dataset, persons in (("deap", 5), ("mahnob", 3))
        for s in range(1, persons + 1)
        for t in range(1, 5 + s)
        for rating in [rng.random() < 0.3]
        for w in range(6 + t)
        if w in (0, 5) or rng.random() < 0.9
    ]  # fmt: skip


MADE = {
    "even": people(),
    "overlapping": people(windows=12, step_s=0.5),
    "uneven": uneven(),
    "few": people(subjects=3, trials=3, windows=3),
}


def sides_of(fold):
    """Train, validation, test."""
    return fold.train, fold.validation, fold.test
