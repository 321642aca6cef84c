import dataclasses

import numpy as np
import pytest
import torch

from pulsefer.datasets.synthetic import Effects, Trial, draw_trials, subject
from pulsefer.datasets.synthetic_face import PULSE_RGB, film
from pulsefer.datasets.synthetic_portrait import FACE_PX, MIDDLE_X, MIDDLE_Y, MOUTH, MOUTH_HALF_PX
from pulsefer.datasets.synthetic_pulse import beat_times_s, pulse_wave
from pulsefer.datasets.synthetic_warp import framed, undo_expression, undo_identity

STILL = Effects(pulse_amplitude=0.0, motion_px=0.0, sensor_noise=0.0, hr_to_flush=0.0)
"""A camera and a face that do nothing but show an expression."""
CORNERS = [(1.0, 1.0), (1.0, 9.0), (9.0, 1.0), (9.0, 9.0)]
FOREHEAD = (208, 242, 82, 87)
CHEEK = (188, 198, 112, 124)
"""Left, right, upper, lower edge in the portrait."""


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for a busy core make short operations slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def trial(name="s01", valence=5.0, arousal=5.0, hr_bpm=75.0, **changes):
    person = dataclasses.replace(subject(4, name), **changes)
    return Trial(person, 1, 1, valence, arousal, valence, arousal, hr_bpm)


def centred(name="s01", **about):
    """Somebody whose features lie where the portrait has them."""
    return trial(
        name, offset_x=0.0, offset_y=0.0, tilt_rad=0.0, mirrored=False, face_height=0.5, **about
    )


def shot(of, effects=STILL, n_frames=1, fps_hz=25.0, width_px=192, height_px=144, seed=1):
    beats = beat_times_s(of.hr_bpm, -3.0, n_frames / fps_hz + 1, seed=9)
    return np.stack(
        list(
            film(
                of,
                beats,
                effects=effects,
                n_frames=n_frames,
                fps_hz=fps_hz,
                width_px=width_px,
                height_px=height_px,
                seed=seed,
            )
        )
    ).astype(float)


def part(frames, box):
    """The part of a centred face that the portrait has in the box."""
    left, right, upper, lower = box
    height, width = frames.shape[1:3]
    scale = 0.5 * height / FACE_PX
    rows = [round(height / 2 + (y - MIDDLE_Y) * scale) for y in (upper, lower)]
    columns = [round(width / 2 + (x - MIDDLE_X) * scale) for x in (left, right)]
    return frames[:, slice(*rows), slice(*columns)]


def loudest_bpm(values, fs_hz):
    spectrum = np.abs(np.fft.rfft((values - values.mean()) * np.hanning(len(values)), 16384))
    rates = np.fft.rfftfreq(16384, 1 / fs_hz) * 60
    inside = (rates > 42) & (rates < 180)
    return rates[inside][spectrum[inside].argmax()]


def test_same_arguments_same_bytes():
    effects = Effects()
    first = shot(trial(), effects, n_frames=5)
    assert first.shape == (5, 144, 192, 3)
    np.testing.assert_array_equal(first, shot(trial(), effects, n_frames=5))
    torch.set_num_threads(2)
    np.testing.assert_array_equal(first, shot(trial(), effects, n_frames=5))
    assert not np.array_equal(first, shot(trial(), effects, n_frames=5, seed=2))


def test_with_every_effect_off_nothing_moves_and_nothing_is_felt():
    off = dataclasses.replace(STILL, expression=0.0)
    frames = shot(trial(), off, n_frames=4, fps_hz=1.0)
    assert (frames == frames[0]).all()
    for valence, arousal in CORNERS:
        np.testing.assert_array_equal(
            shot(trial(valence=valence, arousal=arousal), off)[0], frames[0]
        )


@pytest.mark.parametrize("scale", ["valence", "arousal"])
def test_the_further_the_feeling_the_further_the_picture(scale):
    low = shot(centred(**{scale: 1.0}))
    apart = [np.abs(shot(centred(**{scale: r})) - low).mean() for r in (1.0, 3.0, 5.0, 7.0, 9.0)]
    assert apart[0] == 0
    assert (np.diff(apart) > 0.05).all()


