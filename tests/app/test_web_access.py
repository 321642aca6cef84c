"""Who may talk to `pulsefer serve`, and what a browser is told not to do."""

import asyncio
import json
import time

import pytest

pytest.importorskip("fastapi", reason="the extra [web] is not installed")

from served import Client, served
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from pulsefer.app.web import access as module
from pulsefer.app.web import server as app_module
from pulsefer.app.web.access import HEADERS, POLICY, Access
from pulsefer.app.web.limits import Limits
from pulsefer.app.web.study import StudyFolder

TOKEN = "a token with ünicode & + %"
QUOTED = "a+token+with+%C3%BCnicode+%26+%2B+%25"
PATHS = {
    "/api/about": {"get"},
    "/api/jobs": {"post"},
    "/api/jobs/{key}": {"get", "delete"},
    "/api/jobs/{key}/table": {"get"},
    "/api/jobs/{key}/{name}": {"get"},
    "/api/study": {"get"},
    "/api/study/report": {"get"},
    "/api/study/compare": {"get"},
}
"""Of the schema: everything that a program may ask for."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """For this machine alone."""
    with served(tmp_path_factory.mktemp("server") / "s") as one:
        yield one


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """It asks for a token."""
    with served(tmp_path_factory.mktemp("locked") / "s", PULSEFER_TOKEN=TOKEN) as one:
        yield one


def is_dressed(headers):
    """Whether a browser is told everything."""
    told = {name: headers[name] for name in HEADERS} == HEADERS
    return told and headers["Content-Security-Policy"] == POLICY


def problem(content):
    told = json.loads(content)["problem"]
    assert set(told) == {"where", "expected", "found", "remedy", "text"}
    return told


# One machine alone


@pytest.mark.parametrize("name", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example",
                                  "[::1", "", "192.168.1.2", "localhost@evil.example"])  # fmt: skip
def test_another_name_of_this_machine_is_not_answered_to(server, name):
    """A page elsewhere can have its own name point here; it must not read answers then."""
    port = server.address.rstrip("/").rpartition(":")[2]
    for path in ("/", "/api/about", "/static/main.js"):
        status, headers, content = Client(server.address).ask(
            "GET", path, headers={"Host": name.format(port=port)}
        )
        assert (status, problem(content)["where"]) == (403, "address")
        assert is_dressed(headers)
        assert "Set-Cookie" not in headers


@pytest.mark.parametrize("name", ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}",
                                  "LOCALHOST:{port}"])  # fmt: skip
def test_its_own_names_are_answered_to(server, name):
    port = server.address.rstrip("/").rpartition(":")[2]
    status, headers, content = Client(server.address).ask(
        "GET", "/", headers={"Host": name.format(port=port)}
    )
    assert (status, is_dressed(headers)) == (200, True)
    assert content.startswith(b"<!doctype html>")


FOREIGN = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://localhost:1"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_page_can_change_nothing(server, headers):
    for method, path in (("POST", "/api/jobs"), ("DELETE", "/api/jobs/x"), ("PUT", "/")):
        status, told, content = Client(server.address).ask(method, path, b"", headers=headers)
        assert (status, problem(content)["where"]) == (403, "request")
        assert is_dressed(told)
    with pytest.raises(InvalidStatus) as refused:
        camera(server, **headers)
    assert refused.value.response.status_code == 403
    assert server.films == []


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_page_may_lead_to_this_one(server, headers):
    assert Client(server.address).ask("GET", "/", headers=headers)[0] == 200


def camera(server, *, cookie=None, **headers):
    """A WebSocket."""
    address = server.address.partition("?")[0].replace("http", "ws", 1) + "api/camera"
    if cookie is not None:
        headers["Cookie"] = cookie
    return connect(address, additional_headers=headers, proxy=None, open_timeout=10)


def test_the_server_s_own_page_can_open_a_camera(server):
    with camera(server, Origin=server.address.rstrip("/")) as socket:
        socket.close()


def test_everybody_gets_a_cookie_that_scripts_cannot_read(server):
    port = server.address.rstrip("/").rpartition(":")[2]
    seen = set()
    for _ in range(3):
        _, headers, _ = Client(server.address).ask("GET", "/")
        name, _, rest = headers["Set-Cookie"].partition("=")
        value, *flags = rest.split("; ")
        assert name == f"pulsefer-{port}"
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} < set(flags)
        assert "Secure" not in flags  # there is no https
        seen.add(value)
    assert len(seen) == 3
    client = Client(server.address)
    client.ask("GET", "/")
    assert "Set-Cookie" not in client.ask("GET", "/api/about")[1]  # it is known already


# A token


def test_who_does_not_know_the_token_sees_the_door_and_nothing_behind_it(locked):
    ask = Client(locked.address).ask
    for path in ("/", "/index.html", "/static/main.js", "/static/index.html", "/x", "/docs"):
        status, headers, content = ask("GET", path)
        assert (status, headers["Location"], content) == (303, "/login", b""), path
        assert is_dressed(headers)
        assert "Set-Cookie" not in headers
    for path in ("/login", "/static/page.css", "/static/login.js", "/static/icon.svg"):
        status, headers, content = ask("GET", path)
        assert (status, is_dressed(headers)) == (200, True), path
        assert content
    for method, path in (("GET", "/api/about"), ("GET", "/api/openapi.json"), ("GET", "/api/x"),
                         ("POST", "/api/jobs"), ("DELETE", "/api/jobs/x")):  # fmt: skip
        status, headers, content = ask(method, path)
        assert status == 401
        assert "Bearer TOKEN" in problem(content)["remedy"]
        assert is_dressed(headers)
        assert "Set-Cookie" not in headers
    with pytest.raises(InvalidStatus) as refused:
        camera(locked)
    assert refused.value.response.status_code == 403
    assert locked.films == []


FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_the_right_password_opens_the_door_and_a_wrong_one_does_not(locked):
    client = Client(locked.address)
    status, headers, _ = client.ask("POST", "/login", b"password=something", headers=FORM)
    assert (status, headers["Location"], client.cookies) == (303, "/login?wrong", {})
    status, headers, _ = client.ask("POST", "/login", f"password={QUOTED}", headers=FORM)
    assert (status, headers["Location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=Lax"} < set(headers["Set-Cookie"].split("; "))
    assert is_dressed(headers)
    assert client.ask("GET", "/")[2].startswith(b"<!doctype html>")
    assert client.ask("GET", "/static/main.js")[0] == 200
    assert client.json("GET", "/api/about")["models"] == []
    assert client.ask("GET", "/login")[1]["Location"] == "/"
    ((name, value),) = client.cookies.items()
    with camera(locked, cookie=f"{name}={value}") as socket:
        socket.close()


def test_a_link_with_the_token_opens_it_too_and_does_not_stay_in_the_bar(locked):
    client = Client(locked.address)
    for _ in range(2):  # also for whoever is in already
        status, headers, _ = client.ask("GET", f"/?token={QUOTED}")
        assert (status, headers["Location"]) == (303, "/")
    assert client.ask("GET", "/")[0] == 200
    assert Client(locked.address).ask("GET", "/?token=x")[1]["Location"] == "/login?wrong"


@pytest.mark.parametrize("word", ["secret word", "Schlüsselwort"])
def test_a_program_sends_the_token_with_what_it_asks(word):
    """In-process: a header holds no umlauts for `http.client`."""
    app = Access(echo, secret=word, loopback=False)

    async def run():
        status, headers, content = await asked(app, "GET", "/api/about",
                                               authorization=f"Bearer {word}")  # fmt: skip
        assert (status, len(content)) == (200, 32)
        assert "set-cookie" in headers
        again = await asked(app, "GET", "/api/about",
                            cookie=headers["set-cookie"].partition(";")[0])  # fmt: skip
        assert again[2] == content
        assert "set-cookie" not in again[1]

    asyncio.run(run())


@pytest.mark.parametrize(
    "header", ["Bearer x", "Bearer ", "Basic c2VjcmV0", "secret word", "Bearer  secret word"]
)
def test_a_wrong_token_is_none(header, monkeypatch):
    monkeypatch.setattr(module, "GUESS_S", 0.01)
    app = Access(echo, secret="secret word", loopback=False)
    status, headers, _ = asyncio.run(asked(app, "GET", "/api/about", authorization=header))
    assert (status, "set-cookie" in headers) == (401, False)


def guesses(app, number):
    return [
        asyncio.create_task(asked(app, "GET", "/api/about", authorization=f"Bearer {one}"))
        for one in range(number)
    ]


def test_few_guesses_may_wait_and_nobody_waits_for_them(monkeypatch):
    monkeypatch.setattr(module, "GUESS_S", 3600.0)
    app = Access(echo, secret="secret word", loopback=False)

    async def run():
        known = (await asked(app, "GET", "/", authorization="Bearer secret word"))[1]["set-cookie"]
        asking = guesses(app, 50)
        done, waiting = await asyncio.wait(asking, timeout=0.5)
        assert (len(done), len(waiting)) == (50 - module.GUESSES, module.GUESSES)
        assert {task.result()[0] for task in done} == {401}
        # Those who are in are not held up.
        status, _, _ = await asked(app, "GET", "/api/about", cookie=known.partition(";")[0])
        assert status == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await asked(app, "GET", "/", authorization="Bearer secret word"))[0] == 200

    asyncio.run(run())


def test_guesses_wait_for_each_other(monkeypatch):
    monkeypatch.setattr(module, "GUESS_S", 0.05)
    app = Access(echo, secret="secret word", loopback=False)

    async def run():
        begin_s = time.monotonic()
        assert {answer[0] for answer in await asyncio.gather(*guesses(app, module.GUESSES))} == {
            401
        }
        return time.monotonic() - begin_s

    # However slow the machine is, it takes no less.
    assert asyncio.run(run()) >= module.GUESSES * 0.05


def test_a_form_without_end_is_not_read_to_its_end(monkeypatch):
    monkeypatch.setattr(module, "GUESS_S", 0.01)
    app, n_read = Access(echo, secret="secret word", loopback=False), 0

    async def endless():
        nonlocal n_read
        n_read += 1
        return {"type": "http.request", "body": b"x" * 1000, "more_body": True}

    status, headers, _ = asyncio.run(asked(app, "POST", "/login", receive=endless))
    assert (status, headers["location"]) == (303, "/login?wrong")
    assert n_read <= 5


def test_one_who_goes_while_the_form_is_on_its_way_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(module, "GUESS_S", 0.01)
    app = Access(echo, secret="secret word", loopback=False)

    async def gone():
        return {"type": "http.disconnect"}

    assert asyncio.run(asked(app, "POST", "/login", receive=gone))[0] == 303


@pytest.mark.parametrize("secret", [None, "secret word"])
def test_a_cookie_of_another_server_is_not_accepted(secret):
    one, other = (Access(echo, secret=secret, loopback=False) for _ in range(2))

    async def run():
        told = {"authorization": f"Bearer {secret}"}
        _, headers, owner = await asked(one, "GET", "/", **told)
        cookie = headers["set-cookie"].partition(";")[0]
        assert (await asked(one, "GET", "/", cookie=cookie))[2] == owner
        status, headers, content = await asked(other, "GET", "/", cookie=cookie)
        assert content != owner
        assert status == (303 if secret else 200)

    asyncio.run(run())


@pytest.mark.parametrize(
    "cookie", ["pulsefer-80", "pulsefer-80=", "pulsefer-80=.", "pulsefer-80=a.ü", "=;=;;",
               'pulsefer-80="\\377', "pulsefer-80=" + "x" * 5000, "a[]=1; pulsefer-80=x.y"],
)  # fmt: skip
def test_a_cookie_that_is_none_is_as_good_as_none(cookie):
    app = Access(echo, secret=None, loopback=False)
    status, headers, owner = asyncio.run(asked(app, "GET", "/", cookie=cookie))
    assert (status, len(owner), "set-cookie" in headers) == (200, 32, True)


def test_over_https_the_cookie_goes_over_https_alone():
    app = Access(echo, secret=None, loopback=False)
    _, headers, _ = asyncio.run(asked(app, "GET", "/", scheme="https"))
    assert "Secure" in headers["set-cookie"].split("; ")


async def echo(scope, _, send):
    """An application that says who asks."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["state"]["owner"].encode()})


