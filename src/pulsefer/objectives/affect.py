"""Losses of valence and arousal for single pictures. A label that is not known (NaN) has no say.

Every loss is that of each dimension over its known rows, then the mean over the dimensions that
have any: a dimension that is seldom labelled counts as much as the other. Where nothing is known
there is no number that would mean "no error known": the loss is None.

Shape letters: B batch, D dimensions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-8
"""Smallest denominator of the concordance: where nothing varies it is 0, not 0 / 0."""


def mse(pred_BD: Tensor, target_BD: Tensor) -> Tensor | None:
    """Mean square error.

    Args:
        pred_BD: (B, D).
        target_BD: (B, D), NaN where not known.

    Returns:
        A scalar, float32 under autocast too; None where no target is known.

    Raises:
        ValueError: the shapes differ.

    >>> round(mse(torch.tensor([[0.5, 0.5]]), torch.tensor([[0.7, torch.nan]])).item(), 3)
    0.04
    """
    columns = _known(pred_BD, target_BD)
    return _mean([(pred - target).square().mean() for pred, target in columns])


def bce(logit_BD: Tensor, target_BD: Tensor) -> Tensor | None:
    """Mean binary cross-entropy, on the logit.

    Args:
        logit_BD: (B, D) logits of the high class.
        target_BD: (B, D) 0 low, 1 high, NaN where not known.

    Returns:
        A scalar in nats; None where no target is known.

    Raises:
        ValueError: the shapes differ.
    """
    columns = _known(logit_BD, target_BD)
    return _mean(
        [functional.binary_cross_entropy_with_logits(logit, target) for logit, target in columns]
    )


def ccc_loss(pred_BD: Tensor, target_BD: Tensor) -> Tensor | None:
    """1 minus the mean concordance correlation coefficient of the batch.

    Paper: nothing; a common loss for valence and arousal, since it is what is reported. With s for
    covariances and m for means over the batch (Lin, Biometrics 1989):

        CCC = 2 s_pt / (s_pp + s_tt + (m_p - m_t)^2)

    A concordance is not a mean over samples: its value depends on the batch, and a small last
    batch has a gradient of its own.

    Args:
        pred_BD: (B, D).
        target_BD: (B, D) on the same scale, NaN where not known.

    Returns:
        A scalar, 0 for perfect agreement, 1 for none, 2 at worst; None where no dimension has two
        known targets.

    Raises:
        ValueError: the shapes differ.
    """
    columns = _known(pred_BD, target_BD)
    return _mean([1.0 - _ccc(pred, target) for pred, target in columns if len(target) > 1])


def _ccc(pred: Tensor, target: Tensor) -> Tensor:
    mean_pred, mean_target = pred.mean(), target.mean()
    p, t = pred - mean_pred, target - mean_target
    spread = p.square().mean() + t.square().mean() + (mean_pred - mean_target).square()
    return 2.0 * (p * t).mean() / spread.clamp_min(EPS)


def _known(pred_BD: Tensor, target_BD: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Prediction and target of the known rows of each dimension that has any."""
    if pred_BD.shape != target_BD.shape:
        raise ValueError(
            f"predictions are {tuple(pred_BD.shape)}, targets {tuple(target_BD.shape)}"
        )
    pred_BD = pred_BD.float() if pred_BD.element_size() < 4 else pred_BD
    found = []
    for pred, target in zip(pred_BD.unbind(1), target_BD.to(pred_BD.dtype).unbind(1), strict=True):
        # Chosen before subtracting: a NaN times a zero weight would still be a NaN in the gradient.
        known = ~torch.isnan(target)
        if known.any():
            found.append((pred[known], target[known]))
    return found


def _mean(losses: list[Tensor]) -> Tensor | None:
    return torch.stack(losses).mean() if losses else None
