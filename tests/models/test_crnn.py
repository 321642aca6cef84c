import pytest
import torch
from torch import nn

from pulsefer.models import crnn
from pulsefer.models.crnn import Crnn, CrnnConfig, FrameCnn, State
from pulsefer.models.layers import layers

KINDS = ("appearance", "difference", "both")


def network(seed=0, **config):
    torch.manual_seed(seed)
    return Crnn(CrnnConfig(**config)).eval()


def clips(batch=2, frames=4, seed=5):
    """Smooth little films: frame differences then stay inside their cut."""
    chance = torch.Generator().manual_seed(seed)
    face = torch.rand(batch, 1, 3, 64, 64, generator=chance) * 0.5 + 0.25
    return face * (1 + 0.02 * torch.randn(batch, frames, 1, 1, 1, generator=chance))


@pytest.mark.parametrize(("heart_rate", "published"), [(False, 1_052_473), (True, 1_052_490)])
def test_parameter_count_is_the_one_in_table_3(heart_rate, published):
    assert sum(p.numel() for p in network(heart_rate=heart_rate).parameters()) == published


@pytest.mark.parametrize(("heart_rate", "published"), [(False, 1_052_473), (True, 1_052_490)])
def test_the_table_of_layers_adds_up(heart_rate, published):
    rows = layers(CrnnConfig(heart_rate=heart_rate))
    assert sum(row.parameters for row in rows) == published


def test_maps_shrink_to_six_by_six():
    shapes = {row.name: row.output_shape for row in layers(CrnnConfig())}
    assert [shapes[f"cnn.{name}"] for name in ("conv1", "pool1", "conv2", "pool2", "conv3")] == [
        "32 x 62 x 62", "32 x 30 x 30", "64 x 28 x 28", "64 x 13 x 13", "128 x 13 x 13",
    ]  # fmt: skip
    assert shapes["gru"] == "128 x 6 x 6"


def test_the_heart_rate_head_changes_nothing_else_at_the_start():
    with_head, without = network(7).state_dict(), network(7, heart_rate=False).state_dict()
    assert all(torch.equal(with_head[name], value) for name, value in without.items())


@pytest.mark.parametrize("kind", KINDS)
def test_frame_by_frame_gives_what_the_whole_clip_gives(kind):
    model, x = network(input=kind), clips(frames=6)
    state = None
    with torch.inference_mode():
        for time in range(x.shape[1]):
            live, state = model.step(x[:, time], state)
            if kind == "appearance" or time > 0:
                whole = model(x[:, : time + 1])
                torch.testing.assert_close(live, whole, rtol=0, atol=1e-6)
    assert isinstance(state, State)


@pytest.mark.parametrize("kind", ["difference", "both"])
def test_the_first_live_frame_of_a_changing_input_knows_nothing(kind):
    model = network(input=kind)
    out, state = model.step(clips()[:, 0])
    assert torch.isnan(out.emotion_logit).all()
    assert torch.isnan(out.hr_bpm).all()
    assert state.h_BDHW is None


@pytest.mark.parametrize("kind", ["difference", "both"])
def test_a_changing_input_needs_two_frames(kind):
    with pytest.raises(ValueError, match="at least 2 frames, found 1"):
        network(input=kind)(clips(frames=1))


def test_an_appearance_of_one_frame_is_enough():
    assert network()(clips(frames=1)).emotion_logit.shape == (2,)


