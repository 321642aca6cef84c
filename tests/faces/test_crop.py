import math

import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.faces.crop import CropConfig, Pose, crop, crop_frame

FACE = np.array([[-4.0, 0.0], [4.0, 0.0], [0.0, 5.0], [-3.0, 8.0], [3.0, 8.0]])


def noise(shape=(300, 400), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def turn(points, angle_rad, about=(0.0, 0.0)):
    sin, cos = math.sin(angle_rad), math.cos(angle_rad)
    return (points - about) @ np.array([[cos, sin], [-sin, cos]]) + about


def test_the_square_reaches_from_above_the_eyes_to_below_the_lips():
    pose = crop_frame(100 + 10 * FACE)
    assert pose.side_px == pytest.approx((0.45 + 1 + 0.30) * 80)
    assert pose.centre_y_px - pose.side_px / 2 == pytest.approx(100 - 0.45 * 80)
    assert pose.centre_y_px + pose.side_px / 2 == pytest.approx(180 + 0.30 * 80)
    assert (pose.centre_x_px, pose.angle_rad) == (100, 0)


@pytest.mark.parametrize("degrees", [-40.0, -10.0, 3.0, 25.0])
def test_the_square_turns_with_the_face(degrees):
    angle = math.radians(degrees)
    upright, turned = crop_frame(FACE), crop_frame(turn(FACE, angle))
    assert turned.angle_rad == pytest.approx(angle)
    assert turned.side_px == pytest.approx(upright.side_px)
    centre = np.array([[upright.centre_x_px, upright.centre_y_px]])
    np.testing.assert_allclose(
        [turned.centre_x_px, turned.centre_y_px], turn(centre, angle)[0], atol=1e-9
    )


def test_the_square_moves_and_grows_with_the_face():
    pose, other = crop_frame(FACE), crop_frame(3 * FACE + [7, -2])
    assert other.centre_x_px == pytest.approx(3 * pose.centre_x_px + 7)
    assert other.centre_y_px == pytest.approx(3 * pose.centre_y_px - 2)
    assert other.side_px == pytest.approx(3 * pose.side_px)


def test_an_upright_square_on_pixel_edges_gives_exact_block_means():
    image = noise()
    got = crop(image, Pose(centre_x_px=228, centre_y_px=168, side_px=256, angle_rad=0.0))
    blocks = image[40:296, 100:356].reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(got - blocks).max() <= 0.5 + 1e-3


@pytest.mark.parametrize("side", [40.0, 77.3, 150.9, 250.0])
@pytest.mark.parametrize("degrees", [0.0, 12.0, -33.0])
def test_the_mean_of_the_crop_is_the_mean_of_the_area(side, degrees):
    """Picking one pixel in each cell would miss it by about 1 grey level, see below."""
    image = noise()
    pose = Pose(200.4, 150.7, side, math.radians(degrees))
    y, x = np.mgrid[0:300, 0:400] + 0.5
    local = turn(np.stack([x, y], axis=-1), -pose.angle_rad, (pose.centre_x_px, pose.centre_y_px))
    inside = np.abs(local - [pose.centre_x_px, pose.centre_y_px]).max(axis=-1) <= side / 2
    difference = crop(image, pose).mean(axis=(0, 1)) - image[inside].mean(axis=0)
    # Only the rim differs: a pixel there is in or out for the reference, shared for the crop.
    assert np.abs(difference).max() < 0.5 * 74 / math.sqrt(side)


@pytest.mark.parametrize("degrees", [0.0, 9.0])
def test_noise_is_averaged_as_area_means_must(degrees):
    """16 source pixels a cell: a quarter of the noise or less; picking pixels would keep it."""
    rng = np.random.default_rng(3)
    image = np.clip(120 + rng.normal(0, 8, (300, 400, 3)), 0, 255).round().astype(np.uint8)
    got = crop(image, Pose(200.0, 150.0, 256.0, math.radians(degrees)))
    assert got.std() < 8 / 4 * 1.1 + 0.3


def test_a_pulse_of_half_a_percent_survives_noise():
    """The mean of 64x64 cells shows 0.6 grey levels under noise of 8 per pixel and frame."""
    rng = np.random.default_rng(4)
    pulse = 0.005 * np.sin(2 * np.pi * 1.2 * np.arange(50) / 10)
    pose = Pose(100.3, 100.8, 170.0, math.radians(7))
    means = []
    for beat in pulse:
        image = 120 * (1 + beat) + rng.normal(0, 8, (200, 200, 3))
        means.append(crop(image.round().clip(0, 255).astype(np.uint8), pose)[..., 1].mean())
    assert np.corrcoef(means, pulse)[0, 1] > 0.99


@pytest.mark.parametrize("degrees", [0.0, -21.0])
def test_a_shift_of_picture_and_landmarks_by_whole_pixels_changes_nothing(degrees):
    image = noise()
    pose = Pose(150.35, 140.6, 131.7, math.radians(degrees))
    shifted = np.pad(image, ((13, 0), (29, 0), (0, 0)))
    moved = Pose(pose.centre_x_px + 29, pose.centre_y_px + 13, pose.side_px, pose.angle_rad)
    np.testing.assert_allclose(crop(shifted, moved), crop(image, pose).astype(float), atol=1)
    assert np.mean(crop(shifted, moved) != crop(image, pose)) < 1e-3


@pytest.mark.parametrize("degrees", [0.0, 15.0])
def test_an_enlarged_picture_gives_the_same_crop(portrait, degrees):
    pose = Pose(224.4, 118.2, 80.6, math.radians(degrees))
    large = portrait.repeat(3, axis=0).repeat(3, axis=1)
    enlarged = Pose(3 * 224.4, 3 * 118.2, 3 * 80.6, pose.angle_rad)
    difference = crop(large, enlarged).astype(int) - crop(portrait, pose)
    assert np.abs(difference).max() <= 1


def test_eyes_are_level_in_the_crop_of_an_inclined_face(mtcnn, portrait):
    from skimage.transform import rotate

    inclined = (rotate(portrait, 20, mode="edge") * 255).round().astype(np.uint8)
    (face,) = mtcnn.detect(inclined)
    assert abs(crop_frame(face.landmarks_px).angle_rad) > math.radians(12)
    straight = crop(portrait, crop_frame(mtcnn.detect(portrait)[0].landmarks_px), 64)
    levelled = crop(inclined, crop_frame(face.landmarks_px), 64)
    likeness = np.corrcoef(straight.ravel(), levelled.ravel())[0, 1]
    assert likeness > 0.9


def test_a_turn_is_undone(portrait):
    """The crop of a picture turned by 90 degrees is the crop of the picture."""
    pose = Pose(224.0, 118.0, 100.0, 0.0)
    turned = np.rot90(portrait, k=-1)  # clockwise: (x, y) goes to (height - y, x)
    other = Pose(512 - 118.0, 224.0, 100.0, math.pi / 2)
    difference = crop(turned, other).astype(int) - crop(portrait, pose)
    assert np.abs(difference).max() <= 1


def test_outside_the_picture_the_border_is_repeated():
    image = np.zeros((100, 100, 3), np.uint8)
    image[:, 0] = [200, 100, 50]
    got = crop(image, Pose(0.0, 50.0, 64.0, 0.0))
    assert np.all(got[:, :33] == [200, 100, 50])
    assert np.all(got[:, 33:] == 0)
    far = crop(image, Pose(-500.0, 50.0, 80.0, 0.3))
    assert np.all(far == [200, 100, 50])


@pytest.mark.parametrize("level", [0, 1, 128, 255])
def test_a_plain_picture_gives_that_colour(level):
    image = np.full((50, 60, 3), level, np.uint8)
    for side in (3.0, 30.0, 240.0):
        assert np.all(crop(image, Pose(20.2, 30.1, side, 0.7), 16) == level)


def test_landmarks_that_are_no_face_are_refused():
    with pytest.raises(BadInput, match="below the eyes"):
        crop_frame(FACE * [1, -1])
    with pytest.raises(BadInput, match=r"\(5, 2\)"):
        crop_frame(FACE[:4])
    with pytest.raises(BadInput, match="9 finite"):
        crop_frame(np.where(FACE == 5.0, np.nan, FACE))


@pytest.mark.parametrize("side", [0.0, -3.0, math.nan, math.inf, 1e9])
def test_an_impossible_square_is_refused(side):
    with pytest.raises(BadInput, match="square"):
        crop(noise(), Pose(10.0, 10.0, side, 0.0))


def test_a_grey_or_a_float_picture_is_refused():
    with pytest.raises(BadInput, match="RGB"):
        crop(noise()[..., 0], Pose(100.0, 100.0, 50.0, 0.0))
    with pytest.raises(BadInput, match="uint8"):
        crop(noise() / 255.0, Pose(100.0, 100.0, 50.0, 0.0))


def test_a_geometry_without_sense_is_refused():
    with pytest.raises(ValueError, match="size_px"):
        CropConfig(size_px=0)
    with pytest.raises(ValueError, match="negative"):
        CropConfig(top=-0.1)
