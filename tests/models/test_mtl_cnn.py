import pytest
import torch

from pulsefer.models.mtl_cnn import GREY_PX, MtlCnn, grey


def network():
    torch.manual_seed(0)
    return MtlCnn().eval()


def faces(n=3):
    return torch.rand(n, 1, GREY_PX, GREY_PX, generator=torch.Generator().manual_seed(1))


def test_parameters_are_those_of_four_convolutions_and_two_layers():
    parts = {
        "conv1a": 32 * 9 + 32, "conv1b": 32 * 32 * 9 + 32,
        "conv2a": 64 * 32 * 9 + 64, "conv2b": 64 * 64 * 9 + 64,
        "hidden": 64 * 12 * 12 * 64 + 64, "answer": 64 * 2 + 2,
    }  # fmt: skip
    found = {}
    for name, parameter in network().named_parameters():
        layer = name.split(".")[0]
        found[layer] = found.get(layer, 0) + parameter.numel()
    assert found == parts
    assert sum(parts.values()) == 655_010


def test_a_face_has_two_answers_and_does_not_see_its_neighbours():
    model, x = network(), faces()
    whole = model(x)
    assert whole.shape == (3, 2)
    alone = torch.cat([model(one[None]) for one in x])
    torch.testing.assert_close(whole, alone, rtol=0, atol=1e-5)


def test_gradients_reach_every_weight_from_either_answer():
    for answer in (0, 1):
        model = network()
        model(faces())[:, answer].sum().backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad.any(), name
        assert not model.answer.weight.grad[1 - answer].any()


def test_the_size_of_activations_survives_the_layers():
    x = faces(32) - 0.5
    for name, layer in network().named_children():
        x = layer(x)
        if name.startswith("conv"):
            assert 0.05 < x.std() < 5, name


def test_a_grey_picture_keeps_its_grey_and_green_is_brightest():
    flat = torch.full((2, 3, 64, 64), 0.4)
    torch.testing.assert_close(grey(flat), torch.full((2, 1, 48, 48), 0.4))
    red, green, blue = (
        grey(torch.eye(3)[c].view(1, 3, 1, 1).expand(1, 3, 64, 64)) for c in range(3)
    )
    assert green.mean() > red.mean() > blue.mean() > 0
    torch.testing.assert_close(red + green + blue, torch.ones(1, 1, 48, 48))


def test_what_is_on_the_left_stays_on_the_left():
    x = torch.zeros(1, 3, 64, 64)
    x[..., :20] = 1
    small = grey(x)[0, 0]
    assert small[:, :12].min() > 0.9
    assert small[:, 20:].max() < 0.1


@pytest.mark.parametrize(
    "x", [torch.zeros(1, 3, 48, 48), torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 48, 48).int(),
          torch.zeros(48, 48)],
)  # fmt: skip
def test_other_shapes_and_types_are_refused(x):
    with pytest.raises(ValueError, match=r"expected \(B, 1, 48, 48\) float"):
        network()(x)
