"""A film is sent to `pulsefer serve`: what comes back, to whom, and what stays on the disk."""

import io
import json
import os
import signal
import sys
import time
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from served import RATE_BPM, Client, served, write_specimen

from pulsefer.app.web.access import HEADERS, POLICY
from pulsefer.inference.analyzer import Analyzer
from pulsefer.inference.sidecar import KEYS, sidecar_path
from pulsefer.inference.tables import write_table
from pulsefer.media.video import frames

TITLE = "Gespräch 1"
NAME = f"{TITLE}.mp4"
FILES = ["table.csv", "table.parquet", "about.json", "overlay.mp4"]
INJECTS = 'a"\r\nSet-Cookie: b=c; filename="d.mp4'
ON_DISK = {"ask.json", "film", "result.json", "rows.json", *FILES}
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """10 s; one person, 72 beats a minute."""
    return write_specimen(tmp_path_factory.mktemp("film") / NAME, 10, width_px=320, height_px=240)


@pytest.fixture(scope="module")
def long_film(tmp_path_factory, film):
    """The same over and over, for minutes: something to be stopped."""
    import av

    path = tmp_path_factory.mktemp("long") / "long.mp4"
    with av.open(str(film)) as one, av.open(str(path), "w") as many:
        (source,) = one.streams.video
        stream = many.add_stream_from_template(source)
        packets = [packet for packet in one.demux(source) if packet.dts is not None]
        length = sum(packet.duration for packet in packets)
        stamps = [(packet.pts, packet.dts) for packet in packets]
        for number in range(30):
            for packet, (pts, dts) in zip(packets, stamps, strict=True):
                packet.pts, packet.dts = pts + number * length, dts + number * length
                packet.stream = stream
                many.mux(packet)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("server") / "s", "--limits.running", "2") as one:
        yield one


@pytest.fixture(scope="module")
def sender(server):
    """Somebody with a cookie."""
    client = Client(server.address)
    client.ask("GET", "/")
    return client


@pytest.fixture(scope="module")
def job(sender, film):
    """The film, analysed."""
    sent = sender.send(film, name=NAME)
    assert (sent["state"], sent["name"], sent["problem"]) == ("waiting", NAME, None)
    return sender.wait(sent)


@pytest.fixture(scope="module")
def hidden(server, sender, film):
    """The same with the face hidden, and names of files that were there meanwhile."""
    sent, names = sender.send(film, blur_faces=True, name="../../here.mp4"), set()
    while True:
        names |= {path.name for path in (root(server) / sent["id"]).iterdir()}
        sent = sender.json("GET", f"/api/jobs/{sent['id']}")
        if sent["state"] == "done":
            return sent, names
        time.sleep(0.02)


def root(server):
    """The server's folder."""
    (found,) = server.temporary.glob("pulsefer-web-*")
    return found


def fetch(client, job, name, **headers):
    return client.ask("GET", f"/api/jobs/{job['id']}/{name}", headers=headers)


# What comes back


def test_the_table_is_that_of_the_library_byte_by_byte(film, sender, job, tmp_path):
    table = Analyzer(device="auto").video(film)
    for name in ("table.csv", "table.parquet"):
        write_table(table, tmp_path / name)
        assert fetch(sender, job, name)[2] == (tmp_path / name).read_bytes(), name
    sidecar = sidecar_path(tmp_path / "table.csv").read_bytes()
    assert fetch(sender, job, "about.json")[2] == sidecar


def test_the_planted_rate_is_found_and_said_in_words(job):
    told = job["summary"]
    assert abs(told["median_hr_bpm"] - RATE_BPM) < 3.0
    assert told["sentence"] == (
        f"1 face in 10 of 10 s; heart rate {told['median_hr_bpm']:.0f} bpm "
        f"(median of {told['rows_with_rate']} rows)."
    )
    assert (told["faces"], told["steps"], told["steps_with_face"]) == (1, 10, 10)
    assert (job["state"], job["position"], job["problem"], job["notes"]) == ("done", 0, None, [])
    assert job["done_s"] == job["of_s"] == 10.0
    assert job["files"] == FILES
    assert not job["synthetic"]
    assert 0 < job["expires_s"] <= 3600


def test_the_file_beside_the_table_says_what_the_film_was_called(sender, job):
    told = json.loads(fetch(sender, job, "about.json")[2])
    assert told.keys() >= KEYS
    assert told["about"]["source"] == NAME


def test_the_rows_for_the_page_are_those_of_the_table(sender, job):
    told = sender.json("GET", f"/api/jobs/{job['id']}/table")
    table = pd.read_csv(io.BytesIO(fetch(sender, job, "table.csv")[2]))
    assert told["step_s"] == 1.0
    assert told["columns"] == list(told["rows"]) == list(table.columns)
    for name, values in told["rows"].items():
        column = table[name]
        assert [value in (None, "") for value in values] == column.isna().tolist()
        if name != "hr_reason":
            there = [value for value in values if value is not None]
            np.testing.assert_allclose(there, column.dropna().to_numpy(float), rtol=1e-5)


