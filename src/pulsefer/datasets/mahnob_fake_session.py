"""The files of one session of a specimen of MAHNOB-HCI, but for the film."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.files import whole_file
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.datasets import bdf
from pulsefer.datasets.mahnob_session import RATINGS
from pulsefer.datasets.mahnob_tree import BDF_LEAD_S, participant_of, section_of
from pulsefer.datasets.synthetic_pulse import BREATH_HZ, beat_times_s, ecg
from pulsefer.datasets.synthetic_skin import skin_resistance_ohm

FS_HZ = 256
AUDIO_HZ = 48_000
PULSE_VALUE = 16
PULSE_SAMPLES = 25
# fmt: off
LABELS = (
    "Fp1", "AF3", "F3", "F7", "FC5", "FC1", "C3", "T7", "CP5", "CP1", "P3", "P7", "PO3", "O1", "Oz",
    "Pz", "Fp2", "AF4", "Fz", "F4", "F8", "FC6", "FC2", "Cz", "C4", "T8", "CP6", "CP2", "P4", "P8",
    "PO4", "O2", "EXG1", "EXG2", "EXG3", "EXG4", "EXG5", "EXG6", "EXG7", "EXG8", "GSR1", "GSR2",
    "Erg1", "Erg2", "Resp", "Temp", "Status",
)
# fmt: on
LEADS = {
    "EXG1": (-9000.0, 350.0, 0.08),
    "EXG2": (4000.0, -600.0, 0.05),
    "EXG3": (12000.0, 1000.0, 0.02),
}  # fmt: skip
"""Rest and height of R in microvolts, and noise as a share of it. The second is upside down."""
VARIABILITY = 0.02
"""Spread of the beat intervals, share of the interval."""
TEMPERATURE = 33.0
TSV_HEAD = 23
"""Lines before the names of the columns."""
TSV_HZ = 60
TSV_LEAD_MS = 2000
ANCHOR_MS = 5000
"""From one row with an audio sample number to the next."""
COLUMNS = (
    "Timestamp", "DateTimeStamp", "Number", "GazePointXLeft", "GazePointYLeft", "DistanceLeft",
    "PupilLeft", "ValidityLeft", "GazePointXRight", "GazePointYRight", "DistanceRight",
    "PupilRight", "ValidityRight", "FixationIndex", "GazePointX", "GazePointY", "Event",
    "EventKey", "Descriptor", "StimuliName", "MediaWidth", "MediaHeight", "AudioSampleNumber",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Planted:
    """The truth about one session, in the marker file too.

    Attributes:
        subject: "p01".
        trial: Place in the order of presentation, from 1.
        session: Its number.
        stimulus: Name of the clip.
        hr_bpm: Heart rate during the stimulus.
        before_bpm: Heart rate in the 30 s before it.
        after_bpm: Heart rate after it.
        offset_s: Time on the video's clock at which the stimulus starts; may be negative.
        stimulus_s: Length of the stimulus.
        video_s: Length of the video.
        bad_lead: The lead that shows no heart, or "".
        bad_kind: "noise", "hum" or "".
        ratings: By scale, whole numbers.
    """

    subject: str
    trial: int
    session: int
    stimulus: str
    hr_bpm: float
    before_bpm: float
    after_bpm: float
    offset_s: float
    stimulus_s: float
    video_s: float
    bad_lead: str
    bad_kind: str
    ratings: dict[str, float]


def planted_beats_s(truth: Planted, seed: int) -> NDArray[np.float64]:
    """Beats of one session, (n,), seconds from the start of the stimulus; `seed` of `write_fake`.

    On the clock of a recording they are `min(offset_s, 0)` later: a video that begins after the
    stimulus starts the clock by itself.
    """
    names = ("mahnob_hci", "beats", truth.session)
    # Two seconds more on either side: beats outside the signal reach into it.
    until = beat_times_s(
        truth.hr_bpm,
        -BDF_LEAD_S - 2,
        truth.stimulus_s,
        seed=derive_seed(seed, *names),
        variability=VARIABILITY,
        lead_hr_bpm=truth.before_bpm,
    )
    after = beat_times_s(
        truth.after_bpm,
        0.0,
        BDF_LEAD_S + 3,
        seed=derive_seed(seed, *names, "after"),
        variability=VARIABILITY,
    )
    return np.concatenate([until, after - after[0] + until[-1] + 60 / truth.after_bpm])


def file_names(session: int) -> dict[str, str]:
    """Names of the session's files: "avi", "bdf" and "tsv"."""
    participant, section = participant_of(session), section_of(session)
    kind, place = "NS"[section % 2 == 0], (section + 1) // 2
    stamp = f"2010.02.{participant % 28 + 1:02d}.10.00.00"
    return {
        # Both blanks are the data set's.
        "avi": f"P{participant}-Rec1-{stamp}_C1 trigger _C_Section_{section}.avi",
        "bdf": f"Part_{participant}_{kind}_Trial{place}_emotion.bdf",
        "tsv": f"P{participant}-Rec1-All-Data-New_Section_{section}.tsv",
    }


