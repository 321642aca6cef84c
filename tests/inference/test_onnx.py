"""A network as ONNX: the same numbers as in PyTorch, and nothing that needs PyTorch."""

import json
import shutil
import subprocess
import sys

import numpy as np
import onnx
import pytest
import torch
from skimage.data import astronaut

from pulsefer.core.errors import BadInput
from pulsefer.core.onnx_file import OnnxFile
from pulsefer.faces import weights
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.faces.nets import onnx_nets
from pulsefer.inference import onnx_export
from pulsefer.inference.engine import Engine
from pulsefer.inference.engine_onnx import CONFIG_KEY, MODEL, STEP, OnnxEngine
from pulsefer.inference.engine_torch import TorchEngine
from pulsefer.inference.onnx_export import LARGEST_DIFFERENCE, export
from pulsefer.models import checkpoint
from pulsefer.models.artefact import Artefact
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.models.pixels import to_float

ABOUT = {
    "store": {"follow": {"crop": {"size_px": 64, "top": 1.0, "bottom": 0.5}}},
    "windows": {"length_s": 1.0, "n_frames": 5, "dimension": "valence", "threshold": "ge5"},
    "protocol_name": "subject", "data_kind": "synthetic", "datasets": ["deap"],
    "fingerprint": "0123456789abcdef",
}  # fmt: skip
CARD = "---\nlicense: other\n---\n\n# A network\n"
FRAMES = np.random.default_rng(5).integers(0, 256, (2, 7, 64, 64, 3), dtype=np.uint8)
NETWORKS = {
    "paper": CrnnConfig(),
    "change": CrnnConfig(input="both", recurrent="lstm", heart_rate=False),
}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """By name: the network's folder, its export, and what `export` said."""
    folder = tmp_path_factory.mktemp("exported")
    made = {}
    for seed, (name, config) in enumerate(NETWORKS.items()):
        torch.manual_seed(seed)
        model = Crnn(config)
        if config.heart_rate:
            model.start_heart_rate_at(75.0)
        checkpoint.save(model, folder / name, card=CARD, about=ABOUT, reliability=b"<svg/>")
        made[name] = (folder / name, folder / f"{name}-onnx")
    return {name: (*paths, export(*paths)) for name, paths in made.items()}


@pytest.fixture(params=NETWORKS)
def pair(request, exported):
    """The network in PyTorch, and the folder of its export."""
    folder, out, _ = exported[request.param]
    return checkpoint.load(folder), out


@pytest.fixture
def copy(exported, tmp_path):
    """A copy of an export, to be damaged."""
    shutil.copytree(exported["paper"][1], tmp_path / "copy")
    return tmp_path / "copy"


def sequence(out, model):
    names = ("emotion_logit", "hr_bpm") if model.config.heart_rate else ("emotion_logit",)
    return OnnxFile(
        out / MODEL, inputs={"frames": ("uint8", (None, None, 64, 64, 3))}, outputs=names
    )


