"""A trained network, and the face detector, as ONNX: for devices without PyTorch.

    model.onnx      whole clips: frames (B, T, 64, 64, 3), any B and T
    step.onnx       one more frame for W windows, their state in and out (`engine_onnx`)
    pnet.onnx, rnet.onnx, onet.onnx     the detector (`faces.nets`)
    config.json     the network's, which also lies in the metadata of each file
    README.md       its card

Frames are bytes: the scaling to [0, 1] is inside. The clips' network is the step's, repeated by
ONNX's `Scan` along time: one graph to trust, and as small for 125 frames as for 5.
"""

from __future__ import annotations

import contextlib
import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pulsefer.core.errors import BadInput
from pulsefer.core.extras import needed
from pulsefer.core.files import whole_folder
from pulsefer.core.onnx_file import OnnxFile
from pulsefer.core.version import __version__
from pulsefer.faces import weights
from pulsefer.faces.nets import OUTPUTS, SIDES, WEIGHTS_KEY, Nets, onnx_nets
from pulsefer.faces.networks import TorchNet, torch_nets
from pulsefer.inference.engine_onnx import (
    CONFIG_KEY,
    MAP_PX,
    MODEL,
    PLACE,
    STATE_CHANNELS,
    STEP,
    OnnxEngine,
)
from pulsefer.inference.engine_torch import TorchEngine
from pulsefer.models import checkpoint
from pulsefer.models.artefact import Artefact
from pulsefer.models.crnn import Crnn, State
from pulsefer.models.pixels import to_float

NEEDED: Final = ("onnx", "onnxscript", "onnxruntime")
OPSET: Final = 18
"""The lowest that PyTorch's exporter writes without a conversion."""
LARGEST_DIFFERENCE: Final = 1e-4
"""Between ONNX Runtime and PyTorch; of values above 1, in parts of the value."""
MOST_CHECKED: Final = 256
"""Choice: frames of a longer window that are not checked; a state forgets by then."""
PICTURES_PX: Final = ((12, 12), (13, 17), (31, 12), (54, 96), (101, 179))
"""Height and width of what the first network is checked on: odd sizes, where poolings round."""
NOTE: Final = """

## Exported

This folder is the network above as ONNX, written by `pulsefer export` (pulsefer {version}), with
the face detector beside it. ONNX Runtime and PyTorch gave the same to {largest:.1g} of 1.
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        folder: Where.
        size_bytes: By file name.
        largest_difference: Between ONNX Runtime and PyTorch, by what was compared:
            "emotion_logit", "hr_bpm", "state", "detector". Of values above 1, in parts of them.
    """

    folder: Path
    size_bytes: Mapping[str, int]
    largest_difference: Mapping[str, float]


def export(folder: Path, out: Path) -> Exported:
    """Write a network and the face detector as ONNX, checked; whole or not at all.

    Args:
        folder: Of the network: "runs/valence/model".
        out: Folder to write; an earlier export there is replaced.

    Returns:
        What was written, and how near it is.

    Raises:
        BadInput: no network of a run, weights of the detector that are absent, a folder that
            holds something else, the extra [export] is not installed, or ONNX Runtime answers
            otherwise than PyTorch.
    """
    onnx, *_ = (needed(module, extra="export") for module in NEEDED)
    folder, out = Path(folder), Path(out)
    about = Artefact.read(folder)
    model = checkpoint.load(folder)
    _check_output(out)
    config = _config(folder, about)
    detector = torch_nets()
    with whole_folder(out) as part:
        with _quietly():
            step = _step(model)
            networks = {MODEL: _scanned(_step(model, clips=True), model), STEP: step}
            networks |= {f"{name}.onnx": _detector(detector, name) for name in SIDES}
        for name, proto in networks.items():
            said = {CONFIG_KEY: config, "pulsefer_version": __version__}
            if (network := name.partition(".")[0]) in weights.SHA256:
                said[WEIGHTS_KEY] = weights.SHA256[network]
            onnx.helper.set_model_props(proto, said)
            onnx.checker.check_model(proto, full_check=True)
            (part / name).write_bytes(proto.SerializeToString(deterministic=True))
        (part / checkpoint.CONFIG).write_bytes(config.encode())
        found = _compared(part, model, min(about.n_frames, MOST_CHECKED))
        found["detector"] = _detectors_compared(part, detector)
        for what, difference in found.items():
            if not difference <= LARGEST_DIFFERENCE:  # NaN is none either
                raise BadInput(
                    str(folder),
                    expected=f"ONNX Runtime and PyTorch alike to {LARGEST_DIFFERENCE:g}",
                    found=f"a difference of {difference:.2g} in {what}; nothing was written",
                    remedy="check that the weights are of a training that converged; if they "
                    "are, try other versions of torch and onnxruntime",
                )
        note = NOTE.format(version=__version__, largest=max(found.values()))
        card = (folder / checkpoint.CARD).read_text("utf-8")
        (part / checkpoint.CARD).write_bytes((card.rstrip() + note).encode())
        if (picture := folder / checkpoint.RELIABILITY).is_file():
            (part / checkpoint.RELIABILITY).write_bytes(picture.read_bytes())
    sizes = {path.name: path.stat().st_size for path in sorted(out.iterdir())}
    return Exported(out, sizes, found)


