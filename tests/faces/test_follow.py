import dataclasses
import itertools
import math

import numpy as np
import pytest

from conftest import LANDMARKS, Scripted, face_at, numbered
from pulsefer.core.errors import BadInput
from pulsefer.core.types import Frame
from pulsefer.faces.crop import crop_frame
from pulsefer.faces.follow import FollowConfig, Follower, follow


def run(faces_of, *, seconds, fps_hz=25.0, config=None):
    """What is seen in each frame when `faces_of(time_s)` is there."""
    detector = Scripted(lambda number: faces_of(number / fps_hz))
    film = (numbered(number, fps_hz) for number in range(round(seconds * fps_hz)))
    return [(frame.time_s, seen) for frame, seen in follow(film, config, detector)], detector


def ids(seen):
    return [one.face_id for one in seen]


def test_a_still_face_keeps_id_and_place_in_every_frame():
    seen, _ = run(lambda _t: [face_at(160, 100)], seconds=3)
    assert all(ids(now) == [0] and not now[0].held for _, now in seen)
    assert len({now[0].pose for _, now in seen}) == 1


def test_ids_go_by_appearance_then_by_size():
    def there(t):
        small, large = face_at(60, 100, size=0.5), face_at(220, 100)
        return [small, large] if t < 1 else [face_at(60, 180, size=0.3), small, large]

    seen, _ = run(there, seconds=2)
    first, last = seen[0][1], seen[-1][1]
    assert ids(first) == [0, 1]
    assert first[0].face.box_w_px > first[1].face.box_w_px
    assert ids(last) == [0, 1, 2]
    assert last[2].face.box_w_px < last[1].face.box_w_px


def test_two_faces_that_pass_each_other_keep_their_ids():
    seen, _ = run(
        lambda t: [face_at(60 + 50 * t, 60, size=0.5), face_at(260 - 50 * t, 170, size=0.5)],
        seconds=4,
    )
    assert all(ids(now) == [0, 1] for _, now in seen)
    assert seen[-1][1][0].face.box_x_px > 200


def test_a_lost_face_is_held_for_a_second_then_not_reported():
    seen, _ = run(lambda t: [face_at(160, 100)] if t < 1.95 else [], seconds=5)
    held = [t for t, now in seen if now and now[0].held]
    gone = [t for t, now in seen if not now]
    assert 2.0 <= held[0] <= 2.2
    assert held[-1] == pytest.approx(1.8 + 1.0, abs=0.21)
    assert gone[0] == pytest.approx(held[-1] + 0.04)
    assert gone[-1] == seen[-1][0]


def test_a_face_that_comes_back_to_its_place_keeps_its_id_and_elsewhere_gets_a_new_one():
    def back_at(x, t_back):
        def there(t):
            if t < 1:
                return [face_at(160, 100)]
            return [face_at(x, 100)] if t >= t_back else []

        return run(there, seconds=t_back + 1)[0][-1][1]

    assert ids(back_at(165, 3.5)) == [0]
    assert ids(back_at(60, 3.5)) == [1]
    assert ids(back_at(165, 8.0)) == [1]  # longer than it is remembered


def test_a_weak_face_is_no_new_face_but_may_be_a_known_one():
    seen, _ = run(lambda _t: [face_at(160, 100, score=0.8)], seconds=1)
    assert all(now == [] for _, now in seen)
    seen, _ = run(lambda t: [face_at(160, 100, score=0.99 if t < 0.1 else 0.8)], seconds=3)
    assert all(ids(now) == [0] and not now[0].held for _, now in seen)


def test_the_largest_win_where_there_are_too_many():
    faces = [face_at(40, 60, size=0.3), face_at(120, 60, size=0.5), face_at(240, 100)]
    seen, _ = run(lambda _t: faces, seconds=1, config=FollowConfig(max_faces=2))
    assert all(ids(now) == [0, 1] for _, now in seen)
    assert seen[0][1][1].face.box_w_px == pytest.approx(45)


@pytest.mark.parametrize("fps_hz", [10.0, 25.0, 61.0])
def test_pictures_are_searched_by_time_not_by_number(fps_hz):
    _, detector = run(lambda _t: [face_at(160, 100)], seconds=4, fps_hz=fps_hz)
    assert 18 <= detector.n_calls <= 20
    _, detector = run(lambda _t: [], seconds=4, fps_hz=fps_hz)
    assert 18 <= detector.n_calls <= 20


def test_the_past_does_not_know_the_future():
    def stays(_t):
        return [face_at(160, 100)]

    def leaves(t):
        return [face_at(160 + 80 * max(0, t - 2), 100)]

    one, other = run(stays, seconds=2)[0], run(leaves, seconds=3)[0]
    for (_, a), (_, b) in zip(one, other, strict=False):
        assert a[0].pose == b[0].pose


def test_jitter_of_the_landmarks_does_not_move_the_crop():
    """Landmarks shake by 2 % of the distance between the eyes: the square rests."""
    rng = np.random.default_rng(0)
    shake = rng.normal(0, 0.02 * 40, (1000, 5, 2))

    def shaky(t):
        face = face_at(160, 100)
        return [dataclasses.replace(face, landmarks_px=face.landmarks_px + shake[round(t * 25)])]

    seen, _ = run(shaky, seconds=30)
    poses = [now[0].pose for _, now in seen]
    resting = np.mean([a == b for a, b in itertools.pairwise(poses)])
    assert resting > 0.9
    raw = [crop_frame(shaky(t)[0].landmarks_px).side_px for t, _ in seen]
    assert np.std([pose.side_px for pose in poses]) < np.std(raw)


