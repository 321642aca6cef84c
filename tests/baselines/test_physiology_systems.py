"""The three systems on pulse features: canaries, isolation of what is fitted, small training sides.

Samples are 20 s of synthetic PPG or ECG of 8 persons; in "high" trials, the planted effect, the
intervals between beats vary more. Each person has a heart rate of their own.
"""

import numpy as np
import pytest

from pulsefer.baselines.mrmr_rf import MrmrRf, MrmrRfConfig
from pulsefer.baselines.nca_knn import NcaKnn, NcaKnnConfig
from pulsefer.baselines.physiology import (
    features_of,
    inner_splits,
    preparation,
    pulse_matrix,
)
from pulsefer.baselines.r_elm import RElm, RElmConfig
from pulsefer.core.bundle import Bundle, Labels
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.datasets.synthetic_pulse import beat_times_s, ecg, ppg
from pulsefer.signals.pulse_features import NAMES, pulse_features

N_PERSONS, N_TRIALS, LENGTH_S = 8, 6, 20.0
PERSON = np.repeat(np.arange(N_PERSONS), N_TRIALS)
THREE = np.tile(np.arange(N_TRIALS) % 3, N_PERSONS)
TWO = (np.arange(N_PERSONS * N_TRIALS) % 2).astype(np.int64)
SEEN = np.flatnonzero(PERSON < 5)
UNSEEN = np.flatnonzero(PERSON >= 5)


def trial(kind, place, variability):
    rng = np.random.default_rng([PERSON[place], 7])
    beats_s = beat_times_s(
        rng.uniform(60, 85), -2.0, LENGTH_S + 2.0, seed=int(place), variability=variability
    )
    make, fs_hz = (ppg, 100.0) if kind == "ppg" else (ecg, 200.0)
    wave = make(beats_s, fs_hz=fs_hz, start_s=0.0, end_s=LENGTH_S, noise=0.03, seed=int(place))
    return Signal(kind, wave, fs_hz, 0.0)


def bundle_of(signals):
    return Bundle((), 25.0, [{signal.kind: signal} for signal in signals], "trial")


def labelled(classes):
    return Labels(np.asarray(classes), np.full(len(classes), np.nan))


@pytest.fixture(scope="module")
def planted():
    """kind -> bundle of all persons; classes are TWO."""
    return {
        kind: bundle_of([trial(kind, p, 0.02 + 0.05 * high) for p, high in enumerate(TWO)])
        for kind in ("ppg", "ecg")
    }


@pytest.fixture(scope="module")
def planted_three():
    """Classes are THREE."""
    return bundle_of([trial("ecg", p, 0.01 + 0.04 * level) for p, level in enumerate(THREE)])


SMALL = {
    RElm: RElmConfig(n_hidden=(50, 100), log2_c=(-4.0, 2.0), n_draws=4, n_draws_inner=1),
    MrmrRf: MrmrRfConfig(n_kept=(5, 10), n_trees=30, n_trees_inner=15),
    NcaKnn: NcaKnnConfig(n_components=(2, 4), n_neighbours=(7, 3)),
}
SYSTEMS = list(SMALL)
each_system = pytest.mark.parametrize("system", SYSTEMS)


def small(system, seed=0, signal=None, n_classes=2):
    chosen = {} if signal is None else {"signal": signal}
    return system(SMALL[system], seed=seed, n_classes=n_classes, **chosen)


def learned_by(made, bundle, classes, places, persons=PERSON):
    made.fit(bundle.take(places), labelled(classes).take(places), persons[places])
    return made


def balanced_accuracy(proba, classes):
    hit = proba.argmax(axis=1) == classes
    return np.mean([hit[classes == one].mean() for one in np.unique(classes)])


