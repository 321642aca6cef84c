"""The card of a pre-trained CNN: what stands beside the weights wherever they go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CARD = """---
library_name: pulsefer
license: other
tags: [facial-expression-recognition, valence-arousal]
---
# Pre-trained CNN for {dimensions}, from {datasets} ({data_kind} data)

{warning}The CNN of Ji & Dong (IEEE Access 2024) with a head for single 64x64 faces.
The head is only there to train the CNN: `pulsefer train STORE --cnn` takes the CNN alone.

| | |
|---|---|
| trained on | {n_faces} pictures, {n_clips} clips, {n_persons} persons |
| learned | {learned} |
| evaluated | by {protocol_name}, {folds} folds; this network saw everything: it has no figure |
| fingerprint | `{fingerprint}`, pulsefer {version} |

## On persons that the network of a fold had not seen

Last epoch; 95 % intervals by bootstrap over persons.

| | {heads} |
|---|{rules}
{figures}

## What it must not be used for

Decisions about people: at work, at school, in court, in medicine, at a border. The labels say what
raters saw in a face, which is not what a person feels.

## Licence

{licence}
"""


def card(about: Mapping[str, Any]) -> str:
    """Markdown from what `pretrain.json` says and the figures of the folds."""
    settings, figures = about["pretrain"], about["figures"]
    metrics = list(next(iter(figures.values())))
    learned = (
        f"the value, -1 to 1, by {settings['loss']}"
        if settings["target"] == "regression"
        else "whether the value is above 0"
    )
    synthetic = "**Synthetic: it has never seen a real face.** "
    return CARD.format(
        **{k: about[k] for k in (
            "data_kind", "n_faces", "n_clips", "n_persons", "protocol_name", "fingerprint",
            "version",
        )},
        dimensions=" and ".join(figures),
        datasets=", ".join(about["datasets"]),
        warning=synthetic if about["data_kind"] == "synthetic" else "",
        learned=learned,
        folds=settings["folds"],
        heads=" | ".join(metrics),
        rules="---|" * len(metrics),
        figures="\n".join(
            f"| {dimension} | {' | '.join(_figure(*values[name]) for name in metrics)} |"
            for dimension, values in figures.items()
        ),
        licence=about["licence"]["sentence"],
    )  # fmt: skip


def _figure(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"
