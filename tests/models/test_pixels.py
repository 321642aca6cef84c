import pytest
import torch

from pulsefer.models.pixels import difference, network_input, to_float


def test_bytes_become_zero_to_one_and_stay_in_their_place():
    frames = torch.randint(0, 256, (2, 5, 8, 6, 3), dtype=torch.uint8)
    x = to_float(frames)
    assert x.shape == (2, 5, 3, 8, 6)
    assert x.dtype == torch.float32
    assert torch.equal((x * 255).round().to(torch.uint8), frames.movedim(-1, -3))


def test_black_is_zero_and_white_is_one():
    frames = torch.tensor([0, 255], dtype=torch.uint8).view(1, 2, 1, 1, 1).expand(1, 2, 4, 4, 3)
    assert to_float(frames).amin(dim=(0, 2, 3, 4)).tolist() == [0, 1]


def test_no_pixel_is_moved_in_memory():
    x = to_float(torch.zeros(10, 8, 8, 3, dtype=torch.uint8))
    assert x.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "frames", [torch.zeros(5, 64, 64, 3), torch.zeros(5, 3, 64, 64, dtype=torch.uint8)]
)
def test_what_is_no_picture_of_bytes_is_refused(frames):
    with pytest.raises(ValueError, match=r"\(\.\.\., H, W, 3\) uint8"):
        to_float(frames)


def test_a_still_picture_has_no_difference_even_where_it_is_black():
    frame = torch.rand(3, 4, 4)
    frame[:, 0] = 0
    assert not difference(frame, frame).any()


def test_going_back_is_the_opposite_of_going_forth():
    a, b = torch.rand(2, 3, 4, 4)
    torch.testing.assert_close(difference(a, b), -difference(b, a))


def test_a_dimmer_lamp_shows_the_same_pulse():
    skin = torch.full((3, 4, 4), 0.6)
    bright, dim = difference(skin, skin * 1.01), difference(skin / 2, skin / 2 * 1.01)
    torch.testing.assert_close(bright, dim, rtol=0.01, atol=0)


def test_one_percent_of_change_is_of_order_one():
    skin = torch.full((1,), 0.6)
    assert difference(skin, skin * 1.01).item() == pytest.approx(0.5, abs=0.01)


def test_motion_is_cut_and_nothing_is_ever_infinite():
    black, white = torch.zeros(1), torch.ones(1)
    assert difference(black, white).item() == 3
    assert difference(white, black).item() == -3


def test_each_kind_of_input_has_its_channels():
    before, after = torch.rand(2, 4, 3, 8, 8)
    assert torch.equal(network_input(None, after, "appearance"), after)
    assert torch.equal(network_input(before, after, "difference"), difference(before, after))
    both = network_input(before, after, "both")
    assert torch.equal(both[:, :3], after)
    assert torch.equal(both[:, 3:], difference(before, after))


def test_a_change_without_a_frame_before_is_refused():
    with pytest.raises(ValueError, match="frame before"):
        network_input(None, torch.rand(1, 3, 8, 8), "both")