def _check_output(out: Path) -> None:
    """Refuse what would be lost."""
    copied = {checkpoint.CONFIG, checkpoint.CARD, checkpoint.RELIABILITY}
    own = {MODEL, STEP, *(f"{name}.onnx" for name in SIDES), *copied}
    found = {path.name for path in out.iterdir()} if out.is_dir() else set()
    others = found if STEP not in found else found - own
    if others or (out.exists() and not out.is_dir()):
        raise BadInput(
            str(out),
            expected="a new folder, or one that holds an export and nothing else",
            found=", ".join(sorted(others)[:4]) or "a file",
            remedy="give another folder: this one would be replaced",
        )


def _config(folder: Path, about: Artefact) -> str:
    """The text of `config.json`; it names the weights, which are not there to be asked."""
    text = (folder / checkpoint.CONFIG).read_text("utf-8")
    values = json.loads(text)
    if "weights_sha256" in values:
        return text
    values["weights_sha256"] = about.weights_sha256
    return json.dumps(values, indent=2, sort_keys=True) + "\n"


class _Step(nn.Module):
    """`Crnn.step` of bytes, with a name for everything."""

    def __init__(self, model: Crnn) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, state_BDHW: Tensor, frame: Tensor, before: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """Next state, logit, and heart rate if there is one.

        Args:
            state_BDHW: Of B windows.
            frame: (B, 64, 64, 3) bytes, or (64, 64, 3) for all of them.
            before: The same, of the frame before it.
        """
        x, x_before = (
            None if one is None else to_float(one if one.ndim == 4 else one[None])
            for one in (frame, before)
        )
        assert x is not None
        output, state = self.model.step(x, State(state_BDHW, x_before))
        assert state.h_BDHW is not None
        rate = () if output.hr_bpm is None else (output.hr_bpm,)
        return state.h_BDHW, output.emotion_logit, *rate


def _step(model: Crnn, *, clips: bool = False) -> Any:
    """One step as ONNX: of one frame for all windows, or (clips) of a frame for each."""
    windows = torch.export.Dim("windows")
    frames = ("frame",) if model.config.input == "appearance" else ("frame", "before")
    shape = (3, *PLACE) if clips else PLACE
    state = torch.zeros(3, STATE_CHANNELS[model.config.recurrent], MAP_PX, MAP_PX)
    return _as_onnx(
        _Step(model),
        # Each its own: one tensor given twice would be taken for one input.
        {"state": state} | {name: torch.zeros(shape, dtype=torch.uint8) for name in frames},
        ("next_state", "emotion_logit", *(("hr_bpm",) if model.config.heart_rate else ())),
        ({0: windows}, *(({0: windows} if clips else None,) * len(frames))),
    )


def _scanned(step: Any, model: Crnn) -> Any:
    """The sequence model: a step of clips, along time from the zero state."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    changes = model.config.input != "appearance"
    scanned = ["after", "frames_before"] if changes else ["frames"]
    rate = ["hr_bpm"] if model.config.heart_rate else []
    nodes = [
        helper.make_node("Shape", ["frames"], ["n_clips"], start=0, end=1),
        helper.make_node("Concat", ["n_clips", "shape_of_one"], ["shape"], axis=0),
        helper.make_node("ConstantOfShape", ["shape"], ["zero_state"]),
    ]
    if changes:
        nodes += [
            helper.make_node("Slice", ["frames", "one", "end", "one"], ["after"]),
            helper.make_node("Slice", ["frames", "zero", "minus_one", "one"], ["frames_before"]),
        ]
    nodes += [
        helper.make_node(
            "Scan",
            ["zero_state", *scanned],
            ["last_state", *(f"{name}_of_each" for name in ("emotion_logit", *rate))],
            # A name inside must not be one outside.
            body=onnx.compose.add_prefix_graph(step.graph, "step/"),
            num_scan_inputs=len(scanned),
            scan_input_axes=[1] * len(scanned),
        ),
        *(
            helper.make_node("Gather", [f"{name}_of_each", "last"], [name], axis=0)
            for name in ("emotion_logit", *rate)
        ),
    ]
    numbers = {
        "shape_of_one": [STATE_CHANNELS[model.config.recurrent], MAP_PX, MAP_PX],
        "last": -1,
    }
    if changes:
        numbers |= {"zero": [0], "one": [1], "minus_one": [-1], "end": [2**62]}
    graph = helper.make_graph(
        nodes,
        "clips",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["clips", "frames", *PLACE])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["clips"])
            for name in ("emotion_logit", *rate)
        ],
        [numpy_helper.from_array(np.array(v, np.int64), k) for k, v in numbers.items()],
    )
    return helper.make_model(
        graph,
        opset_imports=step.opset_import,
        ir_version=step.ir_version,
        producer_name="pulsefer",
    )


def _detector(nets: Nets, name: str) -> Any:
    """One of the detector's networks as ONNX."""
    net = getattr(nets, name)
    assert isinstance(net, TorchNet)
    side = SIDES[name] or 40
    sizes: dict[int, Any] = {0: torch.export.Dim("pictures")}
    if SIDES[name] is None:
        sizes |= {2: torch.export.Dim("height", min=12), 3: torch.export.Dim("width", min=12)}
    picture = torch.zeros(3, 3, side, side + (SIDES[name] is None))
    return _as_onnx(net.network, {"picture": picture}, OUTPUTS[name], (sizes,))