def test_the_film_with_values_has_as_many_pictures_as_the_film(film, sender, job, tmp_path):
    path = tmp_path / "overlay.mp4"
    path.write_bytes(fetch(sender, job, "overlay.mp4")[2])
    shown = [frame.time_s for frame in frames(path)]
    np.testing.assert_allclose(shown, [frame.time_s for frame in frames(film)], atol=1e-3)


def test_a_part_of_the_film_can_be_asked_for(sender, job):
    _, headers, whole = fetch(sender, job, "overlay.mp4")
    assert (headers["Content-Type"], headers["Accept-Ranges"]) == ("video/mp4", "bytes")
    status, headers, part = fetch(sender, job, "overlay.mp4", Range="bytes=100-299")
    assert (status, headers["Content-Range"]) == (206, f"bytes 100-299/{len(whole)}")
    assert part == whole[100:300]
    assert fetch(sender, job, "overlay.mp4", Range=f"bytes={len(whole)}-")[0] == 416


def test_a_table_is_kept_under_the_name_of_the_film_and_a_film_is_opened(sender, job):
    kinds = {name: fetch(sender, job, name)[1]["Content-Disposition"] for name in FILES}
    assert kinds["table.csv"] == f"attachment; filename*=utf-8''{quote(TITLE)}.table.csv"
    assert kinds["overlay.mp4"] == f"inline; filename*=utf-8''{quote(TITLE)}.overlay.mp4"


def test_without_an_overlay_none_is_made_and_faces_can_be_hidden_only_in_one(server, film):
    """Sent in pieces, without a length: a client of the standard library is enough."""
    client = Client(server.address)
    content = film.read_bytes()
    pieces = (content[start : start + 4096] for start in range(0, len(content), 4096))
    status, _, answer = client.ask(
        "POST", f"/api/jobs?overlay=false&name={quote(INJECTS)}", pieces,
        headers={"Transfer-Encoding": "chunked"}, chunked=True,
    )  # fmt: skip
    assert status == 202
    done = client.wait(json.loads(answer))
    assert (done["files"], done["summary"]["faces"]) == (FILES[:-1], 1)
    _, headers, _ = fetch(client, done, "table.csv")
    assert "Set-Cookie" not in headers
    assert headers["Content-Disposition"].startswith("attachment; filename*=utf-8''a%22%20Set-")
    assert fetch(client, done, "overlay.mp4")[0] == 404
    refused = client.send(film, overlay=False, blur_faces=True)
    assert refused["problem"]["where"] == "blur_faces"


def test_hidden_faces_are_hidden(sender, job, hidden, tmp_path):
    told = {}
    for name, one in (("shown", job), ("hidden", hidden[0])):
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(fetch(sender, one, "overlay.mp4")[2])
        told[name] = next(frame.image for frame in frames(path) if frame.index == 100)
    table = sender.json("GET", f"/api/jobs/{job['id']}/table")["rows"]
    x, y, w, h = (round(table[f"box_{side}_px"][4]) for side in "xywh")
    face = np.s_[y + h // 3 : y + 2 * h // 3, x + w // 3 : x + 2 * w // 3]
    fine = {name: np.abs(np.diff(image[face].astype(float), axis=1)).mean()
            for name, image in told.items()}  # fmt: skip
    assert fine["hidden"] < fine["shown"] / 2


def test_only_the_server_itself_is_ever_spoken_to(server, job):
    assert job["state"] == "done"
    assert server.tried == ""


# To whom


def altered(cookie):
    owner, _, sign = cookie.partition(".")
    return f"{owner}.{'0' if sign[0] != '0' else '1'}{sign[1:]}"


@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(None, id="one of their own"),
        pytest.param(lambda _: "", id="none"),
        pytest.param(altered, id="another signature"),
        pytest.param(lambda cookie: cookie.partition(".")[0], id="no signature"),
        pytest.param(lambda cookie: "0" * 32 + "." + cookie.partition(".")[2], id="another name"),
        pytest.param(lambda cookie: f".{cookie.partition('.')[2]}", id="no name"),
        pytest.param(lambda _: '"\\303\\244.a', id="rubbish"),
    ],
)
def test_somebody_else_sees_nothing_of_it_and_cannot_delete_it(server, sender, job, forge):
    other = Client(server.address)
    other.ask("GET", "/")
    if forge is not None:
        ((name, value),) = sender.cookies.items()
        other.cookies = {name: forge(value)} if forge(value) else {}
    cookies = dict(other.cookies)
    for method, rest in [("GET", ""), ("DELETE", ""), ("GET", "/table"),
                         *(("GET", f"/{name}") for name in FILES)]:  # fmt: skip
        other.cookies = dict(cookies)  # every answer gives a new one
        status, _, content = other.ask(method, f"/api/jobs/{job['id']}{rest}")
        assert (status, json.loads(content)["problem"]["where"]) == (404, "job"), rest
    assert sender.json("GET", f"/api/jobs/{job['id']}")["state"] == "done"
    assert fetch(sender, job, "table.csv")[0] == 200


