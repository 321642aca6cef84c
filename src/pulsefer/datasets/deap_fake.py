"""A specimen of DEAP: the same files, byte for byte in the same formats, with planted answers.

The people are synthetic (`synthetic`), and so is all that a network learns from them. What the
specimen proves is that reader, labels and heart rate are right.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.fan_out import fan_out
from pulsefer.core.files import whole_folder
from pulsefer.core.progress import progress
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.datasets.deap_fake_bdf import BDF_FS_HZ, write_session
from pulsefer.datasets.deap_pickle import N_CHANNELS, write_dat
from pulsefer.datasets.deap_ratings import SCALES
from pulsefer.datasets.deap_signal import GSR_CHANNEL, PPG_CHANNEL
from pulsefer.datasets.deap_tree import (
    DAT_FS_HZ,
    DEAP_LAYOUT,
    LEAD_S,
    N_STIMULI,
    Layout,
    subject_name,
)
from pulsefer.datasets.specimen import bad_marker, read_marker, require_empty, write_marker
from pulsefer.datasets.synthetic import Effects, Trial, draw_trials
from pulsefer.datasets.synthetic_pulse import beat_times_s, ppg
from pulsefer.datasets.synthetic_skin import skin_resistance_ohm

Physiology = Literal["dat", "bdf", "both"]

LEAD_STEP_BPM = 25.0
"""The heart beats this much faster or slower in the 3 s before a video: a lead that is not cut
off shows."""
PPG_OFFSET_UV = -9000.0
"""Rest of the plethysmograph. DEAP's lie between about -16,000 and -1,500."""
PPG_SCALE_UV = 800.0
"""Height of a pulse."""
VARIABILITY = 0.02
"""Spread of the beat intervals, share of the interval."""


@dataclass(frozen=True, slots=True)
class Planted:
    """The truth about one trial, in the marker file too.

    Attributes:
        subject: "s01".
        trial: Place in the order of presentation, from 1.
        stimulus: `Experiment_id`, from 1.
        hr_bpm: Heart rate from the first frame on.
        lead_bpm: Heart rate in the 3 s before.
        inverted: The pulse stands upside down.
        ratings: By scale.
        filmed: There is a video.
    """

    subject: str
    trial: int
    stimulus: int
    hr_bpm: float
    lead_bpm: float
    inverted: bool
    ratings: dict[str, float]
    filmed: bool


@dataclass(frozen=True, slots=True)
class FakeTree:
    """What was written: the folder, its geometry, and the truth about every trial."""

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
    fps_hz: float = 50.0,
    width_px: int = 720,
    height_px: int = 576,
    effects: Effects | None = None,
    seed: int = 0,
    physiology: Physiology = "dat",
    crf: int = 18,
    hr_bpm: float | None = None,
    workers: int = 1,
    show_progress: bool = False,
) -> FakeTree:
    """Write face_video, metadata_csv, and data_preprocessed_python or data_original.

    Everybody has ratings and a pulse for all 40 clips; `trials` of them, the first that were
    shown, are filmed. With 40 the last ones of s03, s05, s11 and s14 are missing as in DEAP. The
    heart rate differs from trial to trial and in the 3 s before each, every second person's
    pulse stands upside down. Equal arguments give equal bytes. A kill leaves no half tree.

    Args:
        root: Folder to make; must be empty or absent.
        subjects: People, 1-32.
        trials: Videos of each, 1-40.
        seconds: Length of a video; whole seconds if a BDF is written.
        fps_hz: Frame rate.
        width_px: Width, even.
        height_px: Height, even.
        effects: What is planted; None takes the defaults.
        seed: Another seed, other people.
        physiology: Pickles, BDF files, or both. A BDF of one person takes about
            3 MB x (`seconds` + 10).
        crf: Quality of x264. 18 keeps a pulse of 1 %; 30 does not.
        hr_bpm: One rate for all trials; None takes the drawn ones.
        workers: Processes.
        show_progress: A bar on standard error.

    Raises:
        ValueError: a number out of range.
        BadInput: the folder is not empty.
    """
    root = Path(root)
    for name, value, high in (("subjects", subjects, 32), ("trials", trials, N_STIMULI)):
        if not 1 <= value <= high:
            raise ValueError(f"{name} must lie in 1-{high}, found {value}")
    if not 1 <= seconds <= 600:
        raise ValueError(f"seconds must lie in 1-600, found {seconds}")
    if physiology != "dat" and seconds != int(seconds):
        raise ValueError(f"a BDF has records of 1 s, so seconds must be whole, found {seconds}")
    require_empty(root)
    effects = effects or Effects()
    layout = Layout(
        length_s=float(seconds),
        fps_hz=float(fps_hz),
        width_px=width_px,
        height_px=height_px,
        n_participants=subjects,
        n_videos={
            name: _n_filmed(name, trials) for name in map(subject_name, range(1, subjects + 1))
        },
    )
    drawn = draw_trials(effects, subjects=subjects, stimuli=N_STIMULI, seed=seed)
    if hr_bpm is not None:
        drawn = [dataclasses.replace(trial, hr_bpm=float(hr_bpm)) for trial in drawn]
    truths = [_plant(trial, layout, seed) for trial in drawn]
    with whole_folder(root) as part:
        write_marker(
            part,
            "deap",
            {
                "layout": asdict(layout),
                "effects": asdict(effects),
                "seed": seed,
                "trials": [asdict(truth) for truth in truths],
            },
        )
        _write_ratings(part / "metadata_csv" / "participant_ratings.csv", truths, seed)
        jobs: list[_Job] = [
            _Physiology(part, tuple(truths[k : k + N_STIMULI]), layout, kind, seed)
            for k in range(0, len(truths), N_STIMULI)
            for kind in (("dat", "bdf") if physiology == "both" else (physiology,))
        ]
        jobs += [
            _Film(part, trial, truth, layout, effects, crf, seed)
            for trial, truth in zip(drawn, truths, strict=True)
            if truth.filmed
        ]
        with progress("writing DEAP's files", len(jobs), show=show_progress) as advance:
            for _ in fan_out(_write, jobs, workers=workers):
                advance(1)
    return FakeTree(root, layout, tuple(truths))


