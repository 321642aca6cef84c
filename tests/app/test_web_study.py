"""A folder of results in the browser: the pages are those of `pulsefer report`."""

import asyncio
import dataclasses
import json
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from served import Client, served

from pulsefer.app.cli import run
from pulsefer.app.report import against
from pulsefer.app.web.access import HEADERS
from pulsefer.app.web.study import StudyFolder
from pulsefer.core.errors import BadInput
from pulsefer.reports.row import append

sys.path.append(str(Path(__file__).parents[1] / "reports"))
from rich_rows import BARE, write_run

NAME = "my results"
A, B = "valence", "old & <i>leaky"
QUERY = f"a={A}&b={quote(B)}"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / NAME
    append(folder / "rows.jsonl", [BARE])
    for number, name in enumerate((A, B)):
        write_run(folder / name, seed=number)
    return folder


@pytest.fixture(scope="module")
def server(results, tmp_path_factory):
    with served(tmp_path_factory.mktemp("server") / "s", "--results", results) as one:
        yield one


@pytest.fixture(scope="module")
def client(server):
    return Client(server.address)


def page(client, path):
    status, headers, content = client.ask("GET", f"/api/study/{path}")
    assert status == 200
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "sandbox" in policy.split("; ")
    assert "frame-ancestors 'self'" in policy.split("; ")
    assert {name: headers[name] for name in HEADERS} == HEADERS
    return content.decode()


def problem(client, path):
    status, headers, content = client.ask("GET", f"/api/study/{path}")
    assert headers["X-Content-Type-Options"] == "nosniff"
    return status, json.loads(content)["problem"]


def test_what_there_is_is_said_before_anything_is_drawn(client):
    told = client.json("GET", "/api/study")
    assert (told["folder"], told["rows"], told["problem"]) == (NAME, 1, None)
    assert {run["name"] for run in told["runs"]} == {A, B}
    assert all(run["about"] for run in told["runs"])
    assert client.json("GET", "/api/about")["study"] == NAME


def test_the_report_is_the_page_that_the_command_writes(client, results):
    assert run(["report", str(results)]) == 0
    written = results / "results.html"
    assert page(client, "report") == written.read_text("utf-8")
    written.unlink()


def test_two_runs_against_each_other_are_the_page_that_the_command_writes(client, results):
    assert run(["report", str(results), "--compare", A, B]) == 0
    written = results / against(A, B)
    shown = page(client, f"compare?{QUERY}")
    assert shown == written.read_text("utf-8")
    assert "old &amp; &lt;i&gt;leaky" in shown
    assert "<i>leaky" not in shown
    written.unlink()


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        ("compare?a=valence&b=nobody", 400, "nobody"),
        ("compare?a=valence&b=valence", 400, "valence"),
        ("compare?a=valence&b=../../etc", 400, "etc"),
        ("compare?a=valence&b=%00", 400, ""),
        ("compare?a=&b=", 400, ""),
        ("compare?a=valence", 422, "query.b"),
        ("compare", 422, "query.a"),
    ],
)
def test_a_run_that_is_none_is_refused_with_what_there_is(client, path, status, word):
    found, told = problem(client, path)
    assert found == status
    assert word in told["text"]
    assert told["remedy"] or A in told["expected"]


def test_what_changes_in_the_folder_shows(client, results):
    before = page(client, "report")
    assert page(client, "report") == before
    append(results / "more.jsonl", [dataclasses.replace(BARE, metric="accuracy", value=0.7777)])
    after = page(client, "report")
    assert after != before
    assert client.json("GET", "/api/study")["rows"] == 2
    (results / "more.jsonl").unlink()
    assert page(client, "report") == before


def test_a_folder_with_nothing_in_it_says_how_to_fill_it(tmp_path):
    # No server is started for it.
    (tmp_path / "runs").mkdir()
    told = asyncio.run(StudyFolder(tmp_path / "runs").about())
    assert (told.folder, told.rows, told.runs) == ("runs", 0, [])
    assert "pulsefer train" in told.problem.remedy
    with pytest.raises(BadInput, match="expected rows of results"):
        asyncio.run(StudyFolder(tmp_path / "runs").report())


def test_nothing_leaves_the_machine_and_no_file_is_written(server, results):
    assert server.tried == ""
    assert {path.name for path in results.iterdir()} == {"rows.jsonl", A, B}
    assert "Traceback" not in server.log.read_text()
