import math
from itertools import pairwise

import numpy as np
import pytest
from beat_shapes import breathing, ppg_wave
from scipy.signal import butter, sosfiltfilt

from pulsefer.signals.spectrum import NO_RATE, spectral_rate

FS_HZ = 30.0


def seconds(length_s, fs_hz=FS_HZ):
    return np.arange(round(length_s * fs_hz)) / fs_hz


def tone(bpm, length_s, fs_hz=FS_HZ):
    return np.sin(2 * np.pi * bpm / 60.0 * seconds(length_s, fs_hz) + 0.7)


@pytest.mark.parametrize("bpm", [45.37, 71.93, 100.0, 133.33, 175.2])
@pytest.mark.parametrize("length_s", [8.0, 10.0, 30.0, 60.0])
def test_rate_of_a_tone_is_that_tone_and_no_bin(bpm, length_s):
    got = spectral_rate(tone(bpm, length_s), FS_HZ)
    assert got.hr_bpm == pytest.approx(bpm, abs=0.5 if length_s < 10 else 0.1)
    assert got.quality > 0.85
    assert got.snr_db > 9.0


@pytest.mark.parametrize("fs_hz", [12.5, 30.0, 61.0, 256.0])
def test_the_sampling_rate_does_not_matter(fs_hz):
    assert spectral_rate(tone(77.7, 20.0, fs_hz), fs_hz).hr_bpm == pytest.approx(77.7, abs=0.05)


def test_scale_offset_sign_and_slope_do_not_matter():
    wave = ppg_wave(seconds(20.0), breathing(70, 20.0))
    want = spectral_rate(wave, FS_HZ)
    for same in (-wave, 1e-6 * wave, 1e9 * wave + 1e10, wave + 3.0 * seconds(20.0)):
        got = spectral_rate(same, FS_HZ)
        assert got.hr_bpm == pytest.approx(want.hr_bpm, abs=0.01)
        assert got.quality == pytest.approx(want.quality, abs=0.01)


@pytest.mark.parametrize("bpm", [45, 60, 80])
def test_a_strong_second_harmonic_does_not_double_the_rate(bpm):
    wave = tone(bpm, 20.0) + 1.4 * tone(2 * bpm, 20.0)
    assert spectral_rate(wave, FS_HZ).hr_bpm == pytest.approx(bpm, abs=0.3)


@pytest.mark.parametrize("bpm", [100, 140])
def test_a_little_power_at_one_half_does_not_halve_the_rate(bpm):
    wave = tone(bpm, 20.0) + 0.4 * tone(bpm / 2, 20.0)
    assert spectral_rate(wave, FS_HZ).hr_bpm == pytest.approx(bpm, abs=0.3)


@pytest.mark.parametrize("length_s", [5.0, 10.0, 30.0])
def test_quality_is_near_zero_for_noise_and_near_one_for_a_pulse(length_s):
    rng = np.random.default_rng(0)
    n = round(length_s * FS_HZ)
    noise = [spectral_rate(rng.standard_normal(n), FS_HZ).quality for _ in range(60)]
    assert np.mean(noise) < 0.1
    pulse = spectral_rate(ppg_wave(seconds(length_s), np.arange(-2, length_s + 2, 0.8)), FS_HZ)
    assert pulse.quality > (0.85 if length_s >= 10 else 0.65)  # 5 s has room for little else


@pytest.mark.parametrize("length_s", [10.0, 30.0])
def test_noise_in_the_pulse_band_has_low_quality_too(length_s):
    band = butter(2, (0.65, 3.5), btype="bandpass", fs=FS_HZ, output="sos")
    rng = np.random.default_rng(0)
    noise = sosfiltfilt(band, rng.standard_normal((60, round(length_s * FS_HZ))), axis=1)
    assert np.mean([spectral_rate(wave, FS_HZ).quality for wave in noise]) < 0.15


def test_a_wave_shuffled_in_time_loses_its_quality():
    wave = ppg_wave(seconds(20.0), breathing(70, 20.0))
    shuffled = np.random.default_rng(0).permutation(wave)
    assert spectral_rate(wave, FS_HZ).quality > 0.7
    assert spectral_rate(shuffled, FS_HZ).quality < 0.3


def test_quality_falls_as_noise_rises():
    noise = np.random.default_rng(0).standard_normal(600)
    qualities = [
        spectral_rate(tone(70, 20.0) + s * noise, FS_HZ).quality for s in (0, 0.5, 1, 2, 4)
    ]
    assert all(a > b for a, b in pairwise(qualities))


@pytest.mark.parametrize(
    "wave",
    [
        np.zeros(300),
        np.full(300, 0.1),
        np.linspace(0.0, 5.0, 300),
        tone(70, 2.9),
        np.empty(0),
        np.where(np.arange(300) == 7, np.nan, tone(70, 10.0)),
        np.where(np.arange(300) == 7, np.inf, tone(70, 10.0)),
    ],
    ids=["zero", "constant", "line", "short", "empty", "nan", "inf"],
)
def test_what_has_no_peak_has_no_rate(wave):
    got = spectral_rate(wave, FS_HZ)
    assert math.isnan(got.hr_bpm)
    assert got.quality == 0.0
    assert got is NO_RATE


def test_a_slope_into_the_band_is_no_rate():
    assert spectral_rate(tone(25.0, 30.0), FS_HZ).quality < 0.1
    got = spectral_rate(tone(30.0, 30.0) + 0.1 * tone(90.0, 30.0), FS_HZ)
    assert got.hr_bpm == pytest.approx(90.0, abs=1.0)


def test_rates_outside_the_band_asked_for_do_not_come_out():
    wave = tone(60, 20.0) + 0.5 * tone(110, 20.0)
    assert spectral_rate(wave, FS_HZ, low_bpm=90).hr_bpm == pytest.approx(110, abs=0.5)
    assert spectral_rate(wave, FS_HZ, high_bpm=90).hr_bpm == pytest.approx(60, abs=0.5)


@pytest.mark.parametrize(
    ("fs_hz", "band"), [(5.0, {}), (30.0, {"low_bpm": 0}), (30.0, {"high_bpm": 30})]
)
def test_a_band_that_cannot_be_is_refused(fs_hz, band):
    with pytest.raises(ValueError, match="half of fs_hz"):
        spectral_rate(tone(70, 10.0), fs_hz, **band)
    with pytest.raises(ValueError, match="one dimension"):
        spectral_rate(np.zeros((300, 3)), 30.0)
