"""What the weighting experiment tries: families of settings, all of one size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Any, get_args

from pulsefer.experiments.budget import BudgetName
from pulsefer.objectives.gcs import Mode
from pulsefer.objectives.loss_weights import LossWeights
from pulsefer.objectives.uw import LogVarStart, Uncertainty
from pulsefer.reports.figures_of_marks import TUNED
from pulsefer.samples.placebo import Auxiliary

BETAS: Mapping[BudgetName, tuple[float, ...]] = {
    "smoke": (0.0, 0.01),
    "desk": (0.0, 0.001, 0.01, 0.1, 1.0),
    "paper": (0.0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0),
}
"""The curve; a desk has the five of Table 4. How many there are is how many trials a family has."""
POSITIVE: Mapping[BudgetName, tuple[float, ...]] = {
    "smoke": (0.01, 0.1),
    "desk": (0.001, 0.01, 0.03, 0.1, 1.0),
    "paper": (1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0),
}
"""Base betas of methods that need one above 0."""
PLACEBOS: Mapping[BudgetName, tuple[Auxiliary, ...]] = {
    "smoke": ("permuted_within",),
    "desk": ("permuted_within", "subject_mean"),
    "paper": ("permuted_within", "subject_mean", "random", "permuted"),
}
"""What a static beta is also tuned with; the first keeps who is who, the second is nothing else."""
STATIC, STL = "static", "STL"
PAPER_RATE = 1e-3
_RATES = (1e-3, 3e-4, 3e-3, 5e-4, 2e-3, 7e-4, 1.5e-3, 2e-4, 5e-3)
"""Choice: the geometric mean has nothing to tune, so its trials go to the learning rate."""
_STL_RATES = (1e-3, 3e-4, 3e-3)
_MODES: tuple[Mode, ...] = get_args(Mode)
_TAUS = (0.02, 0.1, 0.3, 0.005, 1.0, 0.05, 0.2, 0.5, 0.01)
_UW_FORMS: tuple[tuple[Uncertainty, LogVarStart], ...] = (
    ("kendall", "first_batch"), ("kendall", "zero"), ("revised", "first_batch"),
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One setting of a family.

    Attributes:
        name: What tells it from the others of its family.
        weights: How the losses are weighed; None is the network without the heart-rate head.
        learning_rate: Where it is not the budget's.
        dropout: Where it is not the budget's.
        beta: Where it lies on the curve, for families that have one.
    """

    name: str
    weights: LossWeights | None
    learning_rate: float | None = None
    dropout: float | None = None
    beta: float | None = None


@dataclass(frozen=True)
class Family:
    """A way of weighing, and the settings that are tried for it.

    Attributes:
        name: What rows call it.
        trials: As many as every other family has.
        auxiliary: What the heart-rate head is taught.
        moves: Whether it is a method beside the curve, or a curve, or STL.
    """

    name: str
    trials: tuple[Trial, ...]
    auxiliary: Auxiliary = "true"
    moves: bool = True

    @property
    def tuned(self) -> str:
        """What rows call its answers."""
        return f"{self.name}{TUNED}"

    @property
    def default(self) -> Trial | None:
        """The trial that a user has who sets nothing; None where it is not among them."""
        for trial in self.trials:
            if trial.learning_rate in (None, PAPER_RATE) and trial.dropout is None:
                if trial.weights is None:
                    if self.name == STL:
                        return trial
                elif trial.weights == LossWeights(
                    method=trial.weights.method, schedule=trial.weights.schedule
                ):
                    return trial
        return None


def families(budget: BudgetName) -> list[Family]:
    """Every family, with as many trials as the budget's curve has points."""
    n, positive = len(BETAS[budget]), POSITIVE[budget]
    found = [
        Family(STATIC, _curve(BETAS[budget]), moves=False),
        Family(
            "static, falling",
            tuple(
                Trial(f"from beta {beta:g}", LossWeights(beta=beta, schedule="linear"), beta=beta)
                for beta in positive
            ),
        ),
        *(
            Family(f"{STATIC}, {placebo}", _curve(BETAS[budget]), placebo, moves=False)
            for placebo in PLACEBOS[budget]
        ),
        Family("rlw", _by_beta("rlw", positive)),
        Family("uw", _first(n, _uw, product((0.025, 0.1, 0.005), _UW_FORMS))),
        Family("gls", _first(n, _gls, ((rate,) for rate in _RATES))),
        Family("dwa", _first(n, _dwa, product((2.0, 1.0, 5.0), (0.1, 0.01, 1.0)))),
        Family(
            "gcs", _first(n, _gcs, ((mode, beta) for beta in (0.1, 1.0, 0.01) for mode in _MODES))
        ),
        Family("pcgrad", _by_beta("pcgrad", positive)),
        Family("pcd", _first(n, _pcd, ((tau,) for tau in _TAUS))),
        *(
            [Family("pcd, on the feature", _first(n, _pcd_feature, ((tau,) for tau in _TAUS)))]
            if budget == "paper" else []
        ),
        Family(STL, _first(n, _stl, ((r, d) for d in (None, 0.5, 0.25) for r in _STL_RATES)),
               moves=False),
    ]  # fmt: skip
    uneven = [one.name for one in found if len(one.trials) != n]
    if uneven:
        raise ValueError(f"families with more or fewer trials than {n}: {uneven}")
    return found


def _first(
    n: int, trial: Callable[..., Trial], settings: Iterable[tuple[Any, ...]]
) -> tuple[Trial, ...]:
    """As many as there is room for; those that matter most come first."""
    return tuple(trial(*one) for one in islice(settings, n))


def _curve(betas: Sequence[float]) -> tuple[Trial, ...]:
    return tuple(
        Trial(f"beta {beta:g}", LossWeights(beta=beta) if beta else None, beta=beta)
        for beta in betas
    )


def _by_beta(method: str, betas: Sequence[float]) -> tuple[Trial, ...]:
    return tuple(Trial(f"beta {beta:g}", LossWeights(method=method, beta=beta)) for beta in betas)


def _uw(rate: float, form: tuple[Uncertainty, LogVarStart]) -> Trial:
    uncertainty, start = form
    weights = LossWeights(
        method="uw", uncertainty=uncertainty, log_var_start=start, log_var_rate=rate
    )  # fmt: skip
    return Trial(f"{uncertainty} from {start}, rate {rate:g}", weights)


def _gls(rate: float) -> Trial:
    return Trial(f"learning rate {rate:g}", LossWeights(method="gls"), learning_rate=rate)


def _dwa(temperature: float, beta: float) -> Trial:
    weights = LossWeights(method="dwa", temperature=temperature, beta=beta)
    return Trial(f"T {temperature:g}, beta {beta:g}", weights)


def _gcs(mode: Mode, beta: float) -> Trial:
    weights = LossWeights(method="gcs", mode=mode, beta=beta)
    return Trial(f"{mode}, beta {beta:g}", weights)


def _pcd(tau: float) -> Trial:
    return Trial(f"tau {tau:g}", LossWeights(method="pcd", tau=tau))


def _pcd_feature(tau: float) -> Trial:
    return Trial(f"tau {tau:g}", LossWeights(method="pcd", tau=tau, on="feature"))


def _stl(rate: float, dropout: float | None) -> Trial:
    said = "as it is" if dropout is None else f"{dropout:g}"
    name = f"learning rate {rate:g}, dropout {said}"
    return Trial(name, None, learning_rate=rate, dropout=dropout)
