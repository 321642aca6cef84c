"""Laws of all protocols, on made-up windows."""

import dataclasses
import itertools
from collections import Counter
from typing import NamedTuple

import numpy as np
import pytest
from made_windows import MADE, people, sides_of

from pulsefer.samples.split import LEAKY, PROTOCOLS, WITHIN, split

FOLDS = 3

WHOLE = {
    "window_within": [lambda w: w.id],
    "window_pooled": [lambda w: w.id],
    "block_within_trial": [lambda w: w.id],
    "trial_within": [lambda w: (w.person, w.trial)],
    "trial_pooled": [lambda w: (w.person, w.trial)],
    "subject": [lambda w: w.person],
    "stimulus": [lambda w: (w.dataset, w.stimulus)],
    "subject_x_stimulus": [lambda w: w.person, lambda w: (w.dataset, w.stimulus)],
}
"""What stands on one side only."""

each_protocol = pytest.mark.parametrize("by", PROTOCOLS)
each_data = pytest.mark.parametrize("windows", MADE.values(), ids=MADE.keys())
with_and_without = pytest.mark.parametrize("validation", [0.0, 0.25])


def manifests(windows, **wishes):
    return {(f.within, f.fold): f.manifest(windows) for f in split(windows, **wishes)}


@each_protocol
@each_data
@with_and_without
def test_no_forbidden_unit_stands_on_two_sides(by, windows, validation):
    for fold in split(windows, by=by, folds=FOLDS, validation=validation, seed=4):
        for unit in WHOLE[by]:
            sides = [{unit(windows[index]) for index in side} for side in sides_of(fold)]
            for first, second in itertools.combinations(sides, 2):
                assert not first & second


@each_protocol
@each_data
@with_and_without
def test_every_window_is_tested_exactly_once(by, windows, validation):
    folds = list(split(windows, by=by, folds=FOLDS, validation=validation, seed=1))
    tested = Counter(index for fold in folds for index in fold.test)
    assert tested == dict.fromkeys(range(len(windows)), 1)


@each_protocol
@each_data
@with_and_without
def test_there_is_a_validation_part_where_it_is_asked_for(by, windows, validation):
    for fold in split(windows, by=by, folds=FOLDS, validation=validation, seed=2):
        assert fold.train
        assert bool(fold.validation) == bool(validation)


@each_protocol
@each_data
def test_the_training_side_without_a_validation_part_is_the_same_with_one(by, windows):
    """The part is cut from it: only what would join the two is left out besides."""
    whole, cut = (
        list(split(windows, by=by, folds=FOLDS, validation=validation, seed=3))
        for validation in (0.0, 0.25)
    )
    for one, other in zip(whole, cut, strict=True):
        assert one.test == other.test
        assert {*other.train, *other.validation} <= set(one.train)
        if by not in ("block_within_trial", "subject_x_stimulus"):
            assert {*other.train, *other.validation} == set(one.train)


@each_protocol
@each_data
def test_the_number_of_folds_is_the_number_asked_for(by, windows):
    folds = list(split(windows, by=by, folds=FOLDS, seed=0))
    persons = {window.person for window in windows}
    if by == "subject_x_stimulus":
        assert len(folds) == FOLDS**2
    else:
        assert len(folds) == FOLDS * (len(persons) if by in WITHIN else 1)
    for fold in folds:
        used = {windows[index].person for side in sides_of(fold) for index in side}
        assert used == ({fold.within} if by in WITHIN else persons)
        assert fold.fold in range(fold.folds)


@each_protocol
@each_data
def test_the_seed_decides_and_nothing_else(by, windows):
    wishes = {"by": by, "folds": FOLDS, "validation": 0.25}
    first, again = manifests(windows, **wishes, seed=5), manifests(windows, **wishes, seed=5)
    assert first == again
    # One other seed may draw the same few blocks; not all of them.
    assert any(first != manifests(windows, **wishes, seed=seed) for seed in range(6, 12))


@each_protocol
@each_data
def test_the_order_of_the_windows_plays_no_part(by, windows):
    shuffled = [windows[i] for i in np.random.default_rng(0).permutation(len(windows))]
    wishes = {"by": by, "folds": FOLDS, "validation": 0.25, "seed": 1}
    assert manifests(windows, **wishes) == manifests(shuffled, **wishes)


