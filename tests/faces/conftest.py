import os
from pathlib import Path

import numpy as np
import pytest

from pulsefer.core.types import Frame
from pulsefer.faces.detector import Face
from pulsefer.faces.mtcnn import Mtcnn

ROOT = Path(__file__).parents[2]

# A frontal face with its square, for detectors that need no picture: eyes 40 px apart.
LANDMARKS = np.array([[-20.0, 0.0], [20.0, 0.0], [0.0, 22.0], [-16.0, 42.0], [16.0, 42.0]])


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small pictures: more threads only get in each other's way."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def portrait():
    """One frontal face of a public-domain photograph, (512, 512, 3)."""
    from skimage.data import astronaut

    return astronaut()


@pytest.fixture(scope="session")
def mtcnn():
    return Mtcnn()


@pytest.fixture(scope="session")
def clips():
    folder = Path(os.environ.get("PULSEFER_SHARED_DATA", ROOT / "../shared/data")) / "clips"
    if not folder.is_dir():
        pytest.skip(f"no real clips under {folder}; set PULSEFER_SHARED_DATA")
    return folder


def face_at(x, y, *, size=1.0, score=0.99):
    """A face whose eyes lie around (x, y)."""
    return Face(
        box_x_px=x - 45 * size,
        box_y_px=y - 45 * size,
        box_w_px=90 * size,
        box_h_px=120 * size,
        score=score,
        landmarks_px=np.array([x, y]) + size * LANDMARKS,
    )


class Scripted:
    """A detector that reads the answer off the frame: pixel (0, 0) counts the frames."""

    name = "scripted"
    fingerprint = "scripted"

    def __init__(self, faces_of):
        self.faces_of = faces_of
        self.n_calls = 0

    def detect(self, image):
        self.n_calls += 1
        return self.faces_of(number_of(image))


def numbered(number, fps_hz, shape=(240, 320)):
    """A grey frame that carries its number where `Scripted` reads it."""
    image = np.full((*shape, 3), 100, np.uint8)
    image[0, 0] = [number // 65536, number // 256 % 256, number % 256]
    return Frame(number, number / fps_hz, image)


def number_of(image):
    high, middle, low = (int(value) for value in image[0, 0])
    return high * 65536 + middle * 256 + low
