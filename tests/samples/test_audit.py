"""The audit counts, and refuses every way in which a split may lie about its name."""

import dataclasses

import pytest
from made_windows import MADE, people, sides_of

from pulsefer.core.errors import BadInput
from pulsefer.samples.audit import MUST_BE_ZERO, audit, audits
from pulsefer.samples.split import PROTOCOLS, WITHIN, Split, split

WINDOWS = people()
SIDES = ("train", "validation", "test")

IMPLIED = {
    "window_pooled": {"window_pooled"},
    "block_within_trial": {"block_within_trial", "window_pooled"},
    "trial_pooled": {"trial_pooled", "block_within_trial", "window_pooled"},
    "subject": {"subject", "trial_pooled", "block_within_trial", "window_pooled"},
    "stimulus": {"stimulus", "trial_pooled", "block_within_trial", "window_pooled"},
    "subject_x_stimulus": set(PROTOCOLS) - WITHIN,
    "window_within": {"window_within"},
    "trial_within": {"trial_within", "window_within"},
}
"""Names that are true of a split besides its own: a stricter one keeps what a weaker one keeps."""


def first_fold(by, windows=WINDOWS, **wishes):
    return next(split(windows, by=by, **{"folds": 3, "validation": 0.25, "seed": 0, **wishes}))


def moved(fold, chosen, to):
    """The fold with some windows on another side."""
    sides = {side: {*getattr(fold, side)} - {*chosen} for side in SIDES}
    sides[to] |= {*chosen}
    return dataclasses.replace(fold, **{side: tuple(sorted(sides[side])) for side in SIDES})


@pytest.mark.parametrize("windows", MADE.values(), ids=MADE.keys())
@pytest.mark.parametrize("by", PROTOCOLS)
def test_what_split_makes_passes(by, windows):
    for validation in (0.0, 0.25):
        folds = list(split(windows, by=by, folds=3, validation=validation, seed=3))
        for fold, found in zip(folds, audits(windows, folds), strict=True):
            assert (found.n_train, found.n_validation, found.n_test) == tuple(
                len(side) for side in sides_of(fold)
            )
            for what in MUST_BE_ZERO[by]:
                assert getattr(found.test, what) == getattr(found.validation, what) == 0
            assert found.split == fold.name


def test_the_counts_are_what_is_shared():
    windows = people(step_s=0.5)
    found = {
        by: audit(windows, first_fold(by, windows, validation=0.0)).test
        for by in sorted(set(PROTOCOLS) - {"window_within"})
    }
    assert found["window_pooled"].trials > 30
    assert found["window_pooled"].seconds > 0
    assert (found["block_within_trial"].trials, found["block_within_trial"].seconds) == (36, 0)
    assert (found["trial_within"].trials, found["trial_within"].subjects) == (0, 1)
    assert found["trial_pooled"].trials == 0
    assert found["trial_pooled"].subjects > 3
    assert (found["subject"].subjects, found["subject"].stimuli) == (0, 6)
    assert (found["stimulus"].subjects, found["stimulus"].stimuli) == (6, 0)
    strictest = found["subject_x_stimulus"]
    assert (strictest.trials, strictest.subjects, strictest.stimuli) == (0, 0, 0)


def test_shared_seconds_are_counted_once_however_many_windows_cover_them():
    windows = people(subjects=1, trials=2, windows=9, step_s=0.25)
    first = [i for i, w in enumerate(windows) if w.trial == "trial01"]
    lone = Split("window_pooled", None, 0, 2, 0, (*first[:3], *first[6:]), (), tuple(first[3:6]))
    # Tested 0.75-2.25 s; seen 0-1.5 s and 1.5-3 s.
    assert audit(windows, lone).test.seconds == pytest.approx(1.5)
    apart = Split("window_pooled", None, 0, 2, 0, (first[0],), (), (first[4],))
    assert audit(windows, apart).test.seconds == 0  # they touch at 1 s
    assert audit(windows, apart).test.trials == 1
    other = Split("window_pooled", None, 0, 2, 0, (first[0],), (), (9,))
    assert audit(windows, other).test == dataclasses.replace(
        audit(windows, other).test, windows=0, seconds=0.0, trials=0
    )


@pytest.mark.parametrize("to", ["train", "validation"])
@pytest.mark.parametrize("by", PROTOCOLS)
def test_a_tested_window_that_was_also_seen_is_refused(by, to):
    fold = first_fold(by)
    forged = dataclasses.replace(fold, **{to: (*getattr(fold, to), fold.test[0])})
    with pytest.raises(BadInput, match="no shared windows, found 1 between test and"):
        audit(WINDOWS, forged)


@pytest.mark.parametrize("by", PROTOCOLS)
def test_a_window_that_is_learned_from_and_chooses_is_refused(by):
    fold = first_fold(by)
    forged = dataclasses.replace(fold, validation=(*fold.validation, fold.train[0]))
    with pytest.raises(BadInput, match="no shared windows, found 1 between train and validation"):
        audit(WINDOWS, forged)


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("by", PROTOCOLS)
def test_a_window_that_stands_twice_on_one_side_is_refused(by, side):
    fold = first_fold(by)
    forged = dataclasses.replace(fold, **{side: (*getattr(fold, side), getattr(fold, side)[0])})
    with pytest.raises(BadInput, match="no windows that stand twice, found 1"):
        audit(WINDOWS, forged)


