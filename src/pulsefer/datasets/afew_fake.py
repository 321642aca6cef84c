"""A specimen of AFEW-VA: the same files in the same formats, with planted labels and landmarks."""

from __future__ import annotations

import contextlib
import json
import math
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import whole_folder
from pulsefer.core.progress import progress
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.datasets.afew_clip import LABEL_MAX, PAL_ASPECT, PAL_PX, clip_name, frame_name
from pulsefer.datasets.afew_landmarks import landmarks_px
from pulsefer.datasets.specimen import bad_marker, read_marker, require_empty, write_marker
from pulsefer.datasets.stills_face import felt, snap, swaying
from pulsefer.datasets.synthetic import Effects, Subject, subject
from pulsefer.media.image import encode_png

CLIPS_PER_ZIP = 5
"""A zip of the specimen has this many clips; AFEW-VA's own have more."""
DRIFT = 0.35
"""How far a label moves within a clip, of -1 - 1."""

_Put = Callable[[str, bytes], None]


@dataclass(frozen=True, slots=True)
class Planted:
    """The truth about one clip, in the marker file too.

    Attributes:
        clip: "001".
        actor: Who plays in it.
        valence: Of each frame, -10 - 10.
        arousal: Of each frame, -10 - 10.
    """

    clip: str
    actor: str
    valence: tuple[int, ...]
    arousal: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class FakeTree:
    """What was written: the folder, what it was made of, and the truth about every clip."""

    root: Path
    width_px: int
    height_px: int
    effects: Effects
    seed: int
    planted: tuple[Planted, ...]

    def of(self, clip: str) -> Planted:
        """The truth about one clip."""
        return next(planted for planted in self.planted if planted.clip == clip)


def write_fake(
    root: Path,
    *,
    actors: int = 6,
    clips: int = 12,
    frames: int = 10,
    width_px: int = PAL_PX[0],
    height_px: int = PAL_PX[1],
    effects: Effects | None = None,
    seed: int = 0,
    zipped: bool = False,
    workers: int = 1,
    show_progress: bool = False,
) -> FakeTree:
    """Write 001/00000.png, 001/001.json and so on, or zips of five such folders each.

    Every actor plays in a clip at least; valence and arousal, whole numbers, drift within a clip
    around one of the four quadrants. Frames of 720x576 are filmed 960 wide and squeezed, as the
    reader takes them to be; other sizes have square pixels. Equal arguments give equal bytes.

    Args:
        root: Folder to make; must be empty or absent.
        actors: People, 1 - `clips`.
        clips: 1 - 999.
        frames: Of each clip, 1 - 100000.
        width_px: Width of a frame as stored.
        height_px: Height.
        effects: What is planted; None takes the defaults. There is no pulse in single pictures.
        seed: Another seed, other people.
        zipped: Zips instead of folders.
        workers: Processes.
        show_progress: A bar on standard error.

    Raises:
        ValueError: a number out of range.
        BadInput: the folder is not empty.
    """
    root = Path(root)
    for name, value, high in (
        ("clips", clips, 999),
        ("actors", actors, clips),
        ("frames", frames, 100_000),
        ("width_px", width_px, 4096),
        ("height_px", height_px, 4096),
    ):
        if not 1 <= value <= high:
            raise ValueError(f"{name} must lie in 1-{high}, found {value}")
    require_empty(root)
    planted = plant(actors, clips, frames, seed)
    tree = FakeTree(root, width_px, height_px, effects or Effects(), seed, planted)
    with whole_folder(root) as part:
        write_marker(part, "afew_va", {name: asdict(tree)[name] for name in _MARKED})
        size = CLIPS_PER_ZIP if zipped else 1
        groups = [planted[k : k + size] for k in range(0, clips, size)]
        jobs = [_Job(part, tree, number, group, zipped) for number, group in enumerate(groups)]
        with progress("writing AFEW-VA's files", clips, show=show_progress) as advance:
            for number, _ in fan_out(_write, jobs, workers=workers):
                advance(len(groups[number]))
    return tree


_MARKED = ("width_px", "height_px", "effects", "seed", "planted")


def open_fake(root: Path) -> FakeTree:
    """The truth about a tree that `write_fake` wrote, from its marker.

    Raises:
        BadInput: no marker, or one that does not fit.
    """
    root = Path(root)
    content = read_marker(root, "afew_va")
    try:
        if content is None:
            raise KeyError("no marker")
        planted = tuple(
            Planted(p["clip"], p["actor"], tuple(p["valence"]), tuple(p["arousal"]))
            for p in content["planted"]
        )
        size = (int(content["width_px"]), int(content["height_px"]))
        effects = Effects(**content["effects"])
        return FakeTree(root, *size, effects, int(content["seed"]), planted)
    except (ValueError, TypeError, KeyError) as error:
        raise bad_marker(root, error) from error


