"""Open a page in a headless Chromium and say everything that is wrong with it.

    python tests/reports/open_in_browser.py build/smoke/results.html --screenshot results.png

Chromium is driven over its debugging pipe (https://chromedevtools.github.io/devtools-protocol):
two named pipes and JSON, so that nothing has to be installed beside the browser. Exit status: 0
nothing is wrong, or there is no browser; 1 something is wrong, and is named. With
PULSEFER_NEED_BROWSER=1 a browser that is missing is wrong too.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MISSING = "chromium not found: apt-get install chromium"
NEEDED = "PULSEFER_NEED_BROWSER"

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
    # A page that asks for an address is told that there is none, and is reported.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

SCREENS = {"desk": (1280, 900), "phone": (390, 844)}
"""Width and height in CSS pixels."""
LOOKS = (("desk", "light"), ("desk", "dark"), ("phone", "light"))

WAIT_S = 60.0
"""For one answer; a page of 60 tables takes a second."""
TALLEST_PX = 8_000
"""Of a picture: Chromium repeats what is below 16,384, and nobody can look at more."""

NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Two frames later what the style asks for has been asked for, and all is laid out."""

LOOK = Path(__file__).with_name("look_at_page.js").read_text("utf-8")


class BrowserError(RuntimeError):
    """The browser did not start, or does not answer."""


