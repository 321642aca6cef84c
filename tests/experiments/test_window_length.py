"""Windows of every length that a trial has room for, and what is counted of them."""

import dataclasses

import pytest

from made_store import make_store
from pulsefer.experiments import window_length
from pulsefer.experiments.budget import SIZES
from pulsefer.experiments.grid import plan, run_jobs

TINY = SIZES["smoke"]
SECONDS = 5.5
ROOM = [1.0, 2.0, 5.0]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lengths") / "store"
    return {"deap": make_store(folder, trials=2, effect=40.0, seconds=SECONDS).path}


@pytest.fixture(scope="module")
def rows(stores, tmp_path_factory):
    arms = window_length.arms(stores, TINY)
    return window_length.rows(
        run_jobs(plan(arms, out=tmp_path_factory.mktemp("grid"))), stores, TINY
    )


def test_lengths_stop_where_the_shortest_trial_ends(stores):
    arms = window_length.arms(stores, TINY)
    assert [arm.windows.length_s for arm in arms] == ROOM


def test_frame_rate_and_step_are_those_of_every_length_and_the_network_sees_both_inputs(stores):
    for budget in SIZES.values():
        arms = window_length.arms(stores, budget)
        assert {arm.windows.n_frames / arm.windows.length_s for arm in arms} == {5.0}
        assert len({arm.windows.step_s for arm in arms}) == 1
        assert {arm.train.model.input for arm in arms} == {"both"}
        assert {arm.train.weights.beta for arm in arms} == {0.01}
        alike = {dataclasses.replace(arm.windows, length_s=1.0, n_frames=5) for arm in arms}
        assert len(alike) == len(budget.dimensions)


def test_a_desk_stops_at_5_seconds_and_paper_goes_on(tmp_path):
    stores = {"deap": make_store(tmp_path, subjects=1, trials=2, seconds=21.0).path}
    by_budget = {
        name: sorted({arm.windows.length_s for arm in window_length.arms(stores, budget)})
        for name, budget in SIZES.items()
    }
    assert by_budget["desk"] == [1.0, 2.0, 5.0]
    assert by_budget["paper"] == [1.0, 2.0, 5.0, 10.0, 20.0]


def test_rows_lie_along_the_length(rows):
    for metric in ("balanced_accuracy", "hr_rmse_bpm", "hr_rmse_train_mean_bpm"):
        found = [row for row in rows if row.metric == metric and row.selection == "last"]
        assert [row.x for row in found] == ROOM
        assert {row.x_name for row in found} == {"length_s"}
        assert [row.system for row in found] == ["MTL, 1 s", "MTL, 2 s", "MTL, 5 s"]


def test_emotion_is_counted_by_trial_and_heart_rate_by_window(rows):
    assert {(row.dimension, row.unit) for row in rows} == {
        ("valence", "trial"), ("heart rate", "window"),
    }  # fmt: skip
    trials = {row.n for row in rows if row.metric == "balanced_accuracy"}
    assert trials == {8}
    windows = [row.n for row in rows if row.metric == "hr_rmse_bpm" and row.selection == "last"]
    assert windows == [8 * 3, 8 * 2, 8]


def test_the_specimen_shows_an_expression_and_a_pulse_and_no_flush():
    effects = window_length.BEATING.effects
    assert effects.expression == 1
    assert effects.pulse_amplitude > 0
    assert effects.hr_to_flush == effects.arousal_to_hr_bpm == 0
    assert window_length.BEATING.seconds >= window_length.DESK_LONGEST_S
