"""How the error of POS grows with the compression of the video.

    python -m benchmarks.compression [--subjects 8] [--trials 2] [--render]

Specimen trials (synthetic people, a planted pulse of 1 % of the skin's green level) are filmed once
and written by x264 at several CRF; "raw" is the film without any codec. Every version goes the way
of any video: decoded, face followed, cropped, mean colour of the skin, POS. Two readings:

* the whole trial, one rate by `signals.colour.pulse_rate`: what one asks of a recorded trial;
* the last 10 s, once a second, by `signals.colour.rates`: as `hr_pos_bpm` of `pulsefer analyze` is
  read, from a window of 12 s there.

Rows go to `results/benchmarks/compression.jsonl`, from which `docs/compression.md` and its figure
are rendered; `--render` renders without measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.machine import DOCS, RESULTS, in_words, provenance
from benchmarks.prepare_speed import DEAP_MEGABITS_PER_S
from pulsefer.core.files import whole_file
from pulsefer.core.seeding import derive_seed
from pulsefer.core.types import Frame
from pulsefer.datasets.deap_fake import VARIABILITY
from pulsefer.datasets.synthetic import Effects, Trial, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s
from pulsefer.faces.follow import FollowConfig, Follower
from pulsefer.faces.mtcnn import Mtcnn
from pulsefer.faces.skin import skin_rgb
from pulsefer.media.video import encode, frames
from pulsefer.signals.colour import pulse_rate, rates

CRF = (None, 18, 20, 23, 25, 28, 33)
"""Constant rate factors of x264; None is no codec at all."""
WITHIN_BPM = 3.0
ROWS = RESULTS / "compression.jsonl"

Row = dict[str, Any]


def measure(
    *, subjects: int, trials: int, seconds: float, fps_hz: float, width_px: int, height_px: int,
    seed: int,
) -> Iterator[Row]:  # fmt: skip
    """A row per trial and CRF."""
    effects = Effects()
    detector = Mtcnn()
    for trial in draw_trials(effects, subjects=subjects, seed=seed):
        if trial.trial > trials:
            continue
        name = (trial.subject.name, trial.trial)
        beats_s = beat_times_s(
            trial.hr_bpm, -2.0, seconds + 2.0,
            seed=derive_seed(seed, "compression", "beats", *name), variability=VARIABILITY,
        )  # fmt: skip
        images = list(
            film(
                trial, beats_s, effects=effects, n_frames=round(seconds * fps_hz), fps_hz=fps_hz,
                width_px=width_px, height_px=height_px,
                seed=derive_seed(seed, "compression", "film", *name),
            )
        )  # fmt: skip
        for crf in CRF:
            with tempfile.TemporaryDirectory() as folder:
                if crf is None:
                    stream: Iterable[Frame] = (
                        Frame(k, k / fps_hz, image) for k, image in enumerate(images)
                    )
                    megabits_per_s = 24e-6 * width_px * height_px * fps_hz
                else:
                    path = Path(folder) / "film.avi"
                    encode(path, images, fps_hz=fps_hz, crf=crf)
                    stream = frames(path, threads=1)
                    megabits_per_s = 8e-6 * path.stat().st_size / seconds
                colour, time_s = _colour(stream, detector)
            yield _row(trial, effects, crf, megabits_per_s, colour, time_s)


def _colour(
    stream: Iterable[Frame], detector: Mtcnn
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    follower = Follower(FollowConfig(max_faces=1), detector)
    colours, times_s = [], []
    for frame in stream:
        for seen in follower.push(frame):
            colours.append(skin_rgb(seen.crop))
            times_s.append(frame.time_s)
    return np.array(colours).reshape(-1, 3), np.array(times_s)


def _row(
    trial: Trial, effects: Effects, crf: int | None, megabits_per_s: float,
    colour: NDArray[np.float64], time_s: NDArray[np.float64],
) -> Row:  # fmt: skip
    whole = pulse_rate(colour, time_s)
    full = [rate for rate in rates(colour, time_s) if rate.time_s >= 10.0]
    errors = [rate.hr_bpm - trial.hr_bpm for rate in full]
    return {
        "data_kind": "synthetic",
        "subject": trial.subject.name,
        "trial": trial.trial,
        "skin_tone": round(trial.subject.tone, 2),
        "pulse_amplitude": effects.pulse_amplitude,
        "crf": crf,
        "megabits_per_s": round(megabits_per_s, 3),
        "hr_bpm": trial.hr_bpm,
        "error_bpm": _number(whole.hr_bpm - trial.hr_bpm),
        "quality": _number(whole.quality),
        "errors_10s_bpm": [_number(error) for error in errors],
    }


def _number(value: float) -> float | None:
    """Null for what has no rate: JSON has no NaN."""
    return round(float(value), 3) if np.isfinite(value) else None


def table(rows: list[Row]) -> list[Row]:
    """One line per CRF. A trial without a rate counts as a miss, not as absent."""
    lines = []
    for crf in CRF:
        of_crf = [row for row in rows if row["crf"] == crf]
        if not of_crf:
            continue
        error = _sizes([row["error_bpm"] for row in of_crf])
        error_10s = _sizes([error for row in of_crf for error in row["errors_10s_bpm"]])
        lines.append(
            {
                "crf": "raw" if crf is None else str(crf),
                "megabits_per_s": float(np.median([row["megabits_per_s"] for row in of_crf])),
                "n": len(of_crf),
                "median_bpm": float(np.median(error)),
                "p90_bpm": float(np.quantile(error, 0.9, method="higher")),
                "within": float(np.mean(error <= WITHIN_BPM)),
                "quality": float(np.median([row["quality"] or 0.0 for row in of_crf])),
                "within_10s": float(np.mean(error_10s <= WITHIN_BPM)),
            }
        )
    return lines


def _sizes(errors: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.inf if error is None else abs(error) for error in errors])


PAGE = """\
# What compression does to the pulse