@pytest.mark.parametrize(("n_clips", "n_frames"), [(1, 2), (2, 5), (1, 7)])
def test_clips_of_any_number_and_length_have_pytorchs_answers(pair, n_clips, n_frames):
    model, out = pair
    clips = FRAMES[:n_clips, :n_frames]
    with torch.inference_mode():
        told = [one.numpy() for one in model(to_float(torch.from_numpy(clips))) if one is not None]
    for ours, theirs in zip(sequence(out, model)(frames=clips), told, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_steps_through_a_clip_end_where_the_clip_does(pair):
    model, out = pair
    engine: Engine = OnnxEngine(out, 1)
    state = None
    for number in range(int(engine.takes_change), FRAMES.shape[1]):
        before = FRAMES[0, number - 1] if engine.takes_change else None
        (answer,) = engine.step(FRAMES[0, number], before, [state])
        state = answer.state
    logit, *rate = sequence(out, model)(frames=FRAMES[:1])
    assert answer.emotion_logit == pytest.approx(logit[0], abs=1e-5)
    assert answer.hr_bpm == pytest.approx(rate[0][0] if rate else np.nan, abs=1e-3, nan_ok=True)


def test_windows_that_began_at_different_times_have_pytorchs_answers(pair):
    model, out = pair
    engines = OnnxEngine(out, 1), TorchEngine(model)
    states = [[], []]
    for number in range(1, FRAMES.shape[1]):
        before = FRAMES[0, number - 1] if engines[0].takes_change else None
        told = []
        for engine, own in zip(engines, states, strict=True):
            told.append(engine.step(FRAMES[0, number], before, [*own, None]))
        for ours, theirs in zip(*told, strict=True):
            np.testing.assert_allclose(ours[:2], theirs[:2], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(ours.state, theirs.state.numpy(), atol=1e-4)
        states = [[answer.state for answer in answers] for answers in told]
    assert len(states[0]) == FRAMES.shape[1] - 1


def test_no_window_no_answer(exported):
    assert OnnxEngine(exported["paper"][1]).step(FRAMES[0, 0], None, []) == []


def test_the_frame_before_is_given_exactly_where_a_change_is_looked_at(exported):
    frame = FRAMES[0, 0]
    with pytest.raises(ValueError, match="frame before"):
        OnnxEngine(exported["paper"][1]).step(frame, frame, [None])
    with pytest.raises(ValueError, match="frame before"):
        OnnxEngine(exported["change"][1]).step(frame, None, [None])


def test_what_was_written_is_said_and_it_is_near(exported):
    for _, out, said in exported.values():
        assert said.folder == out
        assert said.size_bytes == {one.name: one.stat().st_size for one in out.iterdir()}
        assert {"state", "detector", "emotion_logit"} <= said.largest_difference.keys()
        assert 0 < max(said.largest_difference.values()) <= LARGEST_DIFFERENCE


def test_everything_needed_to_run_lies_in_each_file(exported):
    folder, out, _ = exported["paper"]
    config = (folder / checkpoint.CONFIG).read_bytes()
    assert (out / checkpoint.CONFIG).read_bytes() == config
    for path in out.glob("*.onnx"):
        said = {one.key: one.value for one in onnx.load(path).metadata_props}
        assert said[CONFIG_KEY].encode() == config
    card = (out / checkpoint.CARD).read_text("utf-8")
    assert card.startswith(CARD.rstrip())
    assert "Exported" in card
    assert (out / checkpoint.RELIABILITY).read_bytes() == b"<svg/>"


def test_what_the_network_says_of_itself_is_read_from_the_export(exported):
    folder, out, _ = exported["paper"]
    assert Artefact.read(out) == Artefact.read(folder)


def test_nothing_is_said_of_the_machine_that_wrote_it(exported):
    _, out, _ = exported["change"]
    for path in out.glob("*.onnx"):
        content = path.read_bytes()
        assert b".py" not in content
        assert b"Traceback" not in content


def test_a_second_export_takes_the_place_of_the_first_and_is_the_same(exported, copy):
    folder, out, _ = exported["paper"]
    (copy / STEP).write_bytes(b"damaged")
    export(folder, copy)
    assert {one.name: one.read_bytes() for one in copy.iterdir()} == {
        one.name: one.read_bytes() for one in out.iterdir()
    }


def test_another_answer_is_refused_with_its_number_and_nothing_is_written(
    exported, tmp_path, monkeypatch
):
    def otherwise(step, model):
        graph = step.graph
        graph.initializer[0].CopyFrom(
            onnx.numpy_helper.from_array(
                onnx.numpy_helper.to_array(graph.initializer[0]) + np.float32(0.5),
                graph.initializer[0].name,
            )
        )
        return scanned(step, model)

    scanned = onnx_export._scanned
    monkeypatch.setattr(onnx_export, "_scanned", otherwise)
    with pytest.raises(BadInput, match=r"a difference of .* in emotion_logit; nothing was"):
        export(exported["paper"][0], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_else_is_not_replaced(exported, tmp_path):
    folder, _, _ = exported["paper"]
    (tmp_path / "letters.txt").write_text("dear", "utf-8")
    for out in (tmp_path, tmp_path / "letters.txt", folder):
        with pytest.raises(BadInput, match="a new folder"):
            export(folder, out)
    assert (tmp_path / "letters.txt").read_text("utf-8") == "dear"
    assert (folder / checkpoint.WEIGHTS).is_file()


def test_a_network_that_does_not_say_what_it_looks_at_is_refused(tmp_path):
    checkpoint.save(Crnn(), tmp_path / "silent", card="")
    with pytest.raises(BadInput, match="about"):
        export(tmp_path / "silent", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_the_extra_its_name_is_said(exported, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(BadInput, match=r"pip install 'pulsefer\[export\]'"):
        export(exported["paper"][0], tmp_path / "out")


def _cut(path):
    path.write_bytes(path.read_bytes()[:1000])


DAMAGES = {
    "absent": (lambda folder: (folder / STEP).unlink(), "no such file"),
    "empty": (lambda folder: (folder / STEP).write_bytes(b""), "an ONNX file"),
    "cut": (lambda folder: _cut(folder / STEP), "an ONNX file"),
    "words": (lambda folder: (folder / STEP).write_bytes(b"import os\n" * 99), "an ONNX file"),
    "another network": (
        lambda folder: shutil.copy(folder / "onet.onnx", folder / STEP), "a network that takes"
    ),
    "no description": (lambda folder: (folder / "config.json").unlink(), "no such file"),
    "no JSON": (lambda folder: (folder / "config.json").write_bytes(b"{"), "JSON"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_export_is_refused(copy, damage):
    harm, word = DAMAGES[damage]
    harm(copy)
    with pytest.raises(BadInput, match=word):
        OnnxEngine(copy)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"architecture": "resnet"}, "architecture"),
        ({"input": "smell"}, '"input"'),
        ({"recurrent": ["gru"]}, '"recurrent"'),
        ({"heart_rate": 1}, '"heart_rate"'),
        ({"recurrent": "lstm"}, "a network that takes"),
        ({"dropout": 0.25}, "another description"),
    ],
)
def test_another_description_is_refused(copy, change, word):
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(BadInput, match=word):
        OnnxEngine(copy)


def test_the_exported_detector_finds_the_same_face(exported):
    _, out, _ = exported["paper"]
    ours, theirs = Mtcnn(nets=onnx_nets(out, threads=1)), Mtcnn()
    assert ours.fingerprint == theirs.fingerprint
    picture = astronaut()
    (here,), (there,) = ours.detect(picture), theirs.detect(picture)
    np.testing.assert_allclose(here.landmarks_px, there.landmarks_px, atol=1 / 32)
    moved = np.roll(picture, (5, 7), axis=(0, 1))
    here, there = ours.refine(moved, here), theirs.refine(moved, there)
    np.testing.assert_allclose(here.corners_px, there.corners_px, atol=1 / 32)
    assert ours.detect(np.full((288, 360, 3), 90, np.uint8)) == []


def test_a_detector_of_other_weights_is_refused(copy):
    network = onnx.load(copy / "rnet.onnx")
    onnx.helper.set_model_props(network, {"mtcnn_sha256": "0" * 64})
    onnx.save(network, copy / "rnet.onnx")
    with pytest.raises(BadInput, match=weights.SHA256["rnet"]):
        onnx_nets(copy)
    shutil.copy(copy / "onet.onnx", copy / "pnet.onnx")
    with pytest.raises(BadInput, match="a network that takes picture"):
        onnx_nets(copy)


def test_a_small_device_needs_no_pytorch(exported):
    _, out, _ = exported["change"]
    code = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "onnx", "onnxscript"):
            raise ImportError(name + " is not there")

sys.meta_path.insert(0, Absent())
from pathlib import Path
import numpy as np
import pulsefer.faces.follow, pulsefer.media.video, pulsefer.models.artefact
import pulsefer.samples.window, pulsefer.signals.colour
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.faces.nets import onnx_nets
from pulsefer.inference.engine_onnx import OnnxEngine
from skimage.data import astronaut

folder = Path({str(out)!r})
print(len(Mtcnn(nets=onnx_nets(folder, threads=1)).detect(astronaut())))
frame = np.zeros((64, 64, 3), np.uint8)
print(len(OnnxEngine(folder, 1).step(frame, frame, [None, None])))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == ["1", "2"]