def _as_onnx(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: tuple[str, ...],
    dynamic: tuple[Any, ...],
) -> Any:
    """What PyTorch's exporter makes of it, in one piece and without words about this machine."""
    import onnx

    program = torch.onnx.export(
        module.eval(), tuple(inputs.values()), dynamo=True, dynamic_shapes=dynamic,
        input_names=list(inputs), output_names=list(outputs), opset_version=OPSET,
        external_data=False, verbose=False,
    )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    plain = onnx.ModelProto()
    plain.ParseFromString(proto.SerializeToString())
    plain.producer_name, plain.producer_version = "pulsefer", ""
    graph = plain.graph
    # The exporter notes for each operation the lines of code it is of, with their paths.
    for one in (graph, *graph.node, *graph.initializer, *graph.input, *graph.output,
                *graph.value_info):  # fmt: skip
        del one.metadata_props[:]
        one.doc_string = ""
    return plain


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter tells of libraries that are not there and of its own future."""
    log = logging.getLogger("torch.onnx")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def _compared(folder: Path, model: Crnn, n_frames: int) -> dict[str, float]:
    """Largest differences of both graphs from PyTorch over a window of faces at their worst."""
    found = dict.fromkeys(("emotion_logit", "hr_bpm", "state"), 0.0)
    if not model.config.heart_rate:
        del found["hr_bpm"]
    names = [name for name in found if name != "state"]
    sequence = OnnxFile(
        folder / MODEL, inputs={"frames": ("uint8", (None, None, *PLACE))}, outputs=tuple(names)
    )
    ours, theirs = OnnxEngine(folder), TorchEngine(model)
    clips = _clips(max(n_frames, 2))
    with torch.inference_mode():
        told = model(to_float(torch.from_numpy(clips)))
    for name, answer in zip(names, sequence(frames=clips), strict=True):
        found[name] = max(found[name], _difference(answer, getattr(told, name).numpy()))
    for clip in clips:
        # Three windows that begin one after the other, as they lie over each other in a film.
        states: list[list[Any]] = [[], []]
        begins = {0, n_frames // 3, n_frames // 2}
        for number, frame in enumerate(clip):
            if ours.takes_change and not number:
                continue
            before = clip[number - 1] if ours.takes_change else None
            for own in states:
                if number - ours.takes_change in begins:
                    own.append(None)
            answers = [ours.step(frame, before, states[0]), theirs.step(frame, before, states[1])]
            for mine, other in zip(*answers, strict=True):
                for name in names:
                    found[name] = max(
                        found[name], _difference(getattr(mine, name), getattr(other, name))
                    )
                found["state"] = max(found["state"], _difference(mine.state, other.state.numpy()))
            states = [[one.state for one in answer] for answer in answers]
    return found


def _clips(n_frames: int) -> NDArray[np.uint8]:
    """Noise, noise of black and white alone, black and white in turn, and black, then white."""
    chance = np.random.default_rng(0)
    noise = chance.integers(0, 256, (2, n_frames, *PLACE), dtype=np.uint8)
    noise[1] = np.where(noise[1] < 128, 0, 255)
    flat = np.zeros((2, n_frames, *PLACE), np.uint8)
    flat[0, ::2] = 255
    flat[1, n_frames // 2 :] = 255
    return np.concatenate([noise, flat])


def _detectors_compared(folder: Path, detector: Nets) -> float:
    """The largest difference of the detector's networks, on noise and on the brightest."""
    chance = np.random.default_rng(0)
    largest = 0.0
    for (name, side), net in zip(SIDES.items(), onnx_nets(folder), strict=True):
        sizes = PICTURES_PX if side is None else ((side, side),) * 3
        for n, (height, width) in enumerate(sizes, start=1):
            noise = chance.uniform(-1, 1, (n, 3, height, width)).astype(np.float32)
            for picture in (noise, np.sign(noise), np.ones_like(noise)):
                pairs = zip(net(picture), getattr(detector, name)(picture), strict=True)
                differences = (
                    _difference(ours, theirs)
                    for ours, theirs in pairs
                    if ours is not None and theirs is not None
                )
                largest = max(largest, *differences)
    return largest


def _difference(ours: Any, theirs: Any) -> float:
    """The largest, of values above 1 in parts of them; infinity where one is NaN."""
    gap = np.abs(ours - theirs) / np.maximum(1.0, np.abs(theirs))
    return float(np.nan_to_num(np.max(gap), nan=np.inf))