def test_a_still_face_has_no_difference_whoever_it_is():
    model = network(input="difference")
    a, b = (clips(1, 1, seed).expand(1, 4, 3, 64, 64) for seed in (1, 2))
    assert torch.equal(model(a).emotion_logit, model(b).emotion_logit)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_does_not_see_its_neighbours(kind):
    model, x = network(input=kind), clips(batch=3)
    alone = torch.cat([model(x[i : i + 1]).emotion_logit for i in range(3)])
    torch.testing.assert_close(model(x).emotion_logit, alone, rtol=0, atol=1e-6)
    torch.testing.assert_close(model(x.flip(0)).emotion_logit.flip(0), alone, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_time_matters(kind):
    model, x = network(input=kind), clips()
    change = (model(x).emotion_logit - model(x.flip(1)).emotion_logit).abs()
    assert change.max() > 1e-6


def test_how_pixels_lie_in_memory_changes_nothing():
    model, x = network(), clips()
    last = x.movedim(2, -1).contiguous().movedim(-1, 2)
    assert last.stride() != x.stride()
    assert torch.equal(model(x).emotion_logit, model(last).emotion_logit)


def test_the_pieces_of_the_cnn_change_nothing(monkeypatch):
    model, x = network(), clips(batch=3, frames=3)
    whole = model(x)
    monkeypatch.setattr(crnn, "FRAMES_AT_ONCE", 2)
    torch.testing.assert_close(model(x), whole, rtol=0, atol=1e-6)


def test_pooling_before_rectifying_is_rectifying_before_pooling():
    model, x = network(), clips()[:, 0]
    pages = nn.Sequential(
        model.cnn.conv1, nn.ReLU(), model.cnn.pool1,
        model.cnn.conv2, nn.ReLU(), model.cnn.pool2,
        model.cnn.conv3, nn.ReLU(), model.cnn.pool3,
    )  # fmt: skip
    torch.testing.assert_close(model.cnn(x), pages(x), rtol=0, atol=1e-6)


def test_half_precision_runs_forward_and_backward_and_stays_near():
    model, x = network(), clips()
    exact = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(x)
    torch.testing.assert_close(rough.emotion_logit.float(), exact.emotion_logit, rtol=0, atol=0.02)
    rough.emotion_logit.float().sum().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_dropout_sleeps_in_eval_and_acts_in_training():
    model, x = network(), clips()
    assert torch.equal(model(x).emotion_logit, model(x).emotion_logit)
    model.train()
    assert not torch.equal(model(x).emotion_logit, model(x).emotion_logit)


def test_probability_is_the_sigmoid_of_the_logit():
    out = network()(clips())
    torch.testing.assert_close(out.emotion_prob.logit(), out.emotion_logit)
    assert network(heart_rate=False)(clips()).hr_bpm is None


def test_the_heart_rate_head_starts_where_it_is_told():
    model = network()
    before = model(clips())
    model.start_heart_rate_at(75.0)
    after = model(clips())
    assert (after.hr_bpm - 75).abs().max() < 2
    assert torch.equal(before.emotion_logit, after.emotion_logit)
    with pytest.raises(ValueError, match="no heart-rate head"):
        network(heart_rate=False).start_heart_rate_at(75.0)


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((2, 4, 64, 64, 3), torch.float32),
        ((2, 4, 3, 32, 32), torch.float32),
        ((4, 3, 64, 64), torch.float32),
        ((2, 4, 3, 64, 64), torch.uint8),
    ],
)
def test_another_shape_or_type_is_refused_with_what_was_expected(shape, dtype):
    with pytest.raises(ValueError, match=r"expected \(B, T, 3, 64, 64\)"):
        network()(torch.zeros(shape, dtype=dtype))


@pytest.mark.parametrize(
    "wrong", [{"input": "colour"}, {"dropout": 1.0}, {"dropout": -0.1}, {"heart_rate": "yes"}]
)
def test_a_configuration_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match="found"):
        CrnnConfig(**wrong)


def test_a_network_started_from_a_cnn_has_exactly_its_weights_and_is_otherwise_the_same():
    torch.manual_seed(5)
    given = FrameCnn().state_dict()
    torch.manual_seed(0)
    plain = Crnn().state_dict()
    torch.manual_seed(0)
    started = Crnn()
    started.start_cnn_from(given)
    for name, value in started.state_dict().items():
        own, _, rest = name.partition(".")
        assert torch.equal(value, given[rest] if own == "cnn" else plain[name]), name


@pytest.mark.parametrize("kind", ["difference", "both"])
def test_a_cnn_of_colours_is_not_for_changes(kind):
    with pytest.raises(ValueError, match="choose 'appearance'"):
        Crnn(CrnnConfig(input=kind)).start_cnn_from(FrameCnn().state_dict())


def test_tensors_of_another_network_are_refused():
    with pytest.raises(ValueError, match="expected the tensors"):
        Crnn().start_cnn_from(FrameCnn(6).state_dict())
    with pytest.raises(ValueError, match="expected the tensors"):
        Crnn().start_cnn_from({})
