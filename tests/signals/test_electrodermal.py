"""Even series of skin and heart from planted signals, with and without bad stretches."""

from dataclasses import replace

import numpy as np
import pytest
from beat_shapes import contact

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal
from pulsefer.signals.electrodermal import electrodermal_series
from pulsefer.signals.rate_series import beat_intervals, rate_series

LENGTH_S = 60.0


def skin(fs_hz=128.0, noise=0.0, length_s=LENGTH_S):
    """A slow level in microsiemens with three responses that rise in 1 s and fall in 6 s."""
    time_s = np.arange(round(length_s * fs_hz)) / fs_hz
    since_s = np.maximum(time_s[:, None] - [10.0, 25.0, 45.0], 0.0)
    responses = (np.exp(-since_s / 6.0) - np.exp(-since_s / 1.0)).sum(axis=1)
    hum = noise * np.sin(2 * np.pi * 50.0 * time_s)
    return Signal("eda", 4.0 + 0.01 * time_s + 0.5 * responses + hum, fs_hz, 0.0)


def breathing_beats(length_s=LENGTH_S, slow_bpm=65.0, fast_bpm=85.0):
    """Beats whose rate goes up and down once in 30 s; and the rate at any time."""

    def bpm(time_s):
        middle, half = (slow_bpm + fast_bpm) / 2, (fast_bpm - slow_bpm) / 2
        return middle + half * np.sin(2 * np.pi * np.asarray(time_s) / 30.0)

    times_s = [0.4]
    while times_s[-1] < length_s:
        times_s.append(times_s[-1] + 60.0 / bpm(times_s[-1] + 0.4))
    return np.array(times_s[:-1]), bpm


@pytest.mark.parametrize("fs_hz", [4.0, 32.0, 128.0, 256.0, 101.7])
def test_the_series_is_the_planted_level_at_any_rate_of_the_sensor(fs_hz):
    series = electrodermal_series(skin(fs_hz))
    assert len(series) == int(len(skin(fs_hz).values) / fs_hz * 4.0 + 1e-9)
    fine = skin(4000.0).values.reshape(-1, 1000).mean(axis=1)[: len(series)]
    # A sample of a slow sensor is not the middle of its quarter of a second.
    np.testing.assert_allclose(series, fine, atol=0.05 if fs_hz < 10 else 0.01)


def test_hum_and_single_spikes_do_not_come_through():
    noisy = skin(noise=0.2)
    noisy.values[::977] += 50.0
    np.testing.assert_allclose(electrodermal_series(noisy), electrodermal_series(skin()), atol=0.08)


def test_a_gap_becomes_a_straight_line_and_ends_are_held():
    signal = skin()
    whole = electrodermal_series(signal)
    signal.values[: 2 * 128] = np.nan
    signal.values[30 * 128 : 35 * 128] = np.nan
    signal.values[31 * 128] = np.inf
    signal.values[-128:] = np.nan
    series = electrodermal_series(signal)
    assert (series[:8] == whole[8]).all()
    assert (series[-4:] == whole[-5]).all()
    np.testing.assert_allclose(series[119:141], np.linspace(whole[119], whole[140], 22))
    np.testing.assert_array_equal(series[8:120], whole[8:120])


