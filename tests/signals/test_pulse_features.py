import math

import numpy as np
import pytest
from beat_shapes import breathing, contact
from neurokit2 import hrv_time

from pulsefer.core.types import Signal
from pulsefer.signals.beats import beats
from pulsefer.signals.pulse_features import (
    NAMES,
    OF_INTERVALS,
    OF_SPECTRUM,
    OF_WAVE,
    believed,
    pulse_features,
)

SENSOR_UNIT = ("wave_mean", "wave_sd")


def named(signal):
    return dict(zip(NAMES, pulse_features(signal), strict=True))


def swaying(hz, length_s=60.0, depth_s=0.03, mean_s=0.8):
    """Beats whose intervals follow a sine."""
    times_s = [0.3]
    while times_s[-1] < length_s:
        times_s.append(times_s[-1] + mean_s + depth_s * math.sin(2 * math.pi * hz * times_s[-1]))
    return np.array(times_s[:-1])


def cut(signal, length_s):
    return Signal(signal.kind, signal.values[: round(length_s * signal.fs_hz)], signal.fs_hz, 0.0)


def test_every_feature_has_one_name():
    assert len(set(NAMES)) == len(NAMES) == len(pulse_features(contact("ecg", swaying(0.25))))


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_every_feature_of_a_good_minute_is_a_number(kind):
    features = pulse_features(contact(kind, breathing(70, 60)))
    assert features.dtype == np.float64
    assert np.isfinite(features).all()


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
@pytest.mark.parametrize("change_s", [0.02, 0.06, 0.10])
def test_planted_changes_from_beat_to_beat_are_the_rmssd(kind, change_s):
    intervals_s = np.where(np.arange(80) % 2, 0.8 + change_s / 2, 0.8 - change_s / 2)
    # Noise and drift move a blunt peak by milliseconds.
    found = named(contact(kind, 0.3 + np.cumsum(intervals_s), noise=0.005, drift=0.0))
    tolerance_s = 0.001 if kind == "ecg" else 0.1 * change_s
    assert found["interval_rmssd_s"] == pytest.approx(change_s, abs=tolerance_s)
    assert found["interval_mean_s"] == pytest.approx(0.8, abs=0.002)
    assert found["interval_range_s"] == pytest.approx(change_s, abs=0.01)
    assert found["interval_pnn50"] == (1.0 if change_s > 0.05 else 0.0)


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_intervals_are_counted_as_neurokit_counts_them(kind):
    signal = contact(kind, breathing(70, 60, depth=0.08))
    intervals_ms = 1000.0 * np.diff(beats(signal).times_s)
    table = hrv_time({"RRI": intervals_ms, "RRI_Time": beats(signal).times_s[1:]})
    found, n_changes = named(signal), len(intervals_ms) - 1
    for name, theirs in (
        ("mean_s", "MeanNN"),
        ("sd_s", "SDNN"),
        ("rmssd_s", "RMSSD"),
        ("sdsd_s", "SDSD"),
        ("median_s", "MedianNN"),
        ("iqr_s", "IQRNN"),
        ("min_s", "MinNN"),
        ("max_s", "MaxNN"),
    ):
        expected = float(table[f"HRV_{theirs}"].iloc[0]) / 1000.0
        assert found[f"interval_{name}"] == pytest.approx(expected, rel=1e-9), name
    assert found["interval_cv"] == pytest.approx(float(table["HRV_CVNN"].iloc[0]), rel=1e-9)
    for name, theirs in (("pnn50", "pNN50"), ("pnn20", "pNN20")):
        # Theirs is in percent, and of the intervals where ours is of the changes.
        share = float(table[f"HRV_{theirs}"].iloc[0]) / 100.0 * (n_changes + 1) / n_changes
        assert found[f"interval_{name}"] == pytest.approx(share, rel=1e-9), name


@pytest.mark.parametrize(("hz", "band", "other"), [(0.10, "lf", "hf"), (0.25, "hf", "lf")])
def test_a_planted_sway_has_its_power_in_its_band(hz, band, other):
    found = named(contact("ecg", swaying(hz), noise=0.005, drift=0.0))
    assert math.exp(found[f"{band}_ln_s2"]) == pytest.approx(0.03**2 / 2, rel=0.15)
    assert found[f"{band}_share"] == pytest.approx(1.0, abs=0.1)
    assert found[f"{other}_share"] < 0.05
    assert (found["lf_hf_ln"] > 3) == (band == "lf")
    assert math.exp(found["total_ln_s2"]) == pytest.approx(
        math.exp(found["lf_ln_s2"]) + math.exp(found["hf_ln_s2"])
    )


