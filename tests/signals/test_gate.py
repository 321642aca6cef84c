import dataclasses
import math

import numpy as np
import pytest
from beat_shapes import breathing, contact, steady

from pulsefer.signals.beats import Beats, beats
from pulsefer.signals.gate import window_rate

KINDS = ["ppg", "ecg"]


def every(signal, length_s=10.0, step_s=2.5):
    found = beats(signal)
    starts_s = np.arange(signal.start_s, signal.end_s - length_s + 1e-9, step_s)
    return [window_rate(signal, found, s, s + length_s) for s in starts_s]


@pytest.mark.parametrize("bpm", [45, 75, 120, 170])
@pytest.mark.parametrize("kind", KINDS)
def test_windows_of_a_steady_beat_are_accepted_with_that_beat(kind, bpm):
    for got in every(contact(kind, steady(bpm, 60.0), noise=0.05)):
        assert got.reason == ""
        assert got.hr_bpm == pytest.approx(bpm, abs=1.0)
        assert 0.8 <= got.quality <= 1.0


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_has_the_rate_of_its_own_beats(kind):
    slow, fast = steady(60, 30.0), 30.0 + steady(90, 30.0)
    signal = contact(kind, np.concatenate([slow, fast]))
    found = beats(signal)
    assert window_rate(signal, found, 10.0, 20.0).hr_bpm == pytest.approx(60.0, abs=1.0)
    assert window_rate(signal, found, 40.0, 50.0).hr_bpm == pytest.approx(90.0, abs=1.0)


@pytest.mark.parametrize("kind", KINDS)
def test_upside_down_passes_with_the_same_rate(kind):
    signal = contact(kind, breathing(70, 60.0))
    turned = dataclasses.replace(signal, values=-signal.values)
    for up, down in zip(every(signal), every(turned), strict=True):
        assert up.reason == down.reason == ""
        assert up.hr_bpm == pytest.approx(down.hr_bpm, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_unit_offset_and_clock_do_not_matter(kind):
    signal = contact(kind, breathing(70, 60.0))
    other = dataclasses.replace(signal, values=4000.0 * signal.values - 9000.0, start_s=-3.0)
    for a, b in zip(every(signal), every(other), strict=True):
        assert a.hr_bpm == pytest.approx(b.hr_bpm, abs=1e-3)
        assert a.quality == pytest.approx(b.quality, abs=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_a_window_straddling_noise_is_rejected(kind, seed):
    signal = contact(kind, steady(75, 60.0), seed=seed)
    values = signal.values.copy()
    noisy = slice(round(30 * signal.fs_hz), round(40 * signal.fs_hz))
    values[noisy] = 2.0 * np.random.default_rng(seed).standard_normal(len(values[noisy]))
    signal = dataclasses.replace(signal, values=values)
    found = beats(signal)
    for start_s in (24.0, 26.0, 30.0, 33.0, 36.0):
        got = window_rate(signal, found, start_s, start_s + 10.0)
        assert math.isnan(got.hr_bpm)
        assert got.reason in {"agreement", "coverage", "template", "spectrum", "range", "beats"}
        assert got.quality < 0.8 or got.reason == "agreement"
    assert window_rate(signal, found, 10.0, 20.0).reason == ""


@pytest.mark.parametrize("kind", KINDS)
def test_noise_passes_in_fewer_than_one_window_in_twenty(kind):
    fs_hz = {"ppg": 128.0, "ecg": 256.0}[kind]
    accepted = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        for wave in (
            rng.standard_normal(round(60 * fs_hz)),
            rng.standard_normal(round(60 * fs_hz)).cumsum(),
        ):
            signal = dataclasses.replace(contact(kind, steady(60, 9.0)), values=wave)
            accepted += [got.reason == "" for got in every(signal)]
    assert np.mean(accepted) < 0.05


def test_windows_cut_by_the_ends_of_the_signal_lack_coverage():
    signal = contact("ppg", steady(75, 60.0))
    found = beats(signal)
    for start_s, end_s in ((-1.0, 9.0), (50.1, 60.1), (70.0, 80.0), (-20.0, -10.0)):
        got = window_rate(signal, found, start_s, end_s)
        assert (got.reason, got.quality) == ("coverage", 0.0)
        assert math.isnan(got.hr_bpm)
    assert window_rate(signal, found, 0.0, 10.0).reason == ""
    assert window_rate(signal, found, 50.0, 60.0).reason == ""


@pytest.mark.parametrize("bpm", [42, 60, 90])
def test_the_interval_before_the_first_beat_counts_as_covered(bpm):
    signal = contact("ppg", steady(bpm, 60.0, first_s=0.9 * 60 / bpm))
    assert window_rate(signal, beats(signal), 0.0, 5.0).reason == ""


def test_clipping_and_flat_lines_are_seen():
    signal = contact("ppg", steady(75, 60.0), drift=0.0, noise=0.01)
    found = beats(signal)
    clipped = dataclasses.replace(signal, values=np.minimum(signal.values, 0.6))
    assert window_rate(clipped, found, 10.0, 20.0).reason == "clipped"
    values = signal.values.copy()
    values[1500 : 1500 + 70] = values[1500]
    held = dataclasses.replace(signal, values=values)
    assert window_rate(held, found, 10.0, 20.0).reason == "clipped"
    assert window_rate(held, found, 20.0, 30.0).reason == ""


def test_coarse_counts_are_not_clipping():
    signal = contact("ppg", steady(75, 60.0), noise=0.01)
    coarse = dataclasses.replace(signal, values=np.round(200 * signal.values))
    assert {got.reason for got in every(coarse)} == {""}


def test_reasons_name_what_failed():
    signal = contact("ppg", steady(75, 60.0))
    found = beats(signal)

    def reason(**change):
        return window_rate(signal, dataclasses.replace(found, **change), 10.0, 20.0).reason

    nothing = np.empty(0)
    assert reason(times_s=nothing) == "beats"
    assert reason(other_s=found.other_s[::2]) == "agreement"
    assert (
        reason(times_s=found.times_s[::2], all_s=found.all_s[::2], other_s=found.other_s[::2])
        == "range"
    )
    twice = np.sort(np.concatenate([found.times_s, found.times_s + 0.4]))
    assert reason(times_s=twice, all_s=twice, other_s=twice) in {"template", "spectrum"}
    moved = found.times_s + np.random.default_rng(0).uniform(-0.35, 0.35, len(found.times_s))
    assert reason(times_s=np.sort(moved)) in {"coverage", "template"}


def test_a_signal_without_beats_is_rejected_everywhere():
    signal = contact("ppg", steady(75, 20.0), length_s=20.0)
    none = Beats(np.empty(0), np.empty(0), np.empty(0), inverted=False)
    assert window_rate(signal, none, 2.0, 12.0).reason == "beats"


def test_a_bridged_gap_does_not_reject_a_window():
    signal = contact("ppg", steady(75, 60.0))
    values = signal.values.copy()
    values[1500:1505] = np.nan
    assert {got.reason for got in every(dataclasses.replace(signal, values=values))} == {""}


@pytest.mark.parametrize("end_s", [10.0, 9.0, math.nan])
def test_a_window_ends_after_its_start(end_s):
    signal = contact("ppg", steady(75, 20.0), length_s=20.0)
    with pytest.raises(ValueError, match="ends after its start"):
        window_rate(signal, beats(signal), 10.0, end_s)