async def asked(app, method, path, *, receive=None, scheme="http", **headers):
    """Status, headers and content of an answer."""
    sent = []

    async def nothing():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    path, _, query = path.partition("?")
    await app(
        {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "scheme": scheme, "server": ("127.0.0.1", 80),
            "client": ("127.0.0.1", 1), "http_version": "1.1", "root_path": "",
            "headers": [(b"host", b"127.0.0.1"),
                        *((k.encode(), v.encode()) for k, v in headers.items())],
        },
        receive or nothing, send,
    )  # fmt: skip
    told = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], told, b"".join(part.get("body", b"") for part in sent[1:]).decode()


# What programs read


def test_the_schema_describes_everything_that_a_program_may_ask_for(server):
    schema = Client(server.address).json("GET", "/api/openapi.json")
    assert {path: set(does) for path, does in schema["paths"].items()} == PATHS
    for does in schema["paths"].values():
        for one in does.values():
            assert one["description"]
            assert one["summary"]
            assert {"4XX", "5XX"} < set(one["responses"])
            for word in one.get("parameters", []):
                assert word["schema"]
    refusal = schema["components"]["schemas"]["Problem"]
    assert set(refusal["properties"]) == {"where", "expected", "found", "remedy", "text"}
    assert "Not for decisions about people" in schema["info"]["description"]
    assert "requestBody" in schema["paths"]["/api/jobs"]["post"]