@dataclass(frozen=True, slots=True)
class PlantedFace:
    """What the camera saw in one frame.

    Attributes:
        person: As the head stood.
        valence: Felt, -1 - 1: what the face shows.
        arousal: Felt, -1 - 1.
        landmarks_px: (68, 2) in the stored pixels.
    """

    person: Subject
    valence: float
    arousal: float
    landmarks_px: NDArray[np.float64]


def faces_of(tree: FakeTree, planted: Planted) -> Iterator[PlantedFace]:
    """The faces of one clip, frame by frame, before the camera's noise."""
    person = subject(derive_seed(tree.seed, "afew"), planted.actor)
    ways = swaying(
        person, tree.effects, len(planted.valence), seed=derive_seed(tree.seed, planted.clip)
    )
    rng = generator(tree.seed, "afew", "felt", planted.clip)
    wide_px = _wide_px(tree)
    for stands, *labels in zip(ways, planted.valence, planted.arousal, strict=True):
        valence, arousal = (felt(label / LABEL_MAX, tree.effects, rng) for label in labels)
        places = landmarks_px(
            stands,
            valence=valence,
            arousal=arousal,
            effects=tree.effects,
            width_px=wide_px,
            height_px=tree.height_px,
        )
        yield PlantedFace(stands, valence, arousal, places * [tree.width_px / wide_px, 1.0])


def squeezed(image: NDArray[np.uint8], width_px: int) -> NDArray[np.uint8]:
    """The picture made narrower: every pixel the mean of the area that it covers."""
    wide_px = image.shape[1]
    edges = np.arange(width_px + 1) * (wide_px / width_px)
    columns = np.arange(wide_px)
    share = np.minimum(edges[1:, None], columns + 1) - np.maximum(edges[:-1, None], columns)
    share = np.clip(share, 0, None) * (width_px / wide_px)
    return np.asarray(np.einsum("wc,hcn->hwn", share, image, optimize=True) + 0.5, np.uint8)


def plant(actors: int, clips: int, frames: int, seed: int) -> tuple[Planted, ...]:
    """Cast and labels of every clip, as `write_fake` films them."""
    rng = generator(seed, "afew", "clips")
    cast = rng.permutation(np.arange(clips) % actors)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    planted = []
    for number in range(clips):
        if number % 4 == 0:
            quadrants = corners[rng.permutation(4)]
        middle = quadrants[number % 4] * rng.uniform(0.3, 0.8, 2)
        period, phase = rng.uniform(8, 16, 2), rng.uniform(0, 2 * math.pi, 2)
        drift = DRIFT * np.sin(2 * math.pi * np.arange(frames)[:, None] / period + phase)
        labels = np.round(LABEL_MAX * np.clip(middle + drift, -1, 1)).astype(int)
        valence, arousal = (tuple(column.tolist()) for column in labels.T)
        actor = f"Synthetic Actor {cast[number] + 1}"
        planted.append(Planted(clip_name(number + 1), actor, valence, arousal))
    return tuple(planted)


def _wide_px(tree: FakeTree) -> int:
    """Width with square pixels."""
    is_pal = (tree.width_px, tree.height_px) == PAL_PX
    return round(tree.width_px * PAL_ASPECT) if is_pal else tree.width_px


@dataclass(frozen=True, slots=True)
class _Job:
    part: Path
    tree: FakeTree
    number: int
    planted: tuple[Planted, ...]
    zipped: bool


def _write(job: _Job) -> None:
    with _zip(job.part / f"{job.number + 1:02d}.zip") if job.zipped else _folder(job.part) as put:
        for planted in job.planted:
            _write_clip(job.tree, planted, put)


def _write_clip(tree: FakeTree, planted: Planted, put: _Put) -> None:
    labels = {}
    for number, face in enumerate(faces_of(tree, planted)):
        image = snap(
            face.person,
            valence=face.valence,
            arousal=face.arousal,
            effects=tree.effects,
            width_px=_wide_px(tree),
            height_px=tree.height_px,
            number=number + 1,
            seed=derive_seed(tree.seed, "afew", "film", planted.clip),
        )
        if image.shape[1] != tree.width_px:
            image = squeezed(image, tree.width_px)
        name = frame_name(number)
        put(f"{planted.clip}/{name}.png", encode_png(image))
        labels[name] = {
            "landmarks": np.round(face.landmarks_px, 3).tolist(),
            "arousal": planted.arousal[number],
            "valence": planted.valence[number],
        }
    content = {"actor": planted.actor, "frames": labels, "video_id": planted.clip}
    put(f"{planted.clip}/{planted.clip}.json", json.dumps(content).encode())


@contextlib.contextmanager
def _folder(root: Path) -> Iterator[_Put]:
    def put(name: str, content: bytes) -> None:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(content)

    yield put


@contextlib.contextmanager
def _zip(path: Path) -> Iterator[_Put]:
    with zipfile.ZipFile(path, "w") as archive:

        def put(name: str, content: bytes) -> None:
            # Without a date of its own an entry takes today's, and the bytes differ tomorrow.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            is_png = name.endswith(".png")
            entry.compress_type = zipfile.ZIP_STORED if is_png else zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)

        yield put
