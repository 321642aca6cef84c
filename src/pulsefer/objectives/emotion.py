"""The emotion loss, equation (5)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def binary_cross_entropy(logit: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross-entropy of a batch.

    Paper: equation (5), on the probability that a sigmoid gives.
    Choice: on the logit, which is the same number without the logarithm of a rounded 0 or 1.

    Args:
        logit: (B,) logit of the high class.
        target: (B,) 0 low, 1 high; integers or floats.

    Returns:
        A scalar, in nats, float32 under autocast too.

    Raises:
        ValueError: the shapes differ.
    """
    if logit.shape != target.shape:
        raise ValueError(f"logits are {tuple(logit.shape)}, targets {tuple(target.shape)}")
    logit = logit.float() if logit.element_size() < 4 else logit
    return functional.binary_cross_entropy_with_logits(logit, target.to(logit.dtype))
