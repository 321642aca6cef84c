import pytest
import torch

from pulsefer.models.mtts_can import (
    HEADS,
    MttsCan,
    appearance,
    motion,
    resized,
    steps,
    temporal_shift,
)

LAYERS = {
    "motion.conv1": (32, 36, 36),
    "motion.conv2": (32, 34, 34),
    "motion.conv3": (64, 17, 17),
    "motion.conv4": (64, 15, 15),
    "appearance.conv1": (32, 36, 36),
    "appearance.conv2": (32, 34, 34),
    "appearance.conv3": (64, 17, 17),
    "appearance.conv4": (64, 15, 15),
    "attention1": (1, 34, 34),
    "attention2": (1, 15, 15),
    "heads.pulse.0": (128,),
    "heads.pulse.3": (1,),
    "heads.respiration.0": (128,),
    "heads.respiration.3": (1,),
}
"""What the authors' code says, independent of this one."""
WEIGHTS = {
    "motion": 896 + 9_248 + 18_496 + 36_928,
    "appearance": 896 + 9_248 + 18_496 + 36_928,
    "attention1": 33,
    "attention2": 65,
    "heads.pulse": 3_136 * 128 + 128 + 129,
    "heads.respiration": 3_136 * 128 + 128 + 129,
}


def network(heads=HEADS, group=10, seed=0):
    torch.manual_seed(seed)
    return MttsCan(heads, group).eval()


def noise(*shape, seed=3):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def film(n_frames=11, size_px=64, seed=4):
    """Bright enough that scaling by 2 stays exact and inside a byte."""
    chance = torch.Generator().manual_seed(seed)
    return torch.randint(20, 120, (n_frames, size_px, size_px, 3), generator=chance).to(torch.uint8)


def seen_outputs(model, *inputs):
    shapes = {}

    def note(name, out):
        shapes[name] = tuple(out.shape[1:])

    for name, module in model.named_modules():
        module.register_forward_hook(lambda _m, _inputs, out, name=name: note(name, out))
    model(*inputs)
    return shapes


def test_parameter_count_is_the_published_one():
    assert sum(p.numel() for p in network().parameters()) == 934_564
    assert sum(p.numel() for p in network(("pulse",)).parameters()) == 532_899


@pytest.mark.parametrize(("name", "count"), WEIGHTS.items())
def test_each_part_has_the_weights_of_its_shape(name, count):
    assert sum(p.numel() for p in network().get_submodule(name).parameters()) == count


def test_every_layer_gives_the_shape_of_the_description():
    x = noise(1, 10, 3, 36, 36)
    shapes = seen_outputs(network(), x, x)
    assert {name: shapes[name] for name in LAYERS} == LAYERS


def test_there_is_one_answer_for_each_step_and_head():
    x = noise(2, 20, 3, 36, 36)
    assert network()(x, x).shape == (2, 20, 2)
    assert network(("pulse",))(x, x).shape == (2, 20, 1)


@pytest.mark.parametrize("channels", [3, 32, 64])
def test_the_temporal_shift_is_what_a_loop_does(channels):
    x = noise(2, 5, channels, 2, 3)
    third = channels // 3
    expected = torch.zeros_like(x)
    for clip in range(2):
        for time in range(5):
            for channel in range(channels):
                source = time
                if channel < third:
                    source = time + 1
                elif channel < 2 * third:
                    source = time - 1
                if 0 <= source < 5:
                    expected[clip, time, channel] = x[clip, source, channel]
    assert torch.equal(temporal_shift(x), expected)


def test_a_group_of_one_step_has_no_neighbours():
    x = noise(1, 1, 6, 2, 2)
    shifted = temporal_shift(x)
    assert not shifted[:, :, :4].any()
    assert torch.equal(shifted[:, :, 4:], x[:, :, 4:])


def test_attention_sums_to_half_the_number_of_pixels_whatever_it_looks_at():
    attention = network().attention1
    with torch.no_grad():
        attention.mask.weight.mul_(4)  # a sharp mask, not one that is near 1/2 anyhow
    mask = attention(noise(4, 32, 34, 34))
    assert mask.shape == (4, 1, 34, 34)
    assert (mask > 0).all()
    assert mask.std() > 0.1
    torch.testing.assert_close(mask.sum(dim=(1, 2, 3)), torch.full((4,), 34 * 34 / 2))


def test_what_comes_after_a_group_does_not_reach_into_it():
    model, x = network(), noise(1, 30, 3, 36, 36)
    later = x.clone()
    later[:, 10:20] += 1
    before, after = model(x, x), model(later, later)
    assert torch.equal(before[:, :10], after[:, :10])
    assert torch.equal(before[:, 20:], after[:, 20:])
    assert not torch.equal(before[:, 10:20], after[:, 10:20])


def test_inside_a_group_a_step_sees_four_neighbours_either_way():
    model, x = network(), noise(1, 10, 3, 36, 36)
    changed = x.clone()
    changed[:, 9] += 1
    difference = (model(changed, x) - model(x, x)).abs().amax(dim=(0, 2))
    assert not difference[:5].any()  # four shifts: steps 5 to 8 may know of step 9
    assert (difference[5:] > 0).all()


