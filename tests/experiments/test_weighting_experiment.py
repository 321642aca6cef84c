"""Every way of weighing, tuned alike: what is tried, what is chosen, what comes out."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from made_store import make_store
from pulsefer.experiments import weighting, weighting_trials
from pulsefer.experiments.budget import BUDGETS, SIZES
from pulsefer.experiments.grid import plan, run_jobs
from pulsefer.experiments.published import TABLE_4
from pulsefer.experiments.weighting import TELLS, tune
from pulsefer.experiments.weighting_trials import STATIC, STL, Family, Trial, families
from pulsefer.objectives.loss_weights import METHODS, LossWeights

# One frame a window: nothing here depends on what happens along time.
TINY = dataclasses.replace(SIZES["smoke"], seeds=2, window_step_s=4.0, n_frames=1)


# What is tried.


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_family_has_as_many_trials_as_the_curve_has_points(budget):
    for family in families(budget):
        assert len(family.trials) == len(weighting_trials.BETAS[budget]), family.name
        assert len({trial.name for trial in family.trials}) == len(family.trials), family.name
        settings = {(repr(t.weights), t.learning_rate, t.dropout) for t in family.trials}
        assert len(settings) == len(family.trials), family.name


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_method_is_among_them_and_what_they_are_held_against(budget):
    found = families(budget)
    methods = {t.weights.method for family in found for t in family.trials if t.weights}
    assert methods == set(METHODS)
    assert {family.name for family in found if not family.moves} >= {STATIC, STL}
    placebos = [family for family in found if family.auxiliary != "true"]
    assert placebos
    for family in placebos:
        assert [t.weights for t in family.trials] == [t.weights for t in found[0].trials]


def test_a_desk_has_the_betas_of_table_4():
    assert tuple(TABLE_4) == weighting_trials.BETAS["desk"]
    assert len(weighting_trials.BETAS["paper"]) == 9


@pytest.mark.parametrize("budget", ["desk", "paper"])
def test_as_it_comes_is_what_a_user_has_who_sets_nothing(budget):
    by_name = {family.name: family.default for family in families(budget)}
    assert by_name[STATIC].weights == LossWeights()
    assert by_name["gls"].weights == LossWeights(method="gls")
    assert by_name["uw"].weights == LossWeights(method="uw")
    assert by_name[STL].weights is None
    assert by_name["static, falling"].weights == LossWeights(schedule="linear")


def test_arms_without_the_head_are_trained_once_for_all_curves(tmp_path):
    stores = {TELLS.name: tmp_path}
    arms = weighting.arms(stores, SIZES["desk"])
    names = [arm.name for arm in arms]
    assert len(set(names)) == len(names)
    zero = [arm for arm in arms if "beta 0," in arm.name]
    assert len(zero) == 5  # seeds
    assert {arm.auxiliary for arm in zero} == {"true"}
    assert {arm.protocol.validation for arm in arms} == {weighting.VALIDATION}
    assert {arm.windows.n_frames for arm in arms} == {1}
    assert {(arm.train.epochs, arm.train.batch_size) for arm in arms} == {(8, 4)}
    on_a_store = weighting.arms({"deap": tmp_path}, SIZES["paper"])
    assert {(a.train.epochs, a.train.batch_size) for a in on_a_store} == {(15, 64)}
    assert {arm.windows.dimension for arm in on_a_store} == {"valence", "arousal"}


# What is chosen.


def run_of(name, held_out, answer, *, folds=2, weights=(1.0, 0.1)):
    """A run whose held-out losses are given, and which answers the same always."""
    history = pd.concat(
        [
            pd.DataFrame(
                {
                    "epoch": [1.0, 2.0], "fold": fold, "validation_bce": [0.1, held_out[fold]],
                    "weight_emotion": weights[0], "weight_heart_rate": weights[1],
                    "gradient_ratio": [0.5, math.nan], "gradient_cosine": [0.25, math.nan],
                    "gradient_conflicts": [0.0, math.nan],
                }
            )
            for fold in range(folds)
        ],
        ignore_index=True,
    )  # fmt: skip
    predictions = pd.DataFrame(
        [
            {"fold": fold, "selection": selection, "emotion_prob": answer}
            for fold in range(folds) for selection in ("last", "validation")
        ]
    )  # fmt: skip
    return SimpleNamespace(
        about={"fingerprint": name}, history=history, predictions=predictions
    )  # fmt: skip


FAMILY = Family("gls", (Trial("a", LossWeights(method="gls")), Trial("b", None)))


def test_each_fold_and_seed_takes_what_its_own_held_out_part_prefers_at_the_last_epoch():
    found = tune(
        FAMILY,
        {
            "a": [run_of("a0", (0.5, 0.9), 0.1), run_of("a1", (0.5, 0.5), 0.1)],
            "b": [run_of("b0", (0.6, 0.7), 0.9), run_of("b1", (0.4, 0.4), 0.9)],
        },
    )
    assert [table["emotion_prob"].tolist() for table in found.tables] == [[0.1, 0.9], [0.9, 0.9]]
    assert all(set(table["selection"]) == {"last"} for table in found.tables)
    assert found.trials["chosen"].sum() == 4
    chosen = found.trials.query("chosen")
    assert list(chosen["run"]) == ["a0", "b0", "b1", "b1"]
    assert found.told["effective_beta"].tolist() == pytest.approx([0.1] * 4)
    assert found.told["gradient_cosine"].tolist() == [0.25] * 4


def test_answers_to_the_test_side_choose_nothing():
    """The same held-out losses, the other way round in what is said of the test side."""
    chosen = []
    for answers in ((0.1, 0.9), (0.9, 0.1)):
        found = tune(
            FAMILY,
            {name: [run_of(name, loss, answer)]
             for (name, loss), answer in zip(
                 (("a", (0.5, 0.9)), ("b", (0.6, 0.7))), answers, strict=True)},
        )  # fmt: skip
        chosen.append(list(found.trials.query("chosen")["trial"]))
    assert chosen[0] == chosen[1] == ["a", "b"]


def test_a_trial_that_could_not_be_trained_or_told_nothing_is_not_chosen():
    found = tune(
        FAMILY,
        {"a": [None, run_of("a", (math.nan, 0.9), 0.1)],
         "b": [run_of("b", (0.6, 0.7), 0.9), run_of("b", (0.8, 0.95), 0.9)]},
    )  # fmt: skip
    assert list(found.trials.query("chosen")["trial"]) == ["b", "b", "b", "a"]
    assert tune(FAMILY, {"a": [None], "b": [None]}) is None


# What comes out.

SMALL = [
    Family(STATIC, weighting_trials._curve((0.0, 0.01)), moves=False),
    Family(
        f"{STATIC}, subject_mean", weighting_trials._curve((0.0, 0.01)), "subject_mean", moves=False
    ),
    Family("gls", (weighting_trials._gls(1e-3), weighting_trials._gls(3e-3))),
    Family(
        STL, (weighting_trials._stl(1e-3, None), weighting_trials._stl(3e-3, None)), moves=False
    ),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("weighting")


@pytest.fixture(scope="module")
def rows(place):
    store = make_store(place / "store", effect=40.0).path
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weighting, "families", lambda _budget: SMALL)
        stores = {"deap": store}
        grid = run_jobs(plan(weighting.arms(stores, TINY), out=place / "out"))
        assert not grid.problems
        return weighting.rows(grid, stores, TINY)


def rows_of(rows, **wanted):
    return [row for row in rows if all(getattr(row, k) == v for k, v in wanted.items())]


def test_the_curve_has_every_beta_and_a_placebo_no_heart_rate(rows):
    points = rows_of(rows, system=STATIC, metric="balanced_accuracy", x_name="beta")
    assert [row.x for row in points] == [0.0, 0.01]
    placebo = [row for row in rows if row.system.startswith(f"{STATIC}, subject_mean")]
    assert placebo
    assert "heart rate" not in {row.dimension for row in placebo}
    # Without the head both curves are the same networks.
    (other,) = rows_of(rows, system=f"{STATIC}, subject_mean", metric="balanced_accuracy", x=0.0)
    assert other.value == points[0].value


def test_tuned_static_stands_against_each_other_and_the_ps_are_adjusted_together(rows):
    found = rows_of(rows, metric="difference_balanced_accuracy")
    assert {row.system for row in found} == {
        f"static, tuned − {other}, tuned" for other in ("static, subject_mean", "gls", "STL")
    }
    assert all(0 < row.p <= 1 and row.low <= row.value <= row.high for row in found)


def test_a_heart_rate_error_is_that_of_all_chosen_networks_or_none(rows, place):
    table = pd.read_csv(place / "out" / "weighting" / "deap-valence.csv").query("chosen")
    static = set(table.query("family == 'static'")["trial"])
    assert bool(rows_of(rows, system="static, tuned", metric="hr_rmse_bpm")) == (
        "beta 0" not in static
    )
    assert rows_of(rows, system="gls, tuned", metric="hr_rmse_bpm")


def test_a_row_counts_each_trial_once_and_says_where_it_is_from(rows):
    for row in rows:
        assert row.data_kind == "synthetic"
        assert row.protocol == "subject"
        assert row.config
        assert row.manifest
        if row.unit == "trial" and row.dimension != "heart rate":
            assert row.n == 16
    assert rows_of(rows, system="gls, as it comes", metric="balanced_accuracy")


def test_the_effective_beta_is_that_of_the_chosen_networks(rows, place):
    (row,) = rows_of(rows, metric="effective_beta")
    assert (row.system, row.unit, row.n) == ("gls, tuned", "network", 4)
    table = pd.read_csv(place / "out" / "weighting" / "deap-valence.csv")
    betas = []
    for one in table.query("family == 'gls' and chosen").itertuples():
        history = pd.read_csv(_run(place, one.run) / "history.csv").query("fold == @one.fold")
        means = history.mean(numeric_only=True)
        betas.append(means["weight_heart_rate"] / means["weight_emotion"])
    assert row.value == pytest.approx(np.exp(np.mean(np.log(betas))))
    assert row.low < row.value < row.high


def _run(place, fingerprint):
    import json

    for path in (place / "out" / "runs").glob("*/run.json"):
        if json.loads(path.read_text("utf-8"))["fingerprint"] == fingerprint:
            return path.parent
    raise AssertionError(fingerprint)


def test_what_was_tried_is_left_as_a_table(rows, place):  # noqa: ARG001
    table = pd.read_csv(place / "out" / "weighting" / "deap-valence.csv")
    assert set(table["family"]) == {family.name for family in SMALL}
    assert (table.groupby(["family", "seed", "fold"])["chosen"].sum() == 1).all()
    assert (table.groupby(["family", "seed", "fold"])["trial"].count() == 2).all()
    best = table.groupby(["family", "seed", "fold"])["validation_bce"].transform("min")
    assert (table["chosen"] == (table["validation_bce"] == best)).all()
