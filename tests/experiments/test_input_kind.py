"""Three inputs, the heart rate alone, in order and shuffled."""

import dataclasses

import pytest

from made_store import make_store
from pulsefer.experiments import input_kind
from pulsefer.experiments.budget import SIZES
from pulsefer.experiments.experiment import store_of
from pulsefer.experiments.grid import plan, run_jobs
from pulsefer.training.probe import SHUFFLED

TINY = SIZES["smoke"]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs") / "store"
    return {"deap": make_store(folder, trials=2, seconds=6.0, fps_hz=10.0).path}


@pytest.fixture(scope="module")
def grid(stores, tmp_path_factory):
    return run_jobs(plan(input_kind.arms(stores, TINY), out=tmp_path_factory.mktemp("grid")))


@pytest.fixture(scope="module")
def rows(grid, stores):
    return input_kind.rows(grid, stores, TINY)


def test_the_arms_differ_in_the_input_alone_and_learn_only_the_heart_rate(stores):
    arms = input_kind.arms(stores, TINY)
    assert [arm.train.model.input for arm in arms] == list(input_kind.INPUTS)
    for arm in arms:
        assert (arm.train.weights.alpha, arm.train.weights.beta) == (0.0, 1.0)
        assert arm.protocol.validation == 0
    model = arms[0].train.model
    assert len({
        dataclasses.replace(arm, name="", train=dataclasses.replace(arm.train, model=model))
        for arm in arms
    }) == 1  # fmt: skip


def test_on_a_desk_the_two_inputs_of_the_claim_are_learned(stores):
    arms = input_kind.arms(stores, SIZES["desk"])
    assert [arm.train.model.input for arm in arms] == ["appearance", "difference"]
    assert {arm.train.batch_size for arm in arms} == {8}


def test_on_paper_a_window_has_room_for_a_pulse(stores):
    (windows,) = {arm.windows for arm in input_kind.arms(stores, SIZES["paper"])}
    assert (windows.length_s, windows.n_frames) == (10.0, 125)


def test_heart_rates_are_scored_in_order_and_shuffled_and_nothing_else_is(rows):
    assert {row.dimension for row in rows} == {"heart rate"}
    for kind in input_kind.INPUTS:
        for metric in ("hr_rmse_bpm", "hr_skill", "hr_pearson_within", "hr_rmse_train_mean_bpm"):
            found = [row for row in rows if (row.system, row.metric) == (kind, metric)]
            assert [row.selection for row in found] == ["last", SHUFFLED]
            assert {row.unit for row in found} == {"window"}
    beside = {row.metric for row in rows if row.selection == "last"}
    assert {"hr_rmse_pos_bpm", "hr_rmse_chrom_bpm"} <= beside


def test_shuffling_changes_the_answers_and_not_the_baseline(rows):
    def values(metric):
        return [[row.value for row in rows if (row.metric, row.selection) == (metric, selection)]
                for selection in ("last", SHUFFLED)]  # fmt: skip

    ordered, mixed = values("hr_rmse_train_mean_bpm")
    assert ordered == mixed
    ordered, mixed = values("hr_rmse_bpm")
    assert all(one != other for one, other in zip(ordered, mixed, strict=True))


def test_errors_are_paired_against_the_colours_as_they_are(rows):
    found = [row for row in rows if row.metric == "difference_hr_rmse_bpm"]
    assert [row.system for row in found] == ["difference − appearance", "both − appearance"]
    assert all(0 < row.p <= 1 for row in found)


def test_the_specimen_holds_a_pulse_and_nothing_else():
    effects = input_kind.PULSE.effects
    assert effects.pulse_amplitude > 0
    assert effects.expression == effects.hr_to_flush == effects.arousal_to_hr_bpm == 0
    assert effects.hr_of_subject == 0
    assert input_kind.PULSE.crf <= 10


@pytest.mark.slow
def test_a_planted_pulse_is_read_from_differences_and_lost_with_the_order_of_the_frames(tmp_path):
    store = store_of(input_kind.PULSE, tmp_path, workers=2, say=print)
    stores, budget = {input_kind.PULSE.name: store}, SIZES["desk"]
    arms = [arm for arm in input_kind.arms(stores, budget) if ", difference, " in arm.name]
    found = input_kind.rows(run_jobs(plan(arms, out=tmp_path), workers=2), stores, budget)
    value = {(row.metric, row.selection): row for row in found}
    assert value["hr_pearson_within", "last"].low > 0
    assert value["hr_skill", "last"].low > 0
    assert value["hr_pearson_within", SHUFFLED].low < 0
    assert value["hr_skill", SHUFFLED].value < 0