def test_what_the_server_is_is_said_as_the_schema_has_it(server):
    client = Client(server.address)
    told = client.json("GET", "/api/about")
    schema = client.json("GET", "/api/openapi.json")["components"]["schemas"]["About"]
    assert set(told) == set(schema["properties"])
    assert (told["models"], told["study"], told["synthetic"]) == ([], None, False)
    assert told["without_model"].startswith("No network is loaded")
    assert next(iter(told["columns"])) == "time_s"
    assert told["limits"]["size_mb"] == Limits().size_mb


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/none", 404),
        ("GET", "/none", 404),
        ("GET", "/static/../serve.py", 404),
        ("GET", "/static/%2e%2e%2fserver.py", 404),
        ("GET", "/static/__init__.py", 404),
        ("GET", "/docs", 404),
        ("GET", "/login", 404),  # there is no token
        ("DELETE", "/api/about", 405),
        ("PUT", "/api/jobs/x", 405),
        ("GET", "/api/jobs/x", 404),
        ("GET", "/api/study", 404),
        ("GET", "/api/study/compare?a=x", 422),
        ("POST", "/api/jobs?overlay=perhaps", 422),
    ],
)
def test_every_refusal_has_the_same_form_and_the_same_headers(server, method, path, status):
    found, headers, content = Client(server.address).ask(method, path)
    assert (found, problem(content)["remedy"] != "") == (status, True)
    assert is_dressed(headers)
    assert headers["Content-Type"] == "application/json"


