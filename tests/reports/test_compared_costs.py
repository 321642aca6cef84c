"""What the compared systems cost: everybody is asked, nothing is remembered, lines are straight."""

import importlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from pulsefer.baselines.mtts_can import pulse_steps
from pulsefer.baselines.registry import SYSTEMS
from pulsefer.models.crnn import Crnn, CrnnConfig

ROOT = Path(__file__).parents[2]


@pytest.fixture
def costs(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.compared_systems")


@pytest.fixture
def few(costs, monkeypatch):
    """Turns that take less than a second."""
    turns = {
        "crnn": costs.TURNS["crnn"]._replace(n=4, n_asked=2),
        "nca_knn": costs.TURNS["nca_knn"]._replace(n=4, n_asked=1),
    }
    monkeypatch.setattr(costs, "TURNS", turns)
    return costs


def stand_in(made):
    """Systems that learn nothing and keep what they were shown."""

    class System:
        modality, unit, n_parameters = ("ppg",), "trial", 1

        def fit(self, bundle, *_):
            made.append(bundle)

        def predict_proba(self, bundle):
            made.append(bundle)

    return lambda *_: System()


def test_every_compared_system_and_the_crnn_have_a_turn(costs):
    assert set(costs.TURNS) == {costs.CRNN, *SYSTEMS}


def test_a_trial_has_as_many_samples_as_windows_fit_into_it(costs):
    assert costs.TURNS["crnn"].per_trial == 60
    assert costs.TURNS["mtts_can"].per_trial == len(range(0, 60 - 10 + 1, 5))
    assert costs.TURNS["r_elm"].per_trial == 1


@pytest.mark.parametrize("points", [(1, 2), (1, 4), (3, 7)])
def test_a_straight_cost_is_read_off_whatever_two_points_were_measured(costs, points):
    at = [3.0 + 0.5 * point for point in points]
    assert costs.on_line(points, at, 15) == pytest.approx(3.0 + 0.5 * 15)


def test_a_line_is_read_at_the_systems_own_value(costs):
    lines = {name: turn for name, turn in costs.TURNS.items() if turn.along == "epochs"}
    own = {name: costs.own_value(name, turn) for name, turn in lines.items()}
    assert own == {"crnn": 15, "mtl_cnn": 15, "cnn_3d": 15, "ouzar": 15, "mtts_can": 24}


def test_no_signal_is_seen_twice(costs, monkeypatch):
    seen = []
    monkeypatch.setattr(costs, "make", stand_in(seen))
    for name in ("r_elm", "mrmr_rf", "ppg_cnn"):
        turn = costs.TURNS[name]
        for number in range(2):
            costs._measure(name, turn, turn.points, number)
    signals = [has["ppg"].values.tobytes() for bundle in seen for has in bundle.signals]
    assert len(signals) == 3 * 2 * (16 + 4)
    assert len(set(signals)) == len(signals)


def test_every_window_that_mtts_can_learns_from_has_a_pulse(costs):
    turn = costs.TURNS["mtts_can"]
    system = costs.make("mtts_can", {})
    bundle = costs.bundle_of(system, turn, turn.n, seed=3)
    assert bundle.fps_hz == 12.5
    assert all(
        pulse_steps(has, len(read()), bundle.fps_hz) is not None
        for has, read in zip(bundle.signals, bundle.faces, strict=True)
    )


def test_the_crnn_as_a_system_learns_and_answers(costs):
    system = costs.make("crnn", {"epochs": 2})
    turn = costs.TURNS["crnn"]
    bundle = costs.bundle_of(system, turn, 4, seed=1)
    classes = np.array([0, 1, 0, 1])
    system.fit(bundle, costs.Labels(classes, 1.0 - classes), np.zeros(4, np.int64))
    torch.manual_seed(0)
    drawn = Crnn(CrnnConfig(heart_rate=False))
    assert not torch.equal(system._module.model.feature.weight, drawn.feature.weight)
    proba = system.predict_proba(bundle)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    assert system.n_parameters == 1_052_473


def test_costs_stand_beside_those_of_the_crnn_in_the_same_round(few):
    result = few.run(rounds=1, only=["nca_knn"])
    ours, other = (result["systems"][name] for name in ("crnn", "nca_knn"))
    assert ours["fit_over_crnn"] == ours["answer_over_crnn"] == 1
    for of, cost in (("fit", "fit_s_per_trial"), ("answer", "answer_ms_per_trial")):
        assert other[f"{of}_over_crnn"] == pytest.approx(other[cost] / ours[cost], rel=0.02)
    assert ours["answer_ms_per_trial"] == pytest.approx(60 * ours["answer_ms"], rel=0.02)
    text = few.section(result)
    assert "| CRNN (STL, GRU) | 1 s, 5 frames | 60 | 1,052,473 |" in text
    assert "| 4 samples; 1 and 2 of 15 epochs |" in text
    assert "| NCA + k-NN | trial | 1 |" in text


def test_the_committed_costs_are_of_every_system_and_of_the_networks_as_they_are():
    result = json.loads((ROOT / "results/benchmarks/compared_systems.json").read_text("utf-8"))
    systems = result["systems"]
    assert set(systems) == {"crnn", *SYSTEMS}
    for name, one in systems.items():
        costs = [value for key, value in one.items() if key.startswith(("fit_", "answer_"))]
        assert len(costs) == 5
        assert all(math.isfinite(value) and value > 0 for value in costs), name
    counts = {name: systems[name]["parameters"] for name in ("crnn", "mtl_cnn", "cnn_3d")}
    assert counts == {"crnn": 1_052_473, "mtl_cnn": 655_010, "cnn_3d": 1_197_793}
    assert (systems["mtts_can"]["parameters"], systems["ppg_cnn"]["parameters"]) == (
        532_899, 66_753,
    )  # fmt: skip
