"""`pulsefer serve` as a command: what it is told, what it says, and how it ends."""

import http.client
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time

import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from served import served

from pulsefer.app.cli import run
from pulsefer.app.web.loopback import is_loopback


@pytest.fixture(autouse=True)
def a_wide_screen(monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("PULSEFER_TOKEN", raising=False)


@pytest.fixture(scope="module")
def https(tmp_path_factory):
    """A certificate for this machine that it made itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("the program openssl is not there")
    folder = tmp_path_factory.mktemp("https")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", certificate, "-keyout", key],
        check=True, capture_output=True,
    )  # fmt: skip
    return certificate, key


def refused(capsys, *words):
    """What is said where nothing can be done; nothing listens then."""
    words = [*map(str, words), *(() if "--port" in words else ("--port", "0"))]
    assert run(["serve", *words]) == 2
    out, said = capsys.readouterr()
    assert out == ""
    assert "open http" not in said
    return " ".join(said.split())


# What is refused


def test_a_port_that_is_taken_is_named_with_a_way_out(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = refused(capsys, "--port", port)
    assert f"127.0.0.1:{port}" in said
    assert "Address already in use" in said
    assert "--port 0 finds a free one" in said


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--port", 99999], "port must be 0-65535"),
        (["--host", "192.0.2.1"], "192.0.2.1:0: expected an address of this computer"),
        (["--results", "nowhere"], "nowhere: expected a folder of results, found none; `pulsefer"),
        (["--model", "nowhere"], "nowhere: expected the folder of a run"),
        (["--certificate", "nowhere.pem"], "found one of them; --certificate FILE --key FILE"),
        (["--key", "nowhere.pem"], "found one of them"),
        (["--certificate", "nowhere.pem", "--key", "no.pem"], "nowhere.pem: expected a PEM file"),
        (["--device", "tpu"], "tpu"),
        (["--limits.minutes", 0], "minutes must be above 0 and finite, found 0"),
        (["--limits.size-mb", -1], "size_mb must be above 0"),
        (["--limits.memory-mb", 0], "memory_mb must be above 0"),
        (["--limits.camera-minutes", "nan"], "camera_minutes must be above 0"),
        (["--limits.kept", "many"], "many"),
        (["--limits.none", 1], "none"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_what_to_do(capsys, words, found):
    assert found in refused(capsys, *words)


@pytest.mark.parametrize("limit", ["running", "waiting", "kept", "cameras", "keep-minutes",
                                   "work-per-s"])  # fmt: skip
def test_every_bound_is_a_flag_and_none_of_them_may_be_nothing(capsys, limit):
    said = refused(capsys, f"--limits.{limit}", 0)
    assert f"{limit.replace('-', '_')} must be above 0" in said


def test_a_file_that_is_no_certificate_is_refused_before_the_address_is_told(capsys, tmp_path):
    (tmp_path / "a.pem").write_text("no certificate")
    said = refused(capsys, "--certificate", tmp_path / "a.pem", "--key", tmp_path / "a.pem")
    assert "expected a certificate in PEM, and in" in said


def test_a_key_that_is_locked_or_another_s_is_refused_and_nobody_is_asked(capsys, https, tmp_path):
    certificate, key = https
    for words in (["pkcs8", "-topk8", "-in", key, "-passout", "pass:secret"],
                  ["genpkey", "-algorithm", "RSA"]):  # fmt: skip
        other = tmp_path / "key.pem"
        subprocess.run(["openssl", *words, "-out", other], check=True, capture_output=True)
        said = refused(capsys, "--certificate", certificate, "--key", other)
        assert "its key, not locked" in said


@pytest.mark.parametrize("token", ["", "1234567"])
def test_a_token_that_can_be_guessed_is_refused(capsys, monkeypatch, token):
    monkeypatch.setenv("PULSEFER_TOKEN", token)
    said = refused(capsys)
    assert f"PULSEFER_TOKEN: expected at least 8 letters, found {len(token)}" in said
    assert "1234567" not in said


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "websockets"])
def test_without_the_extra_it_says_how_to_get_it(missing):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from pulsefer.app.cli import run; sys.exit(run(['serve', '--port', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True,
                          timeout=60, check=False)  # fmt: skip
    assert done.returncode == 2
    assert "pip install 'pulsefer[web]'" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


# What is said


def test_the_help_teaches_and_needs_nothing_installed(capsys):
    assert run(["serve", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in ("pulsefer serve --model RUN", "pulsefer serve --results runs",
                  "PULSEFER_TOKEN=... pulsefer serve --host 0.0.0.0", "only over https",
                  "Films are deleted as soon as they are analysed", "--limits.size-mb",
                  "[default: 8420]"):  # fmt: skip
        assert words in said


def test_for_others_a_token_is_made_and_said_once_and_https_is_urged(tmp_path):
    # Under this name only this machine can come, and yet it counts as one for others.
    with served(tmp_path / "s", "--host", "0.0.0.0") as one:
        said = one.log.read_text()
        (token,) = re.findall(r"\?token=(\S+)", said)
        assert (said.count(token), len(token)) == (1, 32)
        assert "whoever comes has to know the token" in said
        assert "--certificate FILE --key FILE" in " ".join(said.split())
        port = re.search(r":(\d+)/", said).group(1)
        headers = {"Authorization": f"Bearer {token}", "Host": "any.name"}
        assert get(port, "/api/about")[0] == 401
        assert get(port, "/api/about", **headers)[0] == 200
        assert get(port, "/")[1]["Location"] == "/login"


def get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_computer_alone_is_asked_for_no_token(host):
    assert is_loopback(host)


# How it ends


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
def test_over_https_it_is_the_same_and_ctrl_c_or_a_kill_leaves_nothing(https, tmp_path):
    certificate, key = https
    words = ["--certificate", certificate, "--key", key, "--host", "127.0.0.1"]
    with served(tmp_path / "s", *words, PULSEFER_TOKEN="long enough") as one:
        assert one.address.startswith("https://127.0.0.1:")
        assert "long enough" not in one.log.read_text()
        trust = ssl.create_default_context(cafile=certificate)
        connection = http.client.HTTPSConnection(one.address[8:-1], timeout=10, context=trust)
        connection.request("GET", "/api/about", headers={"Authorization": "Bearer long enough"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200
        assert "Secure" in answer.headers["Set-Cookie"].split("; ")
        # The connection is kept open: it holds nothing up.
        one.process.send_signal(signal.SIGTERM)
        assert one.process.wait(20) in (0, -signal.SIGTERM)
        connection.close()
        assert list(one.temporary.iterdir()) == []
    assert "Traceback" not in one.log.read_text()


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGINT to send")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_is_a_good_end_also_in_the_middle_of_a_film(tmp_path, times):
    with served(tmp_path / "s") as one:
        port = int(one.address[:-1].rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(
                b"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nx"
            )
            while not one.films:
                time.sleep(0.02)
            for _ in range(times):
                one.process.send_signal(signal.SIGINT)
                time.sleep(0.3)
            assert one.process.wait(20) == 0
        assert list(one.temporary.iterdir()) == []
    said = one.log.read_text()
    assert said.splitlines()[-1] == "stopped; films and results are deleted"
    # Who does not wait for a good end is told where it was.
    assert "Traceback" not in said or times > 1