def test_tonic_and_phasic_add_up_and_the_responses_are_in_the_second():
    whole, tonic, phasic = (
        electrodermal_series(skin(), part=part) for part in ("whole", "tonic", "phasic")
    )
    assert len(whole) == len(tonic) == len(phasic)
    np.testing.assert_allclose(tonic + phasic, whole, atol=1e-9)
    assert abs(np.median(phasic)) < 0.1
    assert np.ptp(np.diff(tonic)) < 0.5 * np.ptp(np.diff(whole))
    steepest_s = (np.argmax(np.diff(phasic)) + 1) / 4.0
    assert min(abs(steepest_s - onset_s) for onset_s in (10.0, 25.0, 45.0)) <= 1.0


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (Signal("ppg", np.zeros(1000), 100.0, 0.0), "kind eda"),
        (replace(skin(), fs_hz=2.0), "4 Hz or more"),
        (skin(length_s=4.0), "5 s or more"),
        (replace(skin(), values=np.zeros((100, 2))), "one dimension"),
        (replace(skin(), values=np.full(7680, 3.3)), "3.3 throughout"),
        (replace(skin(), values=np.zeros(7680)), "0 throughout"),
        (replace(skin(), values=np.full(7680, np.nan)), "found 0%"),
        (replace(skin(), values=np.where(np.arange(7680) < 3000, 1.0, np.nan)), "found 39%"),
    ],
)
def test_what_is_no_skin_conductance_is_refused(signal, message):
    with pytest.raises(BadInput, match=message):
        electrodermal_series(signal)


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_the_rate_series_follows_the_planted_rate(kind):
    beats_s, bpm = breathing_beats()
    series = rate_series(contact(kind, beats_s, length_s=LENGTH_S))
    assert len(series) == 240
    times_s = (np.arange(240) + 0.5) / 4.0
    error = np.abs(series - bpm(times_s))[4:-4]
    assert np.median(error) < 1.5
    assert error.max() < 8.0


def test_the_clock_of_the_signal_does_not_matter():
    beats_s, _ = breathing_beats()
    signal = contact("ppg", beats_s, length_s=LENGTH_S)
    later = replace(signal, start_s=12.5)
    np.testing.assert_allclose(rate_series(later), rate_series(signal), atol=1e-6)
    np.testing.assert_allclose(
        beat_intervals(later).middle_s, beat_intervals(signal).middle_s + 12.5, atol=1e-9
    )


@pytest.mark.parametrize("bad", [np.nan, 0.0])
def test_a_bad_stretch_becomes_a_straight_line_and_leaves_the_rest_alone(bad):
    beats_s, bpm = breathing_beats()
    signal = contact("ppg", beats_s, length_s=LENGTH_S)
    fs_hz = round(signal.fs_hz)
    signal.values[25 * fs_hz : 33 * fs_hz] = bad
    series = rate_series(signal)
    assert np.isfinite(series).all()
    times_s = (np.arange(240) + 0.5) / 4.0
    far = (np.abs(times_s - 29.0) > 6.0) & (times_s > 1) & (times_s < 59)
    assert np.abs(series - bpm(times_s))[far].max() < 8.0
    assert series.min() > 55.0
    assert series.max() < 95.0


def test_a_missed_beat_is_no_slow_heart():
    beats_s = np.arange(0.4, LENGTH_S, 0.8)
    missed = np.delete(beats_s, [20, 50])
    series = rate_series(contact("ecg", missed, length_s=LENGTH_S))
    np.testing.assert_allclose(series, 75.0, atol=2.0)


def test_between_given_intervals_runs_a_straight_line():
    intervals = beat_intervals(contact("ecg", np.arange(0.4, 30, 0.8), length_s=30.0))
    middle_s = intervals.middle_s[3] * 0.5 + intervals.middle_s[4] * 0.5
    expected = (intervals.length_s[3] + intervals.length_s[4]) / 2
    assert intervals.lengths_at(np.array([middle_s])) == pytest.approx(expected)
    assert intervals.lengths_at(np.array([-9.0])) == intervals.length_s[0]


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (Signal("eda", np.zeros(1000), 100.0, 0.0), "kind ppg or ecg"),
        (Signal("ppg", np.zeros(3000), 100.0, 0.0), "found in 0%"),
        (Signal("ppg", np.full(3000, np.nan), 100.0, 0.0), "found in 0%"),
        (Signal("ppg", np.empty(0), 100.0, 0.0), "found in 0%"),
    ],
)
def test_what_shows_no_heart_is_refused(signal, message):
    with pytest.raises(BadInput, match=message):
        rate_series(signal)
