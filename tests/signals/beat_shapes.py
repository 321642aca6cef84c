"""Contact signals and skin colours with beats at known times, for the tests of this room."""

import os
from pathlib import Path

import numpy as np
import pytest

from pulsefer.core.types import Signal


def steady(bpm, length_s, first_s=0.4):
    return np.arange(first_s, length_s, 60.0 / bpm)


def breathing(bpm, length_s, depth=0.05, breaths_hz=0.25):
    """Beats that come faster while breathing in."""
    times_s = [0.4]
    while times_s[-1] < length_s:
        sway = 1.0 + depth * np.sin(2 * np.pi * breaths_hz * times_s[-1])
        times_s.append(times_s[-1] + 60.0 / bpm * sway)
    return np.array(times_s[:-1])


SOFT = {"rise": 0.07, "fall": 0.14, "height": 0.35, "delay": 0.36, "width": 0.09}
"""A systolic wave that runs into its dicrotic wave; times are phases of a beat."""
NOTCHED = {"rise": 0.06, "fall": 0.09, "height": 0.40, "delay": 0.42, "width": 0.06}
"""Between the two waves the pressure falls to the foot: upside down there are two peaks a beat."""


def ppg_wave(time_s, beats_s, shape=SOFT):
    """A steep systolic wave with its top at the beat, and a dicrotic wave later."""
    wave = np.zeros_like(time_s)
    interval_s = float(np.median(np.diff(beats_s)))
    for beat_s in beats_s:
        phase = (time_s - beat_s) / interval_s
        wave += np.exp(-0.5 * (phase / np.where(phase < 0, shape["rise"], shape["fall"])) ** 2)
        wave += shape["height"] * np.exp(-0.5 * ((phase - shape["delay"]) / shape["width"]) ** 2)
    return wave


def ecg_wave(time_s, beats_s):
    """P, Q, R, S and T as Gaussians: (height mV, delay s, width s)."""
    wave = np.zeros_like(time_s)
    short = min(1.0, float(np.median(np.diff(beats_s))) / 0.6)
    for height, delay_s, width_s in (
        (0.12, -0.16 * short, 0.022),
        (-0.15, -0.026, 0.008),
        (1.10, 0.0, 0.010),
        (-0.25, 0.028, 0.009),
        (0.30, 0.26 * short, 0.045 * short),
    ):
        for beat_s in beats_s:
            wave += height * np.exp(-0.5 * ((time_s - beat_s - delay_s) / width_s) ** 2)
    return wave


def contact(kind, beats_s, *, length_s=60.0, fs_hz=None, noise=0.05, drift=0.5, seed=0, shape=SOFT):
    """A signal that starts at 0 s, with drift of the baseline and white noise."""
    fs_hz = fs_hz or {"ppg": 128.0, "ecg": 256.0}[kind]
    time_s = np.arange(round(length_s * fs_hz)) / fs_hz
    wave = ppg_wave(time_s, beats_s, shape) if kind == "ppg" else ecg_wave(time_s, beats_s)
    rng = np.random.default_rng(seed)
    wave += drift * np.sin(2 * np.pi * 0.07 * time_s + 1.0) + 0.2 * drift * np.sin(1.9 * time_s)
    wave += noise * rng.standard_normal(len(time_s))
    return Signal(kind, wave, fs_hz, 0.0)


def skin(time_s, bpm, *, strength=0.01, noise=0.002, light=0.05, seed=0):
    """(T, 3) skin colour: 1 % of blood volume, light that changes, noise of each channel.

    The direction of the pulse is the one that Wang et al. (2017) give: 0.33 : 0.77 : 0.53.
    """
    rng = np.random.default_rng(seed)
    volume = ppg_wave(time_s, np.arange(-2.0, time_s[-1] + 2.0, 60.0 / bpm))
    volume -= volume.mean()
    blood_TC = 1.0 - strength * volume[:, None] * np.array([0.33, 0.77, 0.53])
    lamp_T = (
        1.0 + light * np.sin(2 * np.pi * 0.3 * time_s) + light * np.sin(2 * np.pi * 1.7 * time_s)
    )
    shade_TC = lamp_T[:, None] * (1.0 + noise * rng.standard_normal((len(time_s), 3)))
    return np.array([0.62, 0.45, 0.36]) * blood_TC * shade_TC


def fingertips():
    """(time_s, rgb_TC, bpm of the chest strap) of each person of the shared recordings."""
    root = os.environ.get("PULSEFER_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data")
    people = sorted(Path(root).glob("welltory/subject_*"))
    if not people:
        pytest.skip(f"no welltory folder under {root}; set PULSEFER_SHARED_DATA")
    for person in people:
        table = np.loadtxt(person / "PPG.csv", delimiter=",", skiprows=1)
        intervals_ms = np.loadtxt(person / "RR.txt", ndmin=1)
        yield table[:, 0] / 1000.0, table[:, 1:], 60000.0 / np.median(intervals_ms)