def test_all_steps_as_one_group_leave_no_mark_inside():
    still = torch.zeros(1, 30, 3, 36, 36)
    face = noise(1, 1, 3, 36, 36).expand(still.shape)
    models = [network(("pulse",), group) for group in (None, 10)]
    for model in models:  # weights as drawn have no biases, and answer a still face with zero
        for layer in (model.motion.conv1, model.motion.conv2, model.motion.conv3):
            torch.nn.init.constant_(layer.bias, 0.1)
    whole, tens = (model(still, face)[0, :, 0] for model in models)
    torch.testing.assert_close(whole[4:26], whole[4:5].expand(22), rtol=0, atol=1e-6)
    assert (tens[4:26] - tens[4]).abs().max() > 1e-3  # a rhythm of ten steps, out of nothing
    torch.testing.assert_close(tens[10:20], tens[:10], rtol=0, atol=1e-6)


def test_a_window_does_not_see_its_neighbours():
    model, x = network(), noise(3, 10, 3, 36, 36)
    alone = torch.cat([model(x[i : i + 1], x[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(model(x, x), alone, rtol=0, atol=1e-5)


def test_a_gradient_reaches_every_weight():
    model, x = network(), noise(1, 10, 3, 36, 36)
    model(x, x).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_where_to_look_is_decided_by_the_appearance_alone():
    model, masks = network(), []
    model.attention1.register_forward_hook(lambda _module, _inputs, out: masks.append(out))
    x, other = noise(1, 10, 3, 36, 36), noise(1, 10, 3, 36, 36, seed=8)
    model(x, x)
    model(other, x)
    model(x, other)
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])


@pytest.mark.parametrize(
    ("m", "a"),
    [
        ((1, 15, 3, 36, 36), (1, 15, 3, 36, 36)),
        ((1, 0, 3, 36, 36), (1, 0, 3, 36, 36)),
        ((1, 10, 3, 64, 64), (1, 10, 3, 64, 64)),
        ((10, 3, 36, 36), (10, 3, 36, 36)),
        ((1, 10, 3, 36, 36), (1, 20, 3, 36, 36)),
    ],
)
def test_another_shape_is_refused_with_what_was_expected(m, a):
    with pytest.raises(ValueError, match=r"\(B, N, 3, 36, 36\) with N a multiple of 10"):
        network()(torch.zeros(m), torch.zeros(a))


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_a_brighter_lamp_leaves_the_motion_as_it_was(gain):
    frames = resized(film())
    assert torch.equal(motion(frames), motion(frames * gain))


def test_a_brighter_lamp_of_any_power_leaves_both_inputs_nearly_as_they_were():
    frames = resized(film())
    torch.testing.assert_close(motion(frames), motion(frames * 1.37), rtol=0, atol=1e-4)
    torch.testing.assert_close(appearance(frames), appearance(frames * 1.37), rtol=0, atol=1e-4)


def test_both_inputs_have_a_standard_deviation_of_one_over_the_clip():
    frames = resized(film())
    assert motion(frames).std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert appearance(frames).std(correction=0).item() == pytest.approx(1, abs=1e-5)
    assert appearance(frames).mean().item() == pytest.approx(0, abs=1e-5)


def test_motion_is_the_change_over_the_sum():
    before, after = torch.tensor([0.2, 0.4]), torch.tensor([0.3, 0.4])
    frames = torch.stack([before, after])[:, None, None].expand(2, 3, 1, 2)
    spread = 0.1  # of 0.2 and 0
    expected = torch.tensor([0.1 / 0.5, 0.0]) / spread
    torch.testing.assert_close(motion(frames)[0, 0, 0], expected)


def test_a_film_backwards_moves_the_other_way():
    frames = resized(film())
    torch.testing.assert_close(motion(frames.flip(0)), -motion(frames).flip(0))


@pytest.mark.parametrize("grey", [0, 100])
def test_a_film_in_which_nothing_happens_has_no_motion(grey):
    still = resized(torch.full((5, 64, 64, 3), grey, dtype=torch.uint8))
    assert torch.equal(motion(still), torch.zeros(4, 3, 36, 36))
    assert torch.equal(appearance(still), torch.zeros(5, 3, 36, 36))


def test_a_picture_of_one_colour_keeps_it_when_resized():
    frames = torch.full((2, 64, 50, 3), 51, dtype=torch.uint8)
    torch.testing.assert_close(resized(frames), torch.full((2, 3, 36, 36), 0.2))
    assert resized(film(size_px=36)).sub(film(size_px=36).movedim(-1, 1) / 255).abs().max() < 1e-6


@pytest.mark.parametrize(("n_frames", "n"), [(1, 0), (10, 0), (11, 10), (30, 20), (126, 120)])
def test_steps_fill_whole_groups_and_the_rest_is_left_out(n_frames, n):
    m, a = steps(film(n_frames))
    assert m.shape == a.shape == (n, 3, 36, 36)


def test_a_step_stands_beside_the_picture_that_it_starts_from():
    frames = film(12)
    m, a = steps(frames)
    small = resized(frames)
    assert torch.equal(m, motion(small)[:10])
    assert torch.equal(a, appearance(small)[:10])
