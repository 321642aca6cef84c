import numpy as np
import pytest

from pulsefer.core.errors import BadInput
from pulsefer.faces.crop import CropConfig, crop, crop_frame
from pulsefer.faces.skin import skin_area, skin_rgb


def test_it_is_linear_so_a_pulse_passes_unchanged():
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 100, (6, 64, 64, 3), dtype=np.uint8)
    np.testing.assert_allclose(skin_rgb(2 * crops), 2 * skin_rgb(crops))


def test_one_crop_and_many_agree():
    crops = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64, 3), dtype=np.uint8)
    many = skin_rgb(crops)
    assert many.shape == (2, 3, 3)
    np.testing.assert_array_equal(many[1, 2], skin_rgb(crops[1, 2]))


def test_eyes_mouth_and_sides_do_not_count():
    rows, columns = skin_area()
    eyes_row, lips_row = 64 * 0.45 / 1.75, 64 * 1.45 / 1.75
    assert eyes_row + 5 < rows.start < rows.stop < lips_row - 10
    crop_64 = np.zeros((64, 64, 3), np.uint8)
    crop_64[rows, columns] = [180, 120, 90]
    np.testing.assert_allclose(skin_rgb(crop_64), [180, 120, 90])


@pytest.mark.parametrize("size", [16, 64, 72, 128])
def test_the_area_scales_with_the_crop(size):
    rows, columns = skin_area(CropConfig(size_px=size))
    assert rows.start / size == pytest.approx(24 / 64, abs=0.05)
    assert columns.stop / size == pytest.approx(52 / 64, abs=0.05)
    assert columns.start + columns.stop == size


def test_the_portrait_has_skin_there(mtcnn, portrait):
    picture = crop(portrait, crop_frame(mtcnn.detect(portrait)[0].landmarks_px))
    red, green, blue = skin_rgb(picture)
    assert red > green > blue > 60
    rows, columns = skin_area()
    assert picture[rows, columns].astype(float).std(axis=(0, 1)).max() < 35


def test_crops_of_another_size_are_refused():
    with pytest.raises(BadInput, match="64, 64, 3"):
        skin_rgb(np.zeros((5, 32, 32, 3), np.uint8))
    with pytest.raises(BadInput, match="at least one pixel"):
        skin_area(CropConfig(size_px=2))
