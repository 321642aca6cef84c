import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, root_mean_squared_error

from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.objectives.emotion import binary_cross_entropy
from pulsefer.objectives.heart_rate import batch_rmse
from pulsefer.objectives.loss_weights import LossWeights, build

NAN = math.nan


def test_cross_entropy_is_equation_5():
    logit, target = torch.randn(50), torch.randint(0, 2, (50,))
    expected = log_loss(target, torch.sigmoid(logit).numpy().astype(np.float64))
    assert binary_cross_entropy(logit, target).item() == pytest.approx(expected, rel=1e-5)


def test_not_knowing_costs_the_logarithm_of_two():
    assert binary_cross_entropy(torch.zeros(4), torch.tensor([0, 1, 1, 0])).item() == (
        pytest.approx(math.log(2))
    )


def test_being_certain_and_wrong_is_dear_but_finite():
    assert binary_cross_entropy(torch.tensor([1000.0]), torch.tensor([0])).item() == 1000


def test_root_mean_square_error_is_equation_6():
    pred, true = torch.rand(50) * 40 + 60, torch.rand(50) * 40 + 60
    expected = root_mean_squared_error(true, pred)
    assert batch_rmse(pred, true).item() == pytest.approx(expected, rel=1e-5)


def test_samples_without_a_heart_rate_have_no_say():
    pred = torch.tensor([70.0, 80.0, 90.0], requires_grad=True)
    loss = batch_rmse(pred, torch.tensor([72.0, NAN, 87.0]))
    loss.backward()
    assert loss.item() == pytest.approx(math.sqrt((4 + 9) / 2))
    assert pred.grad[1] == 0
    assert pred.grad.isfinite().all()


def test_a_batch_without_heart_rates_has_no_heart_rate_loss():
    assert batch_rmse(torch.rand(3), torch.full((3,), NAN)) is None
    assert batch_rmse(torch.rand(0), torch.rand(0)) is None


def test_a_perfect_batch_has_a_finite_slope():
    pred = torch.full((4,), 75.0, requires_grad=True)
    loss = batch_rmse(pred, torch.full((4,), 75.0))
    loss.backward()
    assert loss.item() < 1e-3
    assert not pred.grad.any()


@pytest.mark.parametrize("error_bpm", [1.0, 10.0, 80.0])
def test_the_push_on_the_predictions_is_as_strong_whatever_the_error(error_bpm):
    # Why a static beta gains weight while the emotion is learnt.
    pred = torch.full((16,), 75.0, requires_grad=True)
    batch_rmse(pred, torch.full((16,), 75.0 + error_bpm)).backward()
    assert pred.grad.norm().item() == pytest.approx(1 / math.sqrt(16), rel=1e-4)


def test_the_root_of_a_batch_is_not_the_mean_of_its_halves():
    pred, true = torch.zeros(4), torch.tensor([1.0, 1.0, 7.0, 7.0])
    halves = (batch_rmse(pred[:2], true[:2]) + batch_rmse(pred[2:], true[2:])) / 2
    assert halves < batch_rmse(pred, true) - 0.5


@pytest.mark.parametrize("loss", [binary_cross_entropy, batch_rmse])
def test_shapes_that_would_broadcast_are_refused(loss):
    with pytest.raises(ValueError, match=r"\(4, 1\)"):
        loss(torch.rand(4, 1), torch.rand(4))


@pytest.mark.parametrize("loss", [binary_cross_entropy, batch_rmse])
def test_half_precision_is_summed_in_single(loss):
    assert loss(torch.rand(4).bfloat16(), torch.ones(4)).dtype == torch.float32


def test_beta_zero_is_single_task_learning_to_the_bit():
    x = torch.rand(3, 2, 3, 64, 64)
    target, true_bpm = torch.tensor([0, 1, 1]), torch.tensor([60.0, NAN, 90.0])
    gradients = []
    for heart_rate in (True, False):
        torch.manual_seed(9)
        model = Crnn(CrnnConfig(heart_rate=heart_rate)).train()
        out = model(x)
        emotion, weighting = (
            binary_cross_entropy(out.emotion_logit, target), build(LossWeights(beta=0.0)),
        )  # fmt: skip
        if heart_rate:
            weighting(torch.stack([emotion, batch_rmse(out.hr_bpm, true_bpm)])).backward()
        else:
            weighting.alone(emotion).backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    multi, single = gradients
    assert all(torch.equal(multi[name], value) for name, value in single.items())
    assert not multi["heart_rate.weight"].any()
