"""Who may talk to the server, who is who, and what a browser is told it must not do.

A cookie that the first answer sets says who one is: a random number, signed, so that nobody makes
one up. What somebody sent, only they can see. Where the server can be reached from other machines
there is a secret as well: a cookie is then given to whoever knows it, and to nobody else.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pulsefer.app.web.loopback import is_loopback

COOKIE = "pulsefer-{port}"
"""Browsers keep cookies by host and not by port: two servers of one machine must not share one."""
COOKIE_S = 30 * 24 * 3600
OPEN = frozenset({"/login", "/static/page.css", "/static/login.js", "/static/icon.svg"})
"""What can be seen by whoever does not know the secret."""
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_BYTES = 4096
GUESS_S = 1.0
"""A wrong guess is answered after so long, one at a time."""
GUESSES = 5
"""So many may wait for that; more are not even looked at."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Not "no-referrer": a form would then not say where it comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Access:
    """Stands before the application, and lets through what may pass.

    Args:
        app: The application. `scope["state"]["owner"]` tells it who asks.
        secret: A token or password; None where nobody but this machine can ask.
        loopback: Whether it is addressed as this machine and in no other way: a page of somebody
            else's must not reach it under a name of its own that points here.
    """

    def __init__(self, app: ASGIApp, *, secret: str | None, loopback: bool) -> None:
        self.app, self.secret, self.loopback = app, secret, loopback
        self._key = secrets.token_bytes(32)
        self._guess, self._n_guesses = asyncio.Lock(), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is not None:
            await _answer(refused, scope, receive, send)
            return
        owner = self._owner(scope, headers)
        new = owner is None
        if new:
            # In `Authorization` it is a program that asks, and it need not know of the form.
            word = headers.get("authorization", "").partition("Bearer ")[2]
            # Headers are read as Latin-1; what is sent is UTF-8.
            word = word.encode("latin-1").decode("utf-8", "replace")
            if self.secret is not None and not (word and await self._is_secret(word)):
                await _answer(await self._without(scope, receive), scope, receive, send)
                return
            owner = secrets.token_hex(16)
        assert owner is not None
        # A link with the token in it must not stay in the bar either.
        linked = scope["path"] == "/" and b"token=" in scope.get("query_string", b"")
        if self.secret is not None and (scope["path"] == "/login" or linked):
            await _answer(RedirectResponse("/", 303), scope, receive, send)
            return
        scope.setdefault("state", {})["owner"] = owner

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = MutableHeaders(scope=message)
                _dress(told)
                if new:
                    self._give(told, owner, scope)
            await send(message)

        await self.app(scope, receive, dressed)

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        """Why nobody at all may ask that: it comes from a page that is not ours."""
        host = headers.get("host", "")
        name = _split(f"//{host}").hostname or ""
        if self.loopback and not is_loopback(name):
            return _problem(
                403, "address", "a name of this machine", f"{host[:100]!r}",
                "open http://127.0.0.1 with its port",
            )  # fmt: skip
        changes = scope["type"] == "websocket" or scope["method"] not in SAFE
        origin = headers.get("origin")
        foreign = origin is not None and _split(origin).netloc != host
        if changes and (foreign or headers.get("sec-fetch-site") in ("cross-site", "same-site")):
            return _problem(
                403, "request", "one from the server's own page", "one from another page",
                "open the server's own page",
            )  # fmt: skip
        return None

    async def _without(self, scope: Scope, receive: Receive) -> Response:
        """The answer to somebody who has not shown the secret."""
        from pulsefer.app.web.static_files import static

        path = scope["path"]
        if scope["type"] == "websocket" or path.startswith("/api/"):
            return _problem(
                401, "access", "the token or password of this server", "none, or another",
                'log in with the browser, or send the header "Authorization: Bearer TOKEN"',
            )  # fmt: skip
        if path == "/" and scope["method"] in SAFE:
            (word, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])
            if not word:
                return RedirectResponse("/login", 303)
            return await self._let_in(word, scope)
        if path == "/login" and scope["method"] == "POST":
            (word, *_) = parse_qs(await _body(receive)).get("password", [""])
            return await self._let_in(word, scope)
        if path == "/login":
            return static("login.html")
        if path in OPEN:
            return static(path.rpartition("/")[2])
        return RedirectResponse("/login", 303)

    async def _let_in(self, word: str, scope: Scope) -> Response:
        if not await self._is_secret(word):
            return RedirectResponse("/login?wrong", 303)
        answer = RedirectResponse("/", 303)
        self._give(answer.headers, secrets.token_hex(16), scope)
        return answer

    async def _is_secret(self, word: str) -> bool:
        """Whether somebody knows it; whoever guesses has to wait, together with all who guess."""
        if self._n_guesses >= GUESSES:
            return False
        if hmac.compare_digest(word.encode(), (self.secret or "").encode()):
            return True
        self._n_guesses += 1
        try:
            async with self._guess:
                await asyncio.sleep(GUESS_S)
        finally:
            self._n_guesses -= 1
        return False

    def _give(self, headers: MutableHeaders, owner: str, scope: Scope) -> None:
        # Not `Strict`: whoever follows a link to here would come without it, and be given a new
        # one in its place. What changes anything is refused to other pages in any case.
        flags = f"; Max-Age={COOKIE_S}; Path=/; HttpOnly; SameSite=Lax"
        value = f"{owner}.{self._sign(owner)}"
        flags += "; Secure" if scope["scheme"] == "https" else ""
        headers.append("Set-Cookie", f"{_cookie(scope)}={value}{flags}")

    def _owner(self, scope: Scope, headers: Headers) -> str | None:
        """Who shows a cookie of ours."""
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(_cookie(scope))
        except CookieError:
            return None
        owner, _, sign = (found.value if found else "").partition(".")
        is_ours = hmac.compare_digest(sign.encode(), self._sign(owner).encode())
        return owner if owner and is_ours else None

    def _sign(self, owner: str) -> str:
        return hmac.new(self._key, owner.encode(), hashlib.sha256).hexdigest()


def _split(address: str) -> SplitResult:
    """An address in its parts; what is none has none."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def _cookie(scope: Scope) -> str:
    return COOKIE.format(port=(scope.get("server") or ("", 0))[1])


def _dress(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", POLICY)


def _problem(status: int, where: str, expected: str, found: str, remedy: str) -> Response:
    from pulsefer.app.web.schema import Problem, Refusal
    from pulsefer.core.errors import Problem as Told

    told = Refusal(problem=Problem.of(Told(where, expected, found, remedy)))
    return JSONResponse(told.model_dump(), status)


async def _answer(answer: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    _dress(answer.headers)
    await answer(scope, receive, send)


async def _body(receive: Receive) -> str:
    """A short form; a longer one is cut."""
    content = b""
    while len(content) <= FORM_BYTES:
        message: dict[str, Any] = dict(await receive())
        content += message.get("body", b"")
        if not message.get("more_body"):
            break
    return content[:FORM_BYTES].decode("utf-8", "replace")
