import pytest
import torch

from pulsefer.models.xception3d_se import (
    FaceAndPulse,
    SeparableConv3d,
    SqueezeExcitation,
    Xception3dConfig,
    Xception3dSe,
)

SMALL = Xception3dConfig(entry=(4, 8), blocks=(8, 12), reduction=4)


def network(config=SMALL, seed=0):
    torch.manual_seed(seed)
    return Xception3dSe(config).eval()


def fused(seed=0):
    torch.manual_seed(seed)
    return FaceAndPulse(SMALL, trace_features=6, hidden=5, dropout=0.5, classes=2).eval()


def clips(batch=2, frames=5, size_px=32, seed=5):
    chance = torch.Generator().manual_seed(seed)
    return torch.rand(batch, frames, 3, size_px, size_px, generator=chance)


def traces(batch=2, n=20, seed=6):
    return torch.randn(batch, n, generator=torch.Generator().manual_seed(seed))


def test_every_stage_halves_what_it_is_said_to_halve():
    shapes, model = [], network(Xception3dConfig())
    for stage in (model.entry, *model.blocks):
        stage.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
    model(clips(1, 5, 64))
    assert shapes == [
        (64, 5, 32, 32), (128, 3, 16, 16), (256, 2, 8, 8), (256, 1, 4, 4), (256, 1, 2, 2),
    ]  # fmt: skip


def test_parameter_count_is_the_sum_over_the_layers_of_the_description():
    entry = 27 * 3 * 32 + 2 * 32 + 27 * 32 * 64 + 2 * 64

    def block(c, d):
        separable = (27 * c + c * d) + (27 * d + d * d)
        squeeze = d * (d // 16) + d // 16 + (d // 16) * d + d
        return separable + squeeze + c * d + 3 * 2 * d

    whole = entry + block(64, 128) + block(128, 256) + 2 * block(256, 256)
    assert sum(p.numel() for p in network(Xception3dConfig()).parameters()) == whole == 691_288


def test_a_separable_convolution_is_the_plain_one_whose_kernel_is_a_product():
    torch.manual_seed(1)
    own = SeparableConv3d(3, 4)
    depth, point = own[0].weight, own[1].weight  # (3, 1, 3, 3, 3), (4, 3, 1, 1, 1)
    plain = point * depth.transpose(0, 1)
    x = torch.randn(2, 3, 4, 5, 6)
    expected = torch.nn.functional.conv3d(x, plain, padding=1)
    torch.testing.assert_close(own(x), expected, rtol=0, atol=1e-5)


def test_squeeze_and_excitation_gives_every_channel_one_factor_between_0_and_1():
    torch.manual_seed(1)
    x = torch.rand(2, 8, 3, 4, 4) + 0.1
    factor = SqueezeExcitation(8, 4)(x) / x
    assert ((factor > 0) & (factor < 1)).all()
    assert factor.std(dim=(2, 3, 4)).max() < 1e-6
    assert factor.mean(dim=(2, 3, 4)).std() > 1e-3


def test_squeeze_and_excitation_sees_means_alone():
    torch.manual_seed(1)
    gate, x = SqueezeExcitation(8, 4), torch.rand(1, 8, 3, 4, 4)
    shuffled = x.flatten(2)[:, :, torch.randperm(48)].view_as(x)
    torch.testing.assert_close(gate(x).sum(dim=(2, 3, 4)), gate(shuffled).sum(dim=(2, 3, 4)))


@pytest.mark.parametrize(("frames", "size_px"), [(1, 32), (5, 64), (16, 36), (33, 48)])
def test_clips_of_any_length_and_size_become_one_vector(frames, size_px):
    model = network()
    out = model(clips(2, frames, size_px))
    assert out.shape == (2, model.features) == (2, 12)
    assert (out >= 0).all()


def test_the_order_of_time_matters():
    model, x = network(), clips()
    assert (model(x) - model(x.flip(1))).abs().max() > 1e-6


def test_a_clip_does_not_see_its_neighbours():
    model, x, trace = fused(), clips(3), traces(3)
    alone = torch.cat([model(x[i : i + 1], trace[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(model(x, trace), alone, rtol=0, atol=1e-6)


def test_a_gradient_reaches_every_weight_of_both_branches():
    model = fused()
    model(clips(), traces()).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_both_branches_are_heard():
    model, x, trace = fused(), clips(), traces()
    assert (model(x, trace) - model(x, traces(seed=9))).abs().max() > 1e-6
    assert (model(x, trace) - model(clips(seed=9), trace)).abs().max() > 1e-6


def test_a_pulse_is_known_by_its_shape_and_hardly_by_its_place():
    model = fused().pulse
    wave = torch.sin(torch.arange(400) * 0.6)
    early, late = wave[None, None, :300], wave[None, None, 5:305]
    faster = torch.sin(torch.arange(300) * 1.5)[None, None]
    assert (model(early) - model(late)).abs().max() < (model(early) - model(faster)).abs().max() / 5


@pytest.mark.parametrize("n", [1, 5, 125])
def test_traces_of_any_length_are_taken(n):
    assert fused()(clips(), traces(n=n)).shape == (2, 2)


@pytest.mark.parametrize(
    "wrong",
    [torch.zeros(2, 3, 5, 32, 32), torch.zeros(2, 5, 32, 32), clips().to(torch.uint8)],
)
def test_another_shape_or_type_is_refused_with_what_was_expected(wrong):
    with pytest.raises(ValueError, match=r"expected \(B, T, 3, H, W\)"):
        network()(wrong)


@pytest.mark.parametrize(
    "wrong", [{"entry": (8,)}, {"blocks": ()}, {"blocks": (8, 0)}, {"reduction": 0}]
)
def test_a_configuration_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="found"):
        Xception3dConfig(**wrong)