def audio_begin(truth: Planted) -> float:
    """Where in the uncut audio recording the session's video begins, samples."""
    spacing_s = math.ceil(truth.video_s) + 60
    return (20 + section_of(truth.session) * spacing_s) * AUDIO_HZ + 0.5


def write_xml(path: Path, truth: Planted, fps_hz: float) -> None:
    """Write session.xml: the declaration, then the whole start tag of the session in one line."""
    names, begin = file_names(truth.session), audio_begin(truth)
    n_audio = round(truth.video_s * AUDIO_HZ)
    section, begin_s = section_of(truth.session), begin / AUDIO_HZ
    by_scale = {scale: name for name, scale in RATINGS.items()}
    attributes = {
        "sessionId": truth.session,
        "date": f"2010-02-{participant_of(truth.session) % 28 + 1:02d}",
        "time": "10:00:00",
        "experimentType": "emotion elicitation",
        "isStim": int(section % 2 == 0),
        **({"feltEmo": 0} if truth.ratings else {}),
        **{by_scale[scale]: int(value) for scale, value in truth.ratings.items()},
        "cutNr": section,
        "cutLenSec": f"{n_audio / AUDIO_HZ:.4f}",
        "vidRate": f"{fps_hz:.4f}",
        "vidBeginSmp": f"{begin_s * fps_hz:.1f}",
        "vidEndSmp": f"{(begin_s + n_audio / AUDIO_HZ) * fps_hz:.1f}",
        "audRate": AUDIO_HZ,
        "audBeginSmp": f"{begin:.1f}",
        "audEndSmp": f"{begin + n_audio:.1f}",
        "mediaFile": f"{truth.stimulus}.avi",
    }
    start = " ".join(f"{name}={quoteattr(str(value))}" for name, value in attributes.items())
    gaze = f'<annotation type="Gaze" filename={quoteattr(names["tsv"])}/>'
    lines = (
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<session {start}>",
        f'  <subject id="{participant_of(truth.session)}"/>',
        f'  <track type="Video" filename={quoteattr(names["avi"])} color="1">{gaze}</track>',
        f'  <track type="Physiological" filename={quoteattr(names["bdf"])}/>',
        "</session>",
    )
    with whole_file(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_tsv(path: Path, truth: Planted, seed: int) -> None:
    """Write the eye tracker's table: 23 lines of properties, then rows at 60 Hz and events.

    Rows of events stand between the others, so that the number of a row is no time.
    """
    rng = generator(seed, "mahnob_hci", "gaze", truth.session)
    start_ms = 40_000 + int(rng.integers(0, 9000))
    start_sample = audio_begin(truth) + truth.offset_s * AUDIO_HZ
    end_ms = start_ms + round(1000 * (truth.video_s - truth.offset_s))
    rows: list[tuple[int, dict[str, object]]] = [
        (start_ms, {"Event": "MovieStart", "Descriptor": f"{truth.stimulus}.avi"}),
        (start_ms + round(1000 * truth.stimulus_s), {"Event": "MovieEnd"}),
    ]
    for at_ms in range(start_ms - TSV_LEAD_MS // 2, end_ms, ANCHOR_MS):
        sample = math.floor(start_sample + (at_ms - start_ms) / 1000 * AUDIO_HZ)
        rows.append((at_ms, {"Event": "LogData", "AudioSampleNumber": sample}))
    first_ms = start_ms - TSV_LEAD_MS
    n_gaze = (end_ms - first_ms) * TSV_HZ // 1000
    looked_at = 640 + 40 * rng.normal(size=n_gaze)
    rows += [
        (first_ms + round(1000 * k / TSV_HZ), {"Number": k, "GazePointX": round(float(x))})
        for k, x in enumerate(looked_at)
    ]
    head = [f"Property {k}:\t{k}" for k in range(1, TSV_HEAD + 1)]
    head[0], head[1], head[-1] = "System Properties:", "", ""
    lines = [*head, "\t".join(COLUMNS)]
    lines += [
        "\t".join(str({"Timestamp": at_ms, **cells}.get(name, "")) for name in COLUMNS)
        for at_ms, cells in sorted(rows, key=lambda row: row[0])
    ]
    with whole_file(path) as part:
        part.write_bytes("\r\n".join([*lines, ""]).encode())


def write_bdf(path: Path, truth: Planted, seed: int) -> None:
    """Write 47 channels at 256 Hz: 30 s, the stimulus, 30 s; the brain is noise drawn once."""
    n_records = math.ceil(2 * BDF_LEAD_S + truth.stimulus_s)
    end_s = n_records - BDF_LEAD_S
    courses = _courses(truth, seed, end_s)
    n_samples = n_records * FS_HZ
    status = np.zeros(n_samples, np.int32)
    for at_s in (BDF_LEAD_S, BDF_LEAD_S + truth.stimulus_s):
        first = round(at_s * FS_HZ)
        status[first : first + PULSE_SAMPLES] = PULSE_VALUE
    rng = generator(seed, "mahnob_hci", "brain", truth.session)
    record = np.zeros((len(LABELS), FS_HZ), np.int32)
    record[:-1] = rng.normal(scale=10 / bdf.UV_PER_STEP, size=record[:-1].shape)
    steps = {
        LABELS.index(label): np.rint(values / bdf.UV_PER_STEP) for label, values in courses.items()
    }
    steps[len(LABELS) - 1] = status

    def records() -> Iterator[NDArray[np.int32]]:
        for start in range(0, n_samples, FS_HZ):
            for channel, values in steps.items():
                record[channel] = values[start : start + FS_HZ]
            yield record

    bdf.write(path, records(), labels=LABELS, fs_hz=FS_HZ, n_records=n_records)


def _courses(truth: Planted, seed: int, end_s: float) -> dict[str, NDArray[np.float64]]:
    """Channel to physical values, from 30 s before the stimulus on."""
    time_s = np.arange(round((end_s + BDF_LEAD_S) * FS_HZ)) / FS_HZ - BDF_LEAD_S
    beats_s = planted_beats_s(truth, seed)
    breath = np.sin(2 * np.pi * BREATH_HZ * time_s)
    courses = {
        "GSR1": skin_resistance_ohm(
            "mahnob_hci",
            truth.subject,
            truth.stimulus,
            truth.ratings.get("arousal", 1.0),
            length_s=truth.stimulus_s,
            fs_hz=FS_HZ,
            start_s=-BDF_LEAD_S,
            end_s=end_s,
            seed=seed,
        ),
        "Resp": 500 * breath,
        "Temp": TEMPERATURE + 0.5 * np.sin(2 * np.pi * time_s / 120),
    }
    for number, (label, (rest_uv, height_uv, noise)) in enumerate(LEADS.items()):
        own = derive_seed(seed, "mahnob_hci", "lead", truth.session, number)
        if label != truth.bad_lead:
            courses[label] = ecg(
                beats_s,
                fs_hz=FS_HZ,
                start_s=-BDF_LEAD_S,
                end_s=end_s,
                inverted=height_uv < 0,
                offset=rest_uv,
                scale=abs(height_uv),
                noise=noise,
                seed=own,
            )
            courses[label] += 0.3 * abs(height_uv) * breath
            continue
        noise_uv = generator(own, "no heart").normal(size=len(time_s))
        mains = 400 * np.sin(2 * np.pi * 50 * time_s) + 5 * noise_uv
        courses[label] = rest_uv + (mains if truth.bad_kind == "hum" else 300 * noise_uv)
    return courses
