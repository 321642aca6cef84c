"""A page as a browser shows it: nothing complains, nothing is fetched, nothing is cut or hidden."""

import os
import subprocess
import sys
from pathlib import Path

import open_in_browser
import pytest
from open_in_browser import BrowserError, browser, chromium, faults, is_needed
from rich_rows import write_rich

from pulsefer.reports.page import write_page
from pulsefer.reports.report import report
from pulsefer.reports.results import read_results

ROOT = Path(__file__).parents[2]

BARE = (
    '<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">'
    "<title>A</title><h1>A</h1>{}</html>"
)
"""A page that is good, if nothing is put into it."""


@pytest.fixture(scope="module")
def tab():
    """A browser; without one a skip, or a failure where one has to be."""
    program = browser()
    if program is None:
        (pytest.fail if is_needed() else pytest.skip)(open_in_browser.MISSING)
    with chromium(program) as found:
        yield found


def page_of(where, folder):
    page, _ = report(read_results(where), command="pulsefer report x")
    return write_page(page, folder / "page.html")


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory):
    return page_of(ROOT / "results" / "demo.jsonl", tmp_path_factory.mktemp("demo"))


def test_a_report_with_every_figure_opens_without_an_error(tmp_path, tab):
    page = page_of(write_rich(tmp_path / "results"), tmp_path)
    assert faults(page, tab, screenshot=tmp_path / "shot.png") == []
    for name in ("shot", "shot-dark", "shot-phone"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_the_rows_of_the_demonstration_open_without_an_error(demo_page, tab):
    assert faults(demo_page, tab) == []
    assert tab.evaluate("document.title") == "PulseFER results: demo.jsonl"


def test_a_good_page_has_no_fault(tmp_path, tab):
    page = tmp_path / "page.html"
    page.write_text(BARE.format('<img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">'))
    assert faults(page, tab) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("<script>nothing.here()</script>", "error in a script: ReferenceError: nothing is not"),
        ("<script>setTimeout(() => late(), 50)</script>", "ReferenceError: late is not defined"),
        ("<script>Promise.reject(new Error('no'))</script>", "error in a script: Error: no"),
        ("<script>console.error('oh')</script>", "console: oh"),
        ('<img alt="" src="https://example.org/a.png">', "asks for https://example.org/a.png"),
        ('<link rel="stylesheet" href="other.css">', "/other.css"),
        ('<link rel="preconnect" href="https://example.org">', "names "),
        ("<style>h1 { background: url(https://example.org/a.png) }</style>", "asks for https://"),
        ('<div style="width: 600px">wide</div>', "it is 608 px wide on a screen of 390"),
        ('<p style="color: #aaa; background: #fff">pale</p>', '"pale" is hard to read'),
        ('<meta name="viewport" content="width=900">', "it is laid out for 900 px on a screen"),
        ('<a href="#how">how</a>', 'nothing is called "how"'),
        ("<figure><figcaption>none</figcaption></figure>", 'a figure has no size: "none"'),
        (
            '<div class="wide" style="overflow: auto"><table><tr><td><div style="width: 1300px">'
            "a</div></table></div>",
            "a table is 13",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_page_is_named(planted, said, tmp_path, tab):
    page = tmp_path / "page.html"
    page.write_text(BARE.format(planted))
    found = faults(page, tab)
    assert any(said in fault for fault in found), found


@pytest.mark.parametrize(
    ("whole", "broken", "said"),
    [
        (' d="M ', ' d="M oops ', "<path> attribute d: Expected number"),
        ("</svg>", "", "</svg> became"),
        ("</g>", "", "a drawing is no SVG"),
        ("</svg>", "<p>text</p></svg>", "elements became one of"),
        ('<svg viewBox="0 0', '<svg viewBox="60 0', "is cut in the figure"),
        ("<figure>", '<figure style="display: none">', "a figure has no size"),
        ("<title>", "<title>Not ", 'it is titled "Not PulseFER results: demo.jsonl"'),
        ("<!doctype html>", "", "it has no doctype"),
        ("</main>", "<script>alert(1)</script></main>", "Content Security Policy"),
        ("</main>", '<img alt="" src="https://example.org/a.png"></main>', "Image, csp"),
    ],
)  # fmt: skip
def test_a_report_that_is_broken_by_one_word_is_found_out(
    whole, broken, said, demo_page, tmp_path, tab
):
    text = demo_page.read_text("utf-8")
    assert whole in text
    page = tmp_path / "page.html"
    page.write_text(text.replace(whole, broken, 1), "utf-8")
    found = faults(page, tab)
    assert any(said in fault for fault in found), found


def test_a_browser_that_does_not_start_says_so_at_once():
    with pytest.raises(BrowserError, match="it has gone"), chromium("/bin/false"):
        pass


@pytest.mark.parametrize(("needed", "status"), [("", 0), ("0", 0), ("1", 1)])
def test_without_a_browser_the_reason_is_said_and_need_makes_it_a_failure(needed, status, tmp_path):
    done = subprocess.run(
        [sys.executable, open_in_browser.__file__, "page.html"],
        env={**os.environ, "PATH": str(tmp_path), open_in_browser.NEEDED: needed},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "chromium not found: apt-get install chromium" in done.stderr
    assert done.returncode == status
