"""`pulsefer report` by its words, its exit status, and what it says to whom."""

import subprocess
import sys
from pathlib import Path

import pytest

from pulsefer.app.cli import run
from pulsefer.reports.row import append

sys.path.append(str(Path(__file__).parents[1] / "reports"))
from rich_rows import BARE, write_rich


@pytest.fixture(autouse=True)
def a_wide_screen(monkeypatch):
    """Sentences are asserted, not where a terminal breaks them."""
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")


def said(capsys):
    out, err = capsys.readouterr()
    return out, " ".join(err.split())


def test_a_folder_becomes_a_page_in_it_and_the_next_step_opens_it(tmp_path, capsys):
    folder = write_rich(tmp_path / "my results")
    assert run(["report", str(folder)]) == 0
    page = folder / "results.html"
    assert page.read_text("utf-8").startswith("<!doctype html>")
    out, err = said(capsys)
    assert out == ""
    assert err.endswith(f"next: open '{page}'")
    # The page itself is no result, and a second time gives the same bytes.
    before = page.read_bytes()
    assert run(["report", str(folder)]) == 0
    assert page.read_bytes() == before


def test_a_file_becomes_a_page_beside_it_and_tables(tmp_path, capsys):
    append(tmp_path / "demo.jsonl", [BARE])
    tables = tmp_path / "new" / "tables.md"
    assert run(["report", str(tmp_path / "demo.jsonl"), "--markdown", str(tables)]) == 0
    assert (tmp_path / "demo.html").is_file()
    assert tables.read_text("utf-8").startswith("### demo · deap (**synthetic**)")
    assert run(["report", str(tmp_path), "--out", str(tmp_path / "x" / "o.html")]) == 0
    assert (tmp_path / "x" / "o.html").is_file()
    said(capsys)


def test_a_broken_line_is_named_and_ends_in_1(tmp_path, capsys):
    append(tmp_path / "rows.jsonl", [BARE])
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write("no row\n" * 30)
    assert run(["report", str(tmp_path)]) == 1
    _, err = said(capsys)
    assert "rows.jsonl:10: expected a row, found a line that is not JSON" in err
    assert "27 more like it" in err
    html = (tmp_path / "results.html").read_text("utf-8")
    assert "rows.jsonl:2: expected a row, found a line that is not JSON" in html


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            "report nowhere",
            "nowhere: expected a folder of results, or a file of rows, found nothing",
        ),
        ("report .", "expected rows of results, found none; `pulsefer train STORE --out RUN`"),
        ("report . --out page.pdf", "page.pdf: expected a file that ends in .html or .htm"),
        ("report . --markdown t.txt", "t.txt: expected a file that ends in .md or .markdown"),
    ],
)
def test_where_nothing_can_be_rendered_it_ends_in_2(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(words.split()) == 2
    out, err = said(capsys)
    assert told in err
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_a_row_says_what_is_wrong_with_it_and_ends_in_2(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text("no row\n" * 3)
    assert run(["report", str(tmp_path)]) == 2
    _, err = said(capsys)
    assert "3 lines of which none is one" in err
    assert not (tmp_path / "results.html").exists()


def test_a_report_imports_no_torch(tmp_path):
    append(tmp_path / "rows.jsonl", [BARE])
    code = (
        "import sys; from pulsefer.app.cli import run; status = run(sys.argv[1:]); "
        "sys.exit('torch' if 'torch' in sys.modules else status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "report", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
