"""The regularised extreme learning machine: a random layer, and ridge regression on top of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

Floats = NDArray[np.float64]


class RegularizedElm(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A single hidden layer whose weights are drawn and never learned; ridge regression reads it.

    With H = sigmoid(X W + b), and T of +1 for a class and -1 for the others,

        beta = (H' H + I / C)^-1 H' T = H' (H H' + I / C)^-1 T,

    the second where there are fewer samples than hidden units. Columns of X should be of one size,
    -1 to 1 say; weights and offsets are drawn uniformly from -1 to 1.

    Choice: probabilities are the softmax of the scores H beta, for two classes 1 / (1 + exp(-2 s)).
    Near 0 this is (1 + s) / 2, the probability that a regression to -1 and +1 estimates; it keeps
    the order of the scores and never leaves 0-1. It is not calibrated.

    Args:
        n_hidden: Hidden units.
        C: Inverse of the ridge penalty.
        n_draws: Hidden layers that are drawn, each with its own regression; scores are averaged.
            One draw is the textbook's machine; its answers vary from draw to draw.
        random_state: Decides the draws.

    Attributes:
        classes_: (n_classes,).
        hidden_weights_: (n_draws, n_features, n_hidden), drawn.
        hidden_offsets_: (n_draws, n_hidden), drawn.
        coef_: (n_draws, n_hidden, n_outputs), learned; one output for two classes.
    """

    def __init__(
        self,
        n_hidden: int = 200,
        *,
        C: float = 1.0,
        n_draws: int = 1,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.C = C
        self.n_draws = n_draws
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> RegularizedElm:
        """Draw the hidden layers and solve for the output weights.

        Args:
            X: (n, n_features).
            y: (n,) of two or more classes.

        Raises:
            ValueError: one class only, sizes that are not positive, or values that are not finite.
        """
        for name in ("n_hidden", "C", "n_draws"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, found {getattr(self, name)}")
        samples, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, number = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("two classes or more are needed; the labels have 1 class")
        targets = 2.0 * (number[:, None] == np.arange(len(self.classes_))) - 1.0
        if len(self.classes_) == 2:
            targets = targets[:, 1:]
        rng = check_random_state(self.random_state)
        shape = (self.n_draws, samples.shape[1] + 1, self.n_hidden)
        drawn = rng.uniform(-1.0, 1.0, size=shape)
        self.hidden_weights_, self.hidden_offsets_ = drawn[:, :-1], drawn[:, -1]
        self.coef_ = np.stack([ridge(H, targets, 1.0 / self.C) for H in self._hidden(samples)])
        return self

    def decision_function(self, X: ArrayLike) -> Floats:
        """Mean score of the draws: (n,) of the second of two classes, else (n, n_classes)."""
        check_is_fitted(self)
        samples = validate_data(self, X, dtype=np.float64, reset=False)
        scores = np.zeros((len(samples), self.coef_.shape[2]))
        for H, beta in zip(self._hidden(samples), self.coef_, strict=True):
            scores += H @ beta
        scores /= self.n_draws
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: ArrayLike) -> Floats:
        """(n, n_classes), rows sum to 1."""
        scores = self.decision_function(X)
        scores = np.stack([-scores, scores], axis=1) if scores.ndim == 1 else scores
        return np.asarray(softmax(scores, axis=1))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """(n,) most probable classes."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _hidden(self, X: Floats) -> list[Floats]:
        """(n, n_hidden) of each draw."""
        layers = zip(self.hidden_weights_, self.hidden_offsets_, strict=True)
        return [expit(X @ weights + offsets) for weights, offsets in layers]


def ridge(H: Floats, targets: Floats, penalty: float) -> Floats:
    """(n_hidden, n_outputs) weights of a ridge regression without intercept, by the smaller side.

    Args:
        H: (n, n_hidden).
        targets: (n, n_outputs).
        penalty: Above 0.
    """
    n, n_hidden = H.shape
    if n < n_hidden:
        inner = H @ H.T + penalty * np.eye(n)
        return np.asarray(H.T @ solve(inner, targets, assume_a="pos"))
    inner = H.T @ H + penalty * np.eye(n_hidden)
    return np.asarray(solve(inner, H.T @ targets, assume_a="pos"))
