"""Scores of continuous labels: laws of the concordance, and the same for every resample."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn import metrics

from pulsefer.core.errors import BadInput
from pulsefer.metrics import affect, bootstrap, emotion

PERSONS, ROWS = 6, 240


@pytest.fixture(params=range(3))
def rows(request):
    chance = np.random.default_rng(request.param)
    person = np.concatenate([np.arange(PERSONS), chance.integers(0, PERSONS, ROWS - PERSONS)])
    true = np.clip(chance.normal(0.1 * person - 0.2, 0.4), -1, 1)
    return person, true, 0.5 * true + chance.normal(0.1, 0.2, ROWS)


def test_the_concordance_is_correlation_times_how_well_the_line_of_identity_is_met(rows):
    """Lin's decomposition: CCC = Pearson's r times a bias term in shift and scale."""
    _, true, pred = rows
    scale = pred.std() / true.std()
    shift = (pred.mean() - true.mean()) / math.sqrt(pred.std() * true.std())
    bias = 2 / (scale + 1 / scale + shift**2)
    expected = stats.pearsonr(true, pred).statistic * bias
    assert affect.point(true, pred)["ccc"] == pytest.approx(expected, rel=1e-12)


def test_one_for_the_truth_minus_one_for_its_mirror_zero_for_a_constant(rows):
    _, true, _ = rows
    assert affect.point(true, true)["ccc"] == pytest.approx(1)
    assert affect.point(true, 2 * true.mean() - true)["ccc"] == pytest.approx(-1)
    constant = affect.point(true, np.full(ROWS, 0.3))
    assert constant["ccc"] == pytest.approx(0, abs=1e-12)
    assert math.isnan(constant["pearson"])


def test_a_shift_or_another_scale_costs_concordance_and_no_correlation(rows):
    _, true, pred = rows
    plain = affect.point(true, pred)
    for changed in (pred + 0.5, 3 * pred):
        found = affect.point(true, changed)
        assert found["pearson"] == pytest.approx(plain["pearson"])
        assert found["ccc"] < plain["ccc"]


def test_points_are_those_of_the_libraries(rows):
    _, true, pred = rows
    found = affect.point(true, pred)
    assert found["pearson"] == pytest.approx(stats.pearsonr(true, pred).statistic)
    assert found["rmse"] == pytest.approx(metrics.root_mean_squared_error(true, pred))
    assert found["rmse_constant"] == pytest.approx(true.std())


def test_no_constant_has_a_smaller_error_than_the_constant(rows):
    _, true, _ = rows
    best = affect.point(true, true)["rmse_constant"]
    for level in np.linspace(-1, 1, 41):
        assert affect.point(true, np.full(ROWS, level))["rmse"] >= best


def test_every_resample_is_that_of_its_rows(rows):
    person, true, pred = rows
    draws = bootstrap.draw(PERSONS, 25, seed=3)
    got = affect.resampled(true, pred, person, draws)
    assert tuple(got) == affect.NAMES
    for number, draw in enumerate(draws):
        pick = np.concatenate(
            [np.tile(np.flatnonzero(person == p), int(times)) for p, times in enumerate(draw)]
        )
        expected = affect.point(true[pick], pred[pick])
        for name in affect.NAMES:
            assert got[name][number] == pytest.approx(expected[name], abs=1e-10)


def test_two_equal_constants_and_no_rows_have_no_concordance():
    assert math.isnan(affect.point(np.ones(4), np.ones(4))["ccc"])
    assert all(math.isnan(value) for value in affect.point(np.empty(0), np.empty(0)).values())


# Tables of predictions


@pytest.fixture
def table(rows):
    person, true, pred = rows
    return pd.DataFrame(
        {
            "dataset": "d",
            "person": [f"p{number}" for number in person],
            "valence": np.where(np.arange(ROWS) % 7 == 0, np.nan, true),
            "valence_pred": pred,
            "arousal": np.nan,
            "arousal_pred": 0.0,
        }
    )


def test_a_table_is_scored_over_its_labels_with_an_interval_around_the_value(table):
    found = affect.score(table, "valence", "regression", n_bootstrap=500)
    known = table.dropna(subset=["valence"])
    expected = affect.point(known["valence"].to_numpy(), known["valence_pred"].to_numpy())
    assert (found.n, found.n_persons) == (len(known), PERSONS)
    assert tuple(found.values) == affect.NAMES
    for name, value in found.values.items():
        assert value.value == pytest.approx(expected[name])
        assert value.low < value.value < value.high


def test_a_binary_target_is_scored_as_an_emotion_above_zero(table):
    table["valence_pred"] = 1 / (1 + np.exp(-3 * table["valence_pred"]))
    found = affect.score(table, "valence", "binary", n_bootstrap=200)
    known = table.dropna(subset=["valence"])
    high = known["valence"].to_numpy() > 0
    expected = emotion.point(high, known["valence_pred"].to_numpy())
    assert tuple(found.values) == affect.BINARY_NAMES
    for name in ("balanced_accuracy", "accuracy", "auroc"):
        assert found.values[name].value == pytest.approx(expected[name])
    assert found.values["majority"].value == pytest.approx(max(high.mean(), 1 - high.mean()))


def test_tables_without_labels_answers_or_columns_are_refused(table):
    with pytest.raises(BadInput, match="labels of arousal"):
        affect.score(table, "arousal", "regression")
    with pytest.raises(BadInput, match=r"[1-9][0-9]* without an answer"):
        affect.score(table.assign(valence_pred=np.nan), "valence", "regression")
    with pytest.raises(BadInput, match="no valence_pred"):
        affect.score(table.drop(columns="valence_pred"), "valence", "regression")
