import dataclasses
from collections import Counter

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.core.label import label
from pulsefer.samples.audit import audit
from pulsefer.samples.split import split, unit_of
from pulsefer.samples.window import Window, WindowConfig, frame_indices, nearest


def people(subjects=6, trials=6, windows=8, length_s=1.0, step_s=1.0, seed=0):
    """Windows of a small data set; every trial has one label, both labels for everyone."""
    rng = np.random.default_rng(seed)
    return [
        Window("deap", f"s{s:02d}", f"trial{t:02d}", f"video{t:02d}", f"{s}-{t}", w * step_s,
               length_s, int((t + rng.integers(2) * 0 + s) % 2), 70.0, "")
        for s in range(1, subjects + 1)
        for t in range(1, trials + 1)
        for w in range(windows)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rating", "ge5", "gt5", "drop"),
    [(1, 0, 0, 0), (4.4, 0, 0, 0), (4.9, 0, 0, None), (5, 1, 0, None), (5.04, 1, 1, None),
     (5.5, 1, 1, 1), (9, 1, 1, 1)],
)  # fmt: skip
def test_the_three_rules_differ_only_at_the_middle(rating, ge5, gt5, drop):
    assert label(rating, "ge5") == ge5
    assert label(rating, "gt5") == gt5
    assert label(rating, "drop_middle") == drop


@pytest.mark.parametrize("rating", [0.9, 9.1, float("nan"), float("inf")])
def test_a_rating_off_the_scale_is_refused(rating):
    with pytest.raises(ValueError, match="1-9"):
        label(rating)


@pytest.mark.parametrize("by", ["window", "trial", "subject"])
@pytest.mark.parametrize("validation", [0.0, 0.25])
def test_no_unit_stands_on_both_sides(by, validation):
    windows = people()
    for fold in split(windows, by=by, folds=3, validation=validation, seed=4):
        sides = [
            {unit_of(windows[index], by) for index in side}
            for side in (fold.train, fold.validation, fold.test)
        ]
        assert not sides[0] & sides[2]
        assert not sides[1] & sides[2]
        assert not sides[0] & sides[1]
        assert bool(fold.validation) == bool(validation)


@pytest.mark.parametrize(
    ("by", "within"), [("window", False), ("trial", False), ("subject", False), ("window", True),
                       ("trial", True)],
)  # fmt: skip
def test_every_window_is_tested_exactly_once(by, within):
    windows = people()
    folds = list(split(windows, by=by, within=within, folds=3, validation=0.2, seed=1))
    tested = Counter(index for fold in folds for index in fold.test)
    assert tested == dict.fromkeys(range(len(windows)), 1)
    for fold in folds:
        used = {windows[i].person for i in (*fold.train, *fold.validation, *fold.test)}
        assert len(used) == (1 if within else 6)


def test_both_labels_are_spread_over_the_folds():
    windows = people(subjects=8)
    for by in ("window", "trial", "subject"):
        for fold in split(windows, by=by, folds=4, seed=2):
            share = np.mean([windows[index].emotion for index in fold.test])
            assert 0.3 < share < 0.7


def test_the_seed_decides_and_nothing_else():
    windows = people()
    first, again, other = (
        [fold.manifest(windows) for fold in split(windows, by="trial", folds=3, seed=seed)]
        for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_small_and_one_sided_data_can_still_be_cut():
    windows = [dataclasses.replace(window, emotion=1) for window in people(subjects=3)]
    for by in ("window", "trial", "subject"):
        tested = [i for fold in split(windows, by=by, folds=3, seed=0) for i in fold.test]
        assert sorted(tested) == list(range(len(windows)))


def test_wishes_that_cannot_be_met_are_refused():
    windows = people(subjects=2)
    with pytest.raises(ValueError, match="at least 3 subjects, found 2"):
        list(split(windows, by="subject", folds=3))
    with pytest.raises(ValueError, match="within one subject"):
        list(split(windows, by="subject", within=True))
    with pytest.raises(ValueError, match="by is one of"):
        list(split(windows, by="clip"))
    with pytest.raises(ValueError, match="share in"):
        list(split(windows, by="trial", validation=1.0))


def test_the_audit_counts_what_each_protocol_shares():
    windows = people(step_s=0.5)
    found = {
        by: audit(windows, next(split(windows, by=by, folds=3, seed=0)))
        for by in ("window", "trial", "subject")
    }
    assert found["window"].shared_trials > 0
    assert found["window"].overlap_s > 0
    assert found["trial"].shared_trials == 0
    assert found["trial"].shared_subjects > 0
    assert found["trial"].overlap_s == 0
    assert found["subject"].shared_subjects == 0
    assert found["subject"].shared_stimuli == 6  # everybody watched the same clips


def test_a_split_that_lies_about_its_name_is_refused():
    windows = people()
    true = next(split(windows, by="window", folds=3, seed=0))
    with pytest.raises(BadInput, match="no shared trials"):
        audit(windows, dataclasses.replace(true, by="trial"))
    with pytest.raises(BadInput, match="no shared windows"):
        audit(windows, dataclasses.replace(true, test=true.train[:3]))
    with pytest.raises(BadInput, match="windows on both sides"):
        audit(windows, dataclasses.replace(true, test=()))
    with pytest.raises(BadInput, match="besides its own"):
        audit(windows, dataclasses.replace(true, within="deap/s01"))


def test_frames_are_found_by_time_and_not_by_counting():
    config = WindowConfig(length_s=1.0, n_frames=5)
    even = np.arange(0, 10, 1 / 25)
    assert frame_indices(even, 2.0, config).tolist() == [50, 55, 60, 65, 70]
    odd = np.arange(0, 10, 1 / 60.9708)
    times = odd[frame_indices(odd, 2.0, config)]
    np.testing.assert_allclose(times, [2.0, 2.2, 2.4, 2.6, 2.8], atol=0.5 / 60.9)


def test_the_nearest_frame_is_the_nearest_at_both_ends():
    times = np.array([0.0, 1.0, 2.0])
    assert nearest(times, np.array([-5.0, 0.4, 0.6, 1.9, 9.0])).tolist() == [0, 0, 1, 2, 2]
    assert nearest(np.array([3.0]), np.array([0.0, 9.0])).tolist() == [0, 0]
