"""Laws of warping, and two oracles: a double loop in plain Python and an independent library."""

import itertools
import math

import numpy as np
import pytest
from dtaidistance import dtw as library
from dtaidistance import dtw_ndim as library_of_many
from sklearn.utils.estimator_checks import check_estimator

from pulsefer.core.seeding import generator
from pulsefer.estimators.dtw import channel_distances, joint_distances
from pulsefer.estimators.dtw_neighbors import DtwNeighbors

BANDS = [0.0, 0.1, 0.35, 1.0]


def wanderings(lengths, n_channels=2):
    return [
        generator(7, place).normal(size=(length, n_channels)).cumsum(axis=0)
        for place, length in enumerate(lengths)
    ]


def by_double_loop(x, y, band):
    """One pair, one channel or several along one path, as it stands in a textbook."""
    n, m = len(x), len(y)
    slack = max(band * (n - 1) * (m - 1) + 1e-9, max(n - 1, m - 1) // 2)
    best = {(-1, -1): 0.0}
    for i in range(n):
        for j in range(m):
            if abs(i * (m - 1) - j * (n - 1)) <= slack:
                before = [(i - 1, j), (i - 1, j - 1), (i, j - 1)]
                lowest = min(best.get(cell, math.inf) for cell in before)
                best[i, j] = lowest + sum((a - b) ** 2 for a, b in zip(x[i], y[j], strict=True))
    return best[n - 1, m - 1]


@pytest.mark.parametrize("band", BANDS)
def test_both_forms_are_those_of_a_double_loop_for_any_lengths(band):
    series = wanderings([1, 2, 3, 8, 8, 13, 30])
    weights = [0.3, 2.0]
    apart = channel_distances(series, band=band)
    together = joint_distances(series, weights=weights, band=band)
    for row, x in enumerate(series):
        for column, y in enumerate(series):
            for channel in range(2):
                expected = by_double_loop(x[:, [channel]], y[:, [channel]], band)
                assert apart[row, column, channel] == pytest.approx(expected, rel=1e-12)
            scaled = (one * np.sqrt(weights) for one in (x, y))
            assert together[row, column] == pytest.approx(by_double_loop(*scaled, band), rel=1e-12)


@pytest.mark.parametrize("band", BANDS)
def test_both_forms_are_those_of_an_independent_library(band):
    series = wanderings([40] * 5)
    open_cells = math.floor(band * 39 + 1e-9) + 1  # its window counts the diagonal
    apart = channel_distances(series, band=band)
    together = joint_distances(series, weights=[1.0, 1.0], band=band)
    for row, x in enumerate(series):
        for column, y in enumerate(series):
            for channel in range(2):
                root = library.distance(
                    x[:, channel].copy(), y[:, channel].copy(), window=open_cells
                )
                assert apart[row, column, channel] == pytest.approx(root**2, rel=1e-9)
            root = library_of_many.distance(x, y, window=open_cells)
            assert together[row, column] == pytest.approx(root**2, rel=1e-9)


def test_unequal_lengths_without_a_band_are_those_of_an_independent_library():
    series = wanderings([5, 17, 40, 41], 1)
    distances = channel_distances(series, band=1.0)[:, :, 0]
    roots = [[library.distance(x[:, 0].copy(), y[:, 0].copy()) for y in series] for x in series]
    np.testing.assert_allclose(distances, np.square(roots), rtol=1e-9)


@pytest.mark.parametrize("band", BANDS)
def test_a_distance_is_the_same_both_ways_and_nothing_to_itself(band):
    series = wanderings([9, 9, 14, 31, 31])
    distances = channel_distances(series, band=band)
    assert not distances[np.arange(5), np.arange(5)].any()
    assert (distances[~np.eye(5, dtype=bool)] > 0).all()
    np.testing.assert_array_equal(distances, distances.transpose(1, 0, 2))
    both_sides = channel_distances(series, series, band=band)
    np.testing.assert_array_equal(distances, both_sides)


def test_what_stands_for_a_pair_depends_on_that_pair_alone():
    series, others = wanderings([25, 25, 30, 30]), wanderings([28, 30, 25])
    together = channel_distances(series, others, band=0.1)
    for row, x in enumerate(series):
        for column, y in enumerate(others):
            alone = channel_distances([x], [y], band=0.1)[0, 0]
            np.testing.assert_array_equal(together[row, column], alone)


def test_a_wider_band_is_never_further_and_a_full_one_is_none():
    series = wanderings([12, 20, 20, 35])
    tables = [channel_distances(series, band=band) for band in np.linspace(0, 1, 21)]
    assert all((wider <= narrower).all() for narrower, wider in itertools.pairwise(tables))
    np.testing.assert_array_equal(tables[-1], channel_distances(series, band=math.inf))


def test_no_band_at_all_compares_sample_with_sample():
    x, y = wanderings([50, 50], 1)
    distance = channel_distances([x], [y], band=0.0).item()
    assert distance == pytest.approx(float(((x - y) ** 2).sum()), rel=1e-12)


def test_a_delay_within_the_band_costs_only_the_ends():
    time_s = np.arange(200)[:, None] / 4.0
    x, late = np.sin(0.5 * time_s), np.sin(0.5 * (time_s - 2.0))
    straight, warped = (channel_distances([x], [late], band=band).item() for band in (0.0, 0.1))
    assert warped < 0.05 * straight


def test_a_dependent_weight_scales_its_channel_and_none_takes_it_out():
    series = wanderings([20, 25, 25])
    scaled = [one * np.sqrt([0.5, 3.0]) for one in series]
    np.testing.assert_array_equal(
        joint_distances(series, weights=[0.5, 3.0], band=0.2),
        joint_distances(scaled, weights=[1.0, 1.0], band=0.2),
    )
    np.testing.assert_array_equal(
        joint_distances(series, weights=[0.0, 1.0], band=0.2),
        channel_distances(series, band=0.2)[:, :, 1],
    )


def test_channels_that_warp_by_themselves_are_never_further_than_along_one_path():
    series = wanderings([20, 20, 30, 33])
    weights = np.array([0.7, 1.3])
    apart = channel_distances(series, band=0.3) @ weights
    together = joint_distances(series, weights=weights, band=0.3)
    assert (apart <= together * (1 + 1e-12)).all()
    assert (apart < 0.99 * together).any()


@pytest.mark.parametrize(
    ("first", "band", "message"),
    [
        ([np.zeros((3, 1)), np.zeros((3, 2))], 0.1, r"shape \(T, 1\)"),
        ([np.zeros((0, 1))], 0.1, "at least 1"),
        ([np.zeros(3)], 0.1, "expected series of shape"),
        ([np.full((3, 1), np.nan)], 0.1, "finite"),
        ([], 0.1, "at least one series"),
        ([np.zeros((3, 1))], -0.1, "0 or more, found -0.1"),
    ],
)
def test_series_that_cannot_be_compared_are_refused(first, band, message):
    with pytest.raises(ValueError, match=message):
        channel_distances(first, band=band)


def test_a_weight_for_each_channel_and_none_below_zero():
    x = wanderings([5])
    with pytest.raises(ValueError, match="2 weights"):
        joint_distances(x, weights=[1.0], band=0.1)
    with pytest.raises(ValueError, match="0 or more"):
        joint_distances(x, weights=[1.0, -1.0], band=0.1)


def test_the_neighbours_are_an_estimator_of_scikit_learn():
    for done in check_estimator(DtwNeighbors(), on_skip=None):
        assert done["status"] == "passed" or "array_api" in done["check_name"], done


def test_weighting_a_table_is_weighting_the_distance():
    series = wanderings([20] * 12)
    classes = np.arange(12) % 3
    table = channel_distances(series, band=0.1)
    of_second = DtwNeighbors(k=3, weights=[0.0, 1.0]).fit(table, classes)
    alone = DtwNeighbors(k=3).fit(table[:, :, 1], classes)
    np.testing.assert_array_equal(of_second.nearest(table), alone.nearest(table[:, :, 1]))
    blind = table.copy()
    blind[:, :, 0] = 0.0
    np.testing.assert_array_equal(of_second.nearest(table), of_second.nearest(blind))


def test_shares_are_those_of_the_k_nearest_the_first_of_equals_first():
    near = DtwNeighbors(k=3).fit(np.zeros((5, 5)), [4, 4, 6, 6, 6])
    np.testing.assert_array_equal(near.predict_proba(np.zeros((1, 5))), [[2 / 3, 1 / 3]])
    np.testing.assert_array_equal(near.predict([[9.0, 9, 1, 1, 5]]), [6])
    everybody = DtwNeighbors(k=9).fit(np.zeros((5, 5)), [4, 4, 6, 6, 6])
    np.testing.assert_array_equal(everybody.predict_proba(np.zeros((1, 5))), [[0.4, 0.6]])


def test_neighbours_refuse_a_table_that_is_none():
    with pytest.raises(ValueError, match="between training samples"):
        DtwNeighbors().fit(np.zeros((3, 2)), [0, 1, 1])
    with pytest.raises(ValueError, match="k is 1 or more"):
        DtwNeighbors(k=0).fit(np.zeros((3, 3)), [0, 1, 1])
    fitted = DtwNeighbors().fit(np.zeros((3, 3, 2)), [0, 1, 1])
    with pytest.raises(ValueError, match="2 channels, found 1"):
        fitted.predict(np.zeros((1, 3)))
