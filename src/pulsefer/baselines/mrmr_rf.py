"""mRMR and a random forest on the pulse, after Ayata, Yaslan and Kamasak (2020)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from pulsefer.core.bundle import Fidelity
from pulsefer.estimators.mrmr import Mrmr

from .physiology import Floats, Ints, Pulse, PulseSystem, Setting


@dataclass(frozen=True, slots=True)
class MrmrRfConfig:
    """What mRMR + RF tries.

    Choice: 5, 10, 15 or 20 features are kept.
    Choice: 500 trees (100 while settings are compared), classes weighted to be equally heavy in
    each tree's sample.
    """

    n_kept: tuple[int, ...] = (5, 10, 15, 20)
    n_trees: int = 500
    n_trees_inner: int = 100
    inner_folds: int = 3

    def __post_init__(self) -> None:
        if not self.n_kept or min(*self.n_kept, self.n_trees, self.n_trees_inner) < 1:
            raise ValueError(f"numbers of features and of trees are needed: {self}")
        if self.inner_folds < 2:
            raise ValueError(f"inner_folds >= 2 is needed: {self}")


class MrmrRf(PulseSystem):
    """Features of the pulse, the most relevant and least redundant of them, a random forest.

    After D. Ayata, Y. Yaslan and M. E. Kamasak, J. Med. Biol. Eng. 40(2), 2020. Known of it, from
    its abstract: respiration, PPG and fingertip temperature; random forest, support vector machine
    and logistic regression; fusion of their decisions. Not known: windows, folds, how many
    features, size of the forest. A reading of its PPG part, not a reproduction.

    Choice: the features of `signals.pulse_features` over the whole trial; selection as in
    `estimators.mrmr`, inside `fit`; sizes as in `MrmrRfConfig`.
    """

    fidelity: Fidelity = "abstract"
    hyper_parameters = ("n_kept",)

    def __init__(
        self,
        config: MrmrRfConfig | None = None,
        *,
        seed: int,
        signal: Pulse = "ppg",
        n_classes: int = 2,
    ) -> None:
        super().__init__(seed=seed, signal=signal, n_classes=n_classes)
        self.config = config or MrmrRfConfig()
        self.inner_folds = self.config.inner_folds

    @property
    def settings(self) -> Sequence[Setting]:
        """How many features are kept."""
        return [(n_kept,) for n_kept in self.config.n_kept]

    def models(self, x: Floats, y: Ints, settings: Sequence[Setting]) -> Iterator[Pipeline]:
        """A forest for each setting; a smaller one where several settings are compared."""
        n_trees = self.config.n_trees if len(settings) == 1 else self.config.n_trees_inner
        for (n_kept,) in settings:
            forest = RandomForestClassifier(
                n_trees,
                max_features="sqrt",
                class_weight="balanced_subsample",
                random_state=self.chance("forest"),
            )
            yield make_pipeline(Mrmr(int(n_kept)), forest).fit(x, y)

    def learned(self, model: Pipeline) -> Mapping[str, NDArray[np.generic]]:
        """Which features; of each node, from the first tree on, its feature (-2 for a leaf).

        Then the thresholds of the inner nodes and the shares of the classes in the leaves.
        """
        trees = [tree.tree_ for tree in model[-1].estimators_]
        node_feature = np.concatenate([tree.feature for tree in trees])
        is_leaf = node_feature < 0
        return {
            "kept": model[0].ranking_,
            "node_feature": node_feature,
            "threshold": np.concatenate([tree.threshold for tree in trees])[~is_leaf],
            "leaf_share": np.concatenate([tree.value[:, 0] for tree in trees])[is_leaf],
        }
