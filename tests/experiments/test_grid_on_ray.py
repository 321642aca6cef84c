"""The same grid on Ray: the same bytes, whoever is killed on the way."""

import dataclasses
import os
import signal
import subprocess
import threading
import time

import pytest

from made_store import make_store
from pulsefer.experiments.grid import Arm, plan, run_jobs
from pulsefer.models.crnn import CrnnConfig
from pulsefer.samples.window import WindowConfig
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import epochs_done

ray = pytest.importorskip("ray", reason="the extra [cluster] is not installed")

WINDOWS = WindowConfig(n_frames=2, step_s=4.0)
QUICK = TrainConfig(epochs=2, batch_size=32)
BY = Protocol(folds=2, validation=0.0)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Two arms, trained one after the other in this process."""
    folder = tmp_path_factory.mktemp("ray")
    store = make_store(folder / "store", subjects=2, effect=40.0).path
    stl = dataclasses.replace(QUICK, model=CrnnConfig(heart_rate=False))
    arms = [Arm(name, (store,), WINDOWS, BY, how) for name, how in (("MTL", QUICK), ("STL", stl))]
    run_jobs(plan(arms, out=folder / "alone"))
    return arms, written(folder / "alone")


def written(out):
    """Every byte of the tables, by run."""
    return {
        str(path.relative_to(out)): path.read_bytes()
        for name in ("predictions.parquet", "history.csv", "splits.csv")
        for path in out.glob(f"runs/*/{name}")
    }


def workers_of(driver):
    """Process numbers of the Ray workers that belong to a process."""
    listed = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    ).stdout
    table = [line.split(maxsplit=2) for line in listed.splitlines()]
    children = {pid for pid, parent, *_ in table if int(parent) == driver}
    return [
        int(pid) for pid, parent, *args in table
        if parent in children and args and args[0].startswith("ray::PoolActor.run_batch")
    ]  # fmt: skip


def test_a_killed_worker_loses_nothing(alone, tmp_path, monkeypatch):
    arms, expected = alone
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    # As a user names it: the workers have to find it too.
    monkeypatch.chdir(tmp_path)
    jobs = plan(arms, out=tmp_path.relative_to(tmp_path) / "on ray")
    killed = []

    def kill():
        while not epochs_done(job.folder for job in jobs):
            time.sleep(0.02)
        killed.append(epochs_done(job.folder for job in jobs))
        os.kill(workers_of(os.getpid())[0], signal.SIGKILL)

    threading.Thread(target=kill, daemon=True).start()
    grid = run_jobs(jobs, workers=2, backend="ray")
    assert killed
    assert killed[0] < sum(job.n_epochs for job in jobs)
    assert grid.problems == ()
    assert written(tmp_path / "on ray") == expected
    assert not ray.is_initialized()
