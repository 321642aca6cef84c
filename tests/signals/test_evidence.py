"""Is there a pulse? What noise may say, what a planted pulse has to say, and what fools others."""

import math

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.datasets.synthetic_pulse import beat_times_s, pulse_wave
from pulsefer.signals.evidence import BLOOD_RGB, CHANCE, NO_EVIDENCE, evidence

FS_HZ = 25.0
SKIN = np.array([170.0, 120.0, 100.0])
BLOOD = np.array(BLOOD_RGB) / BLOOD_RGB[1]
GREY = np.ones(3)


def times(seconds=12.0, fs_hz=FS_HZ):
    return np.arange(round(seconds * fs_hz)) / fs_hz


def skin(time_s, *, bpm=None, amplitude=0.002, noise=0.05, direction=BLOOD, seed=0, mix=None):
    """A colour trace: a pulse wave of the share `amplitude`, noise in grey levels."""
    rng = np.random.default_rng(seed)
    colour = np.tile(SKIN, (len(time_s), 1))
    if bpm is not None:
        beats_s = beat_times_s(bpm, -2.0, time_s[-1] + 1, seed=seed, variability=0.01)
        colour *= 1 - amplitude * pulse_wave(beats_s, time_s)[:, None] * direction
    mix = np.eye(3) if mix is None else mix
    return colour + noise * rng.normal(size=(len(time_s), 3)) @ mix


@pytest.mark.parametrize("bpm", [45.0, 60.0, 84.0, 120.0, 150.0, 175.0])
def test_a_planted_rate_comes_back_and_is_believed(bpm):
    for seed in range(5):
        found = evidence(skin(times(), bpm=bpm, seed=seed), times())
        assert found.clear
        assert found.hr_bpm == pytest.approx(bpm, abs=2.5)


@pytest.mark.parametrize(("seconds", "fs_hz"), [(8.0, 15.0), (12.0, 25.0), (12.0, 30.0)])
def test_noise_of_any_colour_passes_about_as_often_as_the_quality_says(seconds, fs_hz):
    rng = np.random.default_rng(7)
    quality = []
    for seed in range(300):
        mix = rng.normal(size=(3, 3))  # channels that go together in any way
        quality.append(evidence(skin(times(seconds, fs_hz), seed=seed, mix=mix),
                                times(seconds, fs_hz)).quality)  # fmt: skip
    quality = np.array(quality)
    for chance in (0.5, 0.2, 0.1, CHANCE):
        n_sd = math.sqrt(chance * (1 - chance) / len(quality))
        assert (quality >= 1 - chance).mean() <= chance * 1.6 + 3 * n_sd
    assert (quality >= 0.5).mean() >= 0.15  # it is not merely silent


def test_the_brightness_and_the_order_of_magnitude_do_not_matter():
    trace = skin(times(), bpm=72.0, amplitude=0.001)
    first, dim = evidence(trace, times()), evidence(trace * 0.25, times())
    assert dim.hr_bpm == pytest.approx(first.hr_bpm, abs=1e-6)
    assert dim.quality == pytest.approx(first.quality, abs=1e-9)
    tinted = evidence(trace * [0.5, 2.0, 1.3], times())  # a lamp's colour is divided out
    assert tinted.hr_bpm == pytest.approx(first.hr_bpm, abs=1e-6)


def test_a_later_clock_changes_nothing():
    trace = skin(times(), bpm=72.0)
    assert evidence(trace, times() + 1000.0).hr_bpm == pytest.approx(
        evidence(trace, times()).hr_bpm, abs=1e-3
    )


def test_a_pulse_stands_out_of_light_that_moves_all_channels_alike():
    """Flicker a hundred times the pulse's power, at all rates around it."""
    rng = np.random.default_rng(3)
    right = 0
    for seed in range(10):
        light = np.cumsum(rng.normal(size=len(times()))) * 0.002
        trace = skin(times(), bpm=72.0, seed=seed) * (1 + light - light.mean())[:, None]
        found = evidence(trace, times())
        right += found.clear and abs(found.hr_bpm - 72.0) < 3
    assert right >= 9


def test_a_rate_is_not_taken_for_its_double_nor_its_half():
    wrong = 0
    for seed in range(20):
        bpm = 50.0 + 5 * seed
        found = evidence(skin(times(), bpm=bpm, amplitude=0.001, seed=seed), times())
        wrong += found.clear and abs(found.hr_bpm - bpm) > 3
    assert wrong == 0


def test_a_burst_is_no_pulse():
    """A rhythm in one second of twelve, as clear as one likes."""
    time_s = times()
    burst = np.exp(-((time_s - 3.0) ** 2) / 0.3)
    wave = 0.01 * np.sin(2 * np.pi * 2.0 * time_s) * burst
    trace = skin(time_s, noise=0.02) * (1 - wave[:, None] * BLOOD)
    assert not evidence(trace, time_s).clear


@pytest.mark.parametrize("amplitude", [0.0003, 0.001, 0.004])
def test_more_pulse_is_more_evidence(amplitude):
    weak = [evidence(skin(times(), bpm=72.0, amplitude=amplitude, seed=s), times()).quality
            for s in range(12)]  # fmt: skip
    strong = [evidence(skin(times(), bpm=72.0, amplitude=2 * amplitude, seed=s), times()).quality
              for s in range(12)]  # fmt: skip
    assert np.mean(strong) >= np.mean(weak) - 1e-9


@pytest.mark.parametrize(
    "trace",
    [
        np.zeros((300, 3)),
        np.tile(SKIN, (300, 1)),
        np.full((300, 3), np.nan),
        np.tile([0.0, 120.0, 100.0], (300, 1)),
    ],
    ids=["black", "constant", "no face", "a dead channel"],
)
def test_what_is_no_trace_has_no_evidence(trace):
    assert evidence(trace, times()) == NO_EVIDENCE


def test_a_trace_without_noise_is_certain_and_not_an_overflow():
    found = evidence(skin(times(), bpm=72.0, noise=0.0), times())
    assert found.clear
    assert found.hr_bpm == pytest.approx(72.0, abs=1.5)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 4.0])
def test_too_short_a_trace_has_no_evidence(seconds):
    trace = skin(times(seconds), bpm=72.0) if seconds else np.zeros((0, 3))
    assert evidence(trace, times(seconds)) == NO_EVIDENCE


def test_uneven_frames_give_the_rate_of_even_ones():
    steps_s = np.random.default_rng(0).uniform(1 / 40, 1 / 18, 400)
    time_s = np.cumsum(steps_s)[np.cumsum(steps_s) < 12.0]
    found = evidence(skin(time_s, bpm=66.0), time_s)
    assert found.clear
    assert found.hr_bpm == pytest.approx(66.0, abs=2.0)


def test_what_does_not_match_is_refused():
    with pytest.raises(BadInput, match="colours"):
        evidence(np.ones((10, 2)), times()[:10])
    with pytest.raises(BadInput, match="times that increase"):
        evidence(np.ones((10, 3)), np.zeros(10))