def same_bytes(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        assert one[name].tobytes() == other[name].tobytes(), name


# What a system says it is


@pytest.mark.parametrize(
    ("system", "signal", "fidelity"),
    [(RElm, "ppg", "title"), (MrmrRf, "ppg", "abstract"), (NcaKnn, "ecg", "abstract")],
)
def test_a_system_declares_what_it_looks_at(system, signal, fidelity):
    made = system(seed=0)
    assert (made.modality, made.unit, made.fidelity) == ((signal,), "trial", fidelity)


@each_system
@pytest.mark.parametrize("signal", ["ppg", "ecg"])
def test_the_declared_modality_follows_the_signal(system, signal):
    assert system(seed=0, signal=signal).modality == (signal,)


# Canaries


@each_system
@pytest.mark.parametrize("signal", ["ppg", "ecg"])
def test_a_planted_signal_is_found_in_unseen_persons(planted, system, signal):
    made = learned_by(small(system, signal=signal), planted[signal], TWO, SEEN)
    proba = made.predict_proba(planted[signal].take(UNSEEN))
    assert balanced_accuracy(proba, TWO[UNSEEN]) > 0.85


@each_system
def test_three_planted_classes_are_found_in_unseen_persons(planted_three, system):
    made = learned_by(small(system, signal="ecg", n_classes=3), planted_three, THREE, SEEN)
    proba = made.predict_proba(planted_three.take(UNSEEN))
    assert proba.shape == (len(UNSEEN), 3)
    assert balanced_accuracy(proba, THREE[UNSEEN]) > 0.6  # chance is a third


@each_system
def test_permuted_labels_are_at_chance(planted, system):
    scores = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        classes = np.concatenate([rng.permutation(TWO[p == PERSON]) for p in range(N_PERSONS)])
        people = rng.permutation(N_PERSONS)
        seen = np.flatnonzero(np.isin(PERSON, people[:5]))
        unseen = np.flatnonzero(np.isin(PERSON, people[5:]))
        made = learned_by(small(system, seed, "ecg"), planted["ecg"], classes, seen)
        proba = made.predict_proba(planted["ecg"].take(unseen))
        scores.append(balanced_accuracy(proba, classes[unseen]))
    error = np.std(scores, ddof=1) / np.sqrt(len(scores))
    assert abs(np.mean(scores) - 0.5) < 3.1 * error  # 99 % of t with 11 degrees of freedom
    assert error < 0.05


@pytest.mark.slow
@each_system
def test_as_configured_a_planted_signal_is_found_in_unseen_persons(planted, system):
    made = learned_by(system(seed=0, signal="ecg"), planted["ecg"], TWO, SEEN)
    proba = made.predict_proba(planted["ecg"].take(UNSEEN))
    assert balanced_accuracy(proba, TWO[UNSEEN]) > 0.85


# What is fitted


@each_system
def test_what_was_fitted_does_not_know_the_tested_side(planted, system):
    bundle = planted["ecg"]
    noise = np.random.default_rng(0).normal(size=4000)
    other = [
        {"ecg": Signal("ecg", noise + place, 200.0, 0.0)} if place in UNSEEN else signals
        for place, signals in enumerate(bundle.signals)
    ]
    perturbed = Bundle((), 25.0, other, "trial")
    flipped = np.where(np.isin(np.arange(len(TWO)), UNSEEN), 1 - TWO, TWO)
    one = learned_by(small(system, signal="ecg"), bundle, TWO, SEEN)
    two = learned_by(small(system, signal="ecg"), perturbed, flipped, SEEN)
    same_bytes(one.fitted(), two.fitted())
    two.predict_proba(perturbed)
    same_bytes(one.fitted(), two.fitted())


@each_system
def test_the_same_fit_twice_is_the_same_to_the_bit(planted, system):
    made = learned_by(small(system, 3, "ecg"), planted["ecg"], TWO, SEEN)
    before = {name: array.copy() for name, array in made.fitted().items()}
    learned_by(made, planted["ecg"], 1 - TWO, SEEN)
    assert any(before[name].tobytes() != made.fitted()[name].tobytes() for name in before)
    learned_by(made, planted["ecg"], TWO, SEEN)
    same_bytes(before, made.fitted())


@each_system
def test_what_is_said_of_a_sample_depends_on_it_alone(planted, system):
    made = learned_by(small(system, signal="ecg"), planted["ecg"], TWO, SEEN)
    together = made.predict_proba(planted["ecg"])
    for places in (UNSEEN[:1], UNSEEN[::-1], np.array([40, 3, 40])):
        alone = made.predict_proba(planted["ecg"].take(places))
        # Products of matrices round differently for other numbers of rows.
        np.testing.assert_allclose(alone, together[places], rtol=0, atol=1e-12)


@each_system
def test_rows_are_probabilities(planted, system):
    made = learned_by(small(system, signal="ecg"), planted["ecg"], TWO, SEEN)
    proba = made.predict_proba(planted["ecg"])
    assert proba.shape == (len(TWO), 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert ((proba >= 0) & (proba <= 1)).all()
    assert made.predict_proba(planted["ecg"].take([])).shape == (0, 2)


@pytest.mark.parametrize("system", [RElm, MrmrRf])
def test_another_seed_is_another_machine(planted, system):
    one = learned_by(small(system, 0, "ecg"), planted["ecg"], TWO, SEEN)
    two = learned_by(small(system, 1, "ecg"), planted["ecg"], TWO, SEEN)
    answers = [made.predict_proba(planted["ecg"]) for made in (one, two)]
    assert np.abs(answers[0] - answers[1]).max() > 0


def test_parameters_are_the_numbers_that_were_learned(planted):
    elm = learned_by(small(RElm, signal="ecg"), planted["ecg"], TWO, SEEN)
    n_hidden = int(elm.fitted()["chosen_n_hidden"])
    assert elm.n_parameters == 3 * len(NAMES) + 4 * n_hidden
    nca = learned_by(small(NcaKnn), planted["ecg"], TWO, SEEN)
    m = int(nca.fitted()["chosen_n_components"])
    assert nca.n_parameters == 3 * len(NAMES) + m * len(NAMES) + (m + 1) * len(SEEN)
    forest = learned_by(small(MrmrRf, signal="ecg"), planted["ecg"], TWO, SEEN).fitted()
    is_leaf = forest["node_feature"] < 0
    assert len(forest["threshold"]) == (~is_leaf).sum() == is_leaf.sum() - 30
    assert forest["leaf_share"].shape == (is_leaf.sum(), 2)


# Small or one-sided training sides


@each_system
@pytest.mark.parametrize("only", [0, 1])
def test_one_class_to_learn_from_is_a_constant_answer(planted, system, only):
    made = learned_by(small(system, signal="ecg"), planted["ecg"], np.full(len(TWO), only), SEEN)
    np.testing.assert_array_equal(
        made.predict_proba(planted["ecg"]), np.tile(np.eye(2)[only], (len(TWO), 1))
    )
    assert made.n_parameters == 3 * len(NAMES) + 1
    assert np.isnan(made.fitted()["inner_scores"]).all()


@each_system
def test_a_class_that_was_not_seen_has_probability_0(planted, system):
    made = learned_by(small(system, signal="ecg", n_classes=3), planted["ecg"], 2 * TWO, SEEN)
    proba = made.predict_proba(planted["ecg"])
    assert proba.shape == (len(TWO), 3)
    np.testing.assert_array_equal(proba[:, 1], 0.0)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)


@each_system
@pytest.mark.parametrize("n_persons", [1, 2])
def test_one_or_two_persons_are_enough(planted, system, n_persons):
    seen = np.arange(n_persons * N_TRIALS)
    made = learned_by(small(system, signal="ecg"), planted["ecg"], TWO, seen)
    assert np.isfinite(made.fitted()["inner_scores"]).all()
    assert made.predict_proba(planted["ecg"]).shape == (len(TWO), 2)


@each_system
def test_two_persons_of_one_class_each_cannot_be_tried_on_each_other(planted, system):
    seen = np.flatnonzero(PERSON < 2)
    made = learned_by(small(system, signal="ecg"), planted["ecg"], (PERSON == 0).astype(int), seen)
    assert np.isnan(made.fitted()["inner_scores"]).all()
    assert np.isfinite(made.predict_proba(planted["ecg"])).all()


@each_system
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_a_handful_of_samples_does(planted, system, n):
    made = learned_by(small(system, signal="ecg"), planted["ecg"], TWO, np.arange(n))
    np.testing.assert_allclose(made.predict_proba(planted["ecg"]).sum(axis=1), 1.0)


@each_system
def test_samples_without_a_usable_signal_are_answered(planted, system):
    flat = Signal("ecg", np.zeros(4000), 200.0, 0.0)
    signals = [dict(signals) for signals in planted["ecg"].signals]
    signals[0], signals[3], signals[40], signals[44] = {}, {"ecg": flat}, {}, {"ecg": flat}
    bundle = Bundle((), 25.0, signals, "trial")
    made = learned_by(small(system, signal="ecg"), bundle, TWO, SEEN)
    proba = made.predict_proba(bundle)
    assert np.isfinite(proba).all()
    np.testing.assert_array_equal(proba[40], proba[44])
    assert balanced_accuracy(proba[UNSEEN], TWO[UNSEEN]) > 0.8


@each_system
def test_a_training_side_without_one_usable_signal_is_answered_by_chance(system):
    flat = bundle_of([Signal("ecg", np.zeros(4000), 200.0, 0.0)] * 12)
    made = small(system, signal="ecg")
    made.fit(flat, labelled(np.arange(12) % 2), np.arange(12) // 4)
    assert np.ptp(made.predict_proba(flat), axis=0).max() < 1e-12


# Errors


@each_system
def test_a_bundle_without_the_signal_is_refused(planted, system):
    with pytest.raises(BadInput, match="expected samples with a signal ppg, found none"):
        learned_by(small(system, signal="ppg"), planted["ecg"], TWO, SEEN)


@each_system
def test_labels_that_do_not_fit_are_refused(planted, system):
    with pytest.raises(BadInput, match="48 samples, 47 labels, 48 persons"):
        small(system, signal="ecg").fit(planted["ecg"], labelled(TWO[1:]), PERSON)
    with pytest.raises(BadInput, match="expected classes 0 to 1, found 0, 1, 2"):
        learned_by(small(system, signal="ecg"), planted["ecg"], THREE, SEEN)


@each_system
def test_what_has_not_learned_answers_nothing(planted, system):
    with pytest.raises(RuntimeError, match="call fit first"):
        system(seed=0).predict_proba(planted["ecg"])


@each_system
@pytest.mark.parametrize("wrong", [{"signal": "eda"}, {"n_classes": 4}])
def test_another_signal_or_number_of_classes_is_refused(system, wrong):
    with pytest.raises(ValueError, match=r"signal is ppg or ecg|n_classes is 2 or 3"):
        system(seed=0, **wrong)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (RElmConfig, {"n_hidden": ()}),
        (RElmConfig, {"log2_c": ()}),
        (RElmConfig, {"n_draws": 0}),
        (RElmConfig, {"n_draws_inner": 0}),
        (MrmrRfConfig, {"n_kept": (5, 0)}),
        (MrmrRfConfig, {"n_trees": 0}),
        (NcaKnnConfig, {"n_neighbours": ()}),
        (NcaKnnConfig, {"n_components": (0, 2)}),
        (NcaKnnConfig, {"max_steps": 0}),
        *[(config, {"inner_folds": 1}) for config in (RElmConfig, MrmrRfConfig, NcaKnnConfig)],
    ],
)
def test_an_empty_list_to_choose_from_is_refused(config, wrong):
    with pytest.raises(ValueError, match="needed"):
        config(**wrong)


