"""`pulsefer report` by its words, its exit status, and what it says to whom."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from pulsefer.app.cli import run
from pulsefer.app.report import against
from pulsefer.reports.row import append

sys.path.append(str(Path(__file__).parents[1] / "reports"))
from rich_rows import BARE, predictions, write_rich, write_run


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


def write_two(folder):
    """Two finished runs below a folder, a few persons each."""
    for number, name in enumerate(("grid/mtl", "stl [2]")):
        run_folder = write_run(folder / name, system=("MTL", "STL")[number])
        table = predictions(persons=4, trials=6, windows=2, knows=0.5 + number)
        table.to_parquet(run_folder / "predictions.parquet", index=False)
    return folder


def test_two_runs_become_a_page_of_their_own_and_the_next_step_opens_it(tmp_path, capsys):
    folder = write_two(tmp_path / "runs")
    (folder / "broken.jsonl").write_text("no row\n")  # of no concern to the two
    assert run(["report", str(folder), "--compare", "grid/mtl", "stl [2]"]) == 0
    (page,) = folder.glob("*.html")
    assert page.name.startswith("grid-mtl-against-stl--2--")
    html = page.read_text("utf-8")
    assert "<h1>PulseFER: grid/mtl against stl [2]</h1>" in html
    assert "pulsefer report runs --compare grid/mtl &#39;stl [2]&#39;" in html
    out, err = said(capsys)
    assert out == ""
    assert "grid/mtl against stl [2]: " in err
    assert err.endswith(f"next: open {page}")
    # The other way round is another page; with --out it is where it was asked for.
    other = tmp_path / "new" / "other.html"
    words = ["report", str(folder), "--compare", "stl [2]", "grid/mtl"]
    assert run([*words, "--out", str(other)]) == 0
    assert "PulseFER: stl [2] against grid/mtl" in other.read_text("utf-8")


def test_a_page_of_two_runs_has_a_name_of_its_own_whatever_the_runs_are_called():
    assert against("valence", "started") == "valence-against-started.html"
    names = ["a/b", "a-b", "../a-b", "é" * 300, "ü" * 300, ".", "..", "a b"]
    files = [against(name, "x") for name in names] + [against("x", name) for name in names]
    assert len(set(files)) == len(files)
    assert all(re.fullmatch(r"[\w-][\w.-]*\.html", file, re.ASCII) for file in files)
    assert max(map(len, files)) < 200


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--compare grid/mtl nobody", "one of grid/mtl, stl [2], found none of that name"),
        ("--compare grid/mtl grid/mtl", "expected two runs, found one and the same"),
        ("--compare grid/mtl x --markdown t.md", "leave out either --markdown or --compare"),
        ("--compare grid/mtl x --out t.pdf", "t.pdf: expected a file that ends in .html or .htm"),
        ("--compare grid/mtl", "requires 2 positional arguments"),
    ],
)
def test_what_cannot_be_compared_ends_in_2_and_writes_nothing(
    words, told, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(write_two(tmp_path))
    assert run(["report", ".", *words.split()]) == 2
    _, err = said(capsys)
    assert told in err
    assert not list(tmp_path.glob("*.html"))