def open_fake(root: Path) -> FakeTree:
    """The truth about a tree that `write_fake` wrote, from its marker.

    Raises:
        BadInput: no marker, or one that does not fit.
    """
    root = Path(root)
    content = read_marker(root, "deap")
    try:
        if content is None:
            raise KeyError("no marker")
        planted = tuple(Planted(**trial) for trial in content["trials"])
        return FakeTree(root, Layout(**content["layout"]), planted)
    except (ValueError, TypeError, KeyError) as error:
        raise bad_marker(root, error) from error


def _n_filmed(name: str, trials: int) -> int:
    if trials < N_STIMULI:
        return trials
    return DEAP_LAYOUT.n_videos.get(name, N_STIMULI)


def _plant(trial: Trial, layout: Layout, seed: int) -> Planted:
    name = trial.subject.name
    rng = generator(seed, "deap", "other scales", name, trial.stimulus)
    dominance, liking = (round(float(rng.uniform(1, 9)), 2) for _ in range(2))
    slower = trial.hr_bpm > 80
    values = (trial.valence, trial.arousal, dominance, liking)
    return Planted(
        subject=name,
        trial=trial.trial,
        stimulus=trial.stimulus,
        hr_bpm=trial.hr_bpm,
        lead_bpm=trial.hr_bpm + (-LEAD_STEP_BPM if slower else LEAD_STEP_BPM),
        inverted=int(name[1:]) % 2 == 0,
        ratings=dict(zip(SCALES, values, strict=True)),
        filmed=trial.trial <= layout.n_videos[name],
    )


def planted_beats_s(truth: Planted, layout: Layout, seed: int) -> NDArray[np.float64]:
    """Beats of one trial, (n,), seconds on the video's clock; `seed` is that of `write_fake`.

    A finger's pulse peaks `FINGER_DELAY_S` later.
    """
    # Two seconds more on either side: beats outside the signal reach into it.
    return beat_times_s(
        truth.hr_bpm,
        -LEAD_S - 2,
        layout.length_s + 2,
        seed=derive_seed(seed, "deap", "beats", truth.subject, truth.trial),
        variability=VARIABILITY,
        lead_hr_bpm=truth.lead_bpm,
    )


def _pulse(truth: Planted, layout: Layout, seed: int, fs_hz: float) -> NDArray[np.float64]:
    return ppg(
        planted_beats_s(truth, layout, seed),
        fs_hz=fs_hz,
        start_s=-LEAD_S,
        end_s=layout.length_s,
        inverted=truth.inverted,
        offset=PPG_OFFSET_UV,
        scale=PPG_SCALE_UV,
        noise=0.02,
        seed=derive_seed(seed, "deap", "ppg", truth.subject, truth.trial),
    )


