"""Nearest neighbours by distances that stand in a table, channel by channel."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .dtw import checked_weights

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class DtwNeighbors(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """k nearest neighbours by weighted distances that are computed beforehand, channel by channel.

    DTW is dear and weighting is cheap: `channel_distances` runs once, and a search over weights and
    k tries all of them on its table. As other estimators of scikit-learn on precomputed distances,
    `fit` is given those between training samples and `predict` those to training samples.

    Choice: a probability is the share of the k neighbours. Of equally near ones, those that stand
    first in the training side count.

    Args:
        k: Neighbours; all of them where the training side has fewer.
        weights: (D,) of the channels, 0 or more; None is 1 for each.

    Attributes:
        classes_: Sorted.
        y_: (N,) place in `classes_` of each training sample.
        weights_: (D,).

    >>> from pulsefer.estimators.dtw import channel_distances
    >>> slow, fast = np.zeros((4, 1)), np.ones((4, 1))
    >>> near = DtwNeighbors(k=1).fit(channel_distances([slow, fast], band=0.1), [7, 9])
    >>> near.predict(channel_distances([fast + 0.2], [slow, fast], band=0.1))
    array([9])
    """

    metric = "precomputed"  # how scikit-learn tells distances from similarities

    def __init__(self, k: int = 3, weights: ArrayLike | None = None) -> None:
        self.k = k
        self.weights = weights

    def __sklearn_tags__(self) -> Any:
        """Cross-validation of scikit-learn then cuts rows and columns."""
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = True
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Keep the classes; there is nothing else to learn.

        Args:
            X: (N, N) or (N, N, D), distances between training samples.
            y: (N,) classes.
        """
        table, classes = validate_data(self, X, y, allow_nd=True, dtype=np.float64)
        check_classification_targets(classes)
        if table.shape[0] != table.shape[1]:
            raise ValueError(
                "expected distances between training samples, (N, N) or (N, N, D), found "
                f"{table.shape}"
            )
        if self.k < 1:
            raise ValueError(f"k is 1 or more, found {self.k}")
        n_channels = table.shape[2] if table.ndim == 3 else 1
        wanted = np.ones(n_channels) if self.weights is None else self.weights
        self.weights_ = checked_weights(wanted, n_channels)
        self.classes_, self.y_ = np.unique(classes, return_inverse=True)
        return self

    def nearest(self, X: ArrayLike) -> Ints:
        """(M, k) places in `classes_` of the nearest training samples, the nearest first."""
        check_is_fitted(self)
        table = validate_data(self, X, reset=False, allow_nd=True, dtype=np.float64)
        n_channels = table.shape[2] if table.ndim == 3 else 1
        if n_channels != len(self.weights_):
            raise ValueError(f"expected {len(self.weights_)} channels, found {n_channels}")
        distances = table.reshape(*table.shape[:2], n_channels) @ self.weights_
        order = np.argsort(distances, axis=1, kind="stable")[:, : self.k]
        return np.asarray(self.y_[order])

    def predict_proba(self, X: ArrayLike) -> Floats:
        """(M, n_classes) shares of the neighbours.

        Args:
            X: (M, N) or (M, N, D), distances to the training samples.
        """
        nearest = self.nearest(X)
        return np.stack(
            [(nearest == place).mean(axis=1) for place in range(len(self.classes_))], axis=1
        )

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(M,) the class of most neighbours; the lower one of equals."""
        shares = self.predict_proba(X)
        return np.asarray(self.classes_[shares.argmax(axis=1)])
