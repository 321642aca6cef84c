"""Dynamic time warping of series with several channels, many pairs at once.

Two forms for several channels (Shokoohi-Yekta et al. 2017): *independent*, each channel warps by
itself and the distances are added, d(x, y) = sum_d w_d DTW(x_d, y_d); *dependent*, one path for all
channels, its local cost sum_d w_d (x_d - y_d)².

Shape suffixes: T time, D channels, P pairs, N and M series.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS_AT_ONCE = 1 << 12
"""Pairs times cells of an anti-diagonal that are held at a time: 32 kB, which a cache keeps."""


def channel_distances(
    first: Sequence[Floats], second: Sequence[Floats] | None = None, *, band: float
) -> Floats:
    """The independent form before weighting: one DTW distance for each channel of each pair.

    A distance is the lowest sum of squared differences along a path from both starts to both ends.

    Choice: the sum, not its root, so that with equal weights the independent form is never larger
    than the dependent one and the weights act on like quantities.
    Choice: the band of Sakoe & Chiba lies around the straight line from both starts to both ends:
    cell (i, j) is open where |i/(n-1) - j/(m-1)| <= band. For equal lengths this is the usual
    |i - j| <= band (n-1). The cells nearest to the line are always open, so that a path exists.

    Args:
        first: (N) series, each (T, D); T may differ.
        second: (M) series; None takes `first`, and half of the work.
        band: Share of the length, 0 or more; 1 or more is no band.

    Returns:
        (N, M, D). What stands for a pair depends on that pair alone, and not on its order.

    Raises:
        ValueError: a series without samples, not finite, or of another number of channels; a
            negative band.

    >>> slow, fast = np.array([[0.0], [0.0], [1.0]]), np.array([[0.0], [1.0], [1.0]])
    >>> channel_distances([slow], [fast], band=1.0).item()
    0.0
    >>> channel_distances([slow], [fast], band=0.0).item()
    1.0
    """
    n_channels = _n_channels(first, second, band)
    tables = [
        _table(
            [one[:, [channel]] for one in first],
            None if second is None else [one[:, [channel]] for one in second],
            band,
        )
        for channel in range(n_channels)
    ]
    return np.stack(tables, axis=-1)


def joint_distances(
    first: Sequence[Floats],
    second: Sequence[Floats] | None = None,
    *,
    weights: ArrayLike,
    band: float,
) -> Floats:
    """The dependent form: all channels along one path.

    Args:
        first: (N) series, each (T, D); T may differ.
        second: (M) series; None takes `first`.
        weights: (D,), 0 or more.
        band: As for `channel_distances`.

    Returns:
        (N, M).

    Raises:
        ValueError: as `channel_distances`, or weights that are not (D,) or negative.
    """
    n_channels = _n_channels(first, second, band)
    scale = np.sqrt(checked_weights(weights, n_channels))
    return _table(
        [one * scale for one in first],
        None if second is None else [one * scale for one in second],
        band,
    )


def checked_weights(weights: ArrayLike, n_channels: int) -> Floats:
    """(n_channels,) as numbers.

    Raises:
        ValueError: another number of them, or a negative one.
    """
    checked = np.asarray(weights, dtype=np.float64)
    if checked.shape != (n_channels,) or not (checked >= 0).all():
        raise ValueError(
            f"expected {n_channels} weights, one for each channel, 0 or more, found {checked}"
        )
    return checked


def _n_channels(first: Sequence[Floats], second: Sequence[Floats] | None, band: float) -> int:
    """Channels of all series, which have to be usable."""
    if not band >= 0:
        raise ValueError(f"a band is a share of the length, 0 or more, found {band}")
    every = [*first, *(second or ())]
    if not first or (second is not None and not second):
        raise ValueError("distances need at least one series on either side")
    for one in every:
        if one.ndim != 2 or not len(one) or one.shape[1] != every[0].shape[-1]:
            raise ValueError(
                f"expected series of shape (T, {every[0].shape[-1]}), T at least 1, "
                f"found {one.shape}"
            )
        if not np.isfinite(one).all():
            raise ValueError("expected finite series; fill or leave out what is missing")
    return int(every[0].shape[1])


def _table(first: Sequence[Floats], second: Sequence[Floats] | None, band: float) -> Floats:
    """(N, M) distances of all pairs along one path each, (T, D) series."""
    others = first if second is None else second
    table = np.zeros((len(first), len(others)))
    x_of, y_of = _by_length(first), _by_length(others)
    for n, x_places in x_of.items():
        for m, y_places in y_of.items():
            if second is None and m < n:
                continue
            left, right = (side.ravel() for side in np.meshgrid(x_places, y_places))
            if second is None and m == n:
                left, right = left[left < right], right[left < right]
            slack = _slack(n, m, band)
            at_once = max(CELLS_AT_ONCE // (2 * slack // max(n + m - 2, 1) + 1), 1)
            for start in range(0, len(left), at_once):
                part = slice(start, start + at_once)
                x_PTD = np.stack([first[place] for place in left[part]])
                y_PTD = np.stack([others[place] for place in right[part]])
                costs = _lowest_costs(x_PTD, y_PTD, slack)
                table[left[part], right[part]] = costs
                if second is None:
                    table[right[part], left[part]] = costs
    return table


def _by_length(series: Sequence[Floats]) -> dict[int, Ints]:
    """Places of the series of each length."""
    lengths = np.array([len(one) for one in series])
    return {int(length): np.flatnonzero(lengths == length) for length in np.unique(lengths)}


def _slack(n: int, m: int, band: float) -> int:
    """How far |i (m-1) - j (n-1)| may go; a whole number, the same for (y, x) as for (x, y)."""
    wide = math.floor(min(band, 1.0) * ((n - 1) * (m - 1)) + 1e-9)
    return max(wide, (max(n, m) - 1) // 2)


def _lowest_costs(x_PTD: Floats, y_PTD: Floats, slack: int) -> Floats:
    """(P,) D(n-1, m-1) of D(i, j) = cost(i, j) + min(D(i-1, j), D(i-1, j-1), D(i, j-1)).

    Along anti-diagonals i + j = k, on which no cell waits for another, all pairs at once. A number
    is made from the same three for (y, x) as for (x, y): both are equal to the last bit.
    """
    x_DTP = np.ascontiguousarray(x_PTD.transpose(2, 1, 0))
    y_DTP = np.ascontiguousarray(y_PTD[:, ::-1].transpose(2, 1, 0))  # backwards: j falls as i rises
    n, m, n_pairs = x_DTP.shape[1], y_DTP.shape[1], x_DTP.shape[2]
    # Row i + 1 belongs to i: a fence stands before the first and behind the last.
    now, before, twice_before = (np.full((n + 2, n_pairs), math.inf) for _ in range(3))
    twice_before[0] = 0.0  # the corner from which every path starts
    apart, cost = np.empty((n, n_pairs)), np.empty((n, n_pairs))
    span = max(n + m - 2, 1)
    for k in range(n + m - 1):
        low = max(-((slack - k * (n - 1)) // span), k - m + 1, 0)
        high = min((k * (n - 1) + slack) // span, k, n - 1)
        size = max(high - low + 1, 0)
        at_j = low + m - 1 - k
        for channel, (x_TP, y_TP) in enumerate(zip(x_DTP, y_DTP, strict=True)):
            step = apart[:size] if channel else cost[:size]
            np.subtract(x_TP[low : low + size], y_TP[at_j : at_j + size], out=step)
            np.multiply(step, step, out=step)
            if channel:
                np.add(cost[:size], step, out=cost[:size])
        here = now[low + 1 : low + 1 + size]
        np.minimum(before[low : low + size], before[low + 1 : low + 1 + size], out=here)
        np.minimum(here, twice_before[low : low + size], out=here)
        np.add(here, cost[:size], out=here)
        now[low] = now[high + 2] = math.inf  # the band moves by one row at most
        now, before, twice_before = twice_before, now, before
    return before[n].copy()
