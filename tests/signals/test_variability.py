import math

import numpy as np
import pytest

from pulsefer.datasets.synthetic_pulse import beat_times_s, pulse_wave
from pulsefer.signals.evidence import BLOOD_RGB
from pulsefer.signals.variability import N_BEATS, NO_VARIABILITY, NOISE_MS, variability

SECONDS, FS_HZ = 60.0, 25.0
TIME_S = np.arange(round(SECONDS * FS_HZ)) / FS_HZ


def trace(bpm=66.0, spread=0.04, noise=0.02, seed=0):
    """A colour trace of a pulse of 1 %, and its true RMSSD and SDNN, ms."""
    beats_s = beat_times_s(bpm, -2.0, SECONDS + 2, seed=seed, variability=spread)
    blood = np.array(BLOOD_RGB) / BLOOD_RGB[1]
    wave = pulse_wave(beats_s, TIME_S)[:, None] * blood
    rng = np.random.default_rng(seed)
    colour = np.array([170.0, 120.0, 100.0]) * (1 - 0.01 * wave)
    inside_ms = 1000 * np.diff(beats_s[(beats_s > 1) & (beats_s < SECONDS - 1)])
    truth = math.sqrt(np.mean(np.diff(inside_ms) ** 2)), float(np.std(inside_ms, ddof=1))
    return colour + noise * rng.normal(size=(len(TIME_S), 3)), truth


def test_planted_variability_comes_back_from_a_clean_trace():
    pairs = []
    for seed in range(8):
        colour, (rmssd_ms, sdnn_ms) = trace(bpm=55 + 5 * seed, seed=seed)
        found = variability(colour, TIME_S)
        if math.isnan(found.rmssd_ms):
            continue
        pairs.append((found.rmssd_ms / rmssd_ms, found.sdnn_ms / sdnn_ms))
    assert len(pairs) >= 6
    rmssd, sdnn = np.array(pairs).T
    # The band keeps most of it, and what it keeps is the same for everybody.
    assert np.all((rmssd > 0.75) & (rmssd < 1.1))
    assert np.all((sdnn > 0.8) & (sdnn < 1.1))


def test_a_livelier_heart_has_more_of_it():
    calm, lively = (variability(trace(spread=spread)[0], TIME_S) for spread in (0.02, 0.05))
    assert calm.rmssd_ms < lively.rmssd_ms
    assert calm.sdnn_ms < lively.sdnn_ms


@pytest.mark.parametrize("seed", range(4))
def test_where_noise_would_make_it_there_is_none(seed):
    noisy = variability(trace(noise=0.4, seed=seed)[0], TIME_S)
    assert math.isnan(noisy.rmssd_ms)
    assert math.isnan(noisy.sdnn_ms)


def test_the_noise_is_told_and_grows_with_the_noise():
    told = [variability(trace(noise=noise)[0], TIME_S).noise_ms for noise in (0.02, 0.1, 0.3)]
    assert told == sorted(told)
    assert told[0] < NOISE_MS < told[1]


def test_the_noise_that_is_told_is_what_noise_does():
    """RMSSD of a perfectly even heart is all noise."""
    ratio = []
    for seed in range(6):
        colour, _ = trace(spread=0.0, noise=0.04, seed=seed)
        found = variability(colour, TIME_S)
        if not math.isnan(found.rmssd_ms):
            ratio.append(found.rmssd_ms / found.noise_ms)
    assert len(ratio) >= 3
    assert 0.4 < np.median(ratio) < 2.0


def test_too_short_too_few_and_nothing_have_none():
    colour, _ = trace()
    n = round(20 * FS_HZ)
    assert variability(colour[:n], TIME_S[:n]) == NO_VARIABILITY
    few = round(15 * FS_HZ)
    found = variability(colour[:few], TIME_S[:few], least_s=14.0)
    assert N_BEATS > 14 * 66 / 60
    assert math.isnan(found.rmssd_ms)
    assert variability(np.full((n, 3), 100.0), TIME_S[:n]) == NO_VARIABILITY
    assert variability(np.full((n, 3), np.nan), TIME_S[:n]) == NO_VARIABILITY
