"""The heart rate that skin colour alone gives for a window: what a network has to beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem, Problem
from pulsefer.samples.store import Store, StoredRecording
from pulsefer.samples.window import Windows, rate_span
from pulsefer.signals.colour import pulse
from pulsefer.signals.spectrum import spectral_rate

Floats = NDArray[np.float64]

SKIN = ["skin_r", "skin_g", "skin_b"]
"""Columns of a track that hold the mean colour of the skin."""


def skin_rates(
    store: Store,
    windows: Windows,
    methods: Sequence[str] = ("pos", "chrom"),
    *,
    on_problem: OnProblem | None = None,
    advance: Callable[[float], None] | None = None,
) -> dict[str, Floats]:
    """Rate of every window by the classical methods, from the colours beside the stored faces.

    Nothing is learned and nothing is gated: whoever wants a rate gets the highest peak, as the
    published comparisons of these methods have it.

    Choice: over the span that the true rate was taken over (`rate_span`: the window, or its 10 s
    context), so that both speak of the same seconds. One second of colour holds no rate.

    Args:
        store: Where the recordings are.
        windows: What was cut from it.
        methods: Keys of `signals.colour.METHODS`.
        on_problem: Told once for each recording and method how many windows have no rate, and the
            most frequent reason: frames too far apart (fewer than 8 a second, as in a store made
            for the paper's 5), less than 5 s, a face lost for longer than 1 s, no peak.
        advance: Called with 1 after every recording.

    Returns:
        (n,) bpm for each method, in the order of the windows; NaN where it cannot be read.

    Raises:
        BadInput: a window of a recording that is not in the store.
    """
    numbers: dict[str, list[int]] = {}
    for number, one in enumerate(windows.windows):
        numbers.setdefault(one.key, []).append(number)
    if strange := numbers.keys() - {recording.key for recording in store}:
        raise BadInput(
            str(store.path),
            expected="the recordings of all windows",
            found=f"no {min(strange)}",
            remedy="give the store that the windows were cut from",
        )
    found = {method: np.full(len(windows.windows), np.nan) for method in methods}
    for recording in store:
        own = numbers.get(recording.key, [])
        starts_s = [windows.windows[number].start_s for number in own]
        spans_s = [rate_span(s, windows.config, recording.length_s) for s in starts_s]
        for method in methods:
            read = {span: _rate(recording, *span, method) for span in sorted(set(spans_s))}
            found[method][own] = [read[span][0] for span in spans_s]
            lacks = Counter(read[span][1] for span in spans_s if read[span][1])
            if lacks and on_problem:
                (reason, _), *others = lacks.most_common()
                on_problem(
                    Problem(
                        recording.id,
                        expected=f"a rate by {method} in {len(own)} windows",
                        found=f"none in {lacks.total()}: {reason}"
                        + (" and other reasons" if others else ""),
                        remedy="prepare at 8 frames a second or more, windows or context of 5 s",
                        severity="note",
                    )
                )
        if advance:
            advance(1)
    return found


def _rate(
    recording: StoredRecording, begin_s: float, end_s: float, method: str
) -> tuple[float, str]:
    """Rate of the frames in [begin_s, end_s), and why there is none ("" where there is)."""
    if not set(SKIN) <= set(recording.track.columns):
        return np.nan, "no skin colour beside the faces"
    # Half a microsecond: 10.000000000000002 s has to count as 10 s.
    first, last = np.searchsorted(recording.time_s, [begin_s - 5e-7, end_s - 5e-7])
    rgb_TC = recording.track[SKIN].to_numpy(np.float64)[first:last]
    try:
        wave = pulse(rgb_TC, recording.time_s[first:last], method=method)
    except BadInput as lack:
        return np.nan, lack.problem.found
    hr_bpm = spectral_rate(wave.wave, wave.fs_hz).hr_bpm
    return hr_bpm, "" if np.isfinite(hr_bpm) else "no peak in the band of the pulse"
