"""What is to be said of a trained network wherever it is used: what it learned, and is not for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pulsefer.inference.predictor import ONNX, is_onnx, model_folder
from pulsefer.models.artefact import Artefact
from pulsefer.models.terms import in_words
from pulsefer.samples.split import PROTOCOLS

NOT_FOR = (
    "Not for decisions about people: not at work, not at school, not in court, not for diagnosis. "
    "What a face shows is not what a person feels. Film only who agreed."
)
SYNTHETIC = "the model was trained on synthetic faces: its figures say nothing of real people"


@dataclass(frozen=True)
class Facts:
    """Of one network.

    Attributes:
        folder: Where its weights are; the card is beside them.
        dimension: "valence", for example.
        synthetic: Whether it learned from faces that do not exist.
        lines: (what, value), the most important first.
    """

    folder: Path
    dimension: str
    synthetic: bool
    lines: tuple[tuple[str, str], ...]


def facts_of(run: Path) -> Facts:
    """Read what a network says of itself; weights are not loaded.

    Args:
        run: Folder of a run, of its network, or of what `pulsefer export` wrote.

    Raises:
        BadInput: no network there, or one that does not say enough.
    """
    folder = (run.parent if run.suffix == ONNX else run) if is_onnx(run) else model_folder(run)
    told = Artefact.read(folder)
    lines = (
        ("learned", f"{told.dimension}, high or low ({told.threshold})"),
        ("from", f"{', '.join(told.datasets)} ({told.data_kind} data)"),
        ("looks at", f"{told.n_frames} faces of {told.crop.size_px} px over {told.length_s:g} s"),
        ("validated", _validated(told)),
        ("calibration", _worth(told)),
        ("licence", f"{told.licence}: {told.licence_sentence}"),
        ("for", ", ".join(in_words(told.intended_use)) or "it does not say"),
        ("not for", ", ".join(in_words(told.out_of_scope)) or "it does not say"),
        ("fingerprint", f"{told.fingerprint}, pulsefer {told.version}"),
        ("weights SHA-256", told.weights_sha256),
    )
    return Facts(folder, told.dimension, told.data_kind == "synthetic", lines)


def _validated(told: Artefact) -> str:
    crosses = next((text for name, text in PROTOCOLS.items() if name == told.protocol), None)
    said = f"by {told.protocol}" + (
        f": from learning to test may cross {crosses}" if crosses else ""
    )
    return said + (". Leaky: no result" if told.leaky else "")


def _worth(told: Artefact) -> str:
    fitted = told.calibration
    if not {"ece_before", "ece_after", "n", "persons"} <= fitted.keys():
        return f"none: {fitted.get('reason') or 'it was not fitted'}"
    if fitted["ece_after"] is None:
        return f"none: {fitted.get('reason') or 'it was not fitted'}"
    return (
        f"temperature {told.temperature:.3g}; calibration error {fitted['ece_before']:.3f} "
        f"before, {fitted['ece_after']:.3f} after, on {fitted['n']} windows of "
        f"{fitted['persons']} persons held out"
    )
