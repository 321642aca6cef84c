"""Scores of valence and arousal of single pictures.

`point` and `resampled` are to continuous labels what those of `emotion` are to low and high;
`score` takes a table of predictions of either kind.

Shape letters: R resamples, P persons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.metrics import emotion
from pulsefer.metrics.bootstrap import Floats, Groups, draw, interval, person_sums, ratio
from pulsefer.metrics.score import Value

if TYPE_CHECKING:
    import pandas as pd

Target = Literal["regression", "binary"]

NAMES = ("ccc", "pearson", "rmse", "rmse_constant")
BINARY_NAMES = ("balanced_accuracy", "accuracy", "auroc", "majority")

SAME = 1e-6
"""Spread below which values are one value: a correlation with it has no value."""


def point(true: Floats, pred: Floats) -> dict[str, float]:
    """Concordance, correlation, root mean square error, and that of a constant.

    With s for covariances and m for means over all rows (Lin, Biometrics 1989):

        CCC = 2 s_tp / (s_tt + s_pp + (m_t - m_p)^2)

    It is 1 only where prediction equals truth, and 0 for a constant. `rmse_constant` is the error
    of always saying the mean of these very labels, the best that a constant could reach.

    Args:
        true: (n,).
        pred: (n,).

    Returns:
        The scores under their names; errors in the unit of the labels. NaN where there are no rows,
        for a correlation with something that does not vary, and for the concordance of two equal
        constants.

    >>> point(np.array([-1.0, 0.0, 1.0]), np.array([-0.5, 0.0, 0.5]))["ccc"]
    0.8
    """
    person = np.zeros(len(true), np.intp)
    once = np.ones((1, 1))
    return {name: float(value[0]) for name, value in resampled(true, pred, person, once).items()}


def resampled(true: Floats, pred: Floats, person: Groups, draws: Floats) -> dict[str, Floats]:
    """The scores of `point`, once for every resample of persons.

    Args:
        true: (n,).
        pred: (n,).
        person: (n,) number of the person of each row.
        draws: (R, P) how often each person is drawn.

    Returns:
        (R,) for each name.
    """
    if len(true) == 0:
        return {name: np.full(len(draws), np.nan) for name in NAMES}
    t, p = true - true.mean(), pred - pred.mean()  # smaller numbers, fewer digits lost
    columns = [np.ones_like(t), t, p, t * t, p * p, t * p, (pred - true) ** 2]
    sums = draws @ person_sums(np.stack(columns, axis=1), person, draws.shape[1])
    n = sums[:, 0]
    mean_t, mean_p, tt, pp, tp, squares = (ratio(column, n) for column in sums.T[1:])
    var_t = np.maximum(tt - mean_t**2, 0)
    var_p = np.maximum(pp - mean_p**2, 0)
    covariance = tp - mean_t * mean_p
    vary = np.minimum(var_t, var_p) > SAME**2
    apart = (mean_t - mean_p) + (true.mean() - pred.mean())
    spread = var_t + var_p + apart**2
    return {
        "ccc": ratio(2 * covariance, np.where(spread > SAME**2, spread, 0)),
        "pearson": np.where(vary, ratio(covariance, np.sqrt(var_t * var_p)), np.nan),
        "rmse": np.sqrt(squares),
        "rmse_constant": np.sqrt(var_t),
    }


@dataclass(frozen=True, slots=True)
class AffectScores:
    """What came out for one dimension.

    Attributes:
        values: `NAMES`, or `BINARY_NAMES`.
        n: Pictures with a label.
        n_persons: Persons they show.
    """

    values: Mapping[str, Value]
    n: int
    n_persons: int


def score(
    predictions: pd.DataFrame,
    dimension: str,
    target: Target,
    *,
    seed: int = 0,
    n_bootstrap: int = 2000,
) -> AffectScores:
    """Score one dimension of a table of predictions; pictures without a label do not count.

    Args:
        predictions: dataset and person; the dimension's label on -1 to 1; and `*_pred`, the
            answer on the same scale, or with a binary target the probability of a label above 0.
        dimension: "valence" or "arousal".
        target: What was learned.
        seed: Of the resamples.
        n_bootstrap: Resamples of persons.

    Raises:
        BadInput: columns are missing, no label, or an answer that is no number.
    """
    columns = ["dataset", "person", dimension, f"{dimension}_pred"]
    missing = [name for name in columns if name not in predictions.columns]
    if missing:
        raise BadInput("predictions", expected=", ".join(columns), found=f"no {missing[0]}")
    rows = predictions[predictions[dimension].notna()]
    true, pred = (rows[name].to_numpy(np.float64) for name in columns[-2:])
    if len(rows) == 0 or not np.isfinite(pred).all():
        raise BadInput(
            "predictions",
            expected=f"labels of {dimension}, each with an answer",
            found=f"{len(rows)} labels, {int((~np.isfinite(pred)).sum())} without an answer",
        )
    person = rows.groupby(["dataset", "person"], sort=True).ngroup().to_numpy(np.intp)
    n_persons = int(person.max()) + 1
    draws = draw(n_persons, n_bootstrap, seed)
    if target == "regression":
        values: Mapping[str, float] = point(true, pred)
        spread: Mapping[str, Floats] = resampled(true, pred, person, draws)
    else:
        high, once = true > 0, np.ones((1, n_persons))
        values = {
            **emotion.point(high, pred),
            "majority": float(_majority(high, person, once)[0]),
        }
        spread = {
            **emotion.resampled(high, pred, person, draws),
            "majority": _majority(high, person, draws),
        }
    names = NAMES if target == "regression" else BINARY_NAMES
    return AffectScores(
        {name: Value(values[name], *interval(spread[name], n_persons)) for name in names},
        n=len(rows),
        n_persons=n_persons,
    )


def _majority(high: NDArray[np.bool_], person: Groups, draws: Floats) -> Floats:
    """(R,) accuracy of always saying the class that more of these very labels have."""
    classes = np.stack([~high, high], axis=1).astype(np.float64)
    n = draws @ person_sums(classes, person, draws.shape[1])
    return ratio(n.max(axis=1), n.sum(axis=1))
