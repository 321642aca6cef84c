"""The pictures of docs/web.md, from what `make demo` left.

    python docs/screenshots.py demo

Two networks learn from the demonstration's specimens (minutes). A server is started with them, and
the film of another specimen, whose face changes twice, is sent and held before a camera, in
Chromium.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

from pulsefer.datasets.synthetic import Effects, draw_trials
from pulsefer.datasets.synthetic_face import film
from pulsefer.media.video import encode

DOCS = Path(__file__).resolve().parent
FPS_HZ = 30.0
PART_S, RATE_BPM = 10.0, 72.0
FELT = ((2.0, 8.0), (2.0, 2.0), (8.0, 8.0))
"""Valence and arousal, 1 to 9, of each part of the film."""
SHOWN_S = 26
"""What is looked at."""
QUICK = ("--epochs", "4", "--folds", "2", "--validation", "0")
CAMERA = ("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def main(demo: Path) -> None:
    """Take them."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    runs = {dimension: demo / "page" / dimension for dimension in ("valence", "arousal")}
    for dimension, run in runs.items():
        subprocess.run(
            [sys.executable, "-m", "pulsefer", "train", demo / "store", "--out", run,
             "--dimension", dimension, *QUICK],
            check=True,
        )  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        images = _images()
        talk = place / "talk.mp4"
        encode(talk, images, fps_hz=FPS_HZ)
        seen = _camera(images, place / "face.mjpeg")
        server = subprocess.Popen(
            [sys.executable, "-m", "pulsefer", "serve", "--port", "0",
             *(word for run in runs.values() for word in ("--model", run))],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert server.stderr is not None
            found = re.search(r"open (\S+)", server.stderr.readline())
            assert found, "the server did not start"
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=program,
                    args=[*FLAGS, *CAMERA, f"--use-file-for-fake-video-capture={seen}"],
                )
                desk = {"viewport": {"width": 1280, "height": 2180}, "color_scheme": "light"}
                page = browser.new_context(**desk).new_page()
                _film(page, found[1], talk, DOCS / "web-desk.png")
                phone = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
                context = browser.new_context(**phone, device_scale_factor=2)
                _film(context.new_page(), found[1], talk, DOCS / "web-phone.png")
                context = browser.new_context(
                    **phone, device_scale_factor=2, permissions=["camera"]
                )
                _live(context.new_page(), found[1], DOCS / "web-camera.png")
                browser.close()
        finally:
            server.terminate()
            server.wait()


def _images() -> list[NDArray[np.uint8]]:
    """A face that is tense, then tired, then happy; its heart beats on, once for all of them."""
    effects = Effects()
    person = draw_trials(effects, subjects=7, seed=1)[-1]
    beats_s = np.arange(-4, len(FELT) * PART_S + 4, 60 / RATE_BPM)
    return [
        image
        for place, (valence, arousal) in enumerate(FELT)
        for image in film(
            dataclasses.replace(person, felt_valence=valence, felt_arousal=arousal),
            beats_s - place * PART_S, effects=effects, n_frames=round(PART_S * FPS_HZ),
            fps_hz=FPS_HZ, width_px=640, height_px=480, seed=0,
        )
    ]  # fmt: skip


def _camera(images: Sequence[NDArray[np.uint8]], path: Path) -> Path:
    """A film as a camera of Chromium shows it: 30 pictures a second."""
    with av.open(str(path), "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", rate=30)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuvj420p"
        stream.codec_context.qmin = stream.codec_context.qmax = 1
        for image in images:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    return path


def _film(page: Page, address: str, film: Path, to: Path) -> None:
    page.goto(address)
    page.get_by_label("Choose a film").set_input_files(film)
    page.get_by_role("button", name="Analyse").click()
    page.locator("#film-result .sentence").wait_for(timeout=300_000)
    page.wait_for_function("() => document.querySelector('#film-result video').readyState >= 2")
    page.locator("#film-result tbody tr").nth(SHOWN_S).click()
    page.wait_for_timeout(1500)
    if page.viewport_size and page.viewport_size["width"] < 500:
        page.locator("#film-result").evaluate("part => part.scrollIntoView()")
    else:
        page.evaluate("() => window.scrollTo(0, 0)")
    page.wait_for_timeout(500)
    page.screenshot(path=to)


def _live(page: Page, address: str, to: Path) -> None:
    page.goto(f"{address}#camera")
    page.get_by_role("button", name="Start the camera").click()
    page.wait_for_function(
        "() => /^[0-9]+$/.test(document.querySelector('#camera-rate').textContent)", timeout=60_000
    )
    page.wait_for_timeout(8000)
    page.locator("#panel-camera").evaluate("part => part.scrollIntoView()")
    page.screenshot(path=to)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
