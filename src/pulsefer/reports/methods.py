"""The methods paragraph of a run, ready to paste, from what its run.json says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulsefer.core.errors import BadInput
from pulsefer.core.extras import versions
from pulsefer.core.files import whole_file
from pulsefer.core.label import HALF_WIDTH, MIDDLE
from pulsefer.core.types import MAX_BPM, MIN_BPM
from pulsefer.reports import methods_compared, methods_weighting
from pulsefer.samples.split import LEAKY, PROTOCOLS

FILE = "methods.md"
RESAMPLES = 2000
"""Of persons, for an interval."""
SOFTWARE = ("torch", "lightning", "neurokit2", "scipy", "scikit-learn", "av")

DATASETS = {"deap": "DEAP", "mahnob_hci": "MAHNOB-HCI", "afew_va": "AFEW-VA"}
RULES = {
    "ge5": f"ratings of {MIDDLE:g} and above are high",
    "gt5": f"ratings above {MIDDLE:g} are high",
    "drop_middle": f"ratings above {MIDDLE:g} are high, and those closer to it than "
    f"{HALF_WIDTH:g} were left out",
}
INPUTS = {
    "appearance": "the colours of the face",
    "difference": "the normalised change of the face from frame to frame",
    "both": "the colours of the face and their normalised change from frame to frame",
}
REFERENCES = {
    "Ji & Dong, 2024": "Y. Ji and S.-Y. Dong, “Multi-task learning by leveraging non-contact heart "
    "rate for robust facial emotion recognition,” IEEE Access, 2024, "
    "doi 10.1109/ACCESS.2024.3422403.",
    "Koelstra et al., 2012": "S. Koelstra et al., “DEAP: a database for emotion analysis using "
    "physiological signals,” IEEE Trans. Affect. Comput., vol. 3, no. 1, pp. 18–31, 2012.",
    "Soleymani et al., 2012": "M. Soleymani, J. Lichtenauer, T. Pun and M. Pantic, “A multimodal "
    "database for affect recognition and implicit tagging,” IEEE Trans. Affect. Comput., vol. 3, "
    "no. 1, pp. 42–55, 2012.",
    "Kossaifi et al., 2017": "J. Kossaifi, G. Tzimiropoulos, S. Todorovic and M. Pantic, “AFEW-VA "
    "database for valence and arousal estimation in-the-wild,” Image Vis. Comput., vol. 65, "
    "pp. 23–36, 2017.",
    "Zhang et al., 2016": "K. Zhang, Z. Zhang, Z. Li and Y. Qiao, “Joint face detection and "
    "alignment using multitask cascaded convolutional networks,” IEEE Signal Process. Lett., "
    "vol. 23, no. 10, pp. 1499–1503, 2016.",
    **methods_compared.REFERENCES,
    **methods_weighting.REFERENCES,
    "Kingma & Ba, 2015": "D. P. Kingma and J. Ba, “Adam: a method for stochastic optimization,” "
    "in Proc. ICLR, 2015.",
    "Makowski et al., 2021": "D. Makowski et al., “NeuroKit2: a Python toolbox for "
    "neurophysiological signal processing,” Behav. Res. Methods, vol. 53, pp. 1689–1696, 2021.",
    "Hesterberg, 2015": "T. C. Hesterberg, “What teachers should know about the bootstrap: "
    "resampling in the undergraduate statistics curriculum,” Am. Stat., vol. 69, no. 4, "
    "pp. 371–386, 2015.",
}
"""By the words that stand for them in the text. Only those that are used are listed."""
SOURCE = {
    "deap": "Koelstra et al., 2012",
    "mahnob_hci": "Soleymani et al., 2012",
    "afew_va": "Kossaifi et al., 2017",
}


def methods(about: Mapping[str, Any], *, software: Mapping[str, str | None] | None = None) -> str:
    """How a run was made, as a paper says it: text, then the references that it uses.

    Args:
        about: What `run.json` says.
        software: Versions of libraries by name, where it is known which made the run.

    Raises:
        BadInput: settings of another version.
    """
    try:
        of_learner = _of_compared if "compared" in about else _of_network
        parts = (
            _data(about), *of_learner(about), _protocol(about), _statistics(),
            _software(about, software or {}),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            "run.json",
            expected="the settings of a run by this version",
            found=f"no usable {error}" if isinstance(error, KeyError) else str(error),
            remedy="train it again for a methods paragraph",
        ) from error
    text = " ".join(part for part in parts if part)
    used = [whole for short, whole in REFERENCES.items() if short in text]
    return f"{text}\n\nReferences\n\n" + "\n".join(f"- {whole}" for whole in used) + "\n"


def write_methods(folder: Path, about: Mapping[str, Any]) -> Path:
    """Leave RUN/methods.md, with the software that is installed now.

    One that is there stays: it was written by what made the run.

    Raises:
        BadInput: as `methods`.
    """
    file = Path(folder) / FILE
    if not file.is_file():
        text = methods(about, software=versions(SOFTWARE))
        with whole_file(file) as part:
            part.write_text(text, "utf-8")
    return file


def _of_network(about: Mapping[str, Any]) -> tuple[str, ...]:
    return (_faces(about), _samples(about), _heart_rate(about), _network(about), _training(about))


def _of_compared(about: Mapping[str, Any]) -> tuple[str, ...]:
    system = about["compared"]
    return (
        _faces(about) if "face" in system["modality"] else "",
        _samples(about),
        _heart_rate(about) if system["answers"] == "heart rate" else "",
        methods_compared.compared(about),
    )


def _named(dataset: str) -> str:
    name = DATASETS.get(dataset, dataset)
    return f"{name} ({SOURCE[dataset]})" if dataset in SOURCE else name


def _and(words: list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _data(about: Mapping[str, Any]) -> str:
    datasets = _and([_named(name) for name in about["datasets"]])
    sizes = (
        f"{about['n_subjects']} persons, {about['n_trials']} trials and "
        f"{about['n_windows']:,} windows"
    )
    if about["data_kind"] == "synthetic":
        if about["cnn"] and about["cnn"].get("data_kind") != "real":
            # Of such a run it is not known whether the recordings are synthetic too.
            return (
                f"Synthetic: the recordings (in the format of {datasets}: {sizes}), or the "
                "pictures that the network began with, are filmed specimens with planted effects. "
                "This is no result about persons."
            )
        return (
            f"All data are synthetic: filmed specimens in the format of {datasets}, with planted "
            f"effects; nothing was measured on a person. There were {sizes}."
        )
    return f"We used {datasets}: {sizes}."


def _faces(about: Mapping[str, Any]) -> str:
    store = about["store"]
    crop = store["follow"]["crop"]
    return (
        "Faces were found and aligned by five landmarks with MTCNN (Zhang et al., 2016), the eyes "
        f"turned level, cut from {crop['top']:g} above the line of the eyes to {crop['bottom']:g} "
        "below the corners of the mouth (in parts of the distance between the two), and resized "
        f"to {crop['size_px']}×{crop['size_px']} pixels{_rate(store.get('fps_hz'))}."
    )


def _rate(fps_hz: object) -> str:
    if isinstance(fps_hz, (int, float)):
        return f", at most {fps_hz:g} frames per second"
    if isinstance(fps_hz, list):
        return f", at most {_and([f'{one:g}' for one in fps_hz if one])} frames per second"
    return ""


def _samples(about: Mapping[str, Any]) -> str:
    windows = about["windows"]
    step_s = windows["step_s"] if windows["step_s"] is not None else windows["length_s"]
    left = about["windows_left_out"]
    out = ", ".join(f"{n} for {reason}" for reason, n in sorted(left.items()))
    return (
        f"A sample was a window of {windows['length_s']:g} s with {windows['n_frames']} frames "
        f"evenly spaced in time, one every {step_s:g} s"
        f"{f' (left out: {out})' if out else ''}. Its label was low or high "
        f"{windows['dimension']} by the self-report of its trial on a scale of 1–9: "
        f"{RULES[windows['threshold']]} ({about['high_share']:.1%} of the windows)."
    )


def _heart_rate(about: Mapping[str, Any]) -> str:
    # These bring SciPy, which takes a second that a report of rows alone need not wait.
    from pulsefer.samples.placebo import MEANING
    from pulsefer.signals.gate import (
        MAX_DIFFERENCE_BPM,
        MIN_AGREEMENT,
        MIN_COVERAGE,
        MIN_TEMPLATE,
    )

    windows = about["windows"]
    span_s = max(windows["hr_context_s"], windows["length_s"])
    text = (
        "The heart rate of a window is 60 over the median interval between the beats of the "
        f"contact signal (PPG or ECG) in {span_s:g} s around it, kept inside the trial; a beat "
        "is what two detectors of NeuroKit2 (Makowski et al., 2021) agree on. A window has no "
        f"rate where it would lie outside {MIN_BPM:g}–{MAX_BPM:g} bpm, the signal is clipped or "
        "flat, the "
        f"detectors share fewer than {MIN_AGREEMENT:.0%} of the beats, believable intervals cover "
        f"less than {MIN_COVERAGE:.0%} of the time, beats correlate with their mean below "
        f"{MIN_TEMPLATE:g}, or the spectrum differs by more than {MAX_DIFFERENCE_BPM:g} bpm "
        f"({sum(about['hr_rejected'].values()):,} windows)."
    )
    auxiliary = about["marks"].get("auxiliary", "true")
    if auxiliary != "true":
        text += f" The heart-rate head was taught something else: {MEANING[auxiliary]}."
    if about["marks"].get("permuted_labels"):
        text += " Labels were dealt to other trials, as a control."
    return text


def _network(about: Mapping[str, Any]) -> str:
    model = about["train"]["model"]
    heads = (
        "an emotion head and a linear heart-rate head (MTL)" if model["heart_rate"]
        else "an emotion head alone (STL)"
    )  # fmt: skip
    return (
        "The network is the published one (Ji & Dong, 2024): three convolutions with pooling per "
        f"frame, a convolutional GRU over the frames, a layer of 16 features, and {heads}, with "
        f"dropout of {model['dropout']:g} in the emotion head; it sees {INPUTS[model['input']]}."
        f"{_start(about)}"
    )


def _start(about: Mapping[str, Any]) -> str:
    start = about["cnn"]
    if start is None:
        return " Its convolutions began with random weights."
    where = _and([_named(name) for name in start["datasets"] or []]) or "other pictures"
    kind = " (synthetic)" if start.get("data_kind") == "synthetic" else ""
    kept = "and kept" if about["train"]["freeze_cnn"] else "and learned on"
    return f" Its convolutions were pre-trained on {where}{kind} {kept}."


def _training(about: Mapping[str, Any]) -> str:
    train = about["train"]
    loss = "The loss is the binary cross-entropy of the emotion"
    if train["model"]["heart_rate"]:
        loss = methods_weighting.loss(train)
        if train["hr_start"] == "train_mean":
            loss += "; the bias of the heart-rate head began at the mean of the training side"
        if train["hr_by_dataset"]:
            loss += "; heart rates were learned relative to the mean and spread of their data set"
    precision = "" if train["precision"] == "32-true" else f" ({train['precision']})"
    return (
        f"{loss}. It was minimised by Adam (Kingma & Ba, 2015) with learning rate "
        f"{train['learning_rate']:g} in {train['epochs']} epochs of batches of "
        f"{train['batch_size']}{precision}, seed {train['seed']}. {_selection(about)}"
    )


def _selection(about: Mapping[str, Any]) -> str:
    share = about["protocol"]["validation"]
    text = "Figures are of the last epoch"
    if share:
        text += (
            f" (“last”), or of the epoch with the lowest loss on {share:.0%} of the training side, "
            "held out along the same unit as the test side (“validation”)"
        )
    text += "."
    if about["train"]["peek_at_test"]:
        text += (
            " Figures marked best_on_test, of the epoch that was most accurate on the test side, "
            "show what such a choice buys and are not results."
        )
    return text


def _protocol(about: Mapping[str, Any]) -> str:
    protocol = about["protocol"]
    by, folds = protocol["by"], protocol["folds"]
    many = "leaving one out at a time" if folds == "one_out" else f"in {folds} folds"
    text = (
        f"We tested by {by}, {many} (seed {protocol['split_seed']}; fingerprint of the folds "
        f"{about['manifest']}); what may cross from the training side to the tested one: "
        f"{PROTOCOLS[by]}."
    )
    if by in LEAKY:
        text += (
            " One trial, with its one label, stands on both sides: such figures measure "
            "recognition of the trial, not emotion."
        )
    return text


def _statistics() -> str:
    return (
        f"Intervals are 95 % by a bootstrap over persons with {RESAMPLES:,} resamples and expanded "
        "percentiles (Hesterberg, 2015). Beside each accuracy stand those of the training side's "
        "larger class and of the larger class of all, of each person and of each clip; beside each "
        "heart-rate error that of the training side's mean."
    )


def _software(about: Mapping[str, Any], software: Mapping[str, str | None]) -> str:
    names = {"torch": "PyTorch", "lightning": "Lightning", "neurokit2": "NeuroKit2",
             "scipy": "SciPy", "scikit-learn": "scikit-learn", "av": "PyAV"}  # fmt: skip
    with_them = [f"{names.get(name, name)} {version}" for name, version in software.items()
                 if version]  # fmt: skip
    beside = f" with {_and(with_them)}" if with_them else ""
    return f"Made by PulseFER {about['version']}{beside}; configuration {about['fingerprint']}."
