"""Skin resistance of the specimens: planted, read back, on the clock of the trial."""

import pickle

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets import deap
from pulsefer.datasets.deap_signal import require_alive
from pulsefer.datasets.synthetic_skin import REST_OHM, moments_s, skin_resistance_ohm

COURSE = {"length_s": 30.0, "fs_hz": 32.0, "start_s": -3.0, "end_s": 30.0, "seed": 3}


def skin(subject="s01", stimulus=1, arousal=7.0):
    return skin_resistance_ohm("deap", subject, stimulus, arousal, **COURSE)


def test_nothing_happens_before_the_first_moment_and_then_the_resistance_falls():
    time_s = -3.0 + np.arange(len(skin())) / 32.0
    first_s = moments_s("deap", 1, 30.0, 3)[0]
    before = skin()[time_s < first_s]
    assert np.abs(before / REST_OHM - 1).max() < 0.01
    after = skin()[(time_s > first_s + 0.5) & (time_s < first_s + 2)]
    assert after.max() < before.min()


def test_more_arousal_is_a_deeper_fall_at_the_same_moments():
    calm, moved = skin(arousal=2.0), skin(arousal=8.0)
    assert moved.min() < calm.min() < REST_OHM
    assert np.corrcoef(calm, moved)[0, 1] > 0.9


def test_the_moments_belong_to_the_clip_and_not_to_the_person():
    same = np.corrcoef(skin("s01"), skin("s02"))[0, 1]
    others = [np.corrcoef(skin(), skin(stimulus=clip))[0, 1] for clip in range(2, 12)]
    assert same > 0.95 > 0.6 > np.mean(others)


def test_deap_gives_the_planted_skin_of_each_trial_on_its_clock(deap_specimen):
    for recording in deap.read(deap_specimen.root):
        truth = deap_specimen.of(recording.subject, int(recording.trial.removeprefix("trial")))
        signal = pickle.loads(pickle.dumps(recording)).load_other["eda"]()
        assert (signal.kind, signal.fs_hz, signal.start_s) == ("eda", 128.0, -3.0)
        assert signal.end_s == recording.length_s
        planted = skin_resistance_ohm(
            "deap", truth.subject, truth.stimulus, truth.ratings["arousal"],
            length_s=6.0, fs_hz=128.0, start_s=-3.0, end_s=6.0, seed=0,
        )  # fmt: skip
        np.testing.assert_allclose(signal.values, planted, rtol=1e-6)


def test_a_bdf_offers_no_skin_for_its_unit_differs_between_the_sites(deap_bdf_specimen, tmp_path):
    whole = next(deap.read(deap_bdf_specimen.root))
    assert set(whole.load_other) == {"eda"}
    for name in ("face_video", "metadata_csv", "data_original", "SPECIMEN.json"):
        (tmp_path / name).symlink_to(deap_bdf_specimen.root / name)
    assert not next(deap.read(tmp_path)).load_other


def test_a_sensor_that_shows_one_value_is_refused():
    with pytest.raises(BadInput, match=r"expected a signal that changes, found the value 7"):
        require_alive(np.full(9, 7.0), "s01.dat")
