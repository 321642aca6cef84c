import dataclasses

import numpy as np
import pytest

from pulsefer.samples.window import Window, WindowConfig, Windows
from pulsefer.training.hr_scale import scale_of


def made(rates):
    """Windows of several data sets with these rates."""
    return tuple(
        Window(name, "s01", "t1", "v1", "k", float(i), 1.0, 0, rate, "")
        for name, some in rates.items()
        for i, rate in enumerate(some)
    )


TWO = {"deap": [60.0, 70.0, 80.0, np.nan], "mahnob_hci": [90.0, 92.0, 94.0]}


def test_on_the_common_scale_every_data_set_has_the_same_mean_and_spread():
    windows = made(TWO)
    scale = scale_of(windows)
    moved = scale.windows(Windows(windows, WindowConfig())).windows
    for name in TWO:
        rates = np.array([one.hr_bpm for one in moved if one.dataset == name])
        assert np.nanmean(rates) == pytest.approx(scale.mean_bpm)
        assert np.nanstd(rates) == pytest.approx(scale.sd_bpm)
    assert np.nanmean([*TWO["deap"], *TWO["mahnob_hci"]]) == pytest.approx(scale.mean_bpm)


def test_the_way_back_is_the_inverse_and_an_unknown_rate_stays_unknown():
    windows = made(TWO)
    scale = scale_of(windows)
    names = [one.dataset for one in windows]
    rates = np.array([one.hr_bpm for one in windows])
    there = scale.to_common(names, rates)
    np.testing.assert_allclose(scale.from_common(names, there), rates, rtol=1e-12)
    assert np.array_equal(np.isnan(there), np.isnan(rates))


def test_a_data_set_alone_is_its_own_scale_within_rounding():
    windows = made({"deap": [61.3, 70.7, 88.1]})
    moved = scale_of(windows).windows(Windows(windows, WindowConfig())).windows
    np.testing.assert_allclose(
        [one.hr_bpm for one in moved], [one.hr_bpm for one in windows], rtol=1e-15
    )


def test_a_data_set_that_was_not_learned_is_left_as_it_is():
    scale = scale_of(made(TWO))
    np.testing.assert_allclose(scale.to_common(["ubfc"], np.array([71.0])), [71.0])
    np.testing.assert_allclose(scale.from_common(["ubfc"], np.array([71.0])), [71.0])


def test_rates_that_do_not_differ_or_are_not_there_divide_by_nothing():
    assert scale_of(made({"deap": [np.nan, np.nan]})) is None
    same = scale_of(made({"deap": [70.0, 70.0], "mahnob_hci": [80.0, 90.0]}))
    assert same.to_common(["deap"], np.array([70.0])) == pytest.approx(same.mean_bpm)
    alone = scale_of(made({"deap": [70.0, 70.0]}))
    assert alone.to_common(["deap"], np.array([70.0, 75.0])) == pytest.approx([70.0, 75.0])


def test_nothing_but_the_rate_is_moved():
    windows = made(TWO)
    moved = scale_of(windows).windows(Windows(windows, WindowConfig())).windows
    for before, after in zip(windows, moved, strict=True):
        assert dataclasses.replace(after, hr_bpm=0.0) == dataclasses.replace(before, hr_bpm=0.0)
