"""Every promise about speed and memory, measured; the pages about them, rendered.

    python -m benchmarks [--render]

Takes about an hour. Results go to `results/benchmarks/*.json`, from which
`docs/benchmarks.md` is rendered; `--render` renders without measuring.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import (
    analyze_speed,
    compared_systems,
    compression,
    crnn_step,
    live_latency,
    memory,
    onnx_step,
    page_camera,
    prepare_speed,
    serve_load,
    trusted_rate,
    weighting_step,
)
from benchmarks.machine import DOCS, RESULTS, in_words, provenance
from pulsefer.core.files import whole_file

Result = dict[str, Any]

PAGE = """\
# How fast, how much

Rendered by `python -m benchmarks` (or `make benchmarks`) from `results/benchmarks/`; no number here
is typed by hand. Measured on films of people who do not exist (*synthetic*) and on random tensors.
Times are processor time of one thread, and shares compare things that took turns, because other
work ran on the machine.

## A training step of the network

Forward, both losses, backward and Adam on {batch} clips of {frames} frames; {gflop} GFLOP. "Plain"
is the same network as its equations are usually written down, with the same weights, outputs and
gradients.

| | ms per step | GFLOP/s |
|---|---:|---:|
{step_rows}

| promise | measured | aim | reached |
|---|---:|---:|---|
{step_promises}

{step_machine}

## A step by the weighting of its losses

{weighting}

## The compared systems

{compared}

## `prepare` against decoding

Frames of the file per second, on one core, 720x576 px at 50 frames/s. `prepare` at its defaults:
every second frame is converted, followed, cropped and stored. The first film is a specimen, quiet
and clean, with next to nothing to decode; the second has about the bit rate of DEAP's videos.

| film | Mbit/s | decode | decode to RGB | `prepare` | of the decode rate | aim | reached |
|---|---:|---:|---:|---:|---:|---:|---|
{speed_rows}

Of the decode rate: everything that `prepare` does for a recording, against decoding without a look
at the pictures. Median of {rounds} rounds on films of {seconds:g} s.

{speed_machine}

## A heart rate that is given, and one that is right

{trusted}

## A heart rate through the page's camera

{page_camera}

## `analyze` against the film's own time

{analyze}

## A streaming step

{onnx}

## Live

{live}

## Eight films at once

{serve}

## Memory and time by the length of the video

Peak resident set of a process, MiB, libraries included, and its processor time per frame of the
file, ms; {picture} px at {fps:g} frames/s. Flat: both are for the longest at most {flat:.0%} of
what they are for the shortest, and less than {most:.0f} MiB.

{memory_rows}

All frames of the longest video held at once would be {all_frames} MiB more.

{memory_machine}

## Compression and the pulse