def browser() -> str | None:
    """Where a Chromium is, if there is one."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def is_needed() -> bool:
    """Whether to do without a browser is a failure."""
    return os.environ.get(NEEDED, "") not in ("", "0")


class Chromium:
    """A running browser with one tab.

    Attributes:
        wrong: What the tab has complained about since a page was opened.
        asked: Addresses that the page has asked for, its own among them.
    """

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from = to_browser, from_browser
        self._left = b""
        self._number = 0
        self._loaded = False
        self._tab = ""  # the browser itself
        self.wrong: list[str] = []
        self.asked: list[str] = []
        made = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._tab = self.ask("Target.attachToTarget", targetId=made, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **given: object) -> dict[str, Any]:
        """Call a method of the protocol.

        Raises:
            BrowserError: it is refused, or nothing comes back.
        """
        number = self._say(method, given)
        while True:
            answer = self._read()
            if answer.get("id") != number:
                self._hear(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error']['message']}")
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, page: Path) -> None:
        """Load a file and wait until nothing is left to load."""
        self._go("about:blank")
        self.wrong.clear()
        self.asked.clear()
        self._go(page.resolve().as_uri())
        self.evaluate(NEXT_FRAME)

    def evaluate(self, script: str) -> Any:
        """What a script answers, waited for; what it throws is our mistake."""
        answer = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(_thrown(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def look(self, screen: str, scheme: str) -> None:
        """Be a screen of some size, in light or in dark."""
        width, height = SCREENS[screen]
        self.ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height,
            deviceScaleFactor=1, mobile=screen == "phone",
        )  # fmt: skip
        self.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        self.evaluate(NEXT_FRAME)

    def pictures(self) -> Iterator[bytes]:
        """The page from its top to its end as PNG, in as many pieces as Chromium needs."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        for top in range(0, math.ceil(size["height"]), TALLEST_PX):
            height = min(size["height"] - top, TALLEST_PX)
            clip = {"x": 0, "y": top, "width": size["width"], "height": height, "scale": 1}
            taken = self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
            yield base64.b64decode(taken["data"])

    def _go(self, address: str) -> None:
        self._loaded = False
        failed = self.ask("Page.navigate", url=address).get("errorText")
        if failed:
            raise BrowserError(f"{address}: {failed}")
        while not self._loaded:
            self._hear(self._read())

    def _say(self, method: str, given: dict[str, Any]) -> int:
        self._number += 1
        about = {"id": self._number, "method": method, "params": given}
        if self._tab:
            about["sessionId"] = self._tab
        message = json.dumps(about).encode() + b"\0"
        try:
            while message:
                message = message[os.write(self._to, message) :]
        except BrokenPipeError as error:
            raise BrowserError("it has gone") from error
        return self._number

    def _read(self) -> dict[str, Any]:
        until = time.monotonic() + WAIT_S
        while b"\0" not in self._left:
            ready, _, _ = select([self._from], [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise BrowserError(f"no answer for {WAIT_S:.0f} s")
            more = os.read(self._from, 1 << 16)
            if not more:
                raise BrowserError("it has gone")
            self._left += more
        message, _, self._left = self._left.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def _hear(self, event: dict[str, Any]) -> None:
        method, given = event.get("method", ""), event.get("params", {})
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.wrong.append(f"error in a script: {_thrown(given['exceptionDetails'])}")
        elif method == "Runtime.consoleAPICalled":
            words = (str(one.get("value", one.get("description"))) for one in given["args"])
            self.wrong.append(f"console: {' '.join(words)}")
        elif method == "Log.entryAdded":
            entry = given["entry"]
            self.wrong.append(f"{entry['source']} {entry['level']}: {entry['text']}")
        elif method == "Network.requestWillBeSent":
            self.asked.append(given["request"]["url"])
        elif method == "Network.loadingFailed":
            why = given.get("blockedReason") or given["errorText"]
            self.wrong.append(f"not loaded: {given['type']}, {why}")
        elif method == "Page.javascriptDialogOpening":
            self.wrong.append(f"dialog: {given['message']}")
            self._say("Page.handleJavaScriptDialog", {"accept": False})
        elif method == "Audits.issueAdded":
            self.wrong.append(f"issue: {given['issue']['code']}")


def _thrown(details: dict[str, Any]) -> str:
    what = details.get("exception", {}).get("description") or details["text"]
    return f"{what.partition(chr(10))[0]} (line {details['lineNumber'] + 1})"


@contextmanager
def chromium(program: str) -> Iterator[Chromium]:
    """A browser in an empty profile, which is gone afterwards.

    Raises:
        BrowserError: it does not start; with the last lines that it said.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        to_browser, from_browser = Path(folder, "to"), Path(folder, "from")
        os.mkfifo(to_browser)
        os.mkfifo(from_browser)
        said = Path(folder, "said")
        with said.open("wb") as errors:
            # The pipe is on descriptors 3 and 4, wherever those are taken in this process.
            process = subprocess.Popen(
                ["sh", "-c", 'exec "$@" 3<"$0/to" 4>"$0/from"', folder, program, *FLAGS,
                 f"--user-data-dir={folder}/profile"],
                stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, start_new_session=True,
            )  # fmt: skip
        ends = []
        try:
            # Each waits until the other side has opened it too.
            ends.append(os.open(to_browser, os.O_WRONLY))
            ends.append(os.open(from_browser, os.O_RDONLY))
            found = Chromium(*ends)
        except (BrowserError, OSError) as error:
            _end(process, ends)
            last = said.read_text("utf-8", "replace")[-2000:]
            raise BrowserError(f"{program}: {error}\n{last}") from error
        try:
            yield found
        finally:
            _end(process, ends)


def _end(process: subprocess.Popen[bytes], ends: list[int]) -> None:
    """A browser whose pipe is shut goes by itself; its helpers are in its own session."""
    for end in ends:
        os.close(end)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def faults(page: Path, tab: Chromium, *, screenshot: Path | None = None) -> list[str]:
    """What is wrong with a page; nothing, for a good one.

    Args:
        page: An HTML file.
        tab: What to open it in.
        screenshot: Also draw it: `x.png`, below that `x-2.png` ..., on a phone `x-phone.png`, in
            the dark `x-dark.png`.

    Returns:
        Sentences: what the browser complained about, what was asked for outside of the file, and
        what a reader would see, on a desk and on a phone.
    """
    text = json.dumps(page.read_text("utf-8"))
    seen: dict[str, list[str]] = {}
    tab.look(*LOOKS[0])
    tab.open(page)
    for screen, scheme in LOOKS:
        tab.look(screen, scheme)
        for fault in tab.evaluate(f"({LOOK})({text}, {SCREENS[screen][0]})"):
            seen.setdefault(fault, []).append(f"{screen} in {scheme}")
        if screenshot:
            marks = [mark for mark in (screen, scheme) if mark not in LOOKS[0]]
            for number, picture in enumerate(tab.pictures(), 1):
                below = [str(number)] if number > 1 else []
                name = "-".join([screenshot.stem, *marks, *below])
                screenshot.with_stem(name).write_bytes(picture)
    own = (page.resolve().as_uri(), "data:")
    asked = [f"asks for {one[:200]}" for one in tab.asked if not one.startswith(own)]
    return [*tab.wrong, *asked, *(f"{fault} ({', '.join(at)})" for fault, at in seen.items())]


def main() -> int:
    """Open one page, and say what is wrong with it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("--screenshot", type=Path, help="a file that ends in .png")
    given = parser.parse_args()
    program = browser()
    if not program:
        print(f"{given.page}: not opened: {MISSING}", file=sys.stderr)
        return int(is_needed())
    try:
        with chromium(program) as tab:
            found = faults(given.page, tab, screenshot=given.screenshot)
    except (BrowserError, OSError) as error:
        found = [str(error)]
    for fault in found:
        print(f"{given.page}: {fault}", file=sys.stderr)
    if not found:
        print(f"{given.page}: opened in {program}, nothing wrong")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
