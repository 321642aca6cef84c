import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional

from pulsefer.core.fingerprint import canonical_json
from pulsefer.models import checkpoint
from pulsefer.models.conv_gru import ConvGru
from pulsefer.models.conv_lstm import ConvLstm, ConvLstmCell
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.layers import layers

IN, STATE = 3, 4


@pytest.fixture
def cell():
    torch.manual_seed(0)
    return ConvLstmCell(IN, STATE)


@pytest.fixture
def x_BCHW():  # noqa: N802
    return torch.randn(2, IN, 6, 6, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def hc_BSHW():  # noqa: N802
    return torch.randn(2, 2 * STATE, 6, 6, generator=torch.Generator().manual_seed(2))


def set_gate(cell, gate, value):
    """Holds one gate at sigmoid(value), whatever comes in."""
    number = {"i": 0, "f": 1, "o": 2}[gate]
    rows = slice(number * STATE, (number + 1) * STATE)
    with torch.no_grad():
        cell.of_input.weight[rows] = 0
        cell.of_input.bias[rows] = value
        cell.of_state.weight[rows] = 0


def by_the_page(cell, x_TBCHW, h, c):
    """The equations as they are written: eight kernels, one frame after the other."""
    w_i, w_f, w_o, w_c = cell.of_input.weight.chunk(4)
    b_i, b_f, b_o, b_c = cell.of_input.bias.chunk(4)
    u_i, u_f, u_o, u_c = cell.of_state.weight.chunk(4)

    def conv(w, x, b=None):
        return functional.conv2d(x, w, b, padding=1)

    for x in x_TBCHW:
        i = torch.sigmoid(conv(w_i, x, b_i) + conv(u_i, h))
        f = torch.sigmoid(conv(w_f, x, b_f) + conv(u_f, h))
        o = torch.sigmoid(conv(w_o, x, b_o) + conv(u_o, h))
        c = f * c + i * torch.tanh(conv(w_c, x, b_c) + conv(u_c, h))
        h = o * torch.tanh(c)
    return torch.cat([h, c], dim=1)


@pytest.mark.parametrize("start", ["zero", "given"])
def test_states_and_gradients_are_those_of_the_page(cell, hc_BSHW, start):
    lstm = ConvLstm(IN, STATE)
    lstm.cell = cell
    x = torch.randn(6, 2, IN, 6, 6, requires_grad=True)
    first = hc_BSHW if start == "given" else None
    ours = lstm(x, first)
    h, c = (torch.zeros_like(hc_BSHW) if first is None else first).chunk(2, dim=1)
    page = by_the_page(cell, x, h, c)
    torch.testing.assert_close(ours, page, rtol=0, atol=1e-5)
    inputs = (x, *cell.parameters())
    wish = torch.randn_like(ours)
    for mine, theirs in zip(
        torch.autograd.grad(ours, inputs, wish),
        torch.autograd.grad(page, inputs, wish),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)


def test_an_open_forget_gate_and_a_shut_input_gate_keep_the_cell(cell, x_BCHW, hc_BSHW):
    set_gate(cell, "f", 1000.0)
    set_gate(cell, "i", -1000.0)
    assert torch.equal(cell(x_BCHW, hc_BSHW)[:, STATE:], hc_BSHW[:, STATE:])


def test_a_shut_forget_gate_forgets_the_cell(cell, x_BCHW, hc_BSHW):
    set_gate(cell, "f", -1000.0)
    other = torch.cat([hc_BSHW[:, :STATE], -hc_BSHW[:, STATE:]], dim=1)
    assert torch.equal(cell(x_BCHW, hc_BSHW), cell(x_BCHW, other))


def test_a_shut_output_gate_shows_nothing_and_keeps_the_cell_in_mind(cell, x_BCHW, hc_BSHW):
    before = cell(x_BCHW, hc_BSHW)
    set_gate(cell, "o", -1000.0)
    after = cell(x_BCHW, hc_BSHW)
    assert not after[:, :STATE].any()
    assert torch.equal(after[:, STATE:], before[:, STATE:])


def test_the_state_stays_in_minus_one_to_one_and_the_cell_grows_by_one_a_frame():
    torch.manual_seed(3)
    lstm = ConvLstm(IN, STATE)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.mul_(100)
    n_steps = 20
    state, cell = lstm(torch.randn(n_steps, 2, IN, 6, 6) * 100).chunk(2, dim=1)
    assert state.abs().max() <= 1
    assert 2 < cell.abs().max() <= n_steps


def test_no_state_and_a_zero_state_are_the_same(cell, x_BCHW):
    zeros = torch.zeros(2, 2 * STATE, 6, 6)
    torch.testing.assert_close(cell(x_BCHW), cell(x_BCHW, zeros), rtol=0, atol=1e-7)


def test_two_halves_of_a_clip_are_the_clip():
    torch.manual_seed(4)
    lstm = ConvLstm(IN, STATE)
    x = torch.randn(6, 2, IN, 6, 6)
    torch.testing.assert_close(lstm(x), lstm(x[2:], lstm(x[:2])), rtol=0, atol=1e-6)


def test_half_precision_does_not_lose_a_slow_cell():
    torch.manual_seed(6)
    lstm = ConvLstm(IN, STATE)
    set_gate(lstm.cell, "f", 4.0)  # every frame keeps 98 %
    x = torch.randn(125, 2, IN, 6, 6) + 1
    exact = lstm(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = lstm(x)
    assert rough.dtype == torch.float32
    assert (rough - exact).norm() < 0.01 * exact.norm()


def test_parameters_are_eight_kernels_and_four_biases():
    n = sum(parameter.numel() for parameter in ConvLstmCell(128, 128).parameters())
    assert n == 8 * 128 * 128 * 9 + 4 * 128 == 1_180_160


def test_every_gate_begins_as_the_gates_of_the_gru_do():
    torch.manual_seed(0)
    ours, theirs = ConvLstmCell(64, 64), ConvGru(64, 64).cell
    for layer in ("of_input", "of_state"):
        spread = getattr(theirs, layer).weight.std()
        for gate in getattr(ours, layer).weight.chunk(4):
            torch.testing.assert_close(gate.std(), spread, rtol=0.02, atol=0)
    assert not ours.of_input.bias.any()


def test_no_frames_are_refused():
    with pytest.raises(ValueError, match="at least one frame"):
        ConvLstm(IN, STATE)(torch.zeros(0, 1, IN, 6, 6))


# In the network


def network(**config):
    torch.manual_seed(0)
    return Crnn(CrnnConfig(recurrent="lstm", **config)).eval()


def clips(frames=4):
    return torch.rand(2, frames, 3, 64, 64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(("heart_rate", "n"), [(False, 1_347_513), (True, 1_347_530)])
def test_the_network_has_the_parameters_of_the_ancestors_face_branch(heart_rate, n):
    # 93,248 of the CNN, 1,180,160 along time, 73,744 and 361 of the head; 17 for the heart rate.
    assert 93_248 + 1_180_160 + 73_744 + 361 + 17 * heart_rate == n
    assert sum(p.numel() for p in network(heart_rate=heart_rate).parameters()) == n
    rows = layers(CrnnConfig(recurrent="lstm", heart_rate=heart_rate))
    assert sum(row.parameters for row in rows) == n
    assert next(row for row in rows if row.name == "lstm").output_shape == "256 x 6 x 6"


@pytest.mark.parametrize("kind", ["appearance", "difference"])
def test_frame_by_frame_gives_what_the_whole_clip_gives(kind):
    model, x = network(input=kind), clips()
    state = None
    with torch.inference_mode():
        for time in range(x.shape[1]):
            live, state = model.step(x[:, time], state)
        # Not every processor's kernels round alike: some are off by a little more than 1e-6.
        torch.testing.assert_close(live, model(x), rtol=0, atol=1e-5)


def test_gradients_reach_every_weight():
    model = network()
    out = model(clips())
    (out.emotion_logit.sum() + out.hr_bpm.sum()).backward()
    assert all(p.grad is not None and p.grad.any() for p in model.parameters())


def test_a_saved_network_comes_back_as_what_it_was(tmp_path):
    model = network()
    checkpoint.save(model, tmp_path / "model", card="card")
    back = checkpoint.load(tmp_path / "model")
    assert back.config == model.config
    assert torch.equal(back(clips()).emotion_logit, model(clips()).emotion_logit)


def test_the_papers_network_is_described_as_before_there_was_a_choice(tmp_path):
    assert "recurrent" not in canonical_json(CrnnConfig())
    assert '"recurrent":"lstm"' in canonical_json(CrnnConfig(recurrent="lstm"))
    checkpoint.save(Crnn(), Path(tmp_path / "model"), card="card")
    assert set(json.loads((tmp_path / "model" / "config.json").read_text())) == {
        "about", "architecture", "dropout", "format", "heart_rate", "input", "pixels",
        "weights_sha256",
    }  # fmt: skip


def test_another_layer_is_refused():
    with pytest.raises(ValueError, match="recurrent is gru or lstm, found 'rnn'"):
        CrnnConfig(recurrent="rnn")
