"""What a saved network says of itself, and what is not believed."""

import dataclasses
import hashlib
import json

import pytest

from pulsefer.core.errors import BadInput
from pulsefer.faces.crop import CropConfig
from pulsefer.faces.follow import FollowConfig
from pulsefer.models import checkpoint
from pulsefer.models.artefact import UNKNOWN, Artefact, Crop
from pulsefer.models.crnn import Crnn
from pulsefer.models.frame_affect import FrameAffect
from pulsefer.samples.window import WindowConfig

ABOUT = {
    "store": {"follow": dataclasses.asdict(FollowConfig(crop=CropConfig(top=0.5)))},
    "windows": dataclasses.asdict(WindowConfig(length_s=10.0, n_frames=125, threshold="gt5")),
    "protocol_name": "subject",
    "leaky": False,
    "data_kind": "synthetic",
    "datasets": ["deap"],
    "licence": {"word": "mit", "sentence": "Do what you like."},
    "use": {"intended": ["software-tests"], "out_of_scope": ["work"]},
    "calibration": {"temperature": 2.5, "n": 40},
    "fingerprint": "0123456789abcdef",
    "version": "0.1.0",
}


@pytest.fixture
def folder(tmp_path):
    checkpoint.save(Crnn(), tmp_path / "model", card="", about=ABOUT)
    return tmp_path / "model"


def say(folder, key, value=None):
    """Put a value at a path of keys; None takes the key away."""
    path = folder / "config.json"
    values = json.loads(path.read_text())
    *outer, last = key.split(".")
    there = values
    for name in outer:
        there = there[name]
    if value is None:
        del there[last]
    else:
        there[last] = value
    path.write_text(json.dumps(values))


def test_what_was_said_is_read(folder):
    found = Artefact.read(folder)
    assert found.crop == Crop(64, 0.5, 0.3)
    assert found.frame_rate_hz == 12.5
    assert (found.length_s, found.n_frames) == (10.0, 125)
    assert (found.dimension, found.threshold) == ("valence", "gt5")
    assert (found.protocol, found.leaky, found.data_kind) == ("subject", False, "synthetic")
    assert (found.datasets, found.licence) == (("deap",), "mit")
    assert (found.intended_use, found.out_of_scope) == (("software-tests",), ("work",))
    assert (found.temperature, found.calibration["n"]) == (2.5, 40)
    weights = (folder / "model.safetensors").read_bytes()
    assert found.weights_sha256 == hashlib.sha256(weights).hexdigest()


def test_what_it_gives_are_the_settings_of_the_faces_and_windows(folder):
    found = Artefact.read(folder)
    assert WindowConfig(**found.windows) == WindowConfig(**ABOUT["windows"])
    assert CropConfig(**dataclasses.asdict(found.crop)) == CropConfig(top=0.5)
    follow = dict(found.follow)
    crop = CropConfig(**follow.pop("crop"))
    assert FollowConfig(**follow, crop=crop) == FollowConfig(crop=CropConfig(top=0.5))


@pytest.mark.parametrize(
    "key",
    [
        "about.store.follow", "about.store.follow.crop.size_px", "about.windows.length_s",
        "about.windows.n_frames", "about.windows.dimension", "about.windows.threshold",
        "about.protocol_name", "about.data_kind", "about.datasets", "about.fingerprint",
        "about.calibration.temperature",
    ],
)  # fmt: skip
def test_what_lacks_is_named(folder, key):
    say(folder, key)
    with pytest.raises(BadInput) as told:
        Artefact.read(folder)
    assert f'"{key.removesuffix(".size_px")}"' in str(told.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("about.store.follow.crop.size_px", 96),
        ("about.store.follow.crop.top", -0.1),
        ("about.store.follow.crop", {"size_px": 64, "top": 0.4, "bottom": 0.3, "left": 1}),
        ("about.store.follow", "mtcnn"),
        ("about.windows.length_s", 0),
        ("about.windows.length_s", "1"),
        ("about.windows.length_s", True),
        ("about.windows.length_s", 10**400),
        ("about.windows.n_frames", 5.0),
        ("about.windows.n_frames", 10**9),
        ("about.windows.n_frames", True),
        ("about.windows.dimension", "valence prob"),
        ("about.windows.threshold", "ge6"),
        ("about.data_kind", "imagined"),
        ("about.datasets", "deap"),
        ("about.datasets", [1]),
        ("about.leaky", 1),
        ("about.use.out_of_scope", "work"),
        ("about.calibration.temperature", 0),
        ("about.calibration.temperature", "warm"),
        ("about.calibration", [1.0]),
        ("weights_sha256", 5),
    ],
)
def test_what_does_not_fit_is_named(folder, key, value):
    say(folder, key, value)
    with pytest.raises(BadInput) as told:
        Artefact.read(folder)
    assert f'"{key}"' in str(told.value)


def test_a_number_that_no_float_can_hold_is_refused(folder):
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"temperature": 2.5', '"temperature": 1e999'))
    with pytest.raises(BadInput, match=r"about\.calibration\.temperature"):
        Artefact.read(folder)


def test_what_older_networks_do_not_say_is_taken_for_the_strictest(folder):
    for key in ("about.licence", "about.use", "about.calibration", "about.leaky", "weights_sha256"):
        say(folder, key)
    found = Artefact.read(folder)
    assert found.licence == UNKNOWN
    assert (found.intended_use, found.out_of_scope) == ((), ())
    assert (found.temperature, found.calibration) == (1.0, {})
    weights = (folder / "model.safetensors").read_bytes()
    assert found.weights_sha256 == hashlib.sha256(weights).hexdigest()


def test_a_network_of_pictures_is_none_of_a_run(tmp_path):
    checkpoint.save(FrameAffect(), tmp_path / "m", card="", about=ABOUT)
    with pytest.raises(BadInput, match="--cnn"):
        Artefact.read(tmp_path / "m")