# The shared step


def test_the_matrix_has_the_features_of_each_sample_in_its_row(planted):
    bundle = planted["ecg"].take([5, 2])
    matrix = pulse_matrix(bundle, "ecg")
    for row, signals in zip(matrix, bundle.signals, strict=True):
        np.testing.assert_array_equal(row, pulse_features(signals["ecg"]))
    assert np.isnan(pulse_matrix(bundle, "ppg")).all()


def test_features_are_remembered_by_content_and_not_by_object(planted):
    signal = planted["ecg"].signals[0]["ecg"]
    copy = Signal("ecg", signal.values.copy(), signal.fs_hz, 0.0)
    assert features_of(copy) is features_of(signal)
    for other in (
        Signal("ecg", 2.0 * signal.values, signal.fs_hz, 0.0),
        Signal("ecg", signal.values, 2.0 * signal.fs_hz, 0.0),
        Signal("ppg", signal.values, signal.fs_hz, 0.0),
    ):
        np.testing.assert_array_equal(features_of(other), pulse_features(other))


def test_what_is_missing_becomes_the_median_and_nothing_counts_beyond_three_deviations():
    x = np.random.default_rng(0).normal(size=(101, 3))
    x[:50, 1], x[:, 2] = np.nan, np.nan
    x[0, 0] = 1000.0
    fitted = preparation().fit(x)
    out = fitted.transform(np.array([[-1e9, np.nan, np.nan], [1e9, 0.0, 5.0]]))
    assert out[0, 0] == -1.0
    assert out[1, 0] == 1.0
    median = np.nanmedian(x[:, 1])
    np.testing.assert_array_equal(
        fitted.transform(np.array([[0.0, np.nan, 0.0]])),
        fitted.transform(np.array([[0.0, median, np.nan]])),
    )


