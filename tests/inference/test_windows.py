"""A network fed frame by frame gives what it gives for the whole window that training would cut."""

import itertools
import math

import numpy as np
import pytest
import torch

from pulsefer.inference.engine import Answer
from pulsefer.inference.engine_torch import TorchEngine
from pulsefer.inference.windows import FaceWindows
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.pixels import to_float
from pulsefer.samples.window import WindowConfig, frame_indices


class Notes:
    """An engine whose state is the list of frames it was given."""

    def __init__(self, *, takes_change=False):
        self.takes_change = takes_change
        self.calls = 0

    def step(self, crop, before, states):
        self.calls += 1
        mark = int(crop[0, 0, 0]) + 256 * int(crop[0, 0, 1])
        mark = mark if before is None else (int(before[0, 0, 0]), mark)
        return [Answer(0.0, math.nan, [*(state or []), mark]) for state in states]


def pictures(n):
    made = np.zeros((n, 64, 64, 3), np.uint8)
    made[:, 0, 0, 0], made[:, 0, 0, 1] = np.arange(n) % 256, np.arange(n) // 256
    return made


def fed(windows, time_s, shown, n_rows, step_s=1.0, start_s=0.0):
    """Answers of all rows, each asked for when its time is over, as an analyzer does."""
    answers, number = [], 0
    for at_s, picture in zip(time_s, shown, strict=True):
        while number < n_rows and at_s >= start_s + (number + 1) * step_s - 1e-9:
            answers.append(windows.answer(number))
            number += 1
        windows.push(at_s, picture)
    while number < n_rows:
        answers.append(windows.answer(number))
        number += 1
    return answers


@pytest.mark.parametrize("length_s", [0.5, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("n_frames", [1, 5, 25])
@pytest.mark.parametrize("fps_hz", [12.0, 25.0, 29.97])
@pytest.mark.parametrize("step_s", [0.5, 1.0])
def test_a_window_is_of_the_frames_that_training_would_take(length_s, n_frames, fps_hz, step_s):
    if n_frames / length_s > fps_hz:
        pytest.skip("training leaves out windows that would show a frame twice")
    seconds = 13
    time_s = np.arange(round(seconds * fps_hz)) / fps_hz
    n_rows = round(seconds / step_s)
    engine = Notes()
    windows = FaceWindows(engine, length_s, n_frames, 0.0, step_s)
    answers = fed(windows, time_s, pictures(len(time_s)), n_rows, step_s)
    config = WindowConfig(length_s=length_s, n_frames=n_frames)
    for number, answer in enumerate(answers):
        end_s = (number + 1) * step_s
        if end_s < length_s:
            assert answer is None
            continue
        known_s = time_s[time_s < end_s - 1e-9]
        assert answer.state == frame_indices(known_s, end_s - length_s, config).tolist()


def test_frames_that_come_unevenly_are_taken_by_their_times():
    rng = np.random.default_rng(0)
    time_s = np.cumsum(rng.uniform(1 / 40, 1 / 15, 300))
    windows = FaceWindows(Notes(), 2.0, 10, 0.0, 1.0)
    answers = fed(windows, time_s, pictures(300), 8)
    config = WindowConfig(length_s=2.0, n_frames=10)
    for number, answer in itertools.islice(enumerate(answers), 2, None):
        known_s = time_s[time_s < number + 1 - 1e-9]
        assert answer.state == frame_indices(known_s, number - 1.0, config).tolist()


def test_a_change_needs_the_frame_before_of_the_same_window():
    windows = FaceWindows(Notes(takes_change=True), 1.0, 5, 0.0, 1.0)
    time_s = np.arange(50) / 25
    first, second = fed(windows, time_s, pictures(50), 2)
    assert first.state == [(0, 5), (5, 10), (10, 15), (15, 20)]
    assert second.state == [(25, 30), (30, 35), (35, 40), (40, 45)]


def test_windows_that_share_a_frame_are_asked_together():
    engine = Notes()
    windows = FaceWindows(engine, 10.0, 50, 0.0, 1.0)  # 5 frames a second, ten windows open
    time_s = np.arange(30 * 25) / 25
    fed(windows, time_s, pictures(len(time_s)), 30)
    assert engine.calls == 30 * 5


def test_one_state_a_window_is_all_that_is_kept():
    windows = FaceWindows(Notes(), 10.0, 50, 0.0, 1.0)
    for at_s, picture in zip(np.arange(1000) / 25, pictures(1000), strict=True):
        if at_s >= 1 and at_s == int(at_s):
            windows.answer(int(at_s) - 1)
        windows.push(at_s, picture)
        assert len(windows._open) <= 11


def test_where_the_face_was_away_there_is_no_answer():
    time_s = np.arange(0, 12, 0.04)
    there = (time_s < 3) | (time_s >= 6)
    windows = FaceWindows(Notes(), 2.0, 10, 0.0, 1.0)
    answers = fed(windows, time_s[there], pictures(300)[there], 12)
    given = [answer is not None for answer in answers]
    assert given == [False, True, True, False, False, False, False] + 5 * [True]


def test_a_face_that_comes_late_has_an_answer_one_window_later():
    time_s = 4.5 + np.arange(0, 6, 0.04)
    answers = fed(FaceWindows(Notes(), 1.0, 5, 0.0, 1.0), time_s, pictures(150), 10)
    assert [answer is not None for answer in answers] == 5 * [False] + 5 * [True]


@pytest.mark.parametrize("kind", ["appearance", "difference", "both"])
@pytest.mark.parametrize("heart_rate", [True, False])
def test_the_answer_is_that_of_the_whole_window(kind, heart_rate):
    torch.manual_seed(0)
    model = Crnn(CrnnConfig(input=kind, heart_rate=heart_rate)).eval()
    rng = np.random.default_rng(0)
    shown = rng.integers(0, 256, (100, 64, 64, 3), np.uint8)
    time_s = np.arange(100) / 25
    answers = fed(FaceWindows(TorchEngine(model), 2.0, 10, 0.0, 1.0), time_s, shown, 4)
    config = WindowConfig(length_s=2.0, n_frames=10)
    for number in (1, 2, 3):
        known_s = time_s[time_s < number + 1 - 1e-9]
        clip = torch.from_numpy(shown[frame_indices(known_s, number - 1.0, config)])[None]
        with torch.inference_mode():
            whole = model(to_float(clip))
        assert answers[number].emotion_logit == pytest.approx(float(whole.emotion_logit), abs=1e-4)
        if heart_rate:
            assert answers[number].hr_bpm == pytest.approx(float(whole.hr_bpm), abs=1e-3)
