"""What a placebo keeps, and what it takes away."""

from collections import Counter

import numpy as np
import pytest

from pulsefer.samples.placebo import AUXILIARIES, with_auxiliary, with_permuted_labels
from pulsefer.samples.window import Window, WindowConfig, Windows

PLACEBOS = [name for name in AUXILIARIES if name != "true"]


def made(people=5, trials=6, length=4):
    """Every window has a rate that names its person, trial and place; one in seven has none."""
    found = [
        Window(
            "deap", f"s{s}", f"t{t}", f"v{t}", f"k{s}{t}", float(w), 1.0, (s + t) % 2,
            float("nan") if (s + t + w) % 7 == 0 else 50.0 + 10 * s + t + w / 10, "",
        )
        for s in range(people) for t in range(trials) for w in range(length)
    ]  # fmt: skip
    return Windows(tuple(found), WindowConfig())


def rates(windows):
    return np.array([one.hr_bpm for one in windows.windows])


def by_trial(windows):
    found = {}
    for one in windows.windows:
        found.setdefault((one.subject, one.trial), []).append(one.hr_bpm)
    return {name: tuple(np.nan_to_num(values)) for name, values in found.items()}


@pytest.mark.parametrize("auxiliary", AUXILIARIES)
def test_nothing_but_the_rate_changes_and_the_same_seed_gives_the_same(auxiliary):
    windows = made()
    first, again = (with_auxiliary(windows, auxiliary, seed=3) for _ in range(2))
    assert np.array_equal(rates(first), rates(again), equal_nan=True)
    for before, after in zip(windows.windows, first.windows, strict=True):
        assert (before.id, before.emotion) == (after.id, after.emotion)


def test_the_truth_is_the_truth():
    windows = made()
    assert with_auxiliary(windows, "true") is windows


@pytest.mark.parametrize("auxiliary", ["permuted", "permuted_within"])
def test_a_permutation_gives_every_trial_the_rates_of_another_one(auxiliary):
    windows = made()
    before, after = by_trial(windows), by_trial(with_auxiliary(windows, auxiliary))
    assert Counter(before.values()) == Counter(after.values())
    assert all(before[name] != after[name] for name in before)
    owner = {values: name[0] for name, values in before.items()}
    stays = [owner[values] == name[0] for name, values in after.items()]
    assert all(stays) if auxiliary == "permuted_within" else not all(stays)


def test_a_persons_mean_is_the_same_in_all_windows_of_the_person():
    windows = made()
    given = with_auxiliary(windows, "subject_mean")
    for subject in {one.subject for one in windows.windows}:
        truth = [one.hr_bpm for one in windows.windows if one.subject == subject]
        found = {one.hr_bpm for one in given.windows if one.subject == subject}
        assert {rate for rate in found if not np.isnan(rate)} == {np.nanmean(truth)}


def test_a_random_number_is_one_for_a_trial_and_tells_nothing_of_the_rate():
    windows = made(people=20, trials=20)
    given = with_auxiliary(windows, "random")
    trials = {
        (one.subject, one.trial): one.hr_bpm for one in given.windows if not np.isnan(one.hr_bpm)
    }
    assert all(
        np.isnan(one.hr_bpm) or one.hr_bpm == trials[one.subject, one.trial]
        for one in given.windows
    )
    assert len(set(trials.values())) == len(trials)
    known = np.isfinite(rates(windows))
    assert abs(np.corrcoef(rates(windows)[known], rates(given)[known])[0, 1]) < 0.2
    assert np.nanmean(rates(given)) == pytest.approx(np.nanmean(rates(windows)), abs=15)


@pytest.mark.parametrize("auxiliary", ["subject_mean", "random"])
def test_a_window_without_a_rate_gets_none(auxiliary):
    windows = made()
    assert np.array_equal(
        np.isnan(rates(with_auxiliary(windows, auxiliary))), np.isnan(rates(windows))
    )


def test_without_any_rate_there_is_none_to_give():
    windows = made()
    from dataclasses import replace

    silent = replace(
        windows, windows=tuple(replace(one, hr_bpm=float("nan")) for one in windows.windows)
    )
    for auxiliary in ("permuted", "permuted_within", "subject_mean"):
        assert np.isnan(rates(with_auxiliary(silent, auxiliary))).all()
    with pytest.raises(ValueError, match="no window has a heart rate"):
        with_auxiliary(silent, "random")


def test_an_unknown_target_is_refused():
    with pytest.raises(ValueError, match="auxiliary is one of true, permuted"):
        with_auxiliary(made(), "sugar")


def test_permuted_labels_keep_one_label_for_a_trial_and_their_number():
    windows = made(people=8, trials=10)
    given = with_permuted_labels(windows, seed=1)
    before = {(w.subject, w.trial): w.emotion for w in windows.windows}
    after = {(w.subject, w.trial): w.emotion for w in given.windows}
    assert all(after[w.subject, w.trial] == w.emotion for w in given.windows)
    assert sum(before.values()) == sum(after.values())
    agree = np.mean([before[name] == after[name] for name in before])
    assert 0.3 < agree < 0.7
