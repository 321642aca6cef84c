"""Skin resistance of a synthetic person: it falls for some seconds at the moments of the clip.

Synthetic: one shape of response, textbook sizes. What is exact is when a response begins, which
is the same for everybody who watches the clip, and that it is the larger the more arousal is rated.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.seeding import derive_seed, generator

REST_OHM = 150_000.0
"""Resistance between two responses."""
SPACING_S = 8.0
"""Mean time between two moments of a clip."""
RISE_S, FALL_S = 0.75, 2.0
"""Time constants of a response. Choice: textbook sizes."""
LEAST_US, MOST_US = 0.1, 0.9
"""Conductance that a response adds where arousal is rated 1, and 9; microsiemens."""
NOISE_US = 0.01


def moments_s(dataset: str, stimulus: str | int, length_s: float, seed: int) -> NDArray[np.float64]:
    """Times at which a clip moves people, (n,), increasing, on the clip's clock; at least one."""
    rng = generator(derive_seed(seed, dataset, "clip", stimulus), "moments")
    return np.sort(rng.uniform(0.0, 0.8 * length_s, max(1, round(length_s / SPACING_S))))


def skin_resistance_ohm(
    dataset: str,
    subject: str,
    stimulus: str | int,
    arousal: float,
    *,
    length_s: float,
    fs_hz: float,
    start_s: float,
    end_s: float,
    seed: int,
) -> NDArray[np.float64]:
    """Samples of one trial, (n,).

    Args:
        dataset: Its name.
        subject: Who; decides the noise.
        stimulus: Which clip; decides the moments.
        arousal: Rating, 1-9; decides the height of the responses.
        length_s: Length of the clip.
        fs_hz: Sampling rate.
        start_s: Time of the first sample on the clip's clock; negative before it.
        end_s: Time just after the last one.
        seed: Of the specimen.

    >>> course = {"length_s": 9, "fs_hz": 4, "start_s": 0, "end_s": 9, "seed": 0}
    >>> one, other = (skin_resistance_ohm("deap", s, 7, 5.0, **course) for s in ("s01", "s02"))
    >>> bool(np.corrcoef(one, other)[0, 1] > 0.9)
    True
    """
    time_s = start_s + np.arange(round((end_s - start_s) * fs_hz)) / fs_hz
    since_s = time_s[:, None] - moments_s(dataset, stimulus, length_s, seed)
    height_us = LEAST_US + (MOST_US - LEAST_US) * (arousal - 1) / 8
    peak_s = np.log(FALL_S / RISE_S) * FALL_S * RISE_S / (FALL_S - RISE_S)
    response = _response(np.maximum(since_s, 0.0)).sum(axis=1) / _response(peak_s)
    rng = generator(seed, dataset, "skin", subject, stimulus)
    noise_us = NOISE_US * rng.normal(size=len(time_s))
    conductance_us = 1e6 / REST_OHM + height_us * response + noise_us
    return np.asarray(1e6 / conductance_us, np.float64)


def _response(since_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
    since = np.asarray(since_s, np.float64)
    return np.asarray(np.exp(-since / FALL_S) - np.exp(-since / RISE_S), np.float64)
