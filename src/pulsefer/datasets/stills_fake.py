"""A specimen of a folder of stills: synthetic faces, their table, and what was planted."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import whole_folder
from pulsefer.core.progress import progress
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.datasets.circumplex import circumplex
from pulsefer.datasets.specimen import bad_marker, read_marker, require_empty, write_marker
from pulsefer.datasets.stills_face import felt, snap, swaying
from pulsefer.datasets.synthetic import Effects, subject
from pulsefer.media.image import encode_jpeg

Labels = Literal["category", "values"]

WORDS = (
    "happiness", "surprise", "neutral", "anger", "fear", "sadness", "disgust", "contempt",
    "serene", "bored",
)  # fmt: skip
"""The words that are planted: those of most data sets, and two that are calm."""


@dataclass(frozen=True, slots=True)
class Planted:
    """The truth about one picture, in the marker file too.

    Attributes:
        image: Its name in the table.
        person: Who is seen.
        category: What the table calls it; "" in a table of values.
        valence: -1 - 1.
        arousal: -1 - 1.
    """

    image: str
    person: str
    category: str
    valence: float
    arousal: float


@dataclass(frozen=True, slots=True)
class FakeTree:
    """What was written: the folder, and the truth about every picture."""

    root: Path
    planted: tuple[Planted, ...]


def write_fake(
    root: Path,
    *,
    persons: int = 6,
    pictures: int = 10,
    width_px: int = 256,
    height_px: int = 256,
    labels: Labels = "category",
    effects: Effects | None = None,
    seed: int = 0,
    workers: int = 1,
    show_progress: bool = False,
) -> FakeTree:
    """Write images/p01_000.jpg and so on, and stills.csv. Equal arguments give equal bytes.

    Args:
        root: Folder to make; must be empty or absent.
        persons: People, 1 - 99.
        pictures: Of each, 1 - 999.
        width_px: Width.
        height_px: Height.
        labels: A word for each picture, or valence and arousal.
        effects: What is planted; None takes the defaults. There is no pulse in single pictures.
        seed: Another seed, other people.
        workers: Processes.
        show_progress: A bar on standard error.

    Raises:
        ValueError: a number out of range.
        BadInput: the folder is not empty.
    """
    root = Path(root)
    for name, value, high in (
        ("persons", persons, 99),
        ("pictures", pictures, 999),
        ("width_px", width_px, 4096),
        ("height_px", height_px, 4096),
    ):
        if not 1 <= value <= high:
            raise ValueError(f"{name} must lie in 1-{high}, found {value}")
    if labels not in ("category", "values"):
        raise ValueError(f"labels must be category or values, found {labels!r}")
    require_empty(root)
    effects = effects or Effects()
    names = [f"p{number:02d}" for number in range(1, persons + 1)]
    by_person = [_plant(name, pictures, labels, seed) for name in names]
    planted = tuple(picture for group in by_person for picture in group)
    with whole_folder(root) as part:
        (part / "images").mkdir()
        marked = {"effects": asdict(effects), "seed": seed, "labels": labels}
        write_marker(part, "stills", {**marked, "planted": [asdict(p) for p in planted]})
        _write_table(part / "stills.csv", planted, labels)
        jobs = [_Job(part, group, width_px, height_px, effects, seed) for group in by_person]
        with progress("writing stills", persons, show=show_progress) as advance:
            for _ in fan_out(_write, jobs, workers=workers):
                advance(1)
    return FakeTree(root, planted)


def open_fake(root: Path) -> FakeTree:
    """The truth about a folder that `write_fake` wrote, from its marker.

    Raises:
        BadInput: no marker, or one that does not fit.
    """
    root = Path(root)
    content = read_marker(root, "stills")
    try:
        if content is None:
            raise KeyError("no marker")
        return FakeTree(root, tuple(Planted(**picture) for picture in content["planted"]))
    except (ValueError, TypeError, KeyError) as error:
        raise bad_marker(root, error) from error


def _plant(person: str, pictures: int, labels: Labels, seed: int) -> tuple[Planted, ...]:
    rng = generator(seed, "stills", "labels", person)
    table = circumplex()
    words = [WORDS[k % len(WORDS)] for k in rng.permutation(pictures)]
    planted = []
    for number, word in enumerate(words):
        valence, arousal = table[word].valence, table[word].arousal
        if labels == "values":
            word = ""
            valence, arousal = (round(float(value), 2) for value in rng.uniform(-1, 1, 2))
        image = f"images/{person}_{number:03d}.jpg"
        planted.append(Planted(image, person, word, valence, arousal))
    return tuple(planted)


def _write_table(path: Path, planted: Sequence[Planted], labels: Labels) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        columns = ("category",) if labels == "category" else ("valence", "arousal")
        table.writerow(["image", *columns, "person"])
        for picture in planted:
            values = [getattr(picture, column) for column in columns]
            table.writerow([picture.image, *values, picture.person])


@dataclass(frozen=True, slots=True)
class _Job:
    root: Path
    planted: tuple[Planted, ...]
    width_px: int
    height_px: int
    effects: Effects
    seed: int


def _write(job: _Job) -> None:
    name = job.planted[0].person
    person = subject(derive_seed(job.seed, "stills"), name)
    ways = swaying(person, job.effects, len(job.planted), seed=derive_seed(job.seed, name))
    rng = generator(job.seed, "stills", "felt", name)
    for number, (stands, picture) in enumerate(zip(ways, job.planted, strict=True)):
        image = snap(
            stands,
            valence=felt(picture.valence, job.effects, rng),
            arousal=felt(picture.arousal, job.effects, rng),
            effects=job.effects,
            width_px=job.width_px,
            height_px=job.height_px,
            number=number + 1,
            seed=derive_seed(job.seed, "stills", "film", name),
        )
        (job.root / picture.image).write_bytes(encode_jpeg(np.asarray(image)))
