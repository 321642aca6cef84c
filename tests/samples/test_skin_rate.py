"""What skin colour says of the heart rate, over the same seconds as the contact signal."""

import dataclasses

import numpy as np
import pytest

from made_store import make_store
from pulsefer.core.errors import BadInput
from pulsefer.samples.prepare import TRACK
from pulsefer.samples.skin_rate import SKIN, skin_rates
from pulsefer.samples.store import open_store
from pulsefer.samples.window import PRESETS, WindowConfig, Windows, rate_span, window
from pulsefer.signals.colour import pulse_rate

SKIN_RGB = (150.0, 110.0, 90.0)
BLOOD = (0.33, 0.77, 0.53)
"""How much of the pulse each channel shows."""


def colour(time_s, bpm, amplitude=0.01, noise=0.0, seed=0):
    """Skin that darkens with every beat, and light that flickers on all channels alike."""
    chance = np.random.default_rng(seed)
    beat = np.sin(2 * np.pi * bpm / 60 * time_s)[:, None]
    light = 1 + 0.05 * np.sin(2 * np.pi * 0.2 * time_s)[:, None]
    shown = np.array(SKIN_RGB) * light * (1 - amplitude * beat * np.array(BLOOD))
    return shown + chance.normal(0, noise, shown.shape)


def coloured(path, bpm=None, *, fps_hz=12.5, seconds=20.0, subjects=2, spoil=None, **made):
    """A store whose skin beats at the rates of its contact signals, or at `bpm`."""
    store = make_store(
        path, subjects=subjects, trials=2, seconds=seconds, fps_hz=fps_hz, **made
    )  # fmt: skip
    for recording in store:
        track = recording.track.copy()
        subject, trial = int(recording.subject[1:]), int(recording.trial[5:])
        true_bpm = 65.0 + 2.0 * (1.5 * (subject - 1) + (trial - 1))
        rgb_TC = colour(track["time_s"].to_numpy(), bpm or true_bpm)
        track[SKIN] = spoil(rgb_TC) if spoil else rgb_TC
        track.to_parquet(recording.folder / "track.parquet", index=False)
    return open_store(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return coloured(tmp_path_factory.mktemp("skin"))


PULSE = WindowConfig(length_s=10.0, n_frames=50, step_s=5.0)


def test_the_rate_of_the_skin_is_that_of_the_contact_signal(store):
    windows = window(store, PULSE)
    true_bpm = [one.hr_bpm for one in windows.windows]
    for method, rates in skin_rates(store, windows, ("pos", "chrom", "green")).items():
        assert np.abs(rates - true_bpm).max() < 1.5, method


@pytest.mark.parametrize("bpm", [48.0, 75.0, 120.0, 165.0])
def test_any_rate_of_a_heart_is_read(tmp_path, bpm):
    store = coloured(tmp_path, bpm, subjects=1, fps_hz=15.0)
    for method, rates in skin_rates(store, window(store, PULSE)).items():
        assert np.abs(rates - bpm).max() < 1.0, method


def test_one_second_is_read_over_the_ten_seconds_of_its_true_rate(store):
    windows = window(store, WindowConfig())
    rates = skin_rates(store, windows, ("pos",))["pos"]
    recording = store.recordings[0]
    own = [n for n, one in enumerate(windows.windows) if one.key == recording.key]
    for number in own[::4]:
        begin_s, end_s = rate_span(windows.windows[number].start_s, windows.config, 20.0)
        assert end_s - begin_s == pytest.approx(10.0)
        seen = (recording.time_s >= begin_s - 1e-6) & (recording.time_s < end_s - 1e-6)
        colours = recording.track[SKIN].to_numpy()[seen]
        assert len(colours) == 125
        assert rates[number] == pulse_rate(colours, recording.time_s[seen]).hr_bpm


def test_rates_stand_in_the_order_of_the_windows(store):
    windows = window(store, PULSE)
    back = Windows(windows.windows[::-1], windows.config)
    one, other = (skin_rates(store, each)["chrom"] for each in (windows, back))
    np.testing.assert_array_equal(one, other[::-1])


def test_a_store_of_five_frames_a_second_has_no_rate_and_says_why(tmp_path):
    store = coloured(tmp_path, fps_hz=5.0)
    problems = []
    found = skin_rates(store, window(store, PRESETS["paper"]), on_problem=problems.append)
    assert set(found) == {"pos", "chrom"}
    assert all(np.isnan(rates).all() for rates in found.values())
    assert len(problems) == len(store) * 2
    assert "none in 20: 5.0 frames a second" in problems[0].found
    assert problems[0].severity == "note"


def test_a_context_too_short_for_a_rate_has_none(store):
    short = dataclasses.replace(WindowConfig(), hr_context_s=4.0)
    problems = []
    rates = skin_rates(store, window(store, short), ("pos",), on_problem=problems.append)
    assert np.isnan(rates["pos"]).all()
    assert "4.0 s" in problems[0].found


def test_a_lost_face_leaves_out_the_windows_that_need_it_and_no_others(tmp_path):
    def lost(rgb_TC):
        rgb_TC[150:170] = np.nan  # 12.0 to 13.6 s
        return rgb_TC

    store = coloured(tmp_path, subjects=1, spoil=lost)
    windows = window(store, PULSE)
    problems = []
    rates = skin_rates(store, windows, ("pos",), on_problem=problems.append)["pos"]
    meets = np.array([one.start_s + one.length_s > 12.0 for one in windows.windows])
    assert np.isnan(rates[meets]).all()
    assert np.isfinite(rates[~meets]).all()
    assert "no face for 1.7 s" in problems[0].found


def test_skin_that_never_changes_has_no_rate(tmp_path):
    store = coloured(tmp_path, subjects=1, spoil=lambda rgb_TC: np.full_like(rgb_TC, 100.0))
    problems = []
    rates = skin_rates(store, window(store, PULSE), ("pos",), on_problem=problems.append)["pos"]
    assert np.isnan(rates).all()
    assert "no peak" in problems[0].found


def test_a_store_without_colours_has_no_rate_and_says_so(tmp_path):
    bare = make_store(tmp_path, subjects=1, trials=2)
    for recording in bare:
        recording.track.drop(columns=list(SKIN)).to_parquet(recording.folder / "track.parquet")
    bare, problems = open_store(tmp_path), []
    rates = skin_rates(bare, window(bare), ("pos",), on_problem=problems.append)
    assert np.isnan(rates["pos"]).all()
    assert "no skin colour" in problems[0].found


def test_the_colours_are_columns_that_prepare_writes():
    assert set(SKIN) <= set(TRACK)


def test_windows_of_another_store_are_refused(store, small_store):
    with pytest.raises(BadInput, match="cut from"):
        skin_rates(store, window(small_store))


def test_progress_is_told_for_every_recording(store):
    steps = []
    skin_rates(store, window(store, PULSE), ("pos",), advance=steps.append)
    assert steps == [1] * len(store)