@pytest.mark.parametrize("by", sorted(set(PROTOCOLS) - {"block_within_trial"}))
def test_both_labels_are_spread_over_the_folds(by):
    windows = people(subjects=8)
    for fold in split(windows, by=by, folds=2, seed=2):
        share = np.mean([windows[index].emotion for index in fold.test])
        assert 0.3 < share < 0.7


@each_protocol
def test_data_with_one_label_only_can_still_be_cut(by):
    windows = [dataclasses.replace(window, emotion=1) for window in people(subjects=3)]
    tested = [i for fold in split(windows, by=by, folds=3, seed=0) for i in fold.test]
    assert sorted(tested) == list(range(len(windows)))


@pytest.mark.parametrize("validation", [0.0, 0.4])
def test_blocks_are_contiguous_and_share_no_second(validation):
    windows = people(subjects=2, trials=2, windows=30, length_s=1.0, step_s=0.25)
    for fold in split(windows, by="block_within_trial", folds=5, validation=validation, seed=0):
        for trial in {(w.person, w.trial) for w in windows}:
            spans = [
                [(windows[i].start_s, windows[i].start_s + windows[i].length_s)
                 for i in side if (windows[i].person, windows[i].trial) == trial]
                for side in sides_of(fold)
            ]  # fmt: skip
            for some, others in itertools.combinations(spans, 2):
                assert not [1 for a, b in some for c, d in others if min(b, d) - max(a, c) > 1e-9]
            for side in spans[1:]:
                starts = [begin for begin, _ in side]
                assert np.allclose(np.diff(starts), 0.25)


