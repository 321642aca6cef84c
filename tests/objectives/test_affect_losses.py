import math

import numpy as np
import pytest
import torch

from pulsefer.objectives.affect import bce, ccc_loss, mse

NAN = math.nan


@pytest.fixture
def pair():
    torch.manual_seed(0)
    target = torch.rand(40, 2)
    return (0.6 * target + 0.4 * torch.rand(40, 2)), target


def by_hand(pred, target):
    """Lin's formula, in NumPy, for one dimension."""
    p, t = pred.numpy().astype(np.float64), target.numpy().astype(np.float64)
    covariance = np.mean((p - p.mean()) * (t - t.mean()))
    return 2 * covariance / (p.var() + t.var() + (p.mean() - t.mean()) ** 2)


def test_the_concordance_is_the_formula(pair):
    pred, target = pair
    expected = 1 - np.mean([by_hand(pred[:, k], target[:, k]) for k in range(2)])
    assert ccc_loss(pred, target).item() == pytest.approx(expected, rel=1e-5)


def test_agreement_costs_nothing_and_a_mirror_costs_two(pair):
    _, target = pair
    mirrored = 2 * target.mean(dim=0) - target
    assert ccc_loss(target, target).item() == pytest.approx(0, abs=1e-6)
    assert ccc_loss(mirrored, target).item() == pytest.approx(2, abs=1e-6)


def test_a_shift_and_another_scale_cost_something(pair):
    _, target = pair
    assert ccc_loss(target + 0.3, target).item() > 0.1
    assert ccc_loss(0.5 * target, target).item() > 0.1


def test_both_moved_alike_agree_as_before(pair):
    pred, target = pair
    again = ccc_loss(2 * pred - 1, 2 * target - 1)
    assert again.item() == pytest.approx(ccc_loss(pred, target).item(), rel=1e-4)


@pytest.mark.parametrize("level", [0.0, 0.5])
def test_a_constant_costs_one_and_has_a_slope_that_leads_away(level):
    target = torch.rand(10, 2)
    pred = torch.full((10, 2), level, requires_grad=True)
    loss = ccc_loss(pred, target)
    loss.backward()
    assert loss.item() == pytest.approx(1)
    assert pred.grad.isfinite().all()
    assert (pred.grad * (target - target.mean(dim=0))).sum() < 0


def test_where_nothing_varies_there_is_no_slope_but_no_nan_either():
    pred = torch.full((5, 2), 0.5, requires_grad=True)
    loss = ccc_loss(pred, torch.full((5, 2), 0.5))
    loss.backward()
    assert loss.item() == 1
    assert not pred.grad.any()


@pytest.mark.parametrize("loss", [mse, ccc_loss, bce])
def test_a_label_that_is_not_known_has_no_say(loss, pair):
    pred, target = pair
    target = (target > 0.5).float()
    holes = target.clone()
    holes[3:9, 0] = NAN
    holes[30:, 1] = NAN
    leaf = pred.clone().requires_grad_()
    found = loss(leaf, holes)
    found.backward()
    expected = (
        loss(torch.cat([pred[:3], pred[9:]])[:, :1], torch.cat([target[:3], target[9:]])[:, :1])
        + loss(pred[:30, 1:], target[:30, 1:])
    ) / 2
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    assert leaf.grad.isfinite().all()
    assert not leaf.grad[3:9, 0].any()
    assert not leaf.grad[30:, 1].any()


@pytest.mark.parametrize("loss", [mse, ccc_loss, bce])
def test_a_dimension_without_labels_leaves_the_loss_to_the_other(loss, pair):
    pred, target = pair
    target = (target > 0.5).float()
    holes = target.clone()
    holes[:, 1] = NAN
    assert loss(pred, holes).item() == pytest.approx(loss(pred[:, :1], target[:, :1]).item())


@pytest.mark.parametrize("loss", [mse, ccc_loss, bce])
def test_where_nothing_is_known_there_is_no_loss(loss):
    assert loss(torch.rand(3, 2), torch.full((3, 2), NAN)) is None
    assert loss(torch.rand(0, 2), torch.rand(0, 2)) is None


def test_one_picture_has_no_concordance():
    assert ccc_loss(torch.rand(1, 2), torch.rand(1, 2)) is None


def test_square_error_and_cross_entropy_are_those_of_pytorch(pair):
    pred, target = pair
    functional = torch.nn.functional
    assert mse(pred, target).item() == pytest.approx(functional.mse_loss(pred, target).item())
    high = (target > 0.5).float()
    expected = functional.binary_cross_entropy_with_logits(pred, high).item()
    assert bce(pred, high).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", [mse, ccc_loss, bce])
def test_half_precision_loses_no_digits_in_the_loss(loss, pair):
    pred, target = (part.bfloat16() for part in pair)
    assert loss(pred, target).dtype == torch.float32


@pytest.mark.parametrize("loss", [mse, ccc_loss, bce])
def test_shapes_that_differ_are_refused(loss):
    with pytest.raises(ValueError, match=r"predictions are \(3, 2\), targets \(3, 1\)"):
        loss(torch.rand(3, 2), torch.rand(3, 1))
