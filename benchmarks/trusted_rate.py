"""How often `analyze` gives a heart rate, and how often that is right: with a pulse and without.

    python -m benchmarks.trusted_rate [--persons 6] [--seconds 30] [--json FILE]

Specimens (people who do not exist, their pulse planted) are filmed in three ways and go the way of
any video through `pulsefer analyze`, a row per second. A row counts from the first on whose face
has been in sight for 5 s, abstained ones included. Right is within 3 bpm of the beats that were
planted in the row's window. POS beside it reads the same rows and never abstains. Intervals are
95 %, over persons.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from benchmarks.machine import provenance
from pulsefer.app.web.camera_process import decoded
from pulsefer.core.seeding import derive_seed, generator
from pulsefer.core.types import Frame
from pulsefer.datasets.deap_fake import VARIABILITY
from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.datasets.synthetic_pulse import beat_times_s
from pulsefer.inference.analyzer import Analyzer
from pulsefer.media.thinning import Thinning
from pulsefer.media.video import encode
from pulsefer.metrics.bootstrap import draw, interval

WITHIN_BPM = 3.0
LOW_BPM, HIGH_BPM = 48.0, 150.0
FILMS: dict[str, tuple[int, int, float, int | None]] = {
    "as DEAP's, 720x576 at 50/s, CRF 18": (720, 576, 50.0, 18),
    "a webcam's, 640x480 at 30/s, CRF 18": (640, 480, 30.0, 18),
    "the same, CRF 23": (640, 480, 30.0, 23),
}
"""Width, height, frames per second, CRF of H.264; without one each picture is a JPEG."""
JPEG_QUALITY = 95
"""As the page of `pulsefer serve` sends them."""
AMPLITUDES = (0.01, 0.0)

Floats = NDArray[np.float64]


def run(persons: int = 6, seconds: float = 30.0) -> dict[str, Any]:
    """Film, analyse and count."""
    about = provenance("benchmarks.trusted_rate")
    return {"benchmark": "trusted_rate", "about": about, **count(FILMS, persons, seconds)}


def count(
    ways: Mapping[str, tuple[int, int, float, int | None]], persons: int, seconds: float
) -> dict[str, Any]:
    """Film in each of the ways, analyse and count."""
    films: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        analyzer = Analyzer()
        for name, (width_px, height_px, fps_hz, crf) in ways.items():
            for amplitude in AMPLITUDES:
                counts = []
                for person in range(persons):
                    print(f"{name}, pulse {amplitude:.0%}, person {person + 1}", file=sys.stderr)
                    images, beats_s = _film(person, amplitude, seconds, width_px, height_px, fps_hz)
                    if crf is None:
                        table = _sent(analyzer, images, fps_hz)
                    else:
                        path = Path(folder) / "film.mp4"
                        encode(path, images, fps_hz=fps_hz, crf=crf)
                        table = analyzer.video(path)
                    counts.append(_count(analyzer, table, beats_s))
                films.setdefault(name, {})[f"{amplitude:g}"] = _summed(np.array(counts))
    return {
        "data_kind": "synthetic",
        "persons": persons,
        "seconds": seconds,
        "within_bpm": WITHIN_BPM,
        "window_s": analyzer.config.hr_window_s,
        "films": films,
    }


def _film(
    person: int, amplitude: float, seconds: float, width_px: int, height_px: int, fps_hz: float
) -> tuple[Iterator[NDArray[np.uint8]], Floats]:
    """Film one person; the pictures, and the beats in seconds."""
    effects = Effects(pulse_amplitude=amplitude)
    (trial, *_) = draw_trials(effects, subjects=1, seed=derive_seed(0, "trusted", person))
    bpm = float(generator(0, "trusted", "rate", person).uniform(LOW_BPM, HIGH_BPM))
    beats_s = beat_times_s(bpm, -2.0, seconds + 1, seed=person, variability=VARIABILITY)
    images = film(
        trial, beats_s, effects=effects, n_frames=round(seconds * fps_hz), fps_hz=fps_hz,
        width_px=width_px, height_px=height_px, seed=derive_seed(0, "trusted film", person),
    )  # fmt: skip
    return images, beats_s


def _sent(analyzer: Analyzer, images: Iterable[NDArray[np.uint8]], fps_hz: float) -> pd.DataFrame:
    """The table of pictures that went through a JPEG each."""
    wanted = Thinning(analyzer.config.fps_hz)

    def frames() -> Iterator[Frame]:
        for index, image in enumerate(images):
            if wanted(index / fps_hz):
                file = io.BytesIO()
                Image.fromarray(image).save(file, "JPEG", quality=JPEG_QUALITY)
                yield Frame(index, index / fps_hz, decoded(file.getvalue()))

    return analyzer.table(analyzer.frames(frames()), source="camera")


def _count(analyzer: Analyzer, table: pd.DataFrame, beats_s: Floats) -> list[int]:
    """Rows, rows with a rate, right ones among them, rows that POS has right."""
    table = table[(table["hr_reason"] != "short") & (table["hr_reason"] != "no_face")]
    end_s = table["time_s"].to_numpy() + analyzer.config.step_s
    true_bpm = np.array([_rate(beats_s, end, analyzer.config.hr_window_s) for end in end_s])
    given = table["hr_bpm"].notna().to_numpy()
    right = np.abs(table["hr_bpm"].to_numpy() - true_bpm) <= WITHIN_BPM
    by_pos = np.abs(table["hr_pos_bpm"].to_numpy() - true_bpm) <= WITHIN_BPM
    return [len(table), int(given.sum()), int((given & right).sum()), int(by_pos.sum())]


def _rate(beats_s: Floats, end_s: float, window_s: float) -> float:
    """Mean rate of the beats in a window that begins with the film at the earliest, bpm."""
    inside = beats_s[(beats_s > max(end_s - window_s, 0.0)) & (beats_s <= end_s)]
    return float(60 * (len(inside) - 1) / (inside[-1] - inside[0]))


def _summed(count_P4: NDArray[np.int_]) -> dict[str, Any]:
    """Shares over all rows, with intervals over persons."""
    n_persons = len(count_P4)
    draws = draw(n_persons, 10_000, 0)
    told: dict[str, Any] = {"rows": int(count_P4[:, 0].sum())}
    for name, over, under in (("given", 1, 0), ("right_of_given", 2, 1), ("right_by_pos", 3, 0)):
        sums = draws @ count_P4[:, [over, under]]
        values = np.divide(
            sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0
        )
        total = count_P4[:, under].sum()
        low, high = interval(values, n_persons)
        told[name] = {
            "share": round(float(count_P4[:, over].sum() / total), 4) if total else None,
            "interval": [round(end, 4) if np.isfinite(end) else None for end in (low, high)],
        }
    return told


def section(result: dict[str, Any]) -> str:
    """For the page."""
    words = (
        f"`pulsefer analyze` on specimens: {result['persons']} people who do not exist, "
        f"{result['seconds']:g} s each, pulses of 1 % and of none; rows from the first whose face "
        "has been in sight for 5 s. Right: within "
        f"{result['within_bpm']:g} bpm of the planted beats of the window ({result['window_s']:g} "
        "s). Intervals: 95 %, over persons. POS reads the same rows and never abstains. At CRF 23, "
        "the default of x264, most of a pulse of 1 % is gone from such faces: fewer rates are "
        "given, and more of them are wrong. Write CRF 18 or lower "
        "([compression.md](compression.md))."
    )
    return f"{words}\n\n{table(result)}"


def table(result: dict[str, Any]) -> str:
    """A line for each way."""
    rows = []
    for name, by_amplitude in result["films"].items():
        there, none = (by_amplitude[f"{amplitude:g}"] for amplitude in AMPLITUDES)
        rows.append(
            f"| {name} | {there['rows']} | {_share(there['given'])} | "
            f"{_share(there['right_of_given'])} | {_share(there['right_by_pos'])} | "
            f"{none['rows']} | {_share(none['given'])} |"
        )
    return "\n".join(
        [
            "| film | rows | a rate is given | of these right | POS right | rows without a pulse |"
            " a rate is given all the same |",
            "|---|---:|---:|---:|---:|---:|---:|",
            *rows,
        ]
    )


def _share(told: dict[str, Any]) -> str:
    if told["share"] is None:
        return "–"
    low, high = told["interval"]
    inside = "" if low is None else f" [{low:.0%}, {high:.0%}]"
    return f"{told['share']:.0%}{inside}"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--persons", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", type=Path, help="write the result here as well")
    given = parser.parse_args()
    text = json.dumps(run(given.persons, given.seconds), indent=1)
    print(text)
    if given.json:
        given.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