def test_a_block_is_the_same_part_of_every_trial():
    windows = people(subjects=2, trials=1, windows=10) + people(
        subjects=2, trials=1, windows=20, dataset="mahnob"
    )
    folds = list(split(windows, by="block_within_trial", folds=5, validation=0.25, seed=0))
    for fold in folds:
        tested = {(w.dataset, w.start_s) for w in (windows[i] for i in fold.test)}
        wanted = {("deap", s) for s in range(10) if s // 2 == fold.fold}
        assert tested == wanted | {("mahnob", s) for s in range(20) if s // 4 == fold.fold}
        held = {windows[i].start_s // 2 for i in fold.validation if windows[i].dataset == "deap"}
        assert held < {0, 1, 2, 3, 4} - {fold.fold}
        assert len(held) == 1


def test_half_of_the_time_or_all_but_a_block_may_be_held_out():
    windows = people(subjects=1, trials=1, windows=10)
    for share, blocks in ((0.01, {1}), (0.5, {4, 5}), (0.9, {5, 6, 7, 8})):
        for fold in split(windows, by="block_within_trial", folds=10, validation=share):
            assert len(fold.validation) in blocks
            assert fold.train


@pytest.mark.parametrize(
    ("by", "units"),
    [
        ("subject", [lambda w: w.person]),
        ("stimulus", [lambda w: w.stimulus]),
        ("trial_within", [lambda w: (w.person, w.trial)]),
        ("trial_pooled", [lambda w: (w.person, w.trial)]),
        ("subject_x_stimulus", [lambda w: w.person, lambda w: w.stimulus]),
    ],
)
def test_leaving_one_out_tests_one_at_a_time(by, units):
    windows = people(subjects=4, trials=5, windows=3)
    folds = list(split(windows, by=by, folds="one_out", validation=0.25))
    tested = [
        tuple(frozenset(unit(windows[index]) for index in fold.test) for unit in units)
        for fold in folds
    ]
    assert all(len(names) == 1 for one in tested for names in one)
    assert len(set(tested)) == len(tested)
    everything = {tuple(frozenset([unit(window)]) for unit in units) for window in windows}
    assert set(tested) == everything


def test_persons_who_did_not_watch_a_clip_leave_no_empty_fold():
    everything = people(subjects=3, trials=4)
    windows = [w for w in everything if (w.subject, w.stimulus) != ("s01", "video02")]
    folds = list(split(windows, by="subject_x_stimulus", folds="one_out", validation=0.3))
    assert len(folds) == 3 * 4 - 1
    assert [fold.fold for fold in folds] == list(range(11))
    assert {fold.folds for fold in folds} == {11}


def test_what_a_name_lets_cross_is_said_of_every_name():
    assert set(PROTOCOLS) == set(WHOLE)
    assert set(PROTOCOLS) >= LEAKY | WITHIN
    for by in PROTOCOLS:
        assert ("the tested trials" in PROTOCOLS[by]) == (by in LEAKY)
        assert ("one model per person" in PROTOCOLS[by]) == (by in WITHIN)


class Still(NamedTuple):
    id: str
    dataset: str
    person: str
    trial: str
    emotion: int


PICTURES = [
    Still(f"{p}/{n}", "afew_va", f"actor{p}", f"clip{n}", n % 2) for p in range(6) for n in range(4)
]


def test_pictures_have_no_clock_and_are_cut_by_person_all_the_same():
    folds = list(split(PICTURES, by="subject", folds=3, validation=0.3))
    assert sorted(i for fold in folds for i in fold.test) == list(range(24))


@pytest.mark.parametrize("by", ["stimulus", "block_within_trial", "subject_x_stimulus"])
def test_what_has_no_clock_and_no_clip_is_not_cut_by_them(by):
    with pytest.raises(ValueError, match="needs windows with a clip and a time"):
        list(split(PICTURES, by=by, folds=3))


@pytest.mark.parametrize(
    ("wishes", "says"),
    [
        ({"by": "subject", "folds": 3}, "at least 3 subjects, found 2; use fewer"),
        ({"by": "subject", "folds": 2, "validation": 0.2}, "2 subjects beside the tested .* 1;"),
        ({"by": "trial_pooled", "folds": 9}, "at least 9 trials, found 8"),
        ({"by": "trial_within", "folds": 5}, "at least 5 trials of deap/s01, found 4"),
        ({"by": "window_within", "folds": 13}, "at least 13 windows of deap/s01, found 12"),
        ({"by": "window_pooled", "folds": 25}, "at least 25 windows, found 24"),
        ({"by": "stimulus", "folds": 5}, "at least 5 clips, found 4"),
        ({"by": "subject_x_stimulus", "folds": 3}, "at least 3 subjects, found 2"),
        ({"by": "block_within_trial", "folds": 4}, "at least 4 windows in a trial, found 3"),
        ({"by": "block_within_trial", "folds": 2, "validation": 0.2}, "at least 3 folds, found 2"),
        ({"by": "clip"}, "by is one of window_within, .*; found 'clip'"),
        ({"by": "trial_pooled", "validation": 1.0}, "share in"),
        ({"by": "trial_pooled", "folds": 1}, "at least 2, or one_out; found 1"),
        ({"by": "trial_pooled", "folds": "all"}, "at least 2, or one_out; found 'all'"),
        ({"by": "window_pooled", "folds": "one_out"}, "window_pooled takes a number"),
        ({"by": "block_within_trial", "folds": "one_out"}, "takes a number"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_with_the_number(wishes, says):
    windows = people(subjects=2, trials=4, windows=3)
    with pytest.raises(ValueError, match=says):
        list(split(windows, **wishes))


def test_one_person_cannot_be_left_out_of_one():
    with pytest.raises(ValueError, match="at least 2 subjects, found 1"):
        list(split(people(subjects=1), by="subject", folds="one_out"))


def test_windows_too_long_for_blocks_are_refused_with_their_length():
    windows = people(windows=10, length_s=8.0, step_s=1.0)
    with pytest.raises(ValueError, match=r"windows of 8 s .* overlap block 2 of 5"):
        list(split(windows, by="block_within_trial", folds=5))


def test_persons_with_clips_of_their_own_leave_no_strangers_to_both():
    windows = [dataclasses.replace(w, stimulus=f"video-{w.subject}") for w in people(subjects=2)]
    folds = list(split(windows, by="subject_x_stimulus", folds=2))
    assert len(folds) == 2  # of four pairs, two were watched
    with pytest.raises(ValueError, match="beside the tested ones, found 1"):
        list(split(windows, by="subject_x_stimulus", folds=2, validation=0.5))
    watched = [
        w for w in people(subjects=2, trials=2) if (w.subject, w.trial) != ("s02", "trial02")
    ]
    with pytest.raises(ValueError, match="another person and of another clip"):
        list(split(watched, by="subject_x_stimulus", folds=2))