@pytest.mark.parametrize(
    ("origin", "to"),
    [("test", "train"), ("test", "validation"), ("validation", "train"), ("train", "validation")],
)
@pytest.mark.parametrize(
    ("by", "unit", "says"),
    [
        ("trial_within", lambda w: w.id, "no shared trials, found 1"),
        ("trial_pooled", lambda w: w.id, "no shared trials, found 1"),
        ("subject", lambda w: (w.person, w.trial), "no shared subjects, found 1"),
        ("stimulus", lambda w: (w.person, w.trial), "no shared stimuli, found 1"),
    ],
)
def test_a_unit_that_was_cut_is_refused(by, unit, says, origin, to):
    fold = first_fold(by)
    part = unit(WINDOWS[getattr(fold, origin)[0]])
    chosen = [index for index in getattr(fold, origin) if unit(WINDOWS[index]) == part]
    with pytest.raises(BadInput, match=says):
        audit(WINDOWS, moved(fold, chosen, to))


@pytest.mark.parametrize(("known", "says"), [("subject", "subjects"), ("stimulus", "stimuli")])
@pytest.mark.parametrize(("first", "second"), [("test", "train"), ("validation", "train"),
                                               ("test", "validation")])  # fmt: skip
def test_a_person_or_a_clip_on_two_sides_of_the_strictest_split_is_refused(
    known, says, first, second
):
    """A trial that the fold left out: its person is of one side, its clip of the other."""
    fold = first_fold("subject_x_stimulus")
    one, other = WINDOWS[getattr(fold, first)[0]], WINDOWS[getattr(fold, second)[0]]
    person, clip = (one, other) if known == "subject" else (other, one)
    chosen = [
        index
        for index, window in enumerate(WINDOWS)
        if (window.person, window.stimulus) == (person.person, clip.stimulus)
    ]
    with pytest.raises(BadInput, match=f"no shared {says}, found 1"):
        audit(WINDOWS, moved(fold, chosen, second))


@pytest.mark.parametrize("to", ["train", "validation"])
def test_a_second_on_both_sides_of_blocks_is_refused(to):
    windows = people(windows=12, step_s=0.5)
    fold = first_fold("block_within_trial", windows)
    placed = {index for side in sides_of(fold) for index in side}
    tested = {windows[index].start_s for index in fold.test}
    near = next(
        index for index, window in enumerate(windows)
        if index not in placed and {window.start_s - 0.5, window.start_s + 0.5} & tested
    )  # fmt: skip
    with pytest.raises(BadInput, match=r"no shared seconds, found 0\.5 between test"):
        audit(windows, moved(fold, [near], to))


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_block_with_holes_is_refused(part):
    windows = people(windows=12)
    fold = first_fold("block_within_trial", windows, folds=4)
    inside = getattr(fold, part)[1]  # of three
    with pytest.raises(BadInput, match="no scattered blocks, found 1"):
        audit(windows, moved(fold, [inside], "train"))


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("by", PROTOCOLS)
def test_a_split_passes_under_another_name_only_where_that_is_true_of_it(by, name):
    forged = dataclasses.replace(first_fold(by), by=name)
    if name in IMPLIED[by]:
        audit(WINDOWS, forged)
    else:
        with pytest.raises(BadInput, match=f"split by {name}"):
            audit(WINDOWS, forged)


@pytest.mark.parametrize("by", sorted(WITHIN))
def test_windows_of_others_in_the_folds_of_one_person_are_refused(by):
    fold = first_fold(by)
    stranger = next(i for i, window in enumerate(WINDOWS) if window.person != fold.within)
    for side in SIDES:
        with pytest.raises(BadInput, match="no subjects besides its own, found 1"):
            audit(WINDOWS, moved(fold, [stranger], side))
    with pytest.raises(BadInput, match="besides its own, found 1"):
        audit(WINDOWS, dataclasses.replace(fold, within=None))
    with pytest.raises(BadInput, match="besides its own, found 1"):
        audit(WINDOWS, dataclasses.replace(fold, within="deap/s99"))


def test_folds_of_all_persons_are_not_within_one():
    with pytest.raises(BadInput, match="all persons together, found deap/s01"):
        audit(WINDOWS, dataclasses.replace(first_fold("window_pooled"), within="deap/s01"))


@pytest.mark.parametrize("side", ["train", "test"])
@pytest.mark.parametrize("by", PROTOCOLS)
def test_an_empty_side_is_refused(by, side):
    with pytest.raises(BadInput, match="windows on both sides"):
        audit(WINDOWS, dataclasses.replace(first_fold(by), **{side: ()}))


@pytest.mark.parametrize("index", [-1, len(WINDOWS)])
def test_indices_that_point_nowhere_are_refused(index):
    with pytest.raises(BadInput, match=f"indices into {len(WINDOWS)} windows"):
        audit(WINDOWS, dataclasses.replace(first_fold("subject"), test=(index,)))


def test_a_protocol_that_does_not_exist_is_refused():
    with pytest.raises(BadInput, match=r"one of window_within.*, found by_luck"):
        audit(WINDOWS, dataclasses.replace(first_fold("subject"), by="by_luck"))