@pytest.mark.parametrize("name", ["s01", "s02", "s03", "s04"])
@pytest.mark.parametrize("scale", ["valence", "arousal"])
def test_expressions_are_plain_at_64_pixels_and_fade_with_the_effect(name, scale):
    def small(rating, effects):
        frames = shot(centred(name, **{scale: rating}), effects, width_px=768, height_px=576)
        face = part(frames, (160, 288, 68, 196))[0]  # 128 portrait pixels a side
        side = len(face) // 64 * 64
        return face[:side, :side].reshape(64, side // 64, 64, side // 64, 3).mean(axis=(1, 3))

    def gap(effects):
        return np.abs(small(9.0, effects) - small(1.0, effects)).mean(axis=2)

    plain = gap(STILL)
    assert (plain > 8).sum() > 40  # of 4096 pixels
    assert gap(dataclasses.replace(STILL, expression=0.5)).mean() < 0.8 * plain.mean()


@pytest.mark.parametrize("awake", [-1.0, 0.0, 1.0])
def test_the_corners_of_the_mouth_rise_with_valence(awake):
    y, x = np.mgrid[120:180:0.25, 195:250:0.25].astype(np.float32)

    def curve(pleasant):
        """How much lower than its middle the corners of the mouth lie."""
        from_x, from_y = undo_expression(x, y, pleasant, awake)
        places = []
        for side in (-0.9, 0.0, 0.9):
            there_x = MOUTH[0] + side * MOUTH_HALF_PX
            there_y = MOUTH[1] - 5.2 * side**2
            far = np.hypot(from_x - there_x, from_y - there_y)
            places.append(float(y.ravel()[far.argmin()]))
        return (places[0] + places[2]) / 2 - places[1]

    curves = [curve(pleasant) for pleasant in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert (np.diff(curves) < -1).all()
    assert curves[0] > 3
    assert curves[-1] < -3


@pytest.mark.parametrize("rating", CORNERS)
def test_no_face_is_torn_or_folded(rating):
    pleasant, awake = ((value - 5) / 4 for value in rating)
    for number in range(12):
        person = dataclasses.replace(subject(4, f"s{number:02d}"), mirrored=False)
        x, y = undo_expression(*undo_identity(*framed(person, 384, 288), person), pleasant, awake)
        (x_down, x_right), (y_down, y_right) = np.gradient(x), np.gradient(y)
        assert (x_right * y_down - x_down * y_right).min() > 0


@pytest.mark.parametrize("amplitude", [0.0, 0.005, 0.02])
def test_the_skin_darkens_by_the_planted_share_at_every_beat(amplitude):
    effects = dataclasses.replace(STILL, pulse_amplitude=amplitude, sensor_noise=1.5, expression=0)
    frames = shot(centred(tone=0.3), effects, n_frames=200, width_px=384, height_px=288)
    beats = beat_times_s(75.0, -3.0, 9.0, seed=9)
    wave = pulse_wave(beats, np.arange(200) / 25)
    for box in (FOREHEAD, CHEEK):
        colour = part(frames, box).mean(axis=(1, 2))
        for channel, share in enumerate(PULSE_RGB):
            slope, level = np.polyfit(wave, colour[:, channel], 1)
            assert -slope / level == pytest.approx(amplitude * share, rel=0.1, abs=4e-4)


def test_hair_clothes_and_wall_have_no_pulse():
    effects = dataclasses.replace(STILL, pulse_amplitude=0.1, expression=0)
    frames = shot(centred(), effects, n_frames=25)
    swing = np.ptp(frames[..., 1], axis=0)
    assert np.ptp(part(frames, CHEEK)[..., 1], axis=0).min() > 3
    height, width = swing.shape
    assert swing[:, : width // 6].max() == 0
    assert swing[-height // 8 :].max() == 0
    hair = part(frames, (190, 260, 30, 60))[..., 1]
    assert np.ptp(hair, axis=0).max() == 0


@pytest.mark.parametrize("bpm", [58.0, 74.0, 97.0])
def test_the_rate_is_found_in_a_moving_face(bpm):
    frames = shot(centred(hr_bpm=bpm), Effects(), n_frames=300)
    green = part(frames, (185, 262, 80, 175))[..., 1].mean(axis=(1, 2))
    assert loudest_bpm(green, 25.0) == pytest.approx(bpm, abs=2.0)


@pytest.mark.parametrize("bpm", [62.0, 97.0])
def test_the_rate_survives_h264_at_crf_18(tmp_path, bpm):
    from pulsefer.media.video import encode, frames

    n_frames, of = 300, centred(hr_bpm=bpm)
    images = film(
        of,
        beat_times_s(bpm, -3.0, 13.0, seed=9),
        effects=Effects(motion_px=1.5),
        n_frames=n_frames,
        fps_hz=25.0,
        width_px=384,
        height_px=288,
        seed=1,
    )
    path = tmp_path / "face.avi"
    encode(path, images, fps_hz=25.0, crf=18)
    box = (185, 262, 80, 175)
    green = [part(f.image[None].astype(float), box)[..., 1].mean() for f in frames(path)]
    assert len(green) == n_frames
    assert loudest_bpm(np.array(green), 25.0) == pytest.approx(bpm, abs=2.5)


def test_a_flush_shows_the_rate_in_one_frame_and_can_be_switched_off():
    def greenness(bpm, effects):
        red, green, _ = part(shot(centred(hr_bpm=bpm), effects), CHEEK).mean(axis=(0, 1, 2))
        return green / red

    flush = dataclasses.replace(STILL, hr_to_flush=0.05)
    assert greenness(110.0, flush) / greenness(50.0, flush) == pytest.approx(0.90, abs=0.01)
    assert greenness(110.0, STILL) == greenness(50.0, STILL)


def test_the_light_of_a_clip_colours_face_and_scene_alike_in_every_frame():
    plain = dataclasses.replace(STILL, expression=0.0)
    gains = (0.6, 0.9, 0.75)
    for name in ("s01", "s02"):
        of = trial(name)
        bare = shot(of, plain, n_frames=3)
        lit = shot(dataclasses.replace(of, light_rgb=gains), plain, n_frames=3)
        assert (lit == lit[0]).all()
        # A pixel that was cut at 250 has lost more than is seen.
        seen = (bare > 40) & (bare < 249)
        for channel, gain in enumerate(gains):
            there = seen[..., channel]
            ratio = lit[..., channel][there] / bare[..., channel][there]
            np.testing.assert_allclose(ratio, gain, atol=0.03)


def test_a_clip_without_light_of_its_own_leaves_every_byte():
    for of in draw_trials(Effects(stimulus_to_light=0.0), subjects=2, stimuli=4, seed=5):
        bare = Trial(*(getattr(of, field.name) for field in dataclasses.fields(of)[:-1]))
        np.testing.assert_array_equal(shot(of, Effects()), shot(bare, Effects()))


def test_the_light_leaves_room_for_the_pulse():
    for number in range(24):
        face = shot(centred(f"s{number:02d}", valence=9.0))
        for box in (FOREHEAD, CHEEK):
            assert part(face, box).min() > 15
            assert part(face, box).max() < 250


def test_people_look_different_and_stay_themselves():
    one, other = shot(centred("s01")), shot(centred("s02"))
    assert np.abs(one - other).mean() > 4
    moved = shot(centred("s01", valence=6.0))
    assert np.abs(one - moved).mean() < 0.2 * np.abs(one - other).mean()


def test_the_head_moves_smoothly_and_as_far_as_asked():
    still = dataclasses.replace(STILL, expression=0.0)
    moving = dataclasses.replace(still, motion_px=12.0)
    frames = shot(trial(), moving, n_frames=100)
    near = np.abs(frames[1:] - frames[:-1]).mean()
    far = np.abs(frames[50:] - frames[:-50]).mean()
    assert 0 < near < 0.25 * far
    less = shot(trial(), dataclasses.replace(still, motion_px=3.0), n_frames=100)
    assert np.abs(less[50:] - less[:-50]).mean() < 0.6 * far


def test_the_detector_finds_every_face_once():
    from pulsefer.faces.mtcnn import Mtcnn

    detector = Mtcnn()
    for number in range(12):
        for rating in (CORNERS[number % 4], CORNERS[(number + 1) % 4]):
            of = trial(f"s{number:02d}", *rating)
            frame = shot(of, Effects(), width_px=384, height_px=288)[0].astype(np.uint8)
            found = detector.detect(frame)
            assert len(found) == 1
            assert found[0].score > 0.9
            assert 0.3 < found[0].box_h_px / 288 < 0.75


@pytest.mark.parametrize("change", [{"n_frames": 0}, {"fps_hz": 0.0}, {"width_px": 0}])
def test_a_film_without_extent_is_refused_before_the_first_frame(change):
    options = {"n_frames": 1, "fps_hz": 25.0, "width_px": 64, "height_px": 48, "seed": 1}
    with pytest.raises(ValueError, match="positive n_frames"):
        film(trial(), np.array([0.0]), effects=STILL, **(options | change))
