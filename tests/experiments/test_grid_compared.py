"""Compared systems in a grid: beside the network, on the same windows, found by what they are."""

import dataclasses

import numpy as np
import pytest

from made_store import make_store
from pulsefer.baselines.registry import SystemConfig
from pulsefer.core.fingerprint import fingerprint
from pulsefer.core.types import Signal
from pulsefer.experiments.experiment import pooled
from pulsefer.experiments.grid import Arm, estimate_s, plan, run_jobs
from pulsefer.samples.other_signals import complete
from pulsefer.samples.store import open_store
from pulsefer.samples.window import WindowConfig
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import epochs_done

WINDOWS = WindowConfig(n_frames=2, step_s=4.0)
BY = Protocol(folds=2, validation=0.0)
QUICK = TrainConfig(epochs=1, batch_size=16)


class Lightness:
    """How light the lower half of a face is."""

    modality = ("face",)
    unit = "trial"
    fidelity = "title"
    n_parameters = 1

    def __init__(self, *, fails=False):
        self.fails = fails

    def fit(self, bundle, labels, _groups):
        if self.fails:
            raise ZeroDivisionError("division by zero")
        x = self._shown(bundle)
        self.middle = (x[labels.classes == 0].mean() + x[labels.classes == 1].mean()) / 2

    def predict_proba(self, bundle):
        high = 1 / (1 + np.exp(self.middle - self._shown(bundle)))
        return np.stack([1 - high, high], axis=1)

    def fitted(self):
        return {"middle": np.array(self.middle)}

    @staticmethod
    def _shown(bundle):
        halves = [read().astype(float).mean(axis=(0, 2, 3)) for read in bundle.faces]
        return np.array([half[32:].mean() - half[:32].mean() for half in halves])


LIGHTNESS = SystemConfig(f"{__name__}:Lightness")
FAILING = SystemConfig(f"{__name__}:Lightness", {"fails": True})


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("grid") / "store", effect=40.0).path


@pytest.fixture
def arm(store):
    return Arm("lightness", (store,), WINDOWS, BY, QUICK, system=LIGHTNESS)


def key(arm, out):
    return plan([arm], out=out)[0].folder.name


def test_the_place_of_a_network_is_what_it_was_before_there_were_systems(store, tmp_path):
    opened = open_store(store)
    content = [dict(opened.config), [recording.key for recording in opened]]
    arm = Arm("MTL", (store,), WINDOWS, BY, QUICK)
    wanted = fingerprint([content, WINDOWS, BY, QUICK, "true", False])
    assert key(arm, tmp_path) == wanted


def test_a_system_is_a_run_beside_the_others_and_one_that_fails_costs_them_nothing(arm, tmp_path):
    failing = dataclasses.replace(arm, name="failing", system=FAILING)
    jobs = plan([failing, arm], out=tmp_path)
    assert [(job.n_epochs, job.n_steps) for job in jobs] == [(2, 0), (2, 0)]
    assert estimate_s(jobs) == 0
    grid = run_jobs(jobs)
    assert [problem.where for problem in grid.problems] == ["failing"]
    assert "ZeroDivisionError: division by zero" in grid.problems[0].found
    run = grid.runs["lightness"]
    assert {"hr_pos_bpm", "hr_chrom_bpm", "high_train_share"} <= set(run.predictions.columns)
    assert epochs_done([run.folder]) == 2
    rows = {
        row.metric: row.value
        for row in pooled([run, run], experiment="t", system="Lightness", dataset="deap")
    }
    assert rows["balanced_accuracy"] == 1.0
    stamps = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")}
    assert set(run_jobs(plan([arm], out=tmp_path)).runs) == {"lightness"}
    assert {path: path.stat().st_mtime_ns for path in run.folder.rglob("*")} == stamps


def test_permuted_labels_reach_a_system_and_are_said(arm, tmp_path):
    permuted = dataclasses.replace(arm, permuted=True)
    run = run_jobs(plan([permuted], out=tmp_path)).runs["lightness"]
    assert run.about["marks"]["permuted_labels"] is True


def test_the_place_of_a_system_depends_on_what_decides_its_answers_and_on_nothing_else(
    arm, tmp_path
):
    def train(**wishes):
        return {"train": dataclasses.replace(QUICK, **wishes)}

    same = [train(epochs=7), {"name": "other"}]
    other = [train(seed=1), {"system": FAILING}, {"permuted": True}, {"system": None}]
    assert {key(dataclasses.replace(arm, **one), tmp_path) for one in same} == {key(arm, tmp_path)}
    assert len({key(dataclasses.replace(arm, **one), tmp_path) for one in [{}, *other]}) == 5


def test_a_store_that_was_given_the_skin_keeps_its_networks_and_not_its_systems(tmp_path):
    made = make_store(tmp_path / "store", subjects=2, trials=2)
    network = Arm("MTL", (made.path,), WINDOWS, BY, QUICK)
    system = dataclasses.replace(network, name="system", system=LIGHTNESS)
    before = [job.folder.name for job in plan([network, system], out=tmp_path)]
    complete(made.recordings[0].folder, {"eda": Signal("eda", np.arange(60.0), 4.0, -3.0)})
    after = [job.folder.name for job in plan([network, system], out=tmp_path)]
    assert after[0] == before[0]
    assert after[1] != before[1]