@pytest.mark.parametrize("n_folds", [2, 3, 5])
def test_no_inner_fold_cuts_through_a_person(n_folds):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        groups, y = rng.integers(0, 6, 40), rng.integers(0, 2, 40)
        splits = inner_splits(y, groups, n_folds)
        assert len(splits) == n_folds
        assert sorted(np.concatenate([test for _, test in splits])) == list(range(40))
        for train, test in splits:
            assert not set(groups[train]) & set(groups[test])


def test_a_person_alone_is_cut_by_samples():
    y = np.arange(10) % 2
    splits = inner_splits(y, np.zeros(10, int), 5)
    assert len(splits) == 5
    assert all(set(y[train]) == {0, 1} for train, _ in splits)
    assert inner_splits(np.array([0, 0, 0, 1]), np.zeros(4, int), 5) == []


def test_a_fold_that_leaves_one_class_is_left_out():
    y, groups = np.array([0, 0, 0, 1, 0, 1]), np.array([0, 0, 1, 1, 2, 2])
    only_first = np.array([0, 0, 0, 0, 1, 1])
    assert len(inner_splits(y, groups, 3)) == 3
    assert all(set(only_first[train]) == {0, 1} for train, _ in inner_splits(only_first, groups, 3))
    assert len(inner_splits(only_first, groups, 3)) == 2