def test_a_mistake_of_the_server_has_that_form_too(monkeypatch, tmp_path):
    async def wrong(_):
        raise RuntimeError("very secret")

    monkeypatch.setattr(StudyFolder, "about", wrong)
    about = app_module.about_server(Limits(), [], tmp_path, "cpu")
    inner = app_module._application(about, Limits(), [], tmp_path, "cpu")
    told = {}

    async def kept(scope, receive, send):
        async def both(message):
            told.setdefault(message["type"], message)
            await send(message)

        with pytest.raises(RuntimeError):  # for the log
            await inner(scope, receive, both)

    status, headers, content = asyncio.run(
        asked(Access(kept, secret=None, loopback=True), "GET", "/api/study")
    )
    assert (status, problem(content)["where"]) == (500, "server")
    assert "very secret" not in content
    assert {name.lower() for name in HEADERS} < set(headers)


# The log


def test_neither_token_nor_job_nor_cookie_gets_into_the_log(server, locked):
    for one, path in ((server, "/"), (locked, f"/?token={QUOTED}")):
        client = Client(one.address)
        client.ask("GET", path)
        client.ask("POST", "/login", f"password={QUOTED}", headers=FORM)
        job = client.wait(client.send(b"no film", name="nobody reads that"))
        client.ask("GET", f"/api/jobs/{job['id']}")
        said = one.log.read_text()
        for word in (TOKEN, QUOTED, "token=", job["id"], "nobody reads that",
                     *client.cookies.values()):  # fmt: skip
            assert word not in said, word
        assert "Traceback" not in said
