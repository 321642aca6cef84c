"""The model card: what stands beside the weights wherever they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CARD = """---
library_name: pulsefer
license: other
tags: [facial-expression-recognition, heart-rate, rppg]
---
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

## What it is for

Research on recordings whose subjects agreed. What a face shows is not what a person feels; the
labels are ratings of felt emotion, cut in two.

## What it must not be used for

Decisions about people: at work, at school, in court, in medicine, at a border. In the European
Union, inferring emotions at work and in education is forbidden (AI Act, Article 5(1)(f)).

## Licence

Weights learned from recordings are bound by the licence of those recordings. Those of DEAP and
MAHNOB-HCI allow academic research only and no passing on, that of AFEW-VA non-commercial research.
"""

RULES = {
    "ge5": "5 or more",
    "gt5": "more than 5",
    "drop_middle": "5.5 or more (4.5 to 5.5 left out)",
}


def _cnn(about: Mapping[str, Any]) -> str:
    start = about["cnn"]
    if start is None:
        return "learned from the start"
    where = ", ".join(start["datasets"] or ["unknown pictures"])
    kept = "kept as it was" if about["train"]["freeze_cnn"] else "then learned on"
    return f"pre-trained on {where} (`{start['sha256'][:16]}`), {kept}"


def card(about: Mapping[str, Any]) -> str:
    """Markdown from what `run.json` says."""
    windows = about["windows"]
    synthetic = "**Synthetic: it has never seen a real face reacting to anything.** "
    return CARD.format(
        **{k: about[k] for k in (
            "system", "data_kind", "n_windows", "n_trials", "n_subjects", "high_share",
            "protocol_name", "fingerprint", "version",
        )},
        datasets=", ".join(about["datasets"]),
        dimension=windows["dimension"],
        rule=RULES[windows["threshold"]],
        n_frames=windows["n_frames"],
        length_s=windows["length_s"],
        input=about["train"]["model"]["input"],
        cnn=_cnn(about),
        warning=synthetic if about["data_kind"] == "synthetic" else "",
    )  # fmt: skip