def test_an_address_that_is_none_is_refused_as_one_of_somebody_else_is(sender, job):
    for path in (f"/api/jobs/{job['id']}x", "/api/jobs/..", "/api/jobs/%2e%2e%2ffilm", "/api/x"):
        status, headers, content = sender.ask("GET", path)
        assert status == 404
        assert json.loads(content)["problem"]["remedy"]
        assert headers["Content-Security-Policy"] == POLICY
    for name in ("film", "ask.json", "result.json", "rows.json", "../film", "%2e%2e%2ftable.csv"):
        assert fetch(sender, job, name)[0] == 404, name


# On the disk


NAMES = {
    "../../../etc/passwd": "passwd",
    "..\\..\\windows\\win.ini": "win.ini",
    "a\0b.mp4": "a b.mp4",
    "two\r\nlines.mp4": "two lines.mp4",
    "\u202egpj.mp4\u200b": "gpj.mp4",
    "😀 日本.mp4": "😀 日本.mp4",
    "x" * 500: "x" * 100,
    "/": "film",
    " \t ": "film",
    "<img src=x onerror=alert(1)>.mp4": "<img src=x onerror=alert(1)>.mp4",
}
"""What somebody calls a film, and what is shown."""


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_shown_on_one_line_and_never_reaches_the_disk(server, sender, name):
    sent = sender.send(b"no film", name=name)
    assert sent["name"] == NAMES[name]
    assert [
        one for one in server.temporary.rglob("*") if not one.is_relative_to(root(server))
    ] == []
    assert sender.ask("DELETE", f"/api/jobs/{sent['id']}")[0] == 204


def test_a_name_that_is_too_long_to_be_one_is_refused(sender):
    assert sender.send(b"no film", name="x" * 501)["problem"]["where"] == "query.name"


def test_folders_have_random_names_and_hold_files_of_fixed_ones(server, hidden):
    assert {"ask.json", "film", "table.csv"} <= hidden[1]
    # What is being written has a name of its own beside the one it will have.
    assert {name for name in hidden[1] if not name.startswith((".", "overlay", "table"))} <= ON_DISK
    for folder in (root(server), *server.films):
        assert folder.stat().st_mode & 0o077 == 0 or os.name != "posix"
    assert all(len(folder.name) == 32 for folder in server.films)


def test_the_film_itself_is_deleted_as_soon_as_it_is_analysed(server, job):
    folder = root(server) / job["id"]
    assert {path.name for path in folder.iterdir()} == ON_DISK - {"film"}


# Stopped


@linux
def test_a_film_that_runs_is_stopped_and_deleted_and_the_next_one_runs(server, sender, long_film):
    job = sender.wait(sender.send(long_film), until=("running",))
    assert len(server.children()) == 1
    assert sender.ask("DELETE", f"/api/jobs/{job['id']}")[0] == 204
    assert server.children() == []
    assert not (root(server) / job["id"]).exists()
    assert sender.ask("GET", f"/api/jobs/{job['id']}")[0] == 404
    assert sender.wait(sender.send(b"no film"))["state"] == "failed"


@linux
def test_one_that_breaks_the_decoder_breaks_no_other(server, sender, film, long_film):
    bad = sender.wait(sender.send(long_film, name="bad.mp4"), until=("running",))
    (broken,) = server.children()
    good = sender.wait(sender.send(film, overlay=False), until=("running",))
    os.kill(broken, signal.SIGSEGV)
    failed = sender.wait(bad)
    assert failed["state"] == "failed"
    assert failed["problem"]["found"] == "one that broke the decoder (SIGSEGV)"
    assert failed["problem"]["text"].startswith("bad.mp4: ")
    assert "save it anew" in failed["problem"]["remedy"]
    assert sender.wait(good)["state"] == "done"
    assert server.children() == []
    assert not (root(server) / bad["id"]).exists()


def test_headers_of_safety_are_on_files_too(sender, job):
    for name in ("", "/table", *(f"/{name}" for name in FILES)):
        _, headers, _ = sender.ask("GET", f"/api/jobs/{job['id']}{name}")
        assert headers["Content-Security-Policy"] == POLICY
        assert {name: headers[name] for name in HEADERS} == HEADERS
