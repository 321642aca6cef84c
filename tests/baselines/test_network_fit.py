import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from pulsefer.baselines.network_fit import (
    drawn,
    fit_network,
    n_parameters,
    predict_network,
    state_arrays,
)

N = 70


def small():
    return nn.Sequential(
        nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 1)
    )


def samples(seed=0):
    """The sign of the first number is the class."""
    x = torch.randn(N, 3, generator=torch.Generator().manual_seed(seed))
    return x, (x[:, 0] > 0).float()


def fitted(seed=0, *, epochs=5, batch_size=16, lr=0.01, reads=None):
    x, y = samples()

    def inputs(places):
        if reads is not None:
            reads.append(places)
        return (x[torch.from_numpy(places)],)

    module = drawn(small, seed)
    fit_network(
        module, inputs, y, loss=loss, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed
    )
    return module, inputs


def loss(output, target):
    return functional.binary_cross_entropy_with_logits(output.squeeze(1), target)


def test_a_plain_rule_is_learned():
    module, inputs = fitted(epochs=40)
    right = (predict_network(module, inputs, N, 16)[:, 0] > 0) == samples()[1].numpy()
    assert right.mean() > 0.9


def test_equal_fits_give_equal_bytes_whatever_others_draw():
    one = state_arrays(fitted()[0])
    torch.rand(17)
    np.random.default_rng().random(3)
    again = state_arrays(fitted()[0])
    assert all(np.array_equal(one[name], again[name]) for name in one)


def test_another_seed_is_another_fit():
    one, other = state_arrays(fitted()[0]), state_arrays(fitted(1)[0])
    assert not np.array_equal(one["0.weight"], other["0.weight"])


def test_the_chance_of_others_is_left_alone():
    torch.manual_seed(3)
    wanted = torch.rand(4)
    torch.manual_seed(3)
    fitted()
    assert torch.equal(torch.rand(4), wanted)


def test_every_sample_is_seen_once_an_epoch_in_an_order_that_changes():
    reads = []
    fitted(epochs=2, reads=reads)
    first, second = np.concatenate(reads[:5]), np.concatenate(reads[5:])
    assert sorted(first) == sorted(second) == list(range(N))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(N))


def test_a_fitted_network_is_awake_no_more():
    module, inputs = fitted()
    assert not module.training
    module.train()
    one = predict_network(module, inputs, N, 16)
    assert not module.training
    np.testing.assert_array_equal(one, predict_network(module, inputs, N, 16))


def test_the_size_of_a_batch_does_not_change_an_answer():
    module, inputs = fitted()
    whole = predict_network(module, inputs, N, N)
    assert whole.shape == (N, 1)
    np.testing.assert_allclose(predict_network(module, inputs, N, 7), whole, rtol=0, atol=1e-6)


def test_the_state_is_a_copy_and_holds_running_statistics():
    module, _ = fitted()
    state = state_arrays(module)
    state["0.weight"][:] = 0
    assert module[0].weight.abs().max() > 0
    assert "1.running_mean" in state
    assert n_parameters(module) == 3 * 8 + 8 + 2 * 8 + 8 + 1


def test_a_loss_that_is_no_number_is_said():
    module = drawn(small, 0)
    with pytest.raises(ValueError, match=r"loss became nan: look for NaN in the inputs"):
        fit_network(
            module, lambda places: (torch.full((len(places), 3), torch.nan),), torch.zeros(4),
            loss=loss, epochs=1, batch_size=2, lr=0.01, seed=0,
        )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"batch_size": 0}, {"lr": 0.0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match="expected at least one sample"):
        fitted(**wrong)


def test_no_samples_are_refused():
    with pytest.raises(ValueError, match="expected at least one sample"):
        fit_network(
            drawn(small, 0), lambda _: (), torch.zeros(0), loss=loss, epochs=1, batch_size=1,
            lr=0.1, seed=0,
        )  # fmt: skip
    with pytest.raises(ValueError, match="expected samples"):
        predict_network(drawn(small, 0), lambda _: (), 0, 1)
