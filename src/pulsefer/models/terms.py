"""What a trained network may be used for and passed on to, in words for machines and for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pulsefer.core.types import DataKind

LICENCES: Mapping[str, tuple[str, str]] = {
    "deap": ("academic-research-only", "DEAP: academic research only, and no passing on"),
    "mahnob_hci": ("academic-research-only", "MAHNOB-HCI: academic research only, no passing on"),
    "afew_va": ("non-commercial-research-only", "AFEW-VA: non-commercial research only"),
}
"""By data set, the word and what its terms mean for weights learned from it."""

STRICTNESS = ("mit", "non-commercial-research-only", "academic-research-only", "unknown")
"""Words of licences; of several data sets the last of them holds."""

INTENDED = {
    "research-with-consent": "research on recordings whose subjects agreed to it",
    "comparing-methods": "comparing methods and protocols",
}
OF_SYNTHETIC = {"software-tests": "trying out the software"}
"""What a network is for that learned from specimens."""

OUT_OF_SCOPE = {
    "work": "at work",
    "education": "in education",
    "law-enforcement": "by the police or in court",
    "border-control": "at a border",
    "diagnosis": "for diagnosis or treatment",
    "access-to-services": "for credit, insurance or benefits",
    "covert-recording": "on anybody who was not asked",
    "identification": "to tell who somebody is",
}
REAL_PEOPLE = {"real-people": "on real people at all: it learned from specimens"}


def licence(datasets: Iterable[str]) -> dict[str, Any]:
    """What may be done with weights.

    Args:
        datasets: Those of which real recordings were learned from; none for specimens alone.

    Returns:
        word, the strictest of `STRICTNESS` that holds; sentence; datasets.

    >>> licence(["deap", "afew_va"])["word"]
    'academic-research-only'
    >>> licence([])["word"]
    'mit'
    """
    names = sorted(set(datasets))
    known = [LICENCES[name] for name in names if name in LICENCES]
    others = [name for name in names if name not in LICENCES]
    words = ["mit", *(word for word, _ in known), *(["unknown"] if others else [])]
    said = [sentence for _, sentence in known]
    if others:
        said.append(f"{', '.join(others)}: look up the terms before it is passed on")
    bound = "Weights learned from recordings are bound by the licence of those recordings. "
    free = "It learned from nothing but specimens of the software itself and is under its licence"
    return {
        "word": max(words, key=STRICTNESS.index),
        "sentence": (bound + "; ".join(said) if said else free) + ".",
        "datasets": names,
    }


def use(data_kind: DataKind) -> dict[str, Sequence[str]]:
    """What a network is for and what it must not be used for, in words for machines."""
    synthetic = data_kind == "synthetic"
    return {
        "intended": list(OF_SYNTHETIC if synthetic else INTENDED),
        "out_of_scope": list({**OUT_OF_SCOPE, **(REAL_PEOPLE if synthetic else {})}),
    }


def in_words(names: Iterable[str]) -> list[str]:
    """The same words for people; one that is not known stays as it is."""
    words = {**INTENDED, **OF_SYNTHETIC, **OUT_OF_SCOPE, **REAL_PEOPLE}
    return [words.get(name, name) for name in names]
