"""Which targets stand beside the true heart rate, what is compared, and what the controls hold."""

import dataclasses

import numpy as np
import pytest

from made_store import make_store
from pulsefer.datasets.synthetic import draw_trials
from pulsefer.experiments import placebo
from pulsefer.experiments.budget import SIZES
from pulsefer.experiments.experiment import store_of
from pulsefer.experiments.grid import plan, run_jobs
from pulsefer.metrics.crossed import compare_crossed
from pulsefer.metrics.paired import holm
from pulsefer.samples.placebo import AUXILIARIES

TINY = dataclasses.replace(SIZES["smoke"], seeds=2, n_frames=1, window_step_s=4.0)
OTHERS = [name for name in placebo.SYSTEMS if name != placebo.TRUE]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    return {"deap": make_store(tmp_path_factory.mktemp("placebo") / "store", effect=40.0).path}


@pytest.fixture(scope="module")
def grid(stores, tmp_path_factory):
    return run_jobs(plan(placebo.arms(stores, TINY), out=tmp_path_factory.mktemp("grid")))


@pytest.fixture(scope="module")
def rows(grid, stores):
    return placebo.rows(grid, stores, TINY)


def test_the_arms_differ_in_what_the_heart_rate_head_is_taught_and_in_nothing_else(stores):
    arms = placebo.arms(stores, TINY)
    assert len(arms) == (1 + len(AUXILIARIES)) * TINY.seeds
    for seed in range(TINY.seeds):
        with_head = [a for a in arms if a.train.seed == seed and a.train.model.heart_rate]
        assert [arm.auxiliary for arm in with_head] == list(AUXILIARIES)
        same = {dataclasses.replace(arm, name="", auxiliary="true") for arm in with_head}
        assert len(same) == 1
        (without,) = (a for a in arms if a.train.seed == seed and not a.train.model.heart_rate)
        (beside,) = same
        assert (without.windows, without.protocol) == (beside.windows, beside.protocol)


def test_every_target_is_its_own_run_on_the_same_folds(grid):
    assert grid.problems == ()
    assert len({run.about["fingerprint"] for run in grid.runs.values()}) == len(grid.runs)
    assert len({run.about["manifest"] for run in grid.runs.values()}) == 1


def test_the_truth_is_compared_with_every_other_arm_and_p_is_adjusted_for_all(grid, rows):
    found = [row for row in rows if row.metric == "difference_balanced_accuracy"]
    assert [row.system for row in found] == [f"{placebo.TRUE} − {other}" for other in OTHERS]

    def tables(system):
        names = [f"deap, valence, {system}, subject, seed {seed}" for seed in range(2)]
        return [grid.runs[name].predictions.query("selection == 'last'") for name in names]

    tests = [
        compare_crossed(tables(placebo.TRUE), tables(other), "balanced_accuracy")
        for other in OTHERS
    ]
    assert [row.value for row in found] == pytest.approx([test.mean for test in tests])
    assert [row.p for row in found] == pytest.approx(holm([test.p for test in tests]).tolist())
    assert {row.n_subjects for row in found} == {4}


def test_a_placebos_heart_rate_is_no_result(rows):
    with_rate = {row.system for row in rows if row.dimension == "heart rate"}
    assert with_rate == {placebo.TRUE}
    assert {row.system for row in rows if row.metric == "balanced_accuracy"} == {*placebo.SYSTEMS}
    assert {row.dimension for row in rows} == {"valence", "heart rate"}


def test_shuffled_trials_are_a_second_protocol_where_there_is_time_for_it(stores):
    by = {name: {a.protocol.by for a in placebo.arms(stores, b)} for name, b in SIZES.items()}
    assert by == {"smoke": {"subject"}, "desk": {"subject"}, "paper": {"subject", "trial_pooled"}}
    assert all(arm.train.weights.beta == 0.01 for arm in placebo.arms(stores, SIZES["paper"]))


def test_in_the_controls_a_window_is_one_frame_and_the_rating_is_the_planted_one(stores):
    (store,) = stores.values()
    for specimen, rating in ((placebo.HELPS, "arousal"), (placebo.CANNOT_HELP, "valence")):
        for arm in placebo.arms({specimen.name: store}, SIZES["desk"]):
            assert (arm.windows.n_frames, arm.windows.dimension) == (1, rating)


def rates(specimen):
    """(persons, trials) heart rates and felt arousal."""
    trials = draw_trials(specimen.effects, subjects=specimen.subjects, seed=specimen.seed)
    of = [
        [t for t in trials if t.subject.name == name] for name in {t.subject.name for t in trials}
    ]
    return (np.array([[getattr(t, name) for t in some] for some in of])
            for name in ("hr_bpm", "felt_arousal"))  # fmt: skip


def test_in_the_positive_control_the_heart_rate_tells_the_arousal_and_the_face_nothing():
    hr_bpm, felt = rates(placebo.HELPS)
    assert np.corrcoef(hr_bpm.ravel(), felt.ravel())[0, 1] > 0.9
    assert placebo.HELPS.effects.expression == 0
    assert placebo.HELPS.effects.hr_to_flush > 0


def test_in_the_negative_control_the_truth_is_each_persons_mean():
    hr_bpm, felt = rates(placebo.CANNOT_HELP)
    assert (np.ptp(hr_bpm, axis=1) == 0).all()
    assert np.ptp(hr_bpm) > 20
    assert placebo.CANNOT_HELP.effects.expression > 0
    assert felt.std() > 1


@pytest.mark.slow
def test_the_planted_physiology_is_told_from_a_placebo(tmp_path):
    store = store_of(placebo.HELPS, tmp_path, workers=1, say=print)
    stores = {placebo.HELPS.name: store}
    budget = SIZES["desk"]
    wanted = ("STL", "MTL, true", "MTL, permuted")
    arms = [
        arm for arm in placebo.arms(stores, budget)
        if any(f", {system}, subject" in arm.name for system in wanted)
    ]  # fmt: skip
    assert len(arms) == len(wanted) * placebo.CONTROL_SEEDS
    found = placebo.rows(run_jobs(plan(arms, out=tmp_path)), stores, budget)
    gains = {row.system: row for row in found if row.metric == "difference_balanced_accuracy"}
    assert len(gains) == 2
    for row in gains.values():
        assert row.low > 0
