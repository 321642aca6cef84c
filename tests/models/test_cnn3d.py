import pytest
import torch

from pulsefer.models.cnn3d import WIDTHS, Cnn3d


def network():
    torch.manual_seed(0)
    return Cnn3d().eval()


def clips(frames=5, batch=2, size_px=64):
    chance = torch.Generator().manual_seed(1)
    return torch.rand(batch, 3, frames, size_px, size_px, generator=chance)


def test_parameters_are_those_of_four_kernels_their_norms_and_two_layers():
    widths = (3, *WIDTHS)
    kernels = sum(27 * a * b for a, b in zip(widths, WIDTHS, strict=False))
    n = kernels + 2 * sum(WIDTHS) + 256 * 128 + 128 + 128 + 1
    assert sum(p.numel() for p in network().parameters()) == n == 1_197_793


@pytest.mark.parametrize(
    ("frames", "left"),
    [(1, [1, 1, 1, 1]), (2, [2, 1, 1, 1]), (3, [3, 2, 1, 1]), (5, [5, 3, 2, 1]),
     (16, [16, 8, 4, 2])],
)  # fmt: skip
def test_pooling_over_time_takes_what_there_is(frames, left):
    model, shapes = network(), []
    for number in range(1, 5):
        getattr(model, f"pool{number}").register_forward_hook(
            lambda _module, _inputs, out: shapes.append(tuple(out.shape[1:]))
        )
    assert model(clips(frames)).shape == (2, 1)
    assert [shape[1] for shape in shapes] == left
    assert [shape[0] for shape in shapes] == list(WIDTHS)
    assert [shape[2:] for shape in shapes] == [(32, 32), (16, 16), (8, 8), (4, 4)]


def test_the_last_of_an_odd_number_of_frames_is_looked_at():
    model, x = network(), clips(5)
    other = x.clone()
    other[:, :, 4] = 1 - other[:, :, 4]
    assert (model(x) - model(other)).abs().min() > 1e-6


def test_a_clip_does_not_see_its_neighbours():
    model, x = network(), clips(batch=3)
    alone = torch.cat([model(one[None]) for one in x])
    torch.testing.assert_close(model(x), alone, rtol=0, atol=1e-5)


def test_the_order_of_time_matters():
    model, x = network(), clips()
    assert (model(x) - model(x.flip(2))).abs().min() > 1e-6


def test_how_pixels_lie_in_memory_changes_nothing():
    model, x = network(), clips()
    last = x.to(memory_format=torch.channels_last_3d)
    torch.testing.assert_close(model(x), model(last), rtol=0, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 5])
def test_gradients_reach_every_weight(frames):
    model = network().train()
    model(clips(frames)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad.any(), name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize(
    "x",
    [clips(0), clips(size_px=15), clips()[:, :2], clips().double().int(), clips()[0]],
)
def test_other_shapes_and_types_are_refused(x):
    with pytest.raises(ValueError, match="at least one frame and 16 px"):
        network()(x)