*Synthetic: {n} specimen trials of {subjects} people who do not exist, skin tones {lightest:.2f} to
{darkest:.2f} (0 light, 1 dark), a planted pulse of {amplitude:.0%} of the skin's green level,
{setting}.
No number here is typed by hand: `python -m benchmarks.compression` writes rows to
`results/benchmarks/compression.jsonl` and renders this page from them.*

| CRF of x264 | Mbit/s | median error, bpm | 90th percentile, bpm | within {within:g} bpm | \
median quality | 10-s windows within {within:g} bpm |
|---|---:|---:|---:|---:|---:|---:|
{lines}

![Error of the heart rate by CRF](compression.png)

Error: absolute difference between the planted rate and the one that POS (Wang et al. 2017) reads
from the video. The columns of errors read the whole trial at once, as one does with a recording;
the last column reads the last 10 s once a second. A trial without a
rate counts as a miss. "raw" never met a codec.

{cliff}

This is physics of compression, not a bug: a pulse changes the skin by less than one grey level, an
encoder saves bits by leaving such changes out, and what it left out no method can read. Where the
cliff lies depends on the picture. Near CRF 28 is where it is usually looked for; these faces are
small, at rest and almost free of noise, so x264 leaves out more of them at the same CRF (compare
the bit rates with the {deap:.1f} Mbit/s of DEAP's videos). Where you record yourself, write CRF 18
or lower.

{quality}

Measured by {machine}
"""


def render() -> None:
    """Write the page and its figure from the rows that are there."""
    about, *rows = (json.loads(line) for line in ROWS.read_text("utf-8").splitlines())
    lines = table(rows)
    cells = [
        f"| {line['crf']} | {line['megabits_per_s']:.2f} | {line['median_bpm']:.1f} | "
        f"{line['p90_bpm']:.1f} | {line['within']:.0%} | {line['quality']:.2f} | "
        f"{line['within_10s']:.0%} |"
        for line in lines
    ]
    setting = about["setting"]
    text = PAGE.format(
        n=lines[0]["n"],
        subjects=len({row["subject"] for row in rows}),
        lightest=min(row["skin_tone"] for row in rows),
        darkest=max(row["skin_tone"] for row in rows),
        amplitude=rows[0]["pulse_amplitude"],
        setting=f"{setting['width_px']}x{setting['height_px']} px at {setting['fps_hz']:g} "
        f"frames/s, {setting['seconds']:g} s each",
        within=WITHIN_BPM,
        lines="\n".join(cells),
        cliff=_cliff(lines),
        deap=DEAP_MEGABITS_PER_S,
        quality=_quality(rows),
        machine=in_words(about),
    )
    with whole_file(DOCS / "compression.md") as part:
        part.write_text(text, "utf-8")
    _figure(rows, lines)


def _cliff(lines: list[Row]) -> str:
    """Where most trials are lost, in words."""
    kept = [line["crf"] for line in lines if line["within"] >= 0.5]
    lost = [line["crf"] for line in lines if line["within"] < 0.5]
    if not lost or not kept:
        return "No cliff lies within these CRF."
    return (
        f"Up to CRF {kept[-1]} most trials come back within {WITHIN_BPM:g} bpm, from CRF {lost[0]} "
        "on most do not: a cliff, not a slope."
    )


def _quality(rows: list[Row]) -> str:
    """What the quality index is worth on compressed film, in words."""
    coded = [row for row in rows if row["crf"] is not None and row["quality"] is not None]
    trusted = [row for row in coded if row["quality"] >= 0.3]
    wrong = [row for row in trusted if abs(row["error_bpm"]) > WITHIN_BPM]
    return (
        "The quality index of POS does not protect from this. It tells a steady rhythm from noise, "
        f"and a codec has steady rhythms of its own: of {len(coded)} readings of compressed film "
        f"{len(trusted)} have a quality of 0.3 or more, and {len(wrong)} of these are off by more "
        f"than {WITHIN_BPM:g} bpm. Look at the bit rate of a video before you believe its pulse."
    )


def _figure(rows: list[Row], lines: list[Row]) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.4), layout="constrained")
    rng = np.random.default_rng(0)
    for place, crf in enumerate(CRF):
        sizes = _sizes([row["error_bpm"] for row in rows if row["crf"] == crf])
        seen = np.minimum(sizes, 100.0)
        axes.plot(place + rng.uniform(-0.15, 0.15, len(seen)), seen, ".", color="0.55")
    axes.plot([line["median_bpm"] for line in lines], "o-", color="C3", label="median")
    axes.axhline(WITHIN_BPM, color="0.4", linewidth=0.8, linestyle="--", label="3 bpm")
    axes.set_xticks(range(len(lines)), [line["crf"] for line in lines])
    axes.set_xlabel("CRF of x264")
    axes.set_ylabel("error of the heart rate, bpm")
    axes.set_yscale("symlog", linthresh=3)
    axes.set_ylim(0, 110)
    axes.set_yticks([0, 1, 2, 3, 10, 30, 100], ["0", "1", "2", "3", "10", "30", "100"])
    axes.set_title(f"POS on {lines[0]['n']} synthetic trials, one dot each", fontsize=10)
    axes.legend(frameon=False)
    with whole_file(DOCS / "compression.png") as part:
        figure.savefig(part, dpi=120, metadata={"Software": None})
    plt.close(figure)


def run(
    *, subjects: int = 8, trials: int = 2, seconds: float = 20.0, fps_hz: float = 25.0,
    width_px: int = 384, height_px: int = 288, seed: int = 0,
) -> None:  # fmt: skip
    """Measure, write the rows, render the page."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    setting = {"subjects": subjects, "trials": trials, "seconds": seconds, "fps_hz": fps_hz,
               "width_px": width_px, "height_px": height_px, "seed": seed}  # fmt: skip
    about = provenance("benchmarks.compression") | {"setting": setting}
    try:
        with whole_file(ROWS) as part, part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(about) + "\n")
            for row in measure(**setting):  # type: ignore[arg-type]
                file.write(json.dumps(row) + "\n")
                print(row["subject"], row["trial"], row["crf"], row["error_bpm"], file=sys.stderr)
    finally:
        torch.set_num_threads(before)
    render()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--subjects", type=int, default=8)
    parser.add_argument("--trials", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--fps", type=float, default=25.0)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--height", type=int, default=288)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--render", action="store_true", help="from the rows that are there")
    given = parser.parse_args()
    if given.render:
        render()
        return
    run(
        subjects=given.subjects, trials=given.trials, seconds=given.seconds, fps_hz=given.fps,
        width_px=given.width, height_px=given.height, seed=given.seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
