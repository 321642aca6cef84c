import pytest
import torch
from torch.nn import functional

from pulsefer.models.conv_gru import ConvGru, ConvGruCell

IN, STATE = 3, 4


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return ConvGruCell(IN, STATE)


@pytest.fixture
def x_BCHW():  # noqa: N802
    return torch.randn(2, IN, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def h_BDHW():  # noqa: N802
    return torch.rand(2, STATE, 6, 6, generator=torch.Generator().manual_seed(2)) * 2 - 1


def set_gate(cell, gate, value):
    """Holds one gate at sigmoid(value), whatever comes in."""
    number = {"z": 0, "r": 1}[gate]
    rows = slice(number * STATE, (number + 1) * STATE)
    with torch.no_grad():
        cell.of_input.weight[rows] = 0
        cell.of_input.bias[rows] = value
        cell.of_state.weight[rows] = 0


def by_the_page(cell, x_TBCHW, h):
    """Equations (1)-(4) as they are printed: six kernels, one frame after the other."""
    w_z, w_r, w = cell.of_input.weight.chunk(3)
    b_z, b_r, b = cell.of_input.bias.chunk(3)
    u_z, u_r = cell.of_state.weight.chunk(2)
    u = cell.of_reset.weight
    for x in x_TBCHW:
        z = torch.sigmoid(
            functional.conv2d(x, w_z, b_z, padding=1) + functional.conv2d(h, u_z, padding=1)
        )
        r = torch.sigmoid(
            functional.conv2d(x, w_r, b_r, padding=1) + functional.conv2d(h, u_r, padding=1)
        )
        new = torch.tanh(
            functional.conv2d(x, w, b, padding=1) + functional.conv2d(r * h, u, padding=1)
        )
        h = (1 - z) * h + z * new
    return h


def test_a_shut_update_gate_keeps_the_state(cell, x_BCHW, h_BDHW):
    set_gate(cell, "z", -1000.0)
    assert torch.equal(cell(x_BCHW, h_BDHW), h_BDHW)


def test_an_open_update_gate_forgets_the_state(cell, x_BCHW, h_BDHW):
    set_gate(cell, "z", 1000.0)
    set_gate(cell, "r", -1000.0)
    torch.testing.assert_close(cell(x_BCHW, h_BDHW), cell(x_BCHW, -h_BDHW))


def test_with_an_open_update_gate_the_state_is_the_candidate(cell, x_BCHW, h_BDHW):
    set_gate(cell, "z", 1000.0)
    set_gate(cell, "r", 1000.0)
    candidate = torch.tanh(cell.of_input(x_BCHW)[:, -STATE:] + cell.of_reset(h_BDHW))
    torch.testing.assert_close(cell(x_BCHW, h_BDHW), candidate)


def test_with_a_shut_reset_gate_the_candidate_ignores_the_state(cell, x_BCHW, h_BDHW):
    set_gate(cell, "z", 0.0)  # half the state, half the candidate
    set_gate(cell, "r", -1000.0)
    candidate = torch.tanh(cell.of_input(x_BCHW)[:, -STATE:])
    torch.testing.assert_close(cell(x_BCHW, h_BDHW), (h_BDHW + candidate) / 2)


def test_the_reset_gate_acts_before_the_convolution(cell, x_BCHW):
    # One pixel of state and a gate open only there: reset-then-convolve spreads it to the
    # neighbours, convolve-then-reset would not.
    set_gate(cell, "z", 1000.0)
    set_gate(cell, "r", -1000.0)
    h = torch.zeros(1, STATE, 6, 6)
    h[..., 3, 3] = 1
    with torch.no_grad():
        cell.of_state.weight[STATE:, :, 1, 1] = 2000.0 / STATE
        cell.of_reset.weight[:] = 1.0
    x = torch.zeros_like(x_BCHW[:1])
    change = cell(x, h) - cell(x, torch.zeros_like(h))
    assert change[..., 2, 2].abs().min() > 0.1
    assert change[..., 0, 0].abs().max() == 0


def test_zero_in_and_zero_weights_stay_zero(cell, x_BCHW):
    for parameter in cell.parameters():
        torch.nn.init.zeros_(parameter)
    state = cell(torch.zeros_like(x_BCHW))
    assert not state.any()
    assert not cell(torch.zeros_like(x_BCHW), state).any()


def test_no_state_and_a_zero_state_are_the_same(cell, x_BCHW):
    zeros = torch.zeros(2, STATE, 6, 6)
    torch.testing.assert_close(cell(x_BCHW), cell(x_BCHW, zeros), rtol=0, atol=1e-7)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_the_state_never_leaves_minus_one_to_one(scale):
    torch.manual_seed(3)
    gru = ConvGru(IN, STATE)
    with torch.no_grad():
        for parameter in gru.parameters():
            parameter.mul_(scale)
    assert gru(torch.randn(50, 2, IN, 6, 6) * scale).abs().max() <= 1


@pytest.mark.parametrize("start", ["zero", "given"])
def test_states_and_gradients_are_those_of_the_page(cell, h_BDHW, start):
    gru = ConvGru(IN, STATE)
    gru.cell = cell
    x = torch.randn(6, 2, IN, 6, 6, requires_grad=True)
    first = h_BDHW if start == "given" else None
    ours = gru(x, first)
    page = by_the_page(cell, x, torch.zeros_like(h_BDHW) if first is None else first)
    torch.testing.assert_close(ours, page, rtol=0, atol=1e-5)
    inputs = (x, *cell.parameters())
    wish = torch.randn_like(ours)
    for mine, theirs in zip(
        torch.autograd.grad(ours, inputs, wish),
        torch.autograd.grad(page, inputs, wish),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_two_halves_of_a_clip_are_the_clip():
    torch.manual_seed(4)
    gru = ConvGru(IN, STATE)
    x = torch.randn(6, 2, IN, 6, 6)
    torch.testing.assert_close(gru(x), gru(x[2:], gru(x[:2])), rtol=0, atol=1e-6)


def test_half_precision_does_not_lose_a_slow_state():
    torch.manual_seed(6)
    gru = ConvGru(IN, STATE)
    set_gate(gru.cell, "z", -4.0)  # every frame moves the state by 2 %
    x = torch.randn(125, 2, IN, 6, 6) + 1
    exact = gru(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = gru(x)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.005 * exact.norm()


def test_parameters_are_six_kernels_and_three_biases():
    n = sum(parameter.numel() for parameter in ConvGruCell(128, 128).parameters())
    assert n == 6 * 128 * 128 * 9 + 3 * 128 == 885_120


def test_no_frames_are_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        ConvGru(IN, STATE)(torch.zeros(0, 1, IN, 6, 6))
