"""The heart-rate loss, equation (6)."""

from __future__ import annotations

import torch
from torch import Tensor

EPS_BPM2 = 1e-8
"""Under the root, bpm^2: the slope of a root is infinite at 0."""


def batch_rmse(pred_bpm: Tensor, true_bpm: Tensor) -> Tensor | None:
    """Root mean square error over the samples of a batch that have a heart rate.

    Paper: equation (6).
    Choice: `sqrt(mse + eps)`; samples without a heart rate (NaN) are left out, and a batch that
    has none skips the task: there is no number that would mean "no error known".

    A root of a mean is not a mean over samples. A smaller last batch, gradients summed over
    several batches, and data-parallel training (each process with its own root, unless their
    parts are joined first, as `training.parallel` does) each change what is minimised; and
    averages of it over batches are not the error of the set, which `metrics.heart_rate` computes
    from squared errors.

    Args:
        pred_bpm: (B,).
        true_bpm: (B,), NaN where unknown.

    Returns:
        A scalar in bpm, float32 under autocast too; None when no sample has a heart rate.

    Raises:
        ValueError: the shapes differ.

    >>> round(batch_rmse(torch.tensor([70.0, 80.0]), torch.tensor([73.0, torch.nan])).item(), 3)
    3.0
    """
    if pred_bpm.shape != true_bpm.shape:
        raise ValueError(f"predictions are {tuple(pred_bpm.shape)}, truths {tuple(true_bpm.shape)}")
    known = ~torch.isnan(true_bpm)
    if not known.any():
        return None
    # Chosen before subtracting: a NaN times a zero weight would still be a NaN in the gradient.
    error = pred_bpm[known].float() - true_bpm[known].float()
    return torch.sqrt(error.square().mean() + EPS_BPM2)