See [compression.md](compression.md).
"""


def render() -> None:
    """Write the page from the results that are there."""
    step, speed, peaks = (_read(name) for name in ("crnn_step", "prepare_speed", "memory"))
    compared, weighting = _read("compared_systems"), _read("weighting_step")
    trusted, analyze = _read("trusted_rate"), _read("analyze_speed")
    text = PAGE.format(
        batch=step["batch"],
        frames=step["frames"],
        gflop=step["gflop_per_step"],
        step_rows="\n".join(
            f"| {words} | {step['ms'][name]:.0f} | {step['gflop_per_s'][name]:.0f} |"
            for name, words in (
                ("plain", "plain, float32"),
                ("ours", "`pulsefer.models`, float32"),
                ("ours_bfloat16", "`pulsefer.models`, bfloat16"),
                ("matmul", f"one {crnn_step.MATRIX}x{crnn_step.MATRIX} product, float32"),
                ("matmul_bfloat16", "the same product, bfloat16"),
            )
        ),
        step_promises=_promises(step),
        step_machine=f"{in_words(step['about'])} Instruction set: {step['machine']}.",
        weighting=weighting_step.section(weighting),
        compared=compared_systems.section(compared),
        speed_rows="\n".join(
            f"| {name} (CRF {film['crf']}) | {film['megabits_per_s']:.2f} | "
            f"{film['frames_per_s']['decode']} | {film['frames_per_s']['decode_rgb']} | "
            f"{film['frames_per_s']['prepare']} | {film['share_of_decode']:.0%} | "
            f"{speed['aim']:.0%} | {_yes(film['reached'])} |"
            for name, film in speed["films"].items()
        ),
        rounds=speed["rounds"],
        seconds=speed["seconds"],
        speed_machine=in_words(speed["about"]),
        picture=peaks["picture"],
        fps=peaks["fps_hz"],
        flat=memory.FLAT,
        most=memory.MOST_MIB,
        memory_rows=_memory_rows(peaks),
        trusted=f"{trusted_rate.section(trusted)}\n\n{in_words(trusted['about'])}",
        analyze=f"{analyze_speed.section(analyze)}\n\n{in_words(analyze['about'])}",
        onnx=onnx_step.section(_read("onnx_step")),
        live=live_latency.section(_read("live_latency")),
        page_camera=page_camera.section(_read("page_camera")),
        serve=serve_load.section(_read("serve_load")),
        all_frames=peaks["all_frames_mib"],
        memory_machine=in_words(peaks["about"]),
    )
    with whole_file(DOCS / "benchmarks.md") as part:
        part.write_text(text, "utf-8")


def _memory_rows(peaks: Result) -> str:
    lengths = list(peaks["peak_mib"]["analyze"])
    head = " | ".join(f"{length} s" for length in lengths)
    lines = [
        f"| | MiB: {head} | longest over shortest | ms: {head} | longest over shortest | flat |",
        f"|---|{'---:|' * (2 * len(lengths) + 2)}---|",
    ]
    for way, by_length in peaks["peak_mib"].items():
        mib = " | ".join(f"{by_length[length]:.0f}" for length in lengths)
        ms = " | ".join(f"{peaks['ms_per_frame'][way][length]:.2f}" for length in lengths)
        lines.append(
            f"| `{way}` | {mib} | {peaks['growth'][way]:.2f} | {ms} | "
            f"{peaks['slower'][way]:.2f} | {_yes(peaks['reached'][way])} |"
        )
    return "\n".join(lines)


def _promises(step: Result) -> str:
    rows = [
        ("faster than plain, float32", "over_plain", crnn_step.PLAIN_RATIO, ".2f"),
        ("share of the rate of the product", "matmul_share", crnn_step.MATMUL_SHARE, ".0%"),
        (
            "faster than plain, bfloat16", "bfloat16_over_plain", crnn_step.BFLOAT16_RATIO, ".2f"
        ),
    ]  # fmt: skip
    reached = step["reached"]
    return "\n".join(
        f"| {words} | {step[key]:{form}} | {aim:{form}} | "
        f"{_yes(reached[key]) if key in reached else 'not asked of a machine without bfloat16'} |"
        for words, key, aim, form in rows
    )


def _yes(reached: bool) -> str:
    return "yes" if reached else "no"


def _read(name: str) -> Result:
    result: Result = json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    return result


def _crnn_step() -> Result:
    about = provenance("benchmarks.crnn_step")
    return {"about": about, **crnn_step.run(threads=1)}


MEASURE: dict[str, Callable[[], Result]] = {
    "crnn_step": _crnn_step,
    "prepare_speed": prepare_speed.run,
    "memory": memory.run,
    "compared_systems": compared_systems.run,
    "weighting_step": weighting_step.run,
    "trusted_rate": trusted_rate.run,
    "analyze_speed": analyze_speed.run,
    "onnx_step": onnx_step.run,
    "live_latency": live_latency.run,
    "serve_load": serve_load.run,
    "page_camera": page_camera.run,
}


def main() -> None:
    """Measure what was asked for, then render."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=[*MEASURE, "compression"])
    parser.add_argument("--render", action="store_true", help="from the results that are there")
    given = parser.parse_args()
    wanted = [] if given.render else given.only or [*MEASURE, "compression"]
    for name, measure in MEASURE.items():
        if name in wanted:
            print(name, file=sys.stderr)
            text = json.dumps(measure(), indent=1)
            with whole_file(RESULTS / f"{name}.json") as part:
                part.write_text(text + "\n", "utf-8")
    if "compression" in wanted:
        compression.run()
    elif given.render:
        compression.render()
    render()


if __name__ == "__main__":
    main()
