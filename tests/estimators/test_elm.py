import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from pulsefer.estimators.elm import RegularizedElm, ridge


def samples(n, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1, 1, size=(n, 4))
    return X, rng.permutation(np.arange(n) % n_classes)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([RegularizedElm(50, n_draws=2, random_state=0)])
def test_it_is_an_estimator_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.parametrize("n", [30, 200], ids=["fewer samples than units", "more"])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_output_weights_are_scikit_learns_ridge_on_the_same_layer(n, C, n_classes):
    X, y = samples(n, n_classes)
    machine = RegularizedElm(60, C=C, random_state=3).fit(X, y)
    H = expit(X @ machine.hidden_weights_[0] + machine.hidden_offsets_[0])
    targets = np.where(y[:, None] == np.arange(n_classes), 1.0, -1.0)
    targets = targets[:, 1:] if n_classes == 2 else targets
    oracle = Ridge(alpha=1.0 / C, fit_intercept=False).fit(H, targets)
    np.testing.assert_allclose(
        machine.coef_[0], np.reshape(oracle.coef_, (-1, 60)).T, rtol=1e-6, atol=1e-8
    )


@pytest.mark.parametrize("n", [5, 20, 21, 80])
def test_both_forms_of_the_ridge_agree(n):
    rng = np.random.default_rng(n)
    H, targets = rng.uniform(size=(n, 20)), rng.normal(size=(n, 2))
    inner = H.T @ H + 0.5 * np.eye(20)
    np.testing.assert_allclose(
        ridge(H, targets, 0.5), np.linalg.solve(inner, H.T @ targets), atol=1e-9
    )


@pytest.mark.parametrize("n", [30, 200])
def test_the_order_of_the_samples_does_not_matter(n):
    X, y = samples(n)
    order = np.random.default_rng(1).permutation(n)
    one = RegularizedElm(60, random_state=3).fit(X, y).predict_proba(X)
    other = RegularizedElm(60, random_state=3).fit(X[order], y[order]).predict_proba(X)
    np.testing.assert_allclose(one, other, atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_other_names_of_the_classes_change_places_only(n_classes):
    X, y = samples(90, n_classes)
    new_name = np.roll(np.arange(n_classes), 1)
    one = RegularizedElm(30, n_draws=2, random_state=3).fit(X, y).predict_proba(X)
    other = RegularizedElm(30, n_draws=2, random_state=3).fit(X, new_name[y]).predict_proba(X)
    np.testing.assert_allclose(other[:, new_name], one, atol=1e-9)


def test_the_score_of_several_draws_is_their_mean():
    X, y = samples(50)
    machine = RegularizedElm(30, n_draws=4, random_state=3).fit(X, y)
    each = [
        expit(X @ machine.hidden_weights_[draw] + machine.hidden_offsets_[draw])
        @ machine.coef_[draw, :, 0]
        for draw in range(4)
    ]
    np.testing.assert_allclose(machine.decision_function(X), np.mean(each, axis=0), atol=1e-12)
    alone = RegularizedElm(30, random_state=3).fit(X, y)
    np.testing.assert_array_equal(alone.hidden_weights_[0], machine.hidden_weights_[0])


def test_draws_differ_and_their_mean_differs_less():
    X, y = samples(60)
    fresh = samples(200, seed=9)[0]

    def spread(n_draws):
        answers = [
            RegularizedElm(30, C=100.0, n_draws=n_draws, random_state=seed)
            .fit(X, y)
            .decision_function(fresh)
            for seed in range(12)
        ]
        return np.std(answers, axis=0).mean()

    assert spread(10) < 0.5 * spread(1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_keep_the_order_of_the_scores_inside_0_and_1(n_classes):
    X, y = samples(60, n_classes)
    machine = RegularizedElm(40, C=1e4, random_state=0).fit(X, y)
    proba, scores = machine.predict_proba(X), machine.decision_function(X)
    assert proba.shape == (60, n_classes)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert ((proba > 0) & (proba < 1)).all()
    if n_classes == 2:
        np.testing.assert_array_equal(np.argsort(proba[:, 1]), np.argsort(scores))
        np.testing.assert_allclose(proba[:, 1], expit(2 * scores))
    np.testing.assert_array_equal(machine.predict(X), machine.classes_[proba.argmax(axis=1)])


def test_what_no_line_separates_is_learned():
    X, _ = samples(400)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    machine = RegularizedElm(200, C=2.0**10, random_state=0).fit(X[:300], y[:300])
    assert machine.score(X[300:], y[300:]) > 0.85


@pytest.mark.parametrize("wrong", [{"n_hidden": 0}, {"C": 0.0}, {"C": np.nan}, {"n_draws": 0}])
def test_sizes_that_are_not_positive_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be above 0"):
        RegularizedElm(**wrong).fit(*samples(20))


def test_one_class_is_refused():
    with pytest.raises(ValueError, match="two classes or more"):
        RegularizedElm().fit(samples(20)[0], np.ones(20))
