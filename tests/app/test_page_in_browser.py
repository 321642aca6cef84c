"""The page as people use it, in Debian's Chromium: with a mouse, with keys, on a desk, on a phone.

    make test-web

Server and browser are on a network of their own, where root may have one; in any case they can
reach nothing but this machine, and what they try all the same is written down: that is nothing.
"""

import csv
import ctypes
import fcntl
import io
import os
import re
import shutil
import socket
import struct
from pathlib import Path

import av
import pytest
from served import FPS_HZ, RATE_BPM, Client, served, specimen, write_specimen

from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn, CrnnConfig
from pulsefer.samples.window import WindowConfig, window
from pulsefer.training.config import Protocol, TrainConfig
from pulsefer.training.run import train

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("chromium")]

BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
NO_NET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
AGREE_BPM = 3.0
LONG_MS = 60_000
SERIOUS = ("serious", "critical")


NEW_NET = 0x40000000
SET_FLAGS, UP = 0x8914, 1


@pytest.fixture(scope="module", autouse=True)
def alone():
    """Go where nobody else is on the network, with all processes that are started; root can."""
    if os.geteuid() or ctypes.CDLL(None).unshare(NEW_NET):
        return False
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", UP))
    return True


@pytest.fixture(scope="module")
def chromium():
    """The program; without one a skip, or a failure where one has to be."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        is_needed = os.environ.get("PULSEFER_NEED_BROWSER") == "1"
        (pytest.fail if is_needed else pytest.skip)("no Chromium: make test-web installs it")
    return program


@pytest.fixture(scope="module")
def playwright():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="module")
def browser(playwright, chromium):
    found = playwright.chromium.launch(executable_path=chromium, args=list(NO_NET))
    yield found
    found.close()


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    return write_specimen(tmp_path_factory.mktemp("film") / "talk.mp4", 15)


@pytest.fixture(scope="module")
def runs(small_store, tmp_path_factory):
    """Two runs of valence, and a network of arousal: of faces that do not exist."""
    folder = tmp_path_factory.mktemp("study")
    cut = window(small_store, WindowConfig(length_s=2.0, step_s=5.0))
    for epochs, name in ((1, "short"), (2, "long")):
        train(
            small_store, cut, Protocol(folds=2, validation=0.0), TrainConfig(epochs=epochs),
            folder=folder / "runs" / name,
        )  # fmt: skip
    about = checkpoint.about(folder / "runs" / "long" / "model")
    about["windows"]["dimension"] = "arousal"
    checkpoint.save(Crnn(CrnnConfig()), folder / "arousal", card="", about=about)
    rows = Path(__file__).parents[2] / "results" / "demo.jsonl"
    shutil.copy(rows, folder / "runs" / "rows.jsonl")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """As most people start it: without a network."""
    with served(tmp_path_factory.mktemp("server") / "a", "--limits.running", "1") as found:
        yield found
        assert found.tried == ""


@pytest.fixture(scope="module")
def full_server(runs, tmp_path_factory):
    """With two networks and a study."""
    words = ("--model", runs / "runs" / "long", "--model", runs / "arousal")
    folder = tmp_path_factory.mktemp("server") / "b"
    with served(folder, *words, "--results", runs / "runs") as found:
        yield found
        assert found.tried == ""


@pytest.fixture
def visit(browser):
    """Opens pages; at the end none of them has asked for anything elsewhere, or complained."""
    wrong, contexts = [], []

    def open_page(served, *, at="", viewport=None, browser=browser, **look):
        context = browser.new_context(viewport=viewport or DESK, accept_downloads=True, **look)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(LONG_MS)
        here = (served.address, served.address.replace("http", "ws", 1), "data:", "blob:")
        page.on("request", lambda one: one.url.startswith(here) or wrong.append(one.url))
        page.on("websocket", lambda one: one.url.startswith(here) or wrong.append(one.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "console",
            lambda said: said.type == "error" and wrong.append(f"{said.text} {said.location}"),
        )
        page.goto(served.address + at)
        return page

    yield open_page
    for context in contexts:
        context.close()
    # A refusal by the server is what the test asked for.
    assert [one for one in wrong if "the server responded with a status of 4" not in one] == []


def send(page, film):
    page.get_by_label("Choose a film").set_input_files(film)
    page.get_by_role("button", name="Analyse").click()


def result(page):
    """The sentence over the result, once it is there."""
    sentence = page.locator("#film-result .sentence")
    sentence.wait_for()
    return sentence.inner_text()


def rate_in(text):
    return float(re.search(r"(\d+) bpm", text).group(1))


def test_a_film_that_is_sent_shows_its_planted_heart_rate(visit, server, film):
    page = visit(server)
    send(page, film)
    page.get_by_role("button", name="Cancel").wait_for()
    assert abs(rate_in(result(page)) - RATE_BPM) < AGREE_BPM
    plot = page.get_by_role("img", name=re.compile("heart rate", re.I)).first
    assert re.search(r"\d+", plot.get_attribute("aria-label"))
    # Nobody has learned anything: that is said where the plots would be.
    assert (
        "needs a network" in page.locator("#film-result").inner_text()
        or page.get_by_text("No network is loaded").count()
    )


def test_film_plots_table_and_slider_are_one_time(visit, server, film):
    page = visit(server)
    send(page, film)
    result(page)
    video = page.locator("#film-result video")
    video.wait_for()
    page.wait_for_function("() => document.querySelector('#film-result video').readyState >= 2")
    length_s = video.evaluate("film => film.duration")
    assert abs(length_s - 15) < 0.5
    slider = page.get_by_role("slider", name="Time")
    slider.focus()
    slider.evaluate("one => { one.value = 9; one.dispatchEvent(new Event('input')) }")
    page.wait_for_function(
        "() => Math.abs(document.querySelector('#film-result video').currentTime - 9) < 1.1"
    )
    assert re.search(r"\d+ s: \d+ bpm", slider.get_attribute("aria-valuetext"))
    # A row of the table takes everything with it.
    page.locator("#film-result tbody tr").nth(12).click()
    page.wait_for_function(
        "() => Math.abs(document.querySelector('#film-result video').currentTime - 12) < 1.1"
    )
    assert slider.get_attribute("aria-valuetext").startswith("12 s")
    # And so does a press in the middle of the first plot.
    plot = page.get_by_role("img", name=re.compile("heart rate", re.I)).first
    box = plot.bounding_box()
    plot.click(position={"x": 0.5 * box["width"], "y": 0.4 * box["height"]})
    page.wait_for_function(
        "() => Math.abs(document.querySelector('#film-result video').currentTime - 7.5) < 2"
    )


def test_what_is_saved_is_the_table_that_is_shown(visit, server, film, tmp_path):
    page = visit(server)
    send(page, film)
    result(page)
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV")).click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    shown = page.locator("#film-result tbody tr")
    assert shown.count() == len(rows) == 15
    for place in (0, 8, 14):
        cells = shown.nth(place).inner_text()
        if rows[place]["hr_bpm"]:
            assert f"{float(rows[place]['hr_bpm']):.1f}" in cells
        else:
            assert "not yet in sight" in cells
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("Film")).click()
    kept = tmp_path / "film.mp4"
    download.value.save_as(kept)
    with av.open(str(kept)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 15 * FPS_HZ


def test_a_job_can_be_cancelled_and_leaves_nothing(visit, server, film):
    page = visit(server)
    before = set(server.films)
    send(page, film)
    page.get_by_text(re.compile("Looking at the film|In the queue")).first.wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Analyse").wait_for()
    assert server.is_quiet()
    assert set(server.films) == before
    # And the next one is taken.
    send(page, film)
    result(page)


def test_a_bad_file_is_refused_in_words_and_the_next_one_is_taken(visit, server, film, tmp_path):
    page = visit(server)
    bad = tmp_path / "holiday.mp4"
    bad.write_text("This is a letter, not a film.\n" * 50)
    send(page, bad)
    alert = page.get_by_role("alert")
    alert.wait_for()
    said = alert.inner_text()
    assert "holiday.mp4" in said
    assert "a text" in said
    assert "give the video itself" in said
    assert str(server.temporary) not in page.content()
    send(page, film)
    assert abs(rate_in(result(page)) - RATE_BPM) < AGREE_BPM


def test_all_of_it_can_be_done_without_a_mouse(visit, server, film):
    page = visit(server)
    page.wait_for_function("() => document.querySelector('#film-limits').textContent")
    page.keyboard.press("Tab")
    assert "Skip" in page.evaluate("document.activeElement.textContent")
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == "tab-film":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-camera"
    assert page.locator("#panel-camera").is_visible()
    page.keyboard.press("ArrowLeft")
    for _ in range(12):
        if page.evaluate("document.activeElement.id") == "film-file":
            break
        page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(film)
    page.get_by_role("button", name="Analyse").press("Enter")
    result(page)
    slider = page.get_by_role("slider", name="Time")
    slider.focus()
    before = slider.get_attribute("aria-valuetext")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") != before


def test_a_page_that_is_loaded_again_shows_its_film_again_and_nobody_elses(visit, server, film):
    page = visit(server)
    send(page, film)
    said = result(page)
    page.reload()
    assert result(page) == said
    key = page.evaluate("sessionStorage.getItem('pulsefer-job')")
    other = visit(server)
    assert other.evaluate(f"fetch('/api/jobs/{key}').then(answer => answer.status)") == 404
    assert other.evaluate(f"fetch('/api/jobs/{key}/table.csv').then(one => one.status)") == 404
    page.get_by_role("button", name="Delete now").click()
    page.get_by_role("button", name="Analyse").wait_for()
    assert page.evaluate(f"fetch('/api/jobs/{key}').then(answer => answer.status)") == 404


@pytest.fixture(scope="module")
def filmed(playwright, chromium, tmp_path_factory):
    """A browser whose camera is a film of a face: 10 s, shown over and over."""
    path = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    # Chromium plays such a file at 30 pictures a second, whatever it says.
    with av.open(str(path), "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.codec_context.qmin = stream.codec_context.qmax = 1
        for image in specimen(10, fps_hz=30.0):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        file.mux(stream.encode())
    found = playwright.chromium.launch(
        executable_path=chromium,
        args=[
            *NO_NET,
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={path}",
        ],
    )
    yield found
    found.close()


def test_the_camera_shows_the_planted_heart_rate_and_says_what_to_do_until_then(
    visit, server, filmed
):
    page = visit(server, at="#camera", browser=filmed, permissions=["camera"])
    page.get_by_role("button", name="Start the camera").click()
    page.get_by_text(re.compile(r"\d s to go|Not clear yet|A moment")).first.wait_for()
    page.wait_for_function(
        "() => /^[0-9]+$/.test(document.querySelector('#camera-rate').textContent)"
    )
    # The first windows are the shortest ones; a person looks a little longer.
    page.wait_for_timeout(6000)
    shown = page.locator("#camera-rate").inner_text()
    assert abs(float(shown) - RATE_BPM) < AGREE_BPM
    page.get_by_role("button", name="Stop").click()
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile("CSV")).click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert len(rows) >= 8
    assert abs(float(rows[-1]["hr_bpm"] or rows[-2]["hr_bpm"]) - RATE_BPM) < AGREE_BPM
    assert server.is_quiet()


def test_a_camera_that_may_not_be_used_is_said_in_words(visit, server):
    page = visit(server, at="#camera")
    page.get_by_role("button", name="Start the camera").click()
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert re.search("camera", alert.inner_text())
    assert page.get_by_role("button", name="Start the camera").is_enabled()


def test_networks_say_what_they_are_and_that_they_learned_from_nobody(visit, full_server, film):
    page = visit(full_server)
    facts = page.locator("#facts")
    facts.get_by_text("deap (synthetic data)").first.wait_for()
    text = facts.inner_text()
    for word in ("valence", "arousal", "subject", "Not for decisions about people", "synthetic"):
        assert word in text
    assert facts.get_by_text("Not for decisions about people").is_visible()
    send(page, film)
    result(page)
    assert page.locator("#film-result").get_by_text("synthetic").count()
    for name in ("Probability of high valence", "Path through valence and arousal"):
        assert page.get_by_role("img", name=re.compile(name, re.I)).count()


def test_a_study_shows_its_report_and_one_run_against_another(visit, full_server):
    page = visit(full_server, at="#study")
    page.frame_locator("iframe").get_by_role("heading", name=re.compile("results")).wait_for()
    page.get_by_label("with the run").select_option("short")
    page.get_by_label("Compare the run").select_option("long")
    page.get_by_role("button", name="Compare").click()
    frame = page.frame_locator("iframe[title*='compared']")
    frame.get_by_role("heading", level=1).wait_for()
    assert "long" in frame.locator("h1").inner_text()


def test_a_page_for_others_asks_for_the_password(visit, tmp_path):
    words = {"PULSEFER_TOKEN": "open sesame"}
    with served(tmp_path / "locked", "--host", "127.0.0.1", **words) as locked:
        page = visit(locked)
        page.wait_for_url("**/login")
        assert serious(page) == []
        page.get_by_label("Password").fill("open barley")
        page.keyboard.press("Enter")
        page.wait_for_url("**/login?wrong")
        assert page.get_by_role("alert").is_visible()
        page.get_by_label("Password").fill("open sesame")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Analyse").wait_for()
        page.close()  # before what it still asks for is gone
        assert "sesame" not in locked.log.read_text()


def serious(page):
    """What axe finds that keeps people out."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        (one["id"], [node["html"][:120] for node in one["nodes"]])
        for one in Axe().run(page).response["violations"]
        if one["impact"] in SERIOUS
    ]


