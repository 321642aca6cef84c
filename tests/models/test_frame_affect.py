import pytest
import torch

from pulsefer.models.crnn import Crnn, FrameCnn
from pulsefer.models.frame_affect import DIMENSIONS, FrameAffect, FrameAffectConfig
from pulsefer.models.pixels import to_float


@pytest.fixture
def model():
    torch.manual_seed(0)
    return FrameAffect().eval()


def answer_layer(model, spread=0.1):
    """The last layer begins at zero: give it numbers, so that answers differ."""
    torch.nn.init.normal_(model.head[-1].weight, std=spread)
    return model


def test_its_cnn_is_that_of_the_network_for_clips(model):
    assert isinstance(model.cnn, FrameCnn)
    wanted = {name: value.shape for name, value in Crnn().cnn.state_dict().items()}
    assert {name: value.shape for name, value in model.cnn.state_dict().items()} == wanted
    assert sum(p.numel() for p in model.cnn.parameters()) == 93_248


def test_the_head_has_the_sizes_of_the_ancestor(model):
    shapes = [tuple(p.shape) for p in model.head.parameters()]
    assert shapes == [(1000, 4608), (1000,), (2, 1000), (2,)]
    assert DIMENSIONS == ("valence", "arousal")


def test_it_begins_in_the_middle_of_the_scale(model):
    x = torch.rand(3, 3, 64, 64)
    assert torch.equal(torch.sigmoid(model(x)), torch.full((3, 2), 0.5))


def test_a_picture_has_the_same_answer_in_any_company(model):
    answer_layer(model)
    x = torch.rand(20, 3, 64, 64)  # more than one piece
    together = model(x)
    assert together.shape == (20, 2)
    assert together.std(dim=0).min() > 0
    alone = torch.cat([model(one) for one in x.split(1)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_stored_faces_go_in_as_they_are(model):
    answer_layer(model)
    faces = torch.randint(0, 256, (4, 64, 64, 3), dtype=torch.uint8)
    expected = model(faces.permute(0, 3, 1, 2).contiguous().float() / 255)
    torch.testing.assert_close(model(to_float(faces)), expected, atol=1e-5, rtol=1e-4)


def test_every_weight_learns_after_the_first_step(model):
    model.train()
    optimiser = torch.optim.Adam(model.parameters())
    for _ in range(2):
        optimiser.zero_grad()
        model(torch.rand(4, 3, 64, 64)).sub(0.3).square().sum().backward()
        optimiser.step()
    assert all(p.grad.abs().max() > 0 for p in model.parameters())


def test_dropout_acts_in_training_only(model):
    answer_layer(model)
    x = torch.rand(2, 3, 64, 64)
    assert torch.equal(model(x), model(x))
    model.train()
    assert not torch.equal(model(x), model(x))


@pytest.mark.parametrize(
    "x",
    [
        torch.rand(3, 64, 64),
        torch.rand(1, 6, 64, 64),
        torch.rand(1, 3, 32, 32),
        torch.zeros(1, 3, 64, 64, dtype=torch.uint8),
        torch.rand(1, 64, 64, 3),
    ],
)
def test_other_shapes_are_refused(model, x):
    with pytest.raises(ValueError, match="to_float"):
        model(x)


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_a_dropout_that_makes_no_sense_is_refused(dropout):
    with pytest.raises(ValueError, match="dropout"):
        FrameAffectConfig(dropout=dropout)
