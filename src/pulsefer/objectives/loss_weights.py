"""Which method weighs the two losses, and how it is set: what a user chooses from.

Alone, without anything else of this package:

    weighting = build(LossWeights(method="uw"))
    optimiser = torch.optim.Adam([{"params": network.parameters()}, *weighting.param_groups()])
    ...
    weighting(torch.stack([emotion_loss, heart_rate_loss])).backward()
"""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from pulsefer.core.fingerprint import SAID_IF_CHANGED
from pulsefer.objectives.dwa import Dwa
from pulsefer.objectives.gcs import Gcs, Mode
from pulsefer.objectives.gls import Gls
from pulsefer.objectives.of_torchjd import EXTRA, OfTorchJd
from pulsefer.objectives.pcd import Pcd
from pulsefer.objectives.pcgrad import PcGrad
from pulsefer.objectives.rlw import Rlw
from pulsefer.objectives.static import Schedule, Static
from pulsefer.objectives.uw import LogVarStart, Uncertainty, Uw
from pulsefer.objectives.weighting import GradientLevel, LossLevel, LossWeighting

METHODS: Mapping[str, type[LossWeighting]] = {
    "static": Static,
    "rlw": Rlw,
    "uw": Uw,
    "gls": Gls,
    "dwa": Dwa,
    "gcs": Gcs,
    "pcgrad": PcGrad,
    "pcd": Pcd,
}
"""By the name that a user types; beside them, "torchjd:CLASS"."""
ALIASES: Mapping[str, str] = {
    "ew": "static", "equal": "static", "ls": "static", "uncert": "uw", "scaleinvls": "gls",
    "upgrad": "pcgrad",
}  # fmt: skip
"""What other libraries call them. LibMTL's and nash-mtl's; UPGrad is TorchJD's, and half of PCGrad
where there are two tasks."""
PAPER_BETA = 0.01
On = Literal["trunk", "recurrent", "feature"]


