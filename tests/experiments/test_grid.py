"""Trainings side by side: each once, whatever is killed, whoever asks."""

import dataclasses

import pytest

from made_store import make_store
from pulsefer.experiments.grid import Arm, estimate_s, plan, run_jobs
from pulsefer.models.crnn import CrnnConfig
from pulsefer.samples.window import WindowConfig
from pulsefer.training.config import Protocol, TrainConfig

WINDOWS = WindowConfig(n_frames=2, step_s=4.0)
QUICK = TrainConfig(epochs=1, batch_size=16)
BY = Protocol(folds=2, validation=0.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("grid") / "store", effect=40.0).path


def arms(store, **more):
    stl = dataclasses.replace(QUICK, model=CrnnConfig(heart_rate=False))
    found = {
        "MTL": Arm("MTL", (store,), WINDOWS, BY, QUICK),
        "STL": Arm("STL", (store,), WINDOWS, BY, stl),
        "mean": Arm("mean", (store,), WINDOWS, BY, QUICK, auxiliary="subject_mean"),
        "permuted": Arm("permuted", (store,), WINDOWS, BY, QUICK, permuted=True),
    }
    return [dataclasses.replace(arm, **more) for arm in found.values()]


def written(out):
    """Every byte of the predictions, by run."""
    return {path.parent.name: path.read_bytes() for path in out.glob("runs/*/predictions.parquet")}


@pytest.fixture(scope="module")
def alone(store, tmp_path_factory):
    """Every arm, trained one after the other in this process."""
    out = tmp_path_factory.mktemp("alone")
    return out, run_jobs(plan(arms(store), out=out))


def test_every_arm_is_a_run_and_differs_in_what_it_says(alone):
    out, grid = alone
    assert grid.problems == ()
    assert set(grid.runs) == {"MTL", "STL", "mean", "permuted"}
    assert len({run.about["fingerprint"] for run in grid.runs.values()}) == 4
    assert grid.runs["mean"].about["marks"]["auxiliary"] == "subject_mean"
    assert grid.runs["permuted"].about["marks"]["permuted_labels"] is True
    table = grid.runs["mean"].predictions
    assert table.groupby("subject")["hr_bpm"].nunique().max() == 1
    assert {"hr_pos_bpm", "hr_chrom_bpm", "high_train_share"} <= set(table.columns)
    assert len(list(out.glob("windows/*.parquet"))) == 1


def test_what_is_finished_is_not_run_again_whatever_it_is_called(store, tmp_path):
    run_jobs(plan(arms(store)[:1], out=tmp_path))
    before = written(tmp_path)
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    renamed = dataclasses.replace(arms(store)[0], name="table 3, MTL")
    jobs = plan([renamed], out=tmp_path)
    assert [job.done for job in jobs] == [True]
    assert estimate_s(jobs) == 0
    assert list(run_jobs(jobs).runs) == ["table 3, MTL"]
    assert written(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == stamps


def test_two_arms_that_want_the_same_are_trained_once(store, tmp_path):
    first = arms(store)[0]
    jobs = plan([first, dataclasses.replace(first, name="again")], out=tmp_path)
    grid = run_jobs(jobs)
    assert set(grid.runs) == {"MTL", "again"}
    assert len(written(tmp_path)) == 1


def test_two_processes_write_what_one_writes(alone, store, tmp_path):
    run_jobs(plan(arms(store), out=tmp_path, workers=2), workers=2)
    assert written(tmp_path) == written(alone[0])


def test_a_grid_that_was_interrupted_goes_on(alone, store, tmp_path):
    jobs = plan(arms(store), out=tmp_path)
    run_jobs(jobs[:2])
    (jobs[1].folder / "predictions.parquet").unlink()
    run_jobs(jobs)
    assert written(tmp_path) == written(alone[0])


def test_an_arm_that_cannot_be_trained_is_named_and_the_others_go_on(store, tmp_path):
    hopeless = Arm("by 40 persons", (store,), WINDOWS, Protocol(folds=3), QUICK)
    frozen = Arm("frozen", (store,), WINDOWS, BY, dataclasses.replace(QUICK, freeze_cnn=True))
    grid = run_jobs(plan([frozen, hopeless, arms(store)[0]], out=tmp_path))
    assert set(grid.runs) == {"MTL", "by 40 persons"}
    (problem,) = grid.problems
    assert problem.where == "frozen"
    assert "--cnn" in problem.found


def test_names_are_unique_and_stores_have_to_be_there(store, tmp_path):
    with pytest.raises(ValueError, match="found twice: MTL"):
        plan([arms(store)[0]] * 2, out=tmp_path)
    with pytest.raises(ValueError, match="nowhere"):
        plan(arms(store, stores=(tmp_path / "nowhere",)), out=tmp_path)


def test_the_estimate_grows_with_the_work_and_shrinks_with_the_workers(store, tmp_path):
    little = plan(arms(store)[:1], out=tmp_path)
    long = dataclasses.replace(QUICK, epochs=50)
    much = plan([Arm("long", (store,), WINDOWS, BY, long)], out=tmp_path)
    assert 0 < estimate_s(little) < estimate_s(much)
    assert estimate_s(much, workers=2) < estimate_s(much)
