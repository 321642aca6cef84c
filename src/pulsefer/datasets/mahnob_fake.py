"""A specimen of MAHNOB-HCI: the same files, byte for byte in the same formats, planted answers.

The people are synthetic (`synthetic`), and so is all that a network learns from them. What the
specimen proves is that reader, clocks, labels and heart rate are right.
"""

from __future__ import annotations

import dataclasses
from dataclasses import asdict, dataclass
from pathlib import Path

from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import whole_folder
from pulsefer.core.progress import progress
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.datasets.mahnob_clock import MAX_OFFSET_S
from pulsefer.datasets.mahnob_fake_session import (
    LEADS,
    Planted,
    file_names,
    planted_beats_s,
    write_bdf,
    write_tsv,
    write_xml,
)
from pulsefer.datasets.mahnob_signal import SHORTEST_STIMULUS_S
from pulsefer.datasets.mahnob_tree import (
    DATASET,
    MAHNOB_LAYOUT,
    N_TRIALS,
    Layout,
    session_number,
    subject_name,
)
from pulsefer.datasets.specimen import bad_marker, read_marker, require_empty, write_marker
from pulsefer.datasets.synthetic import Effects, Trial, draw_trials

STIMULI = (
    "107", "111", "138", "146", "30", "52", "53", "55", "58", "69", "73", "79", "80", "90",
    "cats_f", "dallas_f", "detroit_f", "earworm_f", "funny_f", "newyork_f",
)  # fmt: skip
PARTICIPANTS = tuple(int(name[1:]) for name in MAHNOB_LAYOUT.n_sessions)
"""Those with video: 1-30 without 12, 15 and 26."""
BEFORE_STEP_BPM = 25.0
"""The heart beats this much faster or slower before the stimulus: a shift shows."""
AFTER_STEP_BPM = 15.0
"""And this much after it: a questionnaire that is not cut off shows."""
QUESTIONNAIRE_S = 3.0
NEUTRAL_S = 10.0
NEUTRAL_TAIL_S = 1.0


@dataclass(frozen=True, slots=True)
class FakeTree:
    """What was written: the folder, what a whole copy of it has, and the truth."""

    root: Path
    layout: Layout
    planted: tuple[Planted, ...]

    def of(self, subject: str, trial: int) -> Planted:
        """The truth about one trial."""
        return next(p for p in self.planted if (p.subject, p.trial) == (subject, trial))


def write_fake(
    root: Path,
    *,
    subjects: int = 2,
    trials: int = 3,
    seconds: float = 60.0,
    fps_hz: float = 152427 / 2500,
    width_px: int = 780,
    height_px: int = 580,
    effects: Effects | None = None,
    seed: int = 0,
    crf: int = 18,
    hr_bpm: float | None = None,
    clock_s: float = 0.3,
    tsv: bool = True,
    workers: int = 1,
    show_progress: bool = False,
) -> FakeTree:
    """Write Sessions/<number>/ for stimuli and for the neutral clip before each.

    A session has session.xml, the colour video, the BDF and the eye tracker's table. The heart
    rate differs from trial to trial, and in each before, during and after the stimulus. Of the
    three leads of the heart one is upside down, and in every third trial one shows no heart. Equal
    arguments give equal bytes. A kill leaves no half tree.

    Args:
        root: Folder to make; must be empty or absent.
        subjects: People, 1-27.
        trials: Stimuli of each, 1-20.
        seconds: Length of a stimulus. A video has 3 s of questionnaire more, a BDF 60 s, which is
            0.036 MB a second.
        fps_hz: Frame rate; the camera's is 60.9708.
        width_px: Width, even.
        height_px: Height, even.
        effects: What is planted; None takes the defaults.
        seed: Another seed, other people.
        crf: Quality of x264. 18 keeps a pulse of 1 %; 30 does not.
        hr_bpm: One rate for all stimuli; None takes the drawn ones.
        clock_s: The video begins so much before its stimulus in odd trials and so much after it
            in even ones. Only the eye tracker's table tells.
        tsv: Write that table.
        workers: Processes.
        show_progress: A bar on standard error.

    Raises:
        ValueError: a number out of range.
        BadInput: the folder is not empty.
    """
    root = Path(root)
    for name, value, low, high in (
        ("subjects", subjects, 1, len(PARTICIPANTS)),
        ("trials", trials, 1, N_TRIALS),
        ("seconds", seconds, SHORTEST_STIMULUS_S, 600),
        ("clock_s", clock_s, -MAX_OFFSET_S, MAX_OFFSET_S),
    ):
        if not low <= value <= high:
            raise ValueError(f"{name} must lie in {low:g}-{high:g}, found {value}")
    require_empty(root)
    effects = effects or Effects()
    drawn = [
        trial if hr_bpm is None else dataclasses.replace(trial, hr_bpm=float(hr_bpm))
        for trial in draw_trials(effects, subjects=subjects, stimuli=N_TRIALS, seed=seed)
        if trial.trial <= trials
    ]
    layout = Layout(
        n_sessions={subject_name(p): trials for p in PARTICIPANTS[:subjects]},
        fps_hz=float(fps_hz),
        width_px=width_px,
        height_px=height_px,
    )
    truths = [_plant(trial, float(seconds), clock_s, seed) for trial in drawn]
    with whole_folder(root) as part:
        content = {
            "layout": asdict(layout),
            "effects": asdict(effects),
            "seed": seed,
            "trials": [asdict(truth) for truth in truths],
        }
        write_marker(part, DATASET, content)
        jobs = [
            _Job(part, one, planted, layout, effects, crf, seed, tsv)
            for trial, truth in zip(drawn, truths, strict=True)
            for one, planted in (_neutral(trial, truth), (trial, truth))
        ]
        with progress("writing MAHNOB-HCI's files", len(jobs), show=show_progress) as advance:
            for _ in fan_out(_write, jobs, workers=workers):
                advance(1)
    return FakeTree(root, layout, tuple(truths))


