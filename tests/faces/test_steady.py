import math

import numpy as np
import pytest

from pulsefer.faces.crop import Pose
from pulsefer.faces.steady import Steady

START = Pose(100.0, 80.0, 60.0, 0.0)


def moved(x=0.0, y=0.0, scale=1.0, turn=0.0):
    return Pose(START.centre_x_px + x, START.centre_y_px + y, START.side_px * scale, turn)


def path(target, *, fps_hz=50.0, seconds=2.0, look_every_s=0.2):
    """Poses in every frame when every look measures `target`."""
    steady = Steady(START, steady_s=0.3, band=0.025)
    poses, looked_s = [], 0.0
    for number in range(1, round(seconds * fps_hz) + 1):
        steady.advance(1 / fps_hz)
        if number / fps_hz - looked_s >= look_every_s - 1e-6:
            steady.measure(target, look_every_s)
            looked_s = number / fps_hz
        poses.append(steady.pose)
    return poses


@pytest.mark.parametrize(
    "small", [moved(x=1.4), moved(y=-1.4), moved(scale=1.04), moved(turn=0.045)]
)
def test_what_stays_within_the_band_moves_nothing(small):
    """0.025 of a side of 60 px is 1.5 px at the edge, 5 % in size, or 0.05 rad."""
    assert set(path(small)) == {START}


@pytest.mark.parametrize(
    "large", [moved(x=12.0), moved(y=-5.0), moved(scale=1.3), moved(turn=-0.4)]
)
def test_what_leaves_the_band_is_reached_to_within_it(large):
    last = path(large)[-1]
    assert (
        math.hypot(last.centre_x_px - large.centre_x_px, last.centre_y_px - large.centre_y_px)
        <= 0.025 * large.side_px
    )
    assert abs(math.log(last.side_px / large.side_px)) <= 0.05
    assert abs(last.angle_rad - large.angle_rad) <= 0.05


def test_it_arrives_without_swinging_over():
    x = np.array([pose.centre_x_px for pose in path(moved(x=12.0))])
    assert np.all(np.diff(x) >= 0)
    assert x.max() <= 112.0


@pytest.mark.parametrize("fps_hz", [10.0, 25.0, 200.0])
def test_any_frame_rate_gives_the_same_path(fps_hz):
    reference = path(moved(x=12.0), fps_hz=1000.0)
    for number, pose in enumerate(path(moved(x=12.0), fps_hz=fps_hz), start=1):
        same_time = reference[round(number * 1000 / fps_hz) - 1]
        assert pose.centre_x_px == pytest.approx(same_time.centre_x_px, abs=1e-6)


def test_any_picture_size_gives_the_same_path():
    one = Steady(START, steady_s=0.3, band=0.025)
    three = Steady(Pose(300.0, 240.0, 180.0, 0.0), steady_s=0.3, band=0.025)
    one.measure(moved(x=9.0, scale=1.2), 0.2)
    three.measure(Pose(327.0, 240.0, 216.0, 0.0), 0.2)
    for steady in (one, three):
        steady.advance(0.13)
    assert three.pose.centre_x_px == pytest.approx(3 * one.pose.centre_x_px)
    assert three.pose.side_px == pytest.approx(3 * one.pose.side_px)


def test_half_a_turn_goes_the_short_way():
    steady = Steady(moved(turn=math.pi - 0.1), steady_s=0.3, band=0.025)
    steady.measure(moved(turn=-math.pi + 0.1), 0.2)
    steady.advance(1.0)
    assert math.pi - 0.1 < steady.pose.angle_rad < math.pi + 0.2


def test_a_jump_is_a_jump():
    steady = Steady(START, steady_s=0.3, band=0.025)
    steady.measure(moved(x=12.0), 0.2)
    steady.jump(moved(y=30.0))
    steady.advance(1.0)
    assert steady.pose == moved(y=30.0)