@pytest.mark.parametrize(
    ("viewport", "scheme"), [(DESK, "light"), (PHONE, "dark")], ids=["desk", "phone in the dark"]
)
def test_nothing_keeps_people_out_and_nothing_is_cut(
    visit, full_server, film, viewport, scheme, tmp_path
):
    page = visit(full_server, viewport=viewport, color_scheme=scheme)
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page.get_by_text("deap (synthetic data)").first.wait_for()

    def look(what):
        assert serious(page) == [], what
        assert page.evaluate(wide) <= 0, what

    look("start")
    for name in ("Camera", "Study", "For programs"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_timeout(300)
        if name == "Study":
            page.frame_locator("iframe").get_by_role("heading").first.wait_for()
        look(name)
    page.get_by_role("tab", name="Film").click()
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"")
    send(page, bad)
    page.get_by_role("alert").wait_for()
    look("refused")
    send(page, film)
    page.locator("#film-progress").wait_for()
    look("under way")
    result(page)
    look("done")


def test_nothing_but_this_machine_can_be_reached(alone):
    """All of the above was seen where there is no network at all."""
    if not alone:
        pytest.skip("only root can have a network of its own; the guards have stood all the same")
    with socket.socket() as somebody, pytest.raises(OSError, match="unreachable"):
        somebody.connect(("192.0.2.1", 80))


def test_two_people_do_not_see_each_other(visit, server, film):
    page, other = visit(server), Client(server.address)
    send(page, film)
    job = other.send(film, name="mine.mp4")
    result(page)
    assert "mine.mp4" not in page.content()
    assert other.wait(job)["name"] == "mine.mp4"