def open_fake(root: Path) -> FakeTree:
    """The truth about a tree that `write_fake` wrote, from its marker.

    Raises:
        BadInput: no marker, or one that does not fit.
    """
    root = Path(root)
    content = read_marker(root, DATASET)
    try:
        if content is None:
            raise KeyError("no marker")
        planted = tuple(Planted(**trial) for trial in content["trials"])
        return FakeTree(root, Layout(**content["layout"]), planted)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise bad_marker(root, error) from error


def _plant(trial: Trial, seconds: float, clock_s: float, seed: int) -> Planted:
    participant = PARTICIPANTS[int(trial.subject.name[1:]) - 1]
    session = session_number(participant, trial.trial)
    rng = generator(seed, DATASET, "other scales", session)
    offset_s = clock_s if trial.trial % 2 else -clock_s
    step = -1 if trial.hr_bpm > 80 else 1
    # Every third trial; which lead and what is wrong with it changes from one to the next.
    turn = trial.trial // 3 + participant
    bad = (tuple(LEADS)[turn % 3], ("noise", "hum")[turn % 2]) if trial.trial % 3 == 0 else ("", "")
    return Planted(
        subject=subject_name(participant),
        trial=trial.trial,
        session=session,
        stimulus=STIMULI[trial.stimulus - 1],
        hr_bpm=trial.hr_bpm,
        before_bpm=trial.hr_bpm + step * BEFORE_STEP_BPM,
        after_bpm=trial.hr_bpm + step * AFTER_STEP_BPM,
        offset_s=offset_s,
        stimulus_s=seconds,
        video_s=offset_s + seconds + QUESTIONNAIRE_S,
        bad_lead=bad[0],
        bad_kind=bad[1],
        ratings={
            "valence": _whole(trial.valence),
            "arousal": _whole(trial.arousal),
            "dominance": float(rng.integers(1, 10)),
            "predictability": float(rng.integers(1, 10)),
        },
    )


def _whole(rating: float) -> float:
    """A key from 1 to 9; what is below 5 stays there."""
    return float(min(round(rating), 4) if rating < 5 else max(round(rating), 5))


def _neutral(trial: Trial, truth: Planted) -> tuple[Trial, Planted]:
    """The clip before: the same person with a plain face, and no rating."""
    seconds = min(NEUTRAL_S, truth.stimulus_s)
    plain = dataclasses.replace(trial, felt_valence=5.0, felt_arousal=5.0, hr_bpm=truth.before_bpm)
    return plain, dataclasses.replace(
        truth,
        session=truth.session - 1,
        stimulus="neutral",
        hr_bpm=truth.before_bpm,
        before_bpm=truth.hr_bpm,
        after_bpm=truth.hr_bpm,
        offset_s=0.0,
        stimulus_s=seconds,
        video_s=seconds + NEUTRAL_TAIL_S,
        bad_lead="",
        bad_kind="",
        ratings={},
    )


@dataclass(frozen=True, slots=True)
class _Job:
    root: Path
    trial: Trial
    truth: Planted
    layout: Layout
    effects: Effects
    crf: int
    seed: int
    tsv: bool


def _write(job: _Job) -> None:
    from pulsefer.datasets.synthetic_face import film
    from pulsefer.media.video import encode

    layout, truth = job.layout, job.truth
    folder = job.root / "Sessions" / str(truth.session)
    names = file_names(truth.session)
    write_xml(folder / "session.xml", truth, layout.fps_hz)
    write_bdf(folder / names["bdf"], truth, job.seed)
    if job.tsv:
        write_tsv(folder / names["tsv"], truth, job.seed)
    images = film(
        job.trial,
        planted_beats_s(truth, job.seed) + truth.offset_s,
        effects=job.effects,
        n_frames=round(truth.video_s * layout.fps_hz),
        fps_hz=layout.fps_hz,
        width_px=layout.width_px,
        height_px=layout.height_px,
        seed=derive_seed(job.seed, DATASET, "film", truth.session),
    )
    encode(folder / names["avi"], images, fps_hz=layout.fps_hz, crf=job.crf)