@pytest.mark.parametrize("speed_px_s", [30.0, 90.0])
def test_a_moving_head_is_followed_with_a_lag_below_half_a_second(speed_px_s):
    seen, _ = run(lambda t: [face_at(40 + speed_px_s * t, 100, size=0.6)], seconds=2)
    pose = seen[-1][1][0].pose
    true = crop_frame(face_at(40 + speed_px_s * seen[-1][0], 100, size=0.6).landmarks_px)
    assert (true.centre_x_px - pose.centre_x_px) / speed_px_s < 0.5
    assert pose.centre_x_px <= true.centre_x_px + 2


def test_the_crop_glides_without_jumps():
    seen, _ = run(lambda t: [face_at(130 if t < 1 else 150, 100)], seconds=3)
    x = np.array([now[0].pose.centre_x_px for _, now in seen])
    assert x[0] == 130
    assert abs(x[-1] - 150) < 2
    assert np.diff(x).min() >= 0
    assert np.diff(x).max() < 7


def test_the_path_does_not_depend_on_the_frame_rate():
    def there(t):
        return [face_at(130 + 20 * (t > 1), 100 + 10 * math.sin(t), size=0.8)]

    slow, fast = (dict(run(there, seconds=4, fps_hz=fps)[0]) for fps in (10.0, 50.0))
    both = [t for t in slow if t in fast]
    assert len(both) > 30
    for t in both:
        assert slow[t][0].pose.centre_x_px == pytest.approx(fast[t][0].pose.centre_x_px, abs=0.5)


def test_box_and_landmarks_go_along_with_the_crop():
    seen, _ = run(lambda t: [face_at(130 if t < 1 else 150, 100, size=1 + t / 20)], seconds=2)
    for _, (one,) in seen:
        pose = crop_frame(one.face.landmarks_px)
        assert pose.centre_x_px == pytest.approx(one.pose.centre_x_px)
        assert pose.side_px == pytest.approx(one.pose.side_px)
        assert pose.angle_rad == pytest.approx(one.pose.angle_rad, abs=1e-9)


def scene(seed):
    """A picture with a pattern that no other scene has."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (6, 8, 3), dtype=np.uint8).repeat(40, axis=0).repeat(40, axis=1)


def test_nothing_glides_across_a_cut():
    """The face after the cut overlaps the one before: the crop is there at once."""

    def faces_of(number):
        return [face_at(140, 100) if number < 28 else face_at(170, 115, size=1.2)]

    film = []
    for number in range(60):
        frame = numbered(number, 25.0)
        image = scene(1 if number < 28 else 2)
        image[0, 0] = frame.image[0, 0]
        film.append(dataclasses.replace(frame, image=image))
    seen = [now for _, now in follow(film, detector=Scripted(faces_of))]
    before, after = (crop_frame(faces_of(n)[0].landmarks_px) for n in (0, 59))
    for number, (one,) in enumerate(seen):
        assert one.pose == (before if number < 28 else after), number


def test_a_face_that_a_cut_takes_away_is_not_held():
    film = []
    for number in range(40):
        image = scene(1 if number < 28 else 2)
        image[0, 0] = numbered(number, 25.0).image[0, 0]
        film.append(Frame(number, number / 25, image))
    detector = Scripted(lambda number: [face_at(140, 100)] if number < 28 else [])
    assert [bool(now) for _, now in follow(film, detector=detector)] == [True] * 28 + [False] * 12


def test_a_long_gap_is_like_a_cut():
    times = [0.0, 0.1, 0.2, 5.1, 5.2]
    detector = Scripted(lambda number: [face_at(140 if number < 3 else 170, 100)])
    follower = Follower(detector=detector)
    poses = []
    for number, time_s in enumerate(times):
        (one,) = follower.push(Frame(number, time_s, numbered(number, 25.0).image))
        poses.append(one.pose.centre_x_px)
    assert poses == [140, 140, 140, 170, 170]


def test_a_lamp_that_goes_on_is_no_cut(portrait):
    dark = (portrait * 0.6).astype(np.uint8)
    images = [dark if number < 10 else portrait for number in range(20)]
    film = [Frame(number, number / 25, image) for number, image in enumerate(images)]
    detector = Scripted(lambda _number: [face_at(224, 110)])
    list(follow(film, detector=detector))
    assert detector.n_calls == 4  # 0, 0.2, 0.4, 0.6 s, and no more


def test_frames_out_of_order_are_refused():
    follower = Follower(detector=Scripted(lambda _n: []))
    follower.push(numbered(3, 25.0))
    with pytest.raises(BadInput, match=r"a time after 0\.12 s"):
        follower.push(numbered(3, 25.0))


def test_a_grey_frame_is_refused():
    follower = Follower(detector=Scripted(lambda _n: []))
    with pytest.raises(BadInput, match="RGB"):
        follower.push(Frame(0, 0.0, np.zeros((20, 20), np.uint8)))


def test_landmarks_that_are_no_face_are_passed_over():
    upside_down = dataclasses.replace(
        face_at(160, 100), landmarks_px=[160, 100] + LANDMARKS * [1, -1]
    )
    seen, _ = run(lambda _t: [upside_down, face_at(60, 100, size=0.5)], seconds=1)
    assert all(ids(now) == [0] for _, now in seen)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("look_every_s", 0.0),
        ("detect_every_s", 0.1),
        ("iou_min", 1.5),
        ("min_face_fraction", 0.0),
        ("hold_s", 9.0),
        ("max_faces", 0),
        ("steady_s", -1.0),
    ],
)
def test_impossible_settings_are_refused(field, value):
    with pytest.raises(ValueError, match=field):
        FollowConfig(**{field: value})
