"""Frame by frame in PyTorch: the same as the whole clip at once."""

import itertools
import math

import numpy as np
import pytest
import torch

from pulsefer.inference.engine import Engine
from pulsefer.inference.engine_torch import TorchEngine
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.pixels import to_float

N_FRAMES = 6
KINDS = [
    CrnnConfig(input=look, recurrent=layer, heart_rate=rate)
    for look, layer, rate in itertools.product(
        ("appearance", "difference", "both"), ("gru", "lstm"), (True, False)
    )
]


def network(config):
    torch.manual_seed(3)
    model = Crnn(config).eval()
    if config.heart_rate:
        model.start_heart_rate_at(75.0)
    return model


def clip(n_frames=N_FRAMES, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n_frames, 64, 64, 3), dtype=np.uint8)


def whole(model, frames):
    with torch.inference_mode():
        output = model(to_float(torch.from_numpy(frames))[None])
    rate = math.nan if output.hr_bpm is None else output.hr_bpm.item()
    return output.emotion_logit.item(), rate


def along(engine, frames, begins):
    """The answers of windows after the last frame; a window's first frame is `begins`."""
    states = {}
    answers = {}
    for number, frame in enumerate(frames):
        for begin in begins:
            # Where changes are looked at, the first frame of a window is no step.
            if number - engine.takes_change == begin:
                states[begin] = None
        if states:
            before = frames[number - 1] if engine.takes_change else None
            told = engine.step(frame, before, list(states.values()))
            answers = dict(zip(states, told, strict=True))
            states = {begin: answer.state for begin, answer in answers.items()}
    return [(answers[begin].emotion_logit, answers[begin].hr_bpm) for begin in begins]


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_steps_through_a_window_end_where_the_whole_clip_does(config):
    model, frames = network(config), clip()
    np.testing.assert_allclose(
        along(TorchEngine(model, "cpu"), frames, [0]), [whole(model, frames)], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("config", KINDS, ids=str)
def test_windows_that_began_at_different_times_do_not_see_each_other(config):
    model, frames = network(config), clip()
    begins = [0, 2, 3]
    np.testing.assert_allclose(
        along(TorchEngine(model), frames, begins),
        [whole(model, frames[begin:]) for begin in begins],
        rtol=1e-5,
        atol=1e-6,
    )


def test_windows_that_begin_together_are_alike():
    engine = TorchEngine(network(CrnnConfig()))
    first, second = engine.step(clip()[0], None, [None, None])
    assert first[:2] == second[:2]
    assert torch.equal(first.state, second.state)


def test_no_window_no_answer():
    assert TorchEngine(network(CrnnConfig())).step(clip()[0], None, []) == []


@pytest.mark.parametrize("look", ["appearance", "difference", "both"])
def test_the_frame_before_is_given_exactly_where_a_change_is_looked_at(look):
    engine: Engine = TorchEngine(network(CrnnConfig(input=look)))
    assert engine.takes_change == (look != "appearance")
    frame = clip()[0]
    with pytest.raises(ValueError, match="frame before"):
        engine.step(frame, None if engine.takes_change else frame, [None])


def test_without_a_head_the_rate_is_unknown():
    engine = TorchEngine(network(CrnnConfig(heart_rate=False)))
    assert math.isnan(engine.step(clip()[0], None, [None])[0].hr_bpm)


def test_the_frames_stay_as_they_were():
    frame, engine = clip()[0], TorchEngine(network(CrnnConfig()))
    frame.flags.writeable = False
    engine.step(frame, None, [None])
