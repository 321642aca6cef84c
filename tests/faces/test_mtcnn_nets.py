"""What the detector shows its networks, and that it takes any that answer."""

import numpy as np
import pytest

from pulsefer.faces.detector import Face
from pulsefer.faces.mtcnn import Mtcnn, _Areas
from pulsefer.faces.nets import Answer, Nets
from pulsefer.faces.networks import torch_nets


def picture(height=60, width=84, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def looked(means):
    return (means - 127.5) / 128


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 6, 20])
def test_the_whole_picture_at_its_own_size_is_the_mean_of_each_block(factor):
    image = picture()
    areas = _Areas(image, factor)
    height, width = 60 // factor, 84 // factor
    look = areas.look(np.array([[0.0, 0.0, width, height]]), height, width)
    blocks = image[: height * factor, : width * factor].reshape(height, factor, width, factor, 3)
    means = blocks.mean(axis=(1, 3)).transpose(2, 0, 1)[None]
    assert look.dtype == np.float32
    np.testing.assert_allclose(look, looked(means), atol=1e-6)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_cell_is_the_mean_of_the_area_it_covers(factor):
    image = picture(48, 48)
    boxes = np.array([[1.25, 2.5, 9.25, 14.5], [3.0, 1.0, 7.0, 5.0]])
    look = _Areas(image, factor).look(boxes, 4, 4)
    side = 48 // factor
    reduced = image.reshape(side, factor, side, factor, 3).mean(axis=(1, 3))
    fine = reduced.repeat(8, axis=0).repeat(8, axis=1)  # an eighth of a pixel
    for box, own in zip(boxes, look, strict=True):
        x = np.linspace(box[0], box[2], 5) * 8
        y = np.linspace(box[1], box[3], 5) * 8
        for row, column in np.ndindex(4, 4):
            edges = np.array([y[row], y[row + 1], x[column], x[column + 1]])
            upper, lower, left, right = edges.round().astype(int)
            mean = fine[upper:lower, left:right].mean(axis=(0, 1))
            np.testing.assert_allclose(own[:, row, column], looked(mean), atol=1e-6)


def test_outside_the_picture_is_black():
    white = np.full((20, 20, 3), 255, np.uint8)
    boxes = np.array([[-10.0, 0.0, 10.0, 20.0], [100.0, 100.0, 120.0, 120.0]])
    half, nothing = _Areas(white, 1).look(boxes, 2, 2)
    np.testing.assert_allclose(half[:, :, 0], looked(0.0), atol=1e-6)
    np.testing.assert_allclose(half[:, :, 1], looked(255.0), atol=1e-6)
    np.testing.assert_allclose(nothing, looked(0.0), atol=1e-6)


def test_pictures_lie_in_memory_as_convolutions_are_fastest():
    look = _Areas(picture(), 1).look(np.array([[0.0, 0.0, 40.0, 40.0]] * 3), 24, 24)
    assert look.shape == (3, 3, 24, 24)
    assert look.transpose(0, 2, 3, 1).flags.c_contiguous


def test_any_networks_will_do():
    """A face at one place of the finest level: the box is what the networks make of it."""
    asked = []

    def pnet(x):
        asked.append(x.shape[2:])
        height, width = ((n - 2) // 2 - 4 for n in x.shape[2:])
        score = np.zeros((1, height, width), np.float32)
        if len(asked) == 1:
            score[0, 5, 7] = 0.9
        return Answer(score, np.zeros((1, 4, height, width), np.float32))

    def rnet(x):
        asked.append(x.shape)
        return Answer(np.full(1, 0.9, np.float32), np.zeros((1, 4), np.float32))

    def onet(x):
        asked.append(x.shape)
        points = np.full((1, 10), 0.5, np.float32)
        return Answer(np.full(1, 0.9, np.float32), np.zeros((1, 4), np.float32), points)

    (face,) = Mtcnn(nets=Nets(pnet, rnet, onet), min_face_fraction=0.25).detect(picture(96, 96))
    assert asked[-2:] == [(1, 3, 24, 24), (1, 3, 48, 48)]
    # The finest level is half of the picture; there, two pixels lie between neighbours.
    np.testing.assert_allclose(face.corners_px, [28, 20, 52, 44])
    np.testing.assert_allclose(face.landmarks_px, np.full((5, 2), [40, 32]))


def test_where_nothing_is_proposed_the_others_are_not_asked():
    def nobody(_x):
        raise AssertionError("asked about nothing")

    nets = torch_nets()._replace(rnet=nobody, onet=nobody)
    assert Mtcnn(nets=nets).detect(np.full((96, 96, 3), 90, np.uint8)) == []


def test_the_networks_are_the_default_ones_in_pytorch(portrait, mtcnn):
    (here,), (there,) = Mtcnn(nets=torch_nets()).detect(portrait), mtcnn.detect(portrait)
    assert here.corners_px.tolist() == there.corners_px.tolist()


def test_a_face_beyond_the_picture_is_not_found_again(mtcnn, portrait):
    face = Face(900.0, 900.0, 90.0, 120.0, 0.99, np.full((5, 2), 950.0))
    assert mtcnn.refine(portrait, face) is None
