"""Whether a probability means what it says.

Shape letters: R resamples, P persons, K bins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pulsefer.metrics.bootstrap import Floats, Groups, person_sums, ratio

if TYPE_CHECKING:
    import pandas as pd

N_BINS = 10
"""Bins of equal width between 0 and 1."""


def bins(prob: Floats) -> NDArray[np.intp]:
    """Number of the bin of each probability; an edge belongs to the bin below it.

    >>> bins(np.array([0.0, 0.05, 0.5, 0.51, 1.0])).tolist()
    [0, 0, 4, 5, 9]
    """
    return np.searchsorted(np.linspace(0, 1, N_BINS + 1)[1:-1], prob)


def ece(high: NDArray[np.bool_], prob: Floats) -> float:
    """Expected calibration error: how far a probability is from the share that comes true.

    With n_k rows in bin k, their mean probability p_k and their share of high labels h_k:

        ECE = sum over k of n_k / n * |p_k - h_k|

    Choice: 10 bins of equal width over the probability of "high", as a reliability curve of two
    classes has them (Naeini, Cooper & Hauskrecht, AAAI 2015). Bins over the probability of the
    answer given (Guo et al., ICML 2017) would put 0.3 and 0.7 together, and a network that says
    "high" too readily at both would look calibrated.

    It is never negative, so chance adds to it: with few rows even true probabilities have some, and
    an interval that begins just above 0 does not show that they are not true.

    Args:
        high: (n,) truth.
        prob: (n,) probability of "high".

    Returns:
        0 to 1; NaN where there are no rows.

    >>> round(ece(np.array([True, False, True, True]), np.array([0.75, 0.75, 0.95, 0.95])), 3)
    0.15
    """
    once = np.ones((1, 1))
    return float(resampled(high, prob, np.zeros(len(high), np.intp), once)[0])


def resampled(high: NDArray[np.bool_], prob: Floats, person: Groups, draws: Floats) -> Floats:
    """`ece`, once for every resample of persons.

    Args:
        high: (n,) truth.
        prob: (n,) probability of "high".
        person: (n,) number of the person of each row.
        draws: (R, P) how often each person is drawn.

    Returns:
        (R,)
    """
    excess_nK = np.zeros((len(prob), N_BINS))
    excess_nK[np.arange(len(prob)), bins(prob)] = prob - high
    columns = np.column_stack([np.ones(len(prob)), excess_nK])
    sums = draws @ person_sums(columns, person, draws.shape[1])
    return ratio(np.abs(sums[:, 1:]).sum(axis=1), sums[:, 0])


def reliability(high: NDArray[np.bool_], prob: Floats) -> pd.DataFrame:
    """What a reliability diagram shows: for each bin, what was said and what came true.

    Args:
        high: (n,) truth.
        prob: (n,) probability of "high".

    Returns:
        A row for each bin: from_prob, to_prob (its edges), n (rows in it), mean_prob, share_high;
        the last two NaN in an empty bin.
    """
    import pandas as pd

    number = bins(prob)
    rows = np.column_stack([np.ones(len(prob)), prob, high])
    n, said, came = person_sums(rows, number, N_BINS).T
    edges = np.linspace(0, 1, N_BINS + 1)
    return pd.DataFrame(
        {
            "from_prob": edges[:-1],
            "to_prob": edges[1:],
            "n": n.astype(np.intp),
            "mean_prob": ratio(said, n),
            "share_high": ratio(came, n),
        }
    )
