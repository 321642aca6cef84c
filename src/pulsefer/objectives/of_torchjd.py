"""Any weighting of TorchJD that looks at a Gramian.

Shape suffixes: 2 the two tasks, 22 task by task.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from pulsefer.core.errors import BadInput
from pulsefer.core.extras import needed
from pulsefer.core.seeding import derive_seed
from pulsefer.objectives.weighting import GradientLevel

EXTRA = "torchjd"
"""Of pulsefer, and what a name of such a weighting begins with."""
SUFFIX = "Weighting"


class OfTorchJd(GradientLevel):
    """A weighting of TorchJD (`torchjd.aggregation`), by its name there.

        w = weighting(G),   d = w_1 g_1 + w_2 g_2

    with G the Gramian of the gradients of alpha L_emotion and beta L_heart_rate.

    One that draws numbers has the same on all processes and after a resume: its generator is set
    from the seed and the count of steps, and the caller's is left alone.

    Args:
        base: alpha and beta.
        name: For example "AlignedMTL" or "AlignedMTLWeighting".
        options: What its class takes, by name.
        seed: Of what it draws.

    Raises:
        BadInput: TorchJD is not installed, has no such weighting, or has one that keeps what its
            checkpoints lack or that looks at more than a Gramian.
    """

    def __init__(
        self,
        base: tuple[float, float],
        *,
        name: str,
        options: Mapping[str, float] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(base)
        self.seed = seed
        self.weighting = _made(name, dict(options or {}))

    def forward(self, gramian_22: Tensor) -> Tensor:
        """What TorchJD says, on the CPU: the matrix is small."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self.seed, EXTRA, int(self.step)))
            found: Tensor = self.weighting(gramian_22.cpu())
        return found.to(gramian_22)


def _made(name: str, options: dict[str, float]) -> Any:
    room = needed("torchjd.aggregation", extra=EXTRA)
    stateful = needed("torchjd", extra=EXTRA).Stateful
    known = _weightings(room)
    full = name if name.endswith(SUFFIX) else name + SUFFIX
    where = f"torchjd:{name}"
    if full not in known:
        close = difflib.get_close_matches(full, known, n=1, cutoff=0.4)
        raise BadInput(
            where,
            expected=f"one of {', '.join(one.removesuffix(SUFFIX) for one in sorted(known))}",
            found="no weighting of that name",
            remedy=f"did you mean torchjd:{close[0].removesuffix(SUFFIX)}?" if close else "",
        )
    if issubclass(known[full], stateful):
        raise BadInput(
            where,
            expected="a weighting without a memory",
            found="one whose memory is in no checkpoint, so that a stopped training could not go "
            "on",
            remedy="pcd is here under its own name" if full == "PCDWeighting" else "",
        )
    try:
        # A command line knows floats only; what counts something there takes no float.
        made = known[full](
            **{k: int(v) if float(v).is_integer() else v for k, v in options.items()}
        )
        with torch.random.fork_rng(devices=[]):  # it may draw: nobody else's numbers
            weights = made(torch.tensor([[1.0, 0.5], [0.5, 1.0]]))
    except Exception as error:  # of foreign code: whatever it raises is an answer to the user
        raise BadInput(
            where,
            expected="a weighting that can be made with these options and takes a Gramian",
            found=f"{type(error).__name__}: {error}",
            remedy=f"its class takes {inspect.signature(known[full])}",
        ) from error
    if weights.shape != (2,):
        raise BadInput(where, expected="two weights", found=f"shape {tuple(weights.shape)}")
    return made


def _weightings(room: ModuleType) -> dict[str, Any]:
    return {
        name: thing
        for name, thing in vars(room).items()
        if name.endswith(SUFFIX) and name != SUFFIX and inspect.isclass(thing)
    }
