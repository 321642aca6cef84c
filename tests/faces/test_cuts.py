import numpy as np
import pytest

from pulsefer.faces.cuts import Cuts


def scene(seed, shape=(240, 320)):
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return coarse.repeat(shape[0] // 6, axis=0).repeat(shape[1] // 8, axis=1)


def cut_between(before, after):
    cuts = Cuts()
    assert not cuts.is_cut(before)
    return cuts.is_cut(after)


@pytest.mark.parametrize("seed", range(5))
def test_another_scene_is_a_cut_and_the_same_scene_is_none(seed):
    assert cut_between(scene(seed), scene(seed + 100))
    assert not cut_between(scene(seed), scene(seed))


def test_another_size_of_the_same_scene_is_no_cut():
    assert not cut_between(scene(0), scene(0, shape=(480, 640)))


def test_black_is_a_cut():
    assert cut_between(scene(0), np.zeros((240, 320, 3), np.uint8))


def test_light_noise_and_motion_are_no_cuts(portrait):
    assert not cut_between((portrait * 0.5).astype(np.uint8), portrait)
    assert not cut_between(portrait, np.roll(portrait, 12, axis=1))
    noise = np.random.default_rng(0).normal(0, 20, (2, *portrait.shape))
    one, other = (portrait + noise).clip(0, 255).round().astype(np.uint8)
    assert not cut_between(one, other)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200)])
def test_a_tiny_picture_is_looked_at_too(shape):
    image = np.full((*shape, 3), 7, np.uint8)
    assert not cut_between(image, image)
