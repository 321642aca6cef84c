"""R-ELM on the pulse, after Guendil, Lachiri and Maaoui (2017)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline, make_pipeline

from pulsefer.core.bundle import Fidelity
from pulsefer.estimators.elm import RegularizedElm

from .physiology import Floats, Ints, Pulse, PulseSystem, Setting


@dataclass(frozen=True, slots=True)
class RElmConfig:
    """What the R-ELM tries.

    Choice: 50-500 hidden units; a study of ELMs on DEAP's EEG saw no gain beyond 200.
    Choice: C from 2^-10 to 2^10 in steps of 2^4; neighbours hardly differ.
    Choice: scores of 10 hidden layers are averaged (3 while settings are compared), for those of
    one layer vary.
    """

    n_hidden: tuple[int, ...] = (50, 100, 200, 500)
    log2_c: tuple[float, ...] = (-10.0, -6.0, -2.0, 2.0, 6.0, 10.0)
    n_draws: int = 10
    n_draws_inner: int = 3
    inner_folds: int = 5

    def __post_init__(self) -> None:
        if not (self.n_hidden and self.log2_c) or min(*self.n_hidden, self.n_draws) < 1:
            raise ValueError(f"sizes of hidden layers, penalties and draws are needed: {self}")
        if self.n_draws_inner < 1 or self.inner_folds < 2:
            raise ValueError(f"n_draws_inner >= 1 and inner_folds >= 2 are needed: {self}")


class RElm(PulseSystem):
    """Features of the pulse, then a regularised extreme learning machine.

    After Z. Guendil, Z. Lachiri and C. Maaoui, "Emotional VAD prediction using regularized extreme
    learning machine", IJMIR 6(3), 2017. Known of it: its title, and hence the machine, whose
    equations are the textbook's. Not known: features, size, penalty, split. A reading, not a
    reproduction.

    Choice: the features of `signals.pulse_features` over the whole trial, from -1 to 1; all sizes
    and penalties as in `RElmConfig`.
    """

    fidelity: Fidelity = "title"
    hyper_parameters = ("n_hidden", "log2_c")

    def __init__(
        self,
        config: RElmConfig | None = None,
        *,
        seed: int,
        signal: Pulse = "ppg",
        n_classes: int = 2,
    ) -> None:
        super().__init__(seed=seed, signal=signal, n_classes=n_classes)
        self.config = config or RElmConfig()
        self.inner_folds = self.config.inner_folds

    @property
    def settings(self) -> Sequence[Setting]:
        """Sizes by penalties, the strongest penalty first."""
        return [(n, log2_c) for n in self.config.n_hidden for log2_c in self.config.log2_c]

    def models(self, x: Floats, y: Ints, settings: Sequence[Setting]) -> Iterator[Pipeline]:
        """A machine for each setting; fewer draws where several settings are compared."""
        n_draws = self.config.n_draws if len(settings) == 1 else self.config.n_draws_inner
        for n_hidden, log2_c in settings:
            machine = RegularizedElm(
                int(n_hidden),
                C=2.0**log2_c,
                n_draws=n_draws,
                random_state=self.chance("hidden layers"),
            )
            yield make_pipeline(machine).fit(x, y)

    def learned(self, model: Pipeline) -> Mapping[str, NDArray[np.generic]]:
        """Output weights."""
        return {"output_weights": model[-1].coef_}

    def drawn(self, model: Pipeline) -> Mapping[str, NDArray[np.generic]]:
        """Hidden layers."""
        machine = model[-1]
        return {
            "hidden_weights": machine.hidden_weights_,
            "hidden_offsets": machine.hidden_offsets_,
        }
