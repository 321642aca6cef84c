import numpy as np
import pytest
from scipy.signal import find_peaks

from pulsefer.datasets.synthetic_pulse import (
    FACE_DELAY_S,
    FINGER_DELAY_S,
    beat_times_s,
    ecg,
    ppg,
    pulse_wave,
)

RATES = [45.0, 75.0, 110.0, 150.0]


def delays_s(values, beats_s, fs_hz, start_s, prominence):
    """From each inner beat to the peak that follows."""
    peaks_s = start_s + find_peaks(values, prominence=prominence)[0] / fs_hz
    inner = beats_s[(beats_s > start_s + 0.1) & (beats_s < peaks_s[-1] - 0.6)]
    after = peaks_s[np.searchsorted(peaks_s, inner - 0.02)]
    assert len(inner) > 5
    return after - inner


@pytest.mark.parametrize("bpm", RATES)
def test_a_steady_heart_beats_at_its_rate(bpm):
    beats = beat_times_s(bpm, -3.0, 60.0, seed=1)
    np.testing.assert_allclose(np.diff(beats), 60 / bpm)
    assert -3 <= beats[0] < -3 + 60 / bpm
    assert 60 - 60 / bpm <= beats[-1] < 60


@pytest.mark.parametrize("bpm", RATES)
@pytest.mark.parametrize("variability", [0.02, 0.05, 0.1])
def test_a_variable_heart_keeps_its_median_interval(bpm, variability):
    beats = beat_times_s(bpm, 0.0, 60.0, seed=2, variability=variability)
    intervals = np.diff(beats)
    assert 60 / np.median(intervals) == pytest.approx(bpm, rel=0.005)
    assert intervals.std() * bpm / 60 == pytest.approx(variability, rel=0.35)
    assert beats[-1] > 60 - 2 * 60 / bpm


def test_the_lead_beats_at_its_own_rate_up_to_time_zero():
    beats = beat_times_s(90.0, -6.0, 30.0, seed=1, lead_hr_bpm=50.0)
    np.testing.assert_allclose(np.diff(beats[beats < 0]), 60 / 50)
    np.testing.assert_allclose(np.diff(beats[beats >= 0]), 60 / 90)
    same = beat_times_s(90.0, -6.0, 30.0, seed=1)
    np.testing.assert_array_equal(beats[beats >= 0], same[same >= 0])


def test_same_seed_same_beats_and_another_seed_another_phase():
    beats = beat_times_s(70.0, -3.0, 20.0, seed=1, variability=0.05)
    again = beat_times_s(70.0, -3.0, 20.0, seed=1, variability=0.05)
    np.testing.assert_array_equal(beats, again)
    assert beats[0] != beat_times_s(70.0, -3.0, 20.0, seed=2, variability=0.05)[0]


@pytest.mark.parametrize("bpm", RATES)
def test_the_finger_peaks_a_constant_time_after_the_beat(bpm):
    beats = beat_times_s(bpm, -2.0, 30.0, seed=3, variability=0.03)
    values = ppg(beats, fs_hz=500.0, start_s=0.0, end_s=30.0)
    delay = delays_s(values, beats, 500.0, 0.0, prominence=0.4)
    np.testing.assert_allclose(delay, FINGER_DELAY_S, atol=0.02)
    assert np.ptp(delay) < 0.02


def test_a_slow_finger_pulse_has_a_notch():
    beats = beat_times_s(60.0, -2.0, 12.0, seed=3)
    values = ppg(beats, fs_hz=200.0, start_s=0.0, end_s=10.0)
    assert len(find_peaks(values, prominence=0.4)[0]) in (9, 10)
    assert len(find_peaks(values, prominence=0.03)[0]) in (19, 20)


@pytest.mark.parametrize("bpm", RATES)
def test_the_r_peak_is_the_beat(bpm):
    beats = beat_times_s(bpm, -2.0, 30.0, seed=3, variability=0.03)
    values = ecg(beats, fs_hz=512.0, start_s=-1.0, end_s=30.0)
    delay = delays_s(values, beats, 512.0, -1.0, prominence=0.6)
    np.testing.assert_allclose(delay, 0.0, atol=1.01 / 512)


@pytest.mark.parametrize("bpm", RATES)
def test_the_skin_fills_and_empties_between_about_0_and_1(bpm):
    beats = beat_times_s(bpm, -3.0, 30.0, seed=3)
    time_s = np.arange(0, 20, 0.005)
    wave = pulse_wave(beats, time_s)
    assert wave.max() == pytest.approx(1.0, abs=0.07)
    assert -0.01 <= wave.min() < 0.35
    delay = delays_s(wave, beats[beats < 20], 200.0, 0.0, prominence=0.3)
    np.testing.assert_allclose(delay, FACE_DELAY_S, atol=0.04)
    assert np.ptp(delay) < 0.011


@pytest.mark.parametrize("record", [ppg, ecg])
def test_an_amplifier_scales_shifts_and_inverts(record):
    beats = beat_times_s(70.0, -2.0, 10.0, seed=1)
    plain = record(beats, fs_hz=128.0, start_s=-3.0, end_s=8.0)
    assert plain.shape == (11 * 128,)
    stored = record(
        beats, fs_hz=128.0, start_s=-3.0, end_s=8.0, inverted=True, offset=500.0, scale=20.0
    )
    np.testing.assert_allclose(stored, 500 - 20 * plain)


def test_noise_has_the_asked_spread_and_repeats():
    silent = np.array([])
    options = {"fs_hz": 100.0, "start_s": 0.0, "end_s": 60.0, "noise": 0.1, "scale": 50.0}
    values = ppg(silent, **options, seed=1)
    assert values.std() == pytest.approx(5.0, rel=0.05)
    np.testing.assert_array_equal(values, ppg(silent, **options, seed=1))
    assert not np.array_equal(values, ppg(silent, **options, seed=2))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hr_bpm": 20.0}, "hr_bpm"),
        ({"lead_hr_bpm": 250.0}, "lead_hr_bpm"),
        ({"end_s": -4.0}, "start_s < end_s"),
        ({"variability": 0.5}, "variability"),
    ],
)
def test_what_no_heart_does_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        beat_times_s(**{"hr_bpm": 70.0, "start_s": -3.0, "end_s": 10.0, "seed": 1} | change)


def test_a_signal_needs_a_rate_and_a_span():
    with pytest.raises(ValueError, match="fs_hz > 0"):
        ppg(np.array([0.0]), fs_hz=0.0, start_s=0.0, end_s=1.0)
    with pytest.raises(ValueError, match="start_s < end_s"):
        ecg(np.array([0.0]), fs_hz=100.0, start_s=1.0, end_s=1.0)