@pytest.mark.parametrize("hz", [0.2, 0.25, 0.33])
def test_the_peak_of_the_high_band_is_the_breath(hz):
    found = named(contact("ecg", swaying(hz)))
    assert found["hf_peak_hz"] == pytest.approx(hz, abs=0.01)


@pytest.mark.parametrize("hz", [0.15, 0.25, 0.35])
def test_a_slow_wave_of_the_baseline_is_in_its_band(hz):
    signal = contact("ppg", swaying(0.25), noise=0.0, drift=0.0)
    time_s = np.arange(len(signal.values)) / signal.fs_hz
    values = signal.values + 3.0 * np.sin(2 * np.pi * hz * time_s)
    found = pulse_features(Signal("ppg", values, signal.fs_hz, 0.0))[-3:]
    assert np.argmax(found) == round((hz - 0.15) / 0.1)
    assert found.max() > 0.85
    assert found.sum() <= 1.0


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
@pytest.mark.parametrize(("gain", "offset"), [(1000.0, 0.0), (0.001, 7.0), (3.0, -5.0e4)])
def test_the_unit_of_the_sensor_moves_its_mean_and_spread_only(kind, gain, offset):
    signal = contact(kind, breathing(70, 60))
    other = Signal(kind, gain * signal.values + offset, signal.fs_hz, 0.0)
    before, after = named(signal), named(other)
    assert after["wave_mean"] == pytest.approx(gain * before["wave_mean"] + offset, rel=1e-9)
    assert after["wave_sd"] == pytest.approx(gain * before["wave_sd"], rel=1e-6)
    for name in set(NAMES) - set(SENSOR_UNIT):
        assert after[name] == pytest.approx(before[name], rel=1e-5, abs=1e-9), name


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_the_clock_does_not_matter_at_all(kind):
    signal = contact(kind, breathing(70, 20))
    later = Signal(kind, signal.values, signal.fs_hz, 1234.567)
    np.testing.assert_array_equal(pulse_features(later), pulse_features(signal))


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
def test_upside_down_the_intervals_are_the_same(kind):
    signal = contact(kind, breathing(70, 30), noise=0.01)
    turned = Signal(kind, -signal.values, signal.fs_hz, 0.0)
    n = len(OF_INTERVALS)
    np.testing.assert_allclose(pulse_features(turned)[:n], pulse_features(signal)[:n], rtol=1e-6)


def test_twice_the_samples_are_the_same_features():
    slow = named(contact("ecg", swaying(0.25), fs_hz=256.0, noise=0.0))
    fast = named(contact("ecg", swaying(0.25), fs_hz=512.0, noise=0.0))
    for name in NAMES:
        assert fast[name] == pytest.approx(slow[name], rel=0.1, abs=0.01), name


def test_a_missed_beat_is_a_gap_and_no_long_interval():
    whole = swaying(0.25)
    without = np.delete(whole, 30)
    a, b = believed(whole, 60.0), believed(without, 60.0)
    assert b.length_s.max() < 1.0
    assert len(b.length_s) == len(a.length_s) - 2
    assert len(b.change_s) == len(a.change_s) - 3
    assert b.change_s.std() == pytest.approx(a.change_s.std(), rel=0.05)


def test_beats_that_fill_too_little_of_the_stretch_are_no_pulse():
    times_s = swaying(0.25, length_s=30.0)
    assert believed(times_s, 32.0) is not None
    assert believed(times_s, 60.0) is None
    assert believed(times_s[:5], 4.0) is None


@pytest.mark.parametrize(
    ("length_s", "missing"),
    [
        (56.0, set()),
        (40.0, {"lf_ln_s2", "lf_hf_ln", "lf_share", "total_ln_s2"}),
        (18.0, {"lf_ln_s2", "lf_hf_ln", "lf_share", "total_ln_s2", "wave_share_01_02_hz"}),
        (11.0, {*OF_SPECTRUM, "wave_share_01_02_hz"}),
        (9.0, {*OF_SPECTRUM, "wave_share_01_02_hz", "wave_share_02_03_hz"}),
        (6.0, {*OF_SPECTRUM, *OF_WAVE[-3:]}),
    ],
)
def test_a_band_that_has_not_two_periods_is_nan_and_nothing_else(length_s, missing):
    found = named(cut(contact("ecg", swaying(0.25)), length_s))
    assert {name for name, value in found.items() if math.isnan(value)} == missing


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
@pytest.mark.parametrize("length_s", [20.0, 60.0])
@pytest.mark.parametrize("seed", range(3))
def test_noise_has_a_wave_but_no_intervals(kind, length_s, seed):
    values = np.random.default_rng(seed).standard_normal(round(256 * length_s))
    found = pulse_features(Signal(kind, values, 256.0, 0.0))
    assert np.isnan(found[: -len(OF_WAVE)]).all()
    assert np.isfinite(found[-len(OF_WAVE) :]).all()


