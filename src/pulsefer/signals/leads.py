"""One of several leads of the same heart: the one that the others confirm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.types import Signal

from .beats import TOLERANCE_S, Beats, beats, near, to_nearest_s

Floats = NDArray[np.float64]

MIN_AGREEMENT = 0.8
"""Share of beats that two leads must have in common. One that counts T waves as well has two
thirds in common with one that does not."""
MAX_DIFFERENCE_BPM = 3.0
"""Between the rates of two leads that agree, in the median over windows."""
MIN_ALIVE = 0.5
"""Share of beats on which the two detectors of a lead must agree, or it shows no heart: they reach
0.2 on noise and on hum. Two leads with the same noise would agree with each other."""
MIN_ALONE = 0.9
"""Share of beats on which the two detectors must agree where a lead stands alone."""
MAX_LAG_S = 0.1
"""The R wave may peak this much later in one lead than in another; the T wave comes later yet."""
WINDOW_S = 10.0
"""Rates are compared over windows of this length: one change of pace must not decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """The lead that was chosen.

    Attributes:
        name: Which.
        signal: Its signal.
        beats: What `signals.beats.beats` found in it.
        agreement: 0-1, share of beats in common with the lead that confirms it best; where it
            stands alone, share of beats on which its own two detectors agree.
        others: Names of the leads that agree with it; none where it stands alone.
        reason: Why a lead was believed that no other confirms; "" where one does.
    """

    name: str
    signal: Signal
    beats: Beats
    agreement: float
    others: tuple[str, ...]
    reason: str = ""


def best_lead(leads: Mapping[str, Signal]) -> Lead:
    """Choose one of several leads of the same heart, by agreement.

    Choice: beats are found in every lead by itself. Two leads agree when they share at least 80 %
    of their beats within 50 ms, the median lag between them removed, and their rates over windows
    of 10 s differ by at most 3 bpm in the median. Of the two that agree most, the lead is taken
    whose own two detectors agree better; of equal ones, the first given. A lead is out whose own
    detectors do not agree on half of the beats; one that is left alone is taken if they agree on
    90 %.

    Args:
        leads: Name to signal; all of one kind, rate, start and length.

    Raises:
        BadInput: no two leads agree, or none shows a heart; the message says what each gave.
        ValueError: no leads, or leads that are not on one clock.
    """
    if not leads:
        raise ValueError("best_lead needs at least one lead, found none")
    clocks = {(s.kind, s.fs_hz, s.start_s, len(s.values)) for s in leads.values()}
    if len(clocks) > 1:
        raise ValueError(f"leads share kind, rate, start and length, found {sorted(clocks)}")
    found: dict[str, Beats] = {}
    gave: dict[str, str] = {}
    for name, signal in leads.items():
        try:
            one = beats(signal)
        except BadInput as bad:
            gave[name] = bad.problem.found
            continue
        if len(one.times_s) < 3 or _own(one) < MIN_ALIVE:
            gave[name] = "no rhythm"
            continue
        found[name] = one
        gave[name] = f"{60.0 / float(np.median(np.diff(one.times_s))):.0f} bpm"
    said = ", ".join(f"{name} {what}" for name, what in gave.items())
    if len(found) == 1:
        (name,) = found
        return _alone(name, leads[name], found[name], said)

    agreement = {
        frozenset(pair): _agreement(leads[pair[0]], found[pair[0]], found[pair[1]])
        for pair in combinations(found, 2)
    }
    best = max(agreement, key=lambda pair: agreement[pair], default=None)
    if best is None or agreement[best] < MIN_AGREEMENT:
        raise BadInput(
            f"leads {', '.join(leads)}",
            expected="two with the same beats",
            found=said,
            remedy="electrodes were off, or these are not leads of one heart",
        )
    # max keeps the first of equals.
    name = max((lead for lead in found if lead in best), key=lambda lead: _own(found[lead]))
    others = tuple(
        other
        for other in found
        if other != name and agreement[frozenset((name, other))] >= MIN_AGREEMENT
    )
    return Lead(name, leads[name], found[name], agreement[best], others)


def _alone(name: str, signal: Signal, own: Beats, said: str) -> Lead:
    agreement = _own(own)
    if agreement < MIN_ALONE:
        raise BadInput(
            f"lead {name}",
            expected=f"two detectors that agree on {MIN_ALONE:.0%} of the beats of a lead that no "
            "other confirms",
            found=f"{agreement:.0%} ({said})",
            remedy="electrodes were off",
        )
    reason = f"no other lead confirms it ({said}); its own detectors agree on {agreement:.0%}"
    return Lead(name, signal, own, agreement, (), reason)


def _own(one: Beats) -> float:
    """Share of the beats of both detectors that both have."""
    return _in_common(one.all_s, one.other_s, TOLERANCE_S["ecg"])


def _agreement(signal: Signal, one: Beats, other: Beats) -> float:
    """Share of beats in common; 0 where the rates differ."""
    edges_s = np.arange(signal.start_s, signal.end_s, WINDOW_S)
    first_bpm, second_bpm = (_rates_bpm(b.times_s, edges_s) for b in (one, other))
    difference_bpm = np.abs(first_bpm - second_bpm)
    difference_bpm = difference_bpm[np.isfinite(difference_bpm)]
    if not len(difference_bpm) or float(np.median(difference_bpm)) > MAX_DIFFERENCE_BPM:
        return 0.0
    gap_s = to_nearest_s(one.times_s, other.times_s)
    gap_s = gap_s[np.abs(gap_s) <= MAX_LAG_S]
    lag_s = float(np.median(gap_s)) if len(gap_s) else 0.0
    return _in_common(one.times_s, other.times_s - lag_s, TOLERANCE_S["ecg"])


def _in_common(first_s: Floats, second_s: Floats, tolerance_s: float) -> float:
    n = len(first_s) + len(second_s)
    if not n:
        return 0.0
    matched = (
        near(first_s, second_s, tolerance_s).sum() + near(second_s, first_s, tolerance_s).sum()
    )
    return float(matched) / n


def _rates_bpm(times_s: Floats, edges_s: Floats) -> Floats:
    """Rate of each window from one edge to the next, or to the end; NaN where it has none."""
    inner = np.searchsorted(times_s, edges_s[1:])
    return np.array(
        [
            60.0 / float(np.median(np.diff(part))) if len(part) >= 3 else np.nan
            for part in np.split(times_s, inner)
        ]
    )
