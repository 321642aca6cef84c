"""NCA and k-NN on the heart beat, after Ferdinando, Seppaenen and Alasaarela (2017)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KNeighborsClassifier, NeighborhoodComponentsAnalysis
from sklearn.pipeline import Pipeline

from pulsefer.core.bundle import Fidelity

from .physiology import Floats, Ints, Pulse, PulseSystem, Setting


@dataclass(frozen=True, slots=True)
class NcaKnnConfig:
    """What NCA + k-NN tries.

    Choice: 2, 4 or 8 components, 3 to 11 neighbours.
    Choice: NCA starts at the principal components and stops after scikit-learn's 50 steps; it
    separates its own training side ever better, and that is not what is asked.
    """

    n_components: tuple[int, ...] = (2, 4, 8)
    n_neighbours: tuple[int, ...] = (11, 9, 7, 5, 3)
    max_steps: int = 50
    inner_folds: int = 3

    def __post_init__(self) -> None:
        if not (self.n_components and self.n_neighbours):
            raise ValueError(f"numbers of components and of neighbours are needed: {self}")
        if min(*self.n_components, *self.n_neighbours, self.max_steps) < 1 or self.inner_folds < 2:
            raise ValueError(f"numbers of 1 or more and inner_folds >= 2 are needed: {self}")


class NcaKnn(PulseSystem):
    """Features of the heart beat, neighbourhood components analysis, k nearest neighbours.

    After H. Ferdinando, T. Seppaenen and E. Alasaarela, "Enhancing emotion recognition from ECG
    signals using supervised dimensionality reduction", ICPRAM 2017. Known of it, from its abstract:
    MAHNOB-HCI, three classes, k-NN, NCA best of three reductions; features were statistics of the
    dominant frequencies after bivariate empirical mode decomposition. Not known: k, the number of
    components. A reading, not a reproduction.

    Choice: the features of `signals.pulse_features` over the whole trial instead of the
    decomposition's: a later abstract of the same group reports that after NCA standard features of
    heart rate variability come close to it. Sizes as in `NcaKnnConfig`; no more components or
    neighbours than the training side has samples.
    """

    fidelity: Fidelity = "abstract"
    hyper_parameters = ("n_components", "n_neighbours")

    def __init__(
        self,
        config: NcaKnnConfig | None = None,
        *,
        seed: int,
        signal: Pulse = "ecg",
        n_classes: int = 2,
    ) -> None:
        super().__init__(seed=seed, signal=signal, n_classes=n_classes)
        self.config = config or NcaKnnConfig()
        self.inner_folds = self.config.inner_folds

    @property
    def settings(self) -> Sequence[Setting]:
        """Components by neighbours, most neighbours first."""
        return [(m, k) for m in self.config.n_components for k in self.config.n_neighbours]

    def models(self, x: Floats, y: Ints, settings: Sequence[Setting]) -> Iterator[Pipeline]:
        """Neighbours for each setting; each number of components is reduced to once."""
        reductions: dict[int, NeighborhoodComponentsAnalysis] = {}
        for m, k in settings:
            n_components = min(int(m), *x.shape)
            if n_components not in reductions:
                reductions[n_components] = NeighborhoodComponentsAnalysis(
                    n_components,
                    init="pca",
                    max_iter=self.config.max_steps,
                    random_state=self.chance("components"),
                ).fit(x, y)
            reduction = reductions[n_components]
            neighbours = KNeighborsClassifier(min(int(k), len(x)))
            neighbours.fit(reduction.transform(x), y)
            yield Pipeline([("nca", reduction), ("knn", neighbours)])

    def learned(self, model: Pipeline) -> Mapping[str, NDArray[np.generic]]:
        """Components, and the samples that are remembered: where they lie and their classes."""
        return {
            "components": model["nca"].components_,
            "remembered": model["knn"]._fit_X,
            "remembered_class": model["knn"].classes_[model["knn"]._y],
        }