@dataclass(frozen=True, slots=True)
class LossWeights:
    """How the emotion's and the heart rate's loss become one step; the defaults are the paper's.

    Paper: a weighted sum with alpha = 1 and beta = 0.01, equation (7); "dynamic approaches" are
    its future work (Sec. VI). What each method does stands in its class, which to take in
    docs/weighting.md. An option that the method has no use for is refused, not ignored.

    Attributes:
        alpha: Base weight of the emotion's loss.
        beta: Base weight of the heart rate's loss, per bpm; 0 leaves the shared layers to the
            emotion alone. None is the paper's 0.01. uw, gls and pcd have no base weights: they
            cancel.
        method: static (fixed or scheduled), rlw (random), uw (learned uncertainties), gls
            (geometric mean), dwa (rates of descent); on gradients gcs (gated by their cosine),
            pcgrad (projected), pcd (emotion first), or torchjd:CLASS.
        schedule: Of static: beta is constant, or goes to `beta_end` on a linear or cosine line.
        beta_end: Of static: beta in the last epoch of a schedule.
        warmup_epochs: Of static: in how many epochs beta first grows from 0.
        uncertainty: Of uw: kendall, or revised, which cannot become negative.
        log_var_start: Of uw: zero begins with equal weights in bpm, first_batch at the first
            losses.
        log_var_rate: Of uw: learning rate of the log-variances.
        temperature: Of dwa: the larger, the more alike the weights.
        mode: Of gcs: gate, cosine or project.
        tau: Of pcd: the share of its own progress that the heart rate is guaranteed.
        ema_decay: Of pcd: of the running mean square norms of the gradients.
        on: Of gcs, pcgrad, pcd and torchjd: whose gradients are compared. recurrent: those of the
            recurrent layer and the features behind it, nine tenths of the shared weights. trunk:
            those of all shared layers, the CNN's too, as the methods' authors have it, which costs
            a second backward pass of it. feature: those of the 16 shared features, which costs next
            to nothing, and is what several processes can do together. Choice: recurrent; the paper
            brings a CNN that has been trained before.
        torchjd: Options of the class of TorchJD, by name.
    """

    alpha: float = 1.0
    beta: float | None = None
    method: str = field(default="static", metadata=SAID_IF_CHANGED)
    schedule: Schedule = field(default="constant", metadata=SAID_IF_CHANGED)
    beta_end: float = field(default=0.0, metadata=SAID_IF_CHANGED)
    warmup_epochs: int = field(default=0, metadata=SAID_IF_CHANGED)
    uncertainty: Uncertainty = field(default="kendall", metadata=SAID_IF_CHANGED)
    log_var_start: LogVarStart = field(default="zero", metadata=SAID_IF_CHANGED)
    log_var_rate: float = field(default=0.025, metadata=SAID_IF_CHANGED)
    temperature: float = field(default=2.0, metadata=SAID_IF_CHANGED)
    mode: Mode = field(default="gate", metadata=SAID_IF_CHANGED)
    tau: float = field(default=0.02, metadata=SAID_IF_CHANGED)
    ema_decay: float = field(default=0.999, metadata=SAID_IF_CHANGED)
    on: On = field(default="recurrent", metadata=SAID_IF_CHANGED)
    torchjd: dict[str, float] = field(default_factory=dict, metadata=SAID_IF_CHANGED, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", _known(self.method))
        if self._class.takes_base and self.beta is None:
            object.__setattr__(self, "beta", PAPER_BETA)
        self._refuse_what_cancels()
        for name, value in (("alpha", self.alpha), ("beta", self.beta)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is a finite number of at least 0, found {value}")
        if self.on not in get_args(On):
            raise ValueError(f"on is one of {', '.join(get_args(On))}; found {self.on!r}")
        if self.schedule == "constant" and self.beta_end:
            raise ValueError("beta_end needs a schedule: choose linear or cosine")
        self._refuse_options_of_others()
        if self._class is not OfTorchJd:  # TorchJD is imported when it is used
            build(self)  # its class refuses values that make no sense

    @property
    def on_gradients(self) -> bool:
        """Whether it looks at gradients."""
        return issubclass(self._class, GradientLevel)

    @property
    def options(self) -> dict[str, Any]:
        """Values of the options that the method has."""
        return {name: getattr(self, name) for name in sorted(_options(self._class))}

    @property
    def _class(self) -> type[LossWeighting]:
        return METHODS.get(self.method, OfTorchJd)

    def _refuse_what_cancels(self) -> None:
        if self._class.takes_base:
            return
        if self.beta is not None or self.alpha != 1.0:
            raise ValueError(
                f"{self.method} gives every step the same whatever alpha and beta are: leave them "
                f"out, found alpha {self.alpha:g} and beta {self.beta}"
            )

    def _refuse_options_of_others(self) -> None:
        own = _options(self._class)
        for one in dataclasses.fields(self):
            if one.name in (*own, "alpha", "beta", "method"):
                continue
            default = {} if one.name == "torchjd" else one.default
            if getattr(self, one.name) != default:
                owners = [name for name, cls in METHODS.items() if one.name in _options(cls)]
                raise ValueError(
                    f"{one.name} is an option of {', '.join(owners) or 'torchjd:CLASS'}, "
                    f"and {self.method} has {', '.join(sorted(own)) or 'none'}"
                )


def build(weights: LossWeights, *, seed: int = 0) -> LossLevel | GradientLevel:
    """The module that weighs.

    Args:
        weights: Which, and how.
        seed: Of the methods that draw.

    Raises:
        BadInput: of TorchJD, what is not there.
        ValueError: an option that cannot be.
    """
    made_of = weights._class
    takes = inspect.signature(made_of).parameters
    base = (weights.alpha, PAPER_BETA if weights.beta is None else weights.beta)
    given: dict[str, Any] = {"base": base, "seed": seed, **weights.options}
    if made_of is OfTorchJd:
        given |= {"name": weights.method.partition(":")[2], "options": weights.torchjd}
    made: Any = made_of(**{name: value for name, value in given.items() if name in takes})
    return made  # type: ignore[no-any-return]


def _options(made_of: type[LossWeighting]) -> frozenset[str]:
    """Fields of `LossWeights` that a method has a use for."""
    own = set(inspect.signature(made_of).parameters) - {"base", "seed"}
    if made_of is OfTorchJd:
        own = {"torchjd"}
    return frozenset(own | ({"on"} if issubclass(made_of, GradientLevel) else set()))


def _known(method: str) -> str:
    """A method's own name, from what was typed.

    Raises:
        ValueError: nobody of that name.
    """
    if method.startswith(f"{EXTRA}:") and method != f"{EXTRA}:":
        return method
    name = ALIASES.get(method.lower(), method.lower())
    if name in METHODS:
        return name
    choices = [*METHODS, *ALIASES]
    close = difflib.get_close_matches(method.lower(), choices, n=1)
    meant = f"; did you mean {close[0]}?" if close else ""
    raise ValueError(
        f"method is one of {', '.join(METHODS)}, or {EXTRA}:CLASS; found {method!r}{meant}"
    )
