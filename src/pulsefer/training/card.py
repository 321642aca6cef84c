"""The model card: what stands beside the weights wherever they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pulsefer.models.checkpoint import RELIABILITY
from pulsefer.models.terms import in_words
from pulsefer.samples.split import PROTOCOLS

CARD = """---
{front}---
# {system} for {dimension}, trained on {datasets} ({data_kind} data)

{warning}A CNN and ConvGRU over 64x64 face crops (Ji & Dong, IEEE Access 2024) that gives the
probability of *high {dimension}*: of a self-report of {rule} on a scale of 1-9.

| | |
|---|---|
| input | {input}: {n_frames} RGB frames over {length_s:g} s, crops as in `config.json` |
| trained on | {n_windows} windows, {n_trials} trials, {n_subjects} persons |
| share of high | {high_share:.1%} |
| CNN | {cnn} |
| evaluated | by {protocol_name}, over folds; this network itself saw everything and has no figure |
| fingerprint | `{fingerprint}`, pulsefer {version} |

## Leakage

{leakage}

## Calibration

{calibration}

## Responsible use

It is for {intended}. It must not be used {out_of_scope}.

* **What it says.** The labels are what people said of themselves after a clip, cut in two. A
  self-report is not a feeling, and a face is not a self-report: a probability of high {dimension}
  tells how people whose faces looked like this one answered then, and nothing of this person.
* **Law (European Union; not legal advice).** Inferring emotions at work and in education is
  forbidden but for medical and safety reasons (AI Act, Article 5(1)(f)). Elsewhere those who use
  such a system must tell the people exposed to it (Article 50(3), since 2 August 2026). Faces and
  heart rates can be special categories of data (GDPR, Article 9).
* **Consent.** Ask before filming, say what is inferred and what is kept, and stop when told to.
* **Privacy.** PulseFER computes on the machine it runs on, sends nothing and makes no embedding of
  an identity. These weights may still betray who was learned from: treat them like the recordings.
* **Limits.** {n_subjects} persons, their ages, skins, cultures, lamps and cameras; nobody measured
  how it does on others. Make-up, masks, glasses, talking, dim light and compression change what
  it sees.{heart_rate}

## Licence

{licence}
"""

RULES = {
    "ge5": "5 or more",
    "gt5": "more than 5",
    "drop_middle": "5.5 or more (4.5 to 5.5 left out)",
}


def card(about: Mapping[str, Any]) -> str:
    """Markdown from what the network's `config.json` says below "about"."""
    windows, use = about["windows"], about["use"]
    synthetic = "**Synthetic: it has never seen a real face reacting to anything.** "
    rate = " Its heart rate is an aid to learning and no measurement of anybody's heart."
    return CARD.format(
        **{k: about[k] for k in (
            "system", "data_kind", "n_windows", "n_trials", "n_subjects", "high_share",
            "protocol_name", "fingerprint", "version",
        )},
        front=_front(about),
        datasets=", ".join(about["datasets"]),
        dimension=windows["dimension"],
        rule=RULES[windows["threshold"]],
        n_frames=windows["n_frames"],
        length_s=windows["length_s"],
        input=about["train"]["model"]["input"],
        cnn=_cnn(about),
        warning=synthetic if about["data_kind"] == "synthetic" else "",
        leakage=_leakage(about),
        calibration=_calibration(about["calibration"]),
        intended=" and ".join(in_words(use["intended"])),
        out_of_scope=", ".join(in_words(use["out_of_scope"])),
        heart_rate=rate if about["train"]["model"]["heart_rate"] else "",
        licence=about["licence"]["sentence"],
    )  # fmt: skip


def _front(about: Mapping[str, Any]) -> str:
    """The block that the hub reads, as YAML."""
    import yaml

    word = about["licence"]["word"]
    named = {"license": "mit"} if word == "mit" else {"license": "other", "license_name": word}
    return yaml.safe_dump(
        {
            "library_name": "pulsefer",
            **named,
            "pipeline_tag": "video-classification",
            "tags": [
                "facial-expression-recognition", "heart-rate", "rppg", str(about["data_kind"]),
            ],
            "intended_use": list(about["use"]["intended"]),
            "out_of_scope_use": list(about["use"]["out_of_scope"]),
        },
        sort_keys=False,
    )  # fmt: skip


def _cnn(about: Mapping[str, Any]) -> str:
    start = about["cnn"]
    if start is None:
        return "learned from the start"
    where = ", ".join(start["datasets"] or ["unknown pictures"])
    kept = "kept as it was" if about["train"]["freeze_cnn"] else "then learned on"
    return f"pre-trained on {where} (`{start['sha256'][:16]}`), {kept}"


def _leakage(about: Mapping[str, Any]) -> str:
    name, shared = about["protocol_name"], about["shared"]
    found = (
        f"Validated by `{name}`. What may cross from learning to test: {PROTOCOLS[name]}. At most "
        f"{shared['trials']} trials, {shared['subjects']} persons and {shared['stimuli']} clips "
        "stood on both sides of a fold."
    )
    if about["leaky"]:
        return (
            f"**Leaky.** {found} A trial has one label, so figures of this run are no result: they "
            "measure how well a trial is recognised."
        )
    return found


def _calibration(about: Mapping[str, Any]) -> str:
    """Picture, table and where the temperature comes from."""
    if about["reason"]:
        return (
            f"None: {about['reason']}. The probability is the plain sigmoid of the logit, and "
            "nobody has looked whether it holds."
        )
    end = f" (the {about['at_end']} that is looked for)" if about["at_end"] else ""
    behind = (
        f"Behind T, each {about['left_out']} is judged by a temperature that was fitted without it."
        if about["left_out"]
        else "There is nobody to judge the temperature by but those it was fitted to."
    )
    leaky = (
        " **Leaky**: trials stood on both sides there too, so it believes too much."
        if about["leaky"]
        else ""
    )
    return f"""![What it says and what comes true]({RELIABILITY})

| | as the network says it | behind T |
|---|---|---|
| expected calibration error | {_figure(about["ece_before"])} | {_figure(about["ece_after"])} |
| cross-entropy, nats | {_figure(about["nll_before"])} | {_figure(about["nll_after"])} |

The probability is the sigmoid of logit / T, with T = {about["temperature"]:.3g}{end}; the method is
{about["method"]}. T was fitted to {about["n"]} answers about {about["persons"]} persons, which the
networks of {about["folds"]} folds gave on windows held out of their learning by
`{about["protocol"]}`. This network saw everything, and nothing was left to fit its own.
{behind}{leaky}"""


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f}"
