import numpy as np
import pytest
from sklearn.metrics import mutual_info_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from pulsefer.estimators.mrmr import Mrmr, in_bins


def samples(n=120, n_features=9, n_classes=2, seed=0):
    """Columns that depend on the class and on one another."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    hidden = rng.normal(size=(n, 3)) + 0.7 * y[:, None] * np.array([1.0, 0.5, 0.0])
    return hidden @ rng.normal(size=(3, n_features)) + rng.normal(size=(n, n_features)), y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([Mrmr()])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


def greedy(X, y, n_kept, n_bins):
    """Every score anew at every step, from the definition."""
    columns = [in_bins(column, n_bins) for column in X.T]
    taken = []
    for _ in range(n_kept):
        scores = {
            place: mutual_info_score(y, column)
            - (np.mean([mutual_info_score(column, columns[t]) for t in taken]) if taken else 0.0)
            for place, column in enumerate(columns)
            if place not in taken
        }
        taken.append(max(scores, key=scores.get))
    return taken


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("n_kept", "n_bins", "n_classes"), [(9, 5, 2), (4, 3, 3)])
def test_the_ranking_is_that_of_a_brute_force_search(seed, n_kept, n_bins, n_classes):
    X, y = samples(seed=seed, n_classes=n_classes)
    found = Mrmr(n_kept, n_bins=n_bins).fit(X, y)
    assert found.ranking_.tolist() == greedy(X, y, n_kept, n_bins)


def test_the_first_is_the_most_relevant():
    X, y = samples()
    found = Mrmr(1).fit(X, y)
    assert found.ranking_[0] == found.relevance_.argmax()
    assert found.scores_[0] == found.relevance_.max()


def test_a_copy_of_the_best_waits_for_a_weaker_one_that_is_new():
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    best, new = y + 0.5 * rng.normal(size=400), y + 1.5 * rng.normal(size=400)
    found = Mrmr(3).fit(np.stack([best, best, new], axis=1), y)
    assert found.ranking_.tolist() == [0, 2, 1]
    assert found.relevance_[1] > found.relevance_[2]


def test_fewer_features_are_the_first_of_more():
    X, y = samples()
    np.testing.assert_array_equal(Mrmr(3).fit(X, y).ranking_, Mrmr(8).fit(X, y).ranking_[:3])


def test_units_do_not_matter():
    X, y = samples()
    other = np.exp(3.0 * X) * np.arange(1, 10)
    np.testing.assert_array_equal(Mrmr(6).fit(other, y).ranking_, Mrmr(6).fit(X, y).ranking_)


def test_the_order_of_samples_and_the_names_of_classes_do_not_matter():
    X, y = samples(n_classes=3)
    order = np.random.default_rng(1).permutation(len(y))
    names = np.array(["b", "c", "a"])
    np.testing.assert_array_equal(
        Mrmr(6).fit(X[order], names[y[order]]).ranking_, Mrmr(6).fit(X, y).ranking_
    )


def test_kept_columns_stay_in_their_order():
    X, y = samples()
    found = Mrmr(4).fit(X, y)
    np.testing.assert_array_equal(found.transform(X), X[:, np.sort(found.ranking_)])


def test_more_features_than_there_are_is_all_of_them():
    X, y = samples()
    assert sorted(Mrmr(50).fit(X, y).ranking_) == list(range(9))


def test_bins_hold_equal_counts():
    values = np.random.default_rng(0).normal(size=100)
    assert np.bincount(in_bins(values, 5)).tolist() == [20] * 5


def test_a_column_that_does_not_change_says_nothing():
    X, y = samples()
    X[:, 4] = 1.0
    assert Mrmr(2).fit(X, y).relevance_[4] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("wrong", [{"n_features_to_select": 0}, {"n_bins": 1}])
def test_nothing_to_select_or_one_bin_is_refused(wrong):
    with pytest.raises(ValueError, match="1 feature and 2 bins at least"):
        Mrmr(**wrong).fit(*samples())