def _write_ratings(path: Path, truths: Sequence[Planted], seed: int) -> None:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="", encoding="ascii") as file:
        table = csv.writer(file, lineterminator="\n")
        columns = ("Participant_id", "Trial", "Experiment_id", "Start_time")
        table.writerow([*columns, *map(str.capitalize, SCALES), "Familiarity"])
        for truth in truths:
            participant = int(truth.subject[1:])
            rng = generator(seed, "deap", "table", truth.subject, truth.trial)
            # Ticks of 0.1 ms, whatever the documentation says; not a clock to rely on.
            start = int(1e4 * (165 + 95 * (truth.trial - 1) + rng.uniform(0, 9)))
            familiarity = int(rng.integers(1, 6))
            table.writerow(
                [participant, truth.trial, truth.stimulus, start]
                + [f"{truth.ratings[scale]:.2f}" for scale in SCALES]
                + ["" if participant in (2, 15, 23) else familiarity]
            )


@dataclass(frozen=True, slots=True)
class _Physiology:
    root: Path
    truths: tuple[Planted, ...]
    layout: Layout
    kind: str
    seed: int


@dataclass(frozen=True, slots=True)
class _Film:
    root: Path
    trial: Trial
    truth: Planted
    layout: Layout
    effects: Effects
    crf: int
    seed: int


_Job = _Physiology | _Film


def _write(job: _Job) -> None:
    if isinstance(job, _Film):
        _write_video(job)
    elif job.kind == "dat":
        _write_dat(job)
    else:
        _write_bdf(job)


def _write_video(job: _Film) -> None:
    from pulsefer.datasets.synthetic_face import film
    from pulsefer.media.video import encode

    layout, truth = job.layout, job.truth
    images = film(
        job.trial,
        planted_beats_s(truth, layout, job.seed),
        effects=job.effects,
        n_frames=round(layout.length_s * layout.fps_hz),
        fps_hz=layout.fps_hz,
        width_px=layout.width_px,
        height_px=layout.height_px,
        seed=derive_seed(job.seed, "deap", "film", truth.subject, truth.trial),
    )
    name = f"{truth.subject}_trial{truth.trial:02d}.avi"
    path = job.root / "face_video" / truth.subject / name
    encode(path, images, fps_hz=layout.fps_hz, crf=job.crf)


def _write_dat(job: _Physiology) -> None:
    subject, n_samples = job.truths[0].subject, job.layout.n_dat_samples
    by_stimulus = sorted(job.truths, key=lambda truth: truth.stimulus)
    labels = np.array([[truth.ratings[scale] for scale in SCALES] for truth in by_stimulus])
    # All channels but pulse and skin are noise that is drawn once: nobody reads them here.
    rng = generator(job.seed, "deap", "eeg", subject)
    block = 5.0 * rng.normal(size=(N_CHANNELS, n_samples))

    def trials() -> Iterator[NDArray[np.float64]]:
        for truth in by_stimulus:
            block[PPG_CHANNEL] = _pulse(truth, job.layout, job.seed, DAT_FS_HZ)
            block[GSR_CHANNEL] = skin_resistance_ohm(
                "deap",
                subject,
                truth.stimulus,
                truth.ratings["arousal"],
                length_s=job.layout.length_s,
                fs_hz=DAT_FS_HZ,
                start_s=-LEAD_S,
                end_s=n_samples / DAT_FS_HZ - LEAD_S,
                seed=job.seed,
            )
            yield block

    path = job.root / "data_preprocessed_python" / f"{subject}.dat"
    write_dat(path, labels, trials(), n_samples=n_samples)


def _write_bdf(job: _Physiology) -> None:
    subject = job.truths[0].subject
    in_order = sorted(job.truths, key=lambda truth: truth.trial)
    write_session(
        job.root / "data_original" / f"{subject}.bdf",
        participant=int(subject[1:]),
        pulses_uv=[_pulse(truth, job.layout, job.seed, BDF_FS_HZ) for truth in in_order],
        rest_uv=PPG_OFFSET_UV,
        length_s=int(job.layout.length_s),
        seed=job.seed,
    )
