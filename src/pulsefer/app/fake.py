"""`pulsefer data fake DATASET OUT`: specimens, byte-true, with known answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from pulsefer.app.console import CORES, OK, next_step, say
from pulsefer.datasets import afew_fake, deap_fake, mahnob_fake, stills_fake
from pulsefer.datasets.synthetic import Effects

flat = Parameter(name="*")
nested = Parameter(name="effects")


@dataclass(frozen=True)
class Deap:
    """Size of a synthetic DEAP.

    Attributes:
        subjects: Persons.
        trials: Trials with video per person, at most 40; ratings and signals are there for all 40.
        seconds: Length of a trial. DEAP: 60.
        fps_hz: Frame rate. DEAP: 50.
        width_px: Width. DEAP: 720.
        height_px: Height. DEAP: 576.
        physiology: dat (preprocessed), bdf (original), or both.
        crf: Quality of the H.264; the pulse does not survive much above 23.
        hr_bpm: The same heart rate everywhere, instead of another one in every trial.
        seed: Equal seeds write equal bytes.
    """

    subjects: int = 2
    trials: int = 3
    seconds: float = 60.0
    fps_hz: float = 50.0
    width_px: int = 720
    height_px: int = 576
    physiology: Literal["dat", "bdf", "both"] = "dat"
    crf: int = 18
    hr_bpm: float | None = None
    seed: int = 0


def deap(
    out: Path,
    /,
    *,
    specimen: Annotated[Deap, flat] = Deap(),
    effects: Annotated[Effects | None, nested] = None,
    workers: int = CORES,
) -> int:
    """Write a synthetic DEAP: face videos, ratings, pickles or BDF files.

    It has the tree, names, formats and oddities of the real one, so every reader can be tried
    without a licence. Everything made from it is marked synthetic.

    * Small and quick: `pulsefer data fake deap OUT --seconds 12 --width-px 320 --height-px 256`

    * A faint expression, no pulse: `--effects.expression 0.3 --effects.pulse-amplitude 0`

    Args:
        out: Folder to write into.
        specimen: Size.
        effects: What is planted: how visible expression and pulse are, what belongs to whom.
        workers: Processes.
    """
    tree = deap_fake.write_fake(out, **_all(specimen, effects, workers))
    n_filmed = sum(planted.filmed for planted in tree.planted)
    what = f"{n_filmed} synthetic films, ratings and signals of {len(tree.planted)} trials"
    return _written("deap", out, what)


@dataclass(frozen=True)
class MahnobHci:
    """Size of a synthetic MAHNOB-HCI.

    Attributes:
        subjects: Persons.
        trials: Stimulus sessions per person, at most 20; each has its neutral session.
        seconds: Length of a stimulus. MAHNOB-HCI: 35-117.
        fps_hz: Frame rate. MAHNOB-HCI: 60.97.
        width_px: Width. MAHNOB-HCI: 780.
        height_px: Height. MAHNOB-HCI: 580.
        crf: Quality of the H.264; the pulse does not survive much above 23.
        hr_bpm: The same heart rate everywhere, instead of another one in every trial.
        clock_s: How much earlier (odd trials) or later (even ones) than the stimulus a video
            begins.
        tsv: Write the gaze tables that tell it.
        seed: Equal seeds write equal bytes.
    """

    subjects: int = 2
    trials: int = 3
    seconds: float = 60.0
    fps_hz: float = 152427 / 2500
    width_px: int = 780
    height_px: int = 580
    crf: int = 18
    hr_bpm: float | None = None
    clock_s: float = 0.3
    tsv: bool = True
    seed: int = 0


def mahnob_hci(
    out: Path,
    /,
    *,
    specimen: Annotated[MahnobHci, flat] = MahnobHci(),
    effects: Annotated[Effects | None, nested] = None,
    workers: int = CORES,
) -> int:
    """Write a synthetic MAHNOB-HCI: sessions with XML, face video, BDF and gaze table.

    Everything made from it is marked synthetic.

    * Small and quick: `pulsefer data fake mahnob_hci OUT --seconds 12 --width-px 320 --height-px
      240 --fps-hz 30`

    Args:
        out: Folder to write into.
        specimen: Size.
        effects: What is planted: how visible expression and pulse are, what belongs to whom.
        workers: Processes.
    """
    tree = mahnob_fake.write_fake(out, **_all(specimen, effects, workers))
    return _written("mahnob_hci", out, f"{len(tree.planted)} synthetic stimulus sessions")


@dataclass(frozen=True)
class AfewVa:
    """Size of a synthetic AFEW-VA.

    Attributes:
        actors: Persons; each is seen in several clips if there are more clips than actors.
        clips: Clips. AFEW-VA: 600.
        frames: Frames of each clip. AFEW-VA: about 50.
        width_px: Width. 720 with 576 high is squeezed, as films for television are.
        height_px: Height.
        zipped: As zip files instead of folders.
        seed: Equal seeds write equal bytes.
    """

    actors: int = 6
    clips: int = 12
    frames: int = 10
    width_px: int = 720
    height_px: int = 576
    zipped: bool = False
    seed: int = 0


def afew_va(
    out: Path,
    /,
    *,
    specimen: Annotated[AfewVa, flat] = AfewVa(),
    effects: Annotated[Effects | None, nested] = None,
    workers: int = CORES,
) -> int:
    """Write a synthetic AFEW-VA: frames of film clips, valence, arousal and 68 landmarks of each.

    Everything made from it is marked synthetic.

    Args:
        out: Folder to write into.
        specimen: Size.
        effects: What is planted; `--effects.expression 0` hides the emotion.
        workers: Processes.
    """
    write = afew_fake.write_fake
    tree = write(out, **_all(specimen, effects, workers))
    n_frames = specimen.clips * specimen.frames
    return _written("afew_va", out, f"{n_frames} synthetic frames of {len(tree.planted)} clips")


@dataclass(frozen=True)
class Stills:
    """Size of a synthetic folder of face pictures.

    Attributes:
        persons: Persons.
        pictures: Pictures of each.
        width_px: Width.
        height_px: Height.
        labels: A word for the emotion, or valence and arousal as numbers.
        seed: Equal seeds write equal bytes.
    """

    persons: int = 6
    pictures: int = 10
    width_px: int = 256
    height_px: int = 256
    labels: Literal["category", "values"] = "category"
    seed: int = 0


def stills(
    out: Path,
    /,
    *,
    specimen: Annotated[Stills, flat] = Stills(),
    effects: Annotated[Effects | None, nested] = None,
    workers: int = CORES,
) -> int:
    """Write a synthetic folder of face pictures with a CSV of labels.

    Everything made from it is marked synthetic.

    Args:
        out: Folder to write into.
        specimen: Size.
        effects: What is planted; `--effects.expression 0` hides the emotion.
        workers: Processes.
    """
    stills_fake.write_fake(out, **_all(specimen, effects, workers))
    return _written("stills", out, f"{specimen.persons * specimen.pictures} synthetic pictures")


def _all(specimen: Any, effects: Effects | None, workers: int) -> dict[str, Any]:
    return {
        **asdict(specimen), "effects": effects, "workers": workers, "show_progress": True,
    }  # fmt: skip


def _written(dataset: str, out: Path, what: str) -> int:
    say(f"{out}: {what}; SPECIMEN.json says what was planted")
    next_step(f"pulsefer data check {dataset} {out}")
    return OK