BEATING = contact("ecg", swaying(0.25), length_s=20.0)


def replaced(first, last, value):
    values = BEATING.values.copy()
    values[first:last] = value
    return values


@pytest.mark.parametrize(
    "signal",
    [
        Signal("ecg", np.zeros(5120), 256.0, 0.0),
        Signal("ppg", np.full(5120, np.nan), 256.0, 0.0),
        Signal("ecg", np.empty(0), 256.0, 0.0),
        Signal("ecg", BEATING.values[:1000], 256.0, 0.0),
        Signal("ecg", replaced(1000, 1300, np.nan), 256.0, 0.0),
        Signal("ecg", replaced(1000, 1001, np.inf), 256.0, 0.0),
        Signal("ecg", BEATING.values[:, None], 256.0, 0.0),
        Signal("ecg", BEATING.values, math.nan, 0.0),
        Signal("ecg", BEATING.values, 0.0, 0.0),
        Signal("eda", BEATING.values, 256.0, 0.0),
    ],
    ids=["flat", "nan", "empty", "short", "gap", "infinite", "2d", "fs nan", "fs 0", "eda"],
)
def test_what_has_no_pulse_has_no_features_and_raises_nothing(signal):
    found = pulse_features(signal)
    assert found.shape == (len(NAMES),)
    assert np.isnan(found).all()


@pytest.mark.parametrize("kind", ["ppg", "ecg"])
@pytest.mark.parametrize(
    "values",
    [
        np.eye(1, 2560, 1280)[0],
        np.repeat([0.0, 1.0], 1280),
        np.arange(2560.0),
        np.sin(np.arange(2560.0) / 900),
        np.tile([1.0, -1.0], 1280),
        np.random.default_rng(1).standard_cauchy(2560),
        1e300 * np.random.default_rng(2).standard_normal(2560),
        1e-300 * np.random.default_rng(3).standard_normal(2560),
        np.random.default_rng(4).integers(0, 2, 2560).astype(float),
    ],
    ids=["spike", "step", "ramp", "slow", "nyquist", "jerks", "huge", "tiny", "bits"],
)
def test_strange_signals_raise_nothing_and_give_no_infinity(kind, values):
    assert not np.isinf(pulse_features(Signal(kind, values, 128.0, 0.0))).any()


def test_a_short_gap_is_bridged():
    bridged = pulse_features(Signal("ecg", replaced(1000, 1010, np.nan), 256.0, 0.0))
    whole = pulse_features(BEATING)
    np.testing.assert_array_equal(np.isnan(bridged), np.isnan(whole))
    np.testing.assert_allclose(bridged[:3], whole[:3], rtol=0.05)


def test_a_longer_stretch_of_the_same_is_no_other_pulse():
    intervals_s = np.tile([0.76, 0.80, 0.84], 53)
    signal = contact("ecg", 0.3 + np.cumsum(intervals_s), length_s=120.0, noise=0.0, drift=0.0)
    long, short = named(signal), named(cut(signal, 60.0))
    for name in OF_INTERVALS:
        assert short[name] == pytest.approx(long[name], rel=0.03, abs=1e-3), name


@pytest.mark.shared
def test_pulse_intervals_of_real_fingers_are_near_those_of_a_chest_strap(shared_data):
    people = sorted(shared_data.glob("welltory/subject_*"))
    if not people:
        pytest.skip(f"no welltory folder under {shared_data}")
    found = []
    for person in people:
        table = np.loadtxt(person / "PPG.csv", delimiter=",", skiprows=1)
        strap_s = np.loadtxt(person / "RR.txt", ndmin=1) / 1000.0
        time_s = np.arange(table[0, 0] / 1000.0, table[-1, 0] / 1000.0, 0.01)
        red = np.interp(time_s, table[:, 0] / 1000.0, table[:, 1])
        pulse = named(Signal("ppg", red, 100.0, 0.0))
        ratios = [
            pulse["interval_mean_s"] / strap_s.mean(),
            pulse["interval_sd_s"] / strap_s.std(ddof=1),
            pulse["interval_rmssd_s"] / np.sqrt(np.mean(np.diff(strap_s) ** 2)),
        ]
        found.append(ratios)
    ratios = np.array(found)[~np.isnan(found).any(axis=1)]
    assert len(ratios) >= 0.7 * len(people)
    np.testing.assert_allclose(ratios[:, 0], 1.0, atol=0.03)
    np.testing.assert_allclose(ratios[:, 1], 1.0, atol=0.3)
    # From a camera of 30 frames/s changes from beat to beat look larger than they are.
    assert (ratios[:, 2] > 1.0).all()
    assert 1.0 < np.median(ratios[:, 2]) < 1.6
