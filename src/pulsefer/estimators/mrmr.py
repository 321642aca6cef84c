"""Selection of features that say much about the class and little that others said already."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.metrics import mutual_info_score
from sklearn.utils import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Mrmr(SelectorMixin, BaseEstimator):  # type: ignore[misc]
    """Maximum relevance, minimum redundancy, in the difference form of Peng, Long and Ding (2005).

    Features are taken one after the other, each the one with the highest

        I(x; class) - mean over those taken before of I(x; x').

    Mutual information I is counted, in nats, on values cut into bins of equal counts.

    Choice: bins of equal counts and not mean +- one deviation, as the original has it: an order of
    values needs no unit and no distribution. Of equal scores the first column wins.

    Args:
        n_features_to_select: How many are kept; all where there are fewer.
        n_bins: Bins of each feature.

    Attributes:
        ranking_: (n_features_to_select,) columns in the order in which they were taken.
        relevance_: (n_features,) I(x; class), nats.
        scores_: (n_features_to_select,) the difference by which each was taken, nats.
    """

    def __init__(self, n_features_to_select: int = 10, *, n_bins: int = 5) -> None:
        self.n_features_to_select = n_features_to_select
        self.n_bins = n_bins

    def fit(self, X: ArrayLike, y: ArrayLike) -> Mrmr:
        """Rank the columns.

        Args:
            X: (n, n_features), finite.
            y: (n,) classes.

        Raises:
            ValueError: no feature to select, fewer than 2 bins, or values that are not finite.
        """
        if self.n_features_to_select < 1 or self.n_bins < 2:
            raise ValueError(
                "1 feature and 2 bins at least; found n_features_to_select="
                f"{self.n_features_to_select}, n_bins={self.n_bins}"
            )
        samples, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        binned = [in_bins(column, self.n_bins) for column in samples.T]
        classes = np.unique(labels, return_inverse=True)[1]
        self.relevance_ = np.array([information(classes, column) for column in binned])
        shared, taken, scores = np.zeros(len(binned)), [], []
        left = np.ones(len(binned), bool)
        for turn in range(min(self.n_features_to_select, len(binned))):
            score = np.where(left, self.relevance_ - shared / max(turn, 1), -np.inf)
            # Rounding must not decide between equals.
            best = int(np.argmax(score >= score.max() - 1e-12))
            taken.append(best)
            scores.append(score[best])
            left[best] = False
            for other in np.flatnonzero(left):
                shared[other] += information(binned[best], binned[other])
        self.ranking_, self.scores_ = np.array(taken), np.array(scores)
        return self

    def _get_support_mask(self) -> NDArray[np.bool_]:
        check_is_fitted(self)
        is_kept = np.zeros(self.n_features_in_, bool)
        is_kept[self.ranking_] = True
        return is_kept

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def in_bins(values: Floats, n_bins: int) -> Ints:
    """(n,) number of the bin of each value; bins hold equal counts as far as ties allow.

    >>> in_bins(np.array([3.0, 1.0, 2.0, 9.0]), 2).tolist()
    [1, 0, 0, 1]
    """
    cuts = np.quantile(values, np.arange(1, n_bins) / n_bins)
    return np.asarray(np.searchsorted(cuts, values, side="left"), np.int64)


def information(one: Ints, other: Ints) -> float:
    """Mutual information of two numberings from 0 of the same samples, nats.

    >>> round(information(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])), 6)
    0.693147
    """
    shape = int(one.max()) + 1, int(other.max()) + 1
    together = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1])
    return float(mutual_info_score(None, None, contingency=together.reshape(shape)))
