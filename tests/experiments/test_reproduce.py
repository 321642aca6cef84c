"""Experiments by name: which trainings, which rows, and whose figures stand beside."""

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from made_store import make_store
from pulsefer.app.cli import run as command
from pulsefer.core.errors import BadInput
from pulsefer.experiments import leakage, table3, table4
from pulsefer.experiments.arms import Cell, differences
from pulsefer.experiments.budget import BUDGETS, SIZES
from pulsefer.experiments.published import TABLE_3, TABLE_4
from pulsefer.experiments.reproduce import EXPERIMENTS, plan_experiments, reproduce
from pulsefer.samples.split import PROTOCOLS
from pulsefer.training.config import TrainConfig

# One frame a window: nothing here depends on what happens along time.
TINY = dataclasses.replace(SIZES["smoke"], seeds=2, window_step_s=4.0, n_frames=1)
NAMES = ["table3", "table4", "figure3"]


def silent(_text):
    """Nobody listens."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("reproduce")


@pytest.fixture(scope="module")
def store(place):
    return make_store(place / "store", effect=40.0).path


@pytest.fixture(scope="module")
def planned(place, store):
    return plan_experiments(NAMES, out=place / "out", budget=TINY, stores=[store], say=silent)


@pytest.fixture(scope="module")
def done(place, planned):
    return reproduce(planned, out=place / "out", budget=TINY)


def rows_of(done, experiment, **wanted):
    return [
        row for row in done.rows
        if row.experiment == experiment
        and all(getattr(row, name) == value for name, value in wanted.items())
    ]  # fmt: skip


def test_the_papers_settings_are_the_paper_budget():
    paper = SIZES["paper"]
    config = paper.train(0)
    assert config == TrainConfig()
    assert paper.dimensions == ("valence", "arousal")
    assert tuple(SIZES) == BUDGETS


def test_experiments_share_the_trainings_they_have_in_common(planned):
    counts = {name: len(jobs) for name, jobs in planned.jobs.items()}
    # Two systems by two protocols; five betas; two systems: twice, for two seeds.
    assert counts == {"table3": 8, "table4": 10, "figure3": 4}
    # Figure 3 has those of Table 3; STL and beta 0.01 of Table 4 are Table 3's too.
    assert len(planned.unique) == 8 + 10 - 4
    assert planned.seconds > 0


def test_table_3_has_both_systems_by_both_protocols_and_their_difference(done):
    for by in table3.PROTOCOLS:
        systems = {row.system for row in rows_of(done, "table3", protocol=by)}
        assert systems == {"STL", "MTL", "MTL − STL"}
    (row,) = rows_of(done, "table3", metric="difference_balanced_accuracy", protocol="subject")
    assert 0 < row.p <= 1
    assert row.low <= row.value <= row.high
    assert (row.n, row.unit, row.n_subjects) == (16, "trial", 4)


def test_the_papers_accuracy_stands_where_its_split_is_likest(done):
    beside = {
        (row.system, row.protocol): row.paper
        for row in rows_of(done, "table3", metric="accuracy", selection="last")
    }
    assert beside["MTL", "window_within"] == TABLE_3["deap", "valence", "MTL"].value
    assert math.isnan(beside["MTL", "subject"])
    assert all(math.isnan(row.paper) for row in rows_of(done, "table3") if row.metric != "accuracy")


def test_table_4_lies_along_beta(done):
    for metric, place in (("accuracy", 0), ("bce", 1)):
        found = {row.x: row for row in rows_of(done, "table4", metric=metric, selection="last")}
        assert tuple(found) == tuple(TABLE_4)
        for beta, row in found.items():
            assert row.x_name == "beta"
            assert row.paper == TABLE_4[beta][place].value
            assert row.system == ("STL" if beta == 0 else f"MTL, beta {beta:g}")
    assert len(rows_of(done, "table4", metric="difference_balanced_accuracy")) == 4


def test_the_cross_entropy_is_that_of_the_predictions(done, planned):
    job = next(
        job for job in planned.jobs["table4"] if "beta 0.1," in job.arm.name and job.arm.train.seed
    )
    other = next(
        job for job in planned.jobs["table4"]
        if "beta 0.1," in job.arm.name and not job.arm.train.seed
    )  # fmt: skip
    losses = []
    for one in (job, other):
        table = pd.read_parquet(one.folder / "predictions.parquet").query("selection == 'last'")
        said = np.where(table["emotion"] == 1, table["emotion_prob"], 1 - table["emotion_prob"])
        losses += (-np.log(said)).tolist()
    (row,) = rows_of(done, "table4", metric="bce", x=0.1)
    assert row.value == pytest.approx(np.mean(losses))
    assert row.low < row.value < row.high
    assert row.n == len(losses) // 2


def test_figure_3_is_the_mean_of_the_histories(done, planned):
    for system in ("STL", "MTL"):
        jobs = [job for job in planned.jobs["figure3"] if f", {system}, " in job.arm.name]
        histories = [pd.read_csv(job.folder / "history.csv") for job in jobs]
        wanted = np.mean([one["validation_bce"].mean() for one in histories])
        (row,) = rows_of(done, "figure3", system=system, metric="validation_bce")
        assert (row.x_name, row.x) == ("epoch", 1.0)
        assert row.value == pytest.approx(wanted)
        assert row.low < row.value < row.high
    (row,) = rows_of(done, "figure3", system="STL", metric="epochs_to_stl_best")
    assert row.value == 1.0


def test_a_row_counts_each_trial_once_whatever_the_seeds(done):
    for row in rows_of(done, "table3", metric="accuracy"):
        assert (row.n, row.unit, row.n_subjects) == (16, "trial", 4)


def test_every_row_is_synthetic_and_carries_where_it_comes_from(done):
    for row in done.rows:
        assert row.data_kind == "synthetic"
        assert row.protocol
        assert len(row.config) == len(row.manifest) == 16


def test_a_second_time_trains_nothing_and_adds_no_row(place, store, done):
    file = place / "out" / "rows.jsonl"
    before = file.read_bytes()
    assert before.count(b"\n") == len(done.rows)
    again = plan_experiments(NAMES, out=place / "out", budget=TINY, stores=[store], say=silent)
    assert again.seconds == 0
    reproduce(again, out=place / "out", budget=TINY)
    assert file.read_bytes() == before


def test_the_ladder_has_every_protocol_with_true_and_with_permuted_labels(store):
    arms = leakage.arms({"deap": store}, TINY)
    assert len(arms) == len(PROTOCOLS) * 2 * TINY.seeds
    assert {arm.protocol.by for arm in arms} == set(PROTOCOLS)
    assert all(arm.train.peek_at_test for arm in arms)
    assert sum(arm.permuted for arm in arms) == len(arms) / 2
    assert all(("permuted" in arm.name) == arm.permuted for arm in arms)


def test_a_pair_that_was_not_trained_makes_no_difference(planned):
    from pulsefer.experiments.grid import Grid

    nothing = Grid({}, ())
    cell = Cell("deap", "valence", "MTL", "subject")
    assert cell.rows(nothing, TINY, "x") == []
    assert differences([(cell, cell)], nothing, TINY, experiment="x") == []
    assert table4.rows(nothing, dict(planned.stores["table4"]), TINY) == []


@pytest.mark.parametrize("names", [["table5"], [], ["table3", "figure9"]])
def test_an_experiment_that_is_none_is_refused(names, tmp_path):
    with pytest.raises(BadInput, match="expected all, or some of table1, table2"):
        plan_experiments(names, out=tmp_path, budget=TINY, say=silent)


def test_two_stores_of_one_data_set_are_refused(store, tmp_path):
    with pytest.raises(BadInput, match="each store of another data set"):
        plan_experiments(["table4"], out=tmp_path, budget=TINY, stores=[store, store], say=silent)


def test_the_command_lists_trains_and_says_what_next(store, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    words = ["reproduce", "figure3", "--store", str(store), "--budget", "smoke", "--workers", "1"]
    assert command([*words, "--out", str(tmp_path), "--dry-run"]) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert "figure3: 2 trainings (0 finished), 4 epochs, on deap" in err
    assert "deap, valence, MTL, subject, seed 0: 96 windows" in err
    assert not (tmp_path / "rows.jsonl").exists()
    assert command([*words, "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "converges faster" in out
    assert f"next: pulsefer report {tmp_path}" in " ".join(err.split())
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert {row["metric"] for row in rows} == {"validation_bce", "epochs_to_stl_best"}
    assert command(["reproduce", "figure4", "--out", str(tmp_path)]) == 2
    assert "figure4" in capsys.readouterr().err


def test_all_is_every_experiment():
    assert list(EXPERIMENTS)[:5] == ["table1", "table2", "table3", "table4", "figure3"]
    for name, experiment in EXPERIMENTS.items():
        assert experiment.name == name
        assert experiment.claim.endswith(".")
