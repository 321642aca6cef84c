"""Heart rate from the times of beats: the one definition that every label and every metric uses."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.types import MAX_BPM, MIN_BPM


def heart_rate_bpm(beats_s: NDArray[np.float64]) -> float:
    """Heart rate of one window.

    Paper: HR "was calculated from the PPG/ECG signals" (Sec. IV-A); it does not say how.
    Choice: 60 / median inter-beat interval; one missed beat moves a mean, not a median.

    Args:
        beats_s: (n_beats,) increasing times, seconds.

    Returns:
        Beats per minute.

    Raises:
        ValueError: fewer than 3 beats, or a rate outside 40-180 bpm.

    >>> heart_rate_bpm(np.array([0.0, 0.8, 1.6, 2.4]))
    75.0
    """
    if len(beats_s) < 3:
        raise ValueError(f"a rate needs at least 3 beats, found {len(beats_s)}")
    interval_s = float(np.median(np.diff(beats_s)))
    if not interval_s > 0:
        raise ValueError("the times of beats have to increase and be finite")
    # Microbeats: the last digit of a float must not make 40 bpm fall below 40.
    bpm = round(60.0 / interval_s, 6)
    if not MIN_BPM <= bpm <= MAX_BPM:
        raise ValueError(f"{bpm:.0f} bpm, outside {MIN_BPM:.0f}-{MAX_BPM:.0f}: check fs_hz")
    return bpm
