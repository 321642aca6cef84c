"""`pulsefer serve`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
import ssl
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from pulsefer.app.console import OK, say
from pulsefer.app.web.limits import Limits
from pulsefer.app.web.loopback import is_loopback
from pulsefer.core.errors import BadInput
from pulsefer.core.extras import needed

TOKEN = "PULSEFER_TOKEN"
"""The environment's variable: what stands on a command line, everybody on the machine can read."""
SHORTEST = 8
MESSAGE_BYTES = 1_000_100
"""Of one message of a camera: its picture and its time."""
CLIENTS = 200
PLAIN = (
    "without https the token and films can be read on their way, and browsers on other computers "
    "do not open their camera: --certificate FILE --key FILE"
)


def serve(
    *,
    model: Annotated[list[Path] | None, Parameter(negative=())] = None,
    results: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8420,
    certificate: Path | None = None,
    key: Path | None = None,
    open: Annotated[bool, Parameter(negative=())] = False,
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto",
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> int:
    """A page in your browser: a film or your camera in, heart rate, plots and a table out.

    Nothing leaves this computer. Films are deleted as soon as they are analysed, results after an
    hour. The same for programs, with its schema under /api/openapi.json.

    * On this computer: `pulsefer serve`, then open the address that it prints

    * With valence: `pulsefer serve --model RUN`

    * With the report of your experiments: `pulsefer serve --results runs`

    * For others in your network: `PULSEFER_TOKEN=... pulsefer serve --host 0.0.0.0 --certificate
      FILE --key FILE`. Whoever comes has to know the token; without one in the environment, one is
      made and printed. Browsers open a camera only over https, or on the computer itself

    Args:
        model: Folder of a run that `pulsefer train` made, or what `pulsefer export` made of it; may
            be given once per dimension.
        results: Folder of runs and rows, to be read and compared on the page.
        host: Address to listen at. Any but this computer's own asks for a token.
        port: Its port; 0 takes a free one.
        certificate: For https, PEM.
        key: Its key, PEM.
        open: Open the page in the browser of this computer.
        device: Where the networks compute.
        limits: What a film may cost.
    """
    uvicorn = needed("uvicorn", extra="web")
    needed("fastapi", extra="web")
    needed("websockets", extra="web")
    if (certificate is None) != (key is None):
        raise BadInput(
            "--certificate", expected="a certificate and its key", found="one of them",
            remedy="--certificate FILE --key FILE",
        )  # fmt: skip
    if certificate is not None and key is not None:
        _check_certificate(certificate, key)
    if results is not None and not results.is_dir():
        raise BadInput(
            str(results), expected="a folder of results", found="none",
            remedy="`pulsefer train STORE --out RUNS/NAME` makes one, `pulsefer demo` too",
        )  # fmt: skip
    from pulsefer.app.web.server import application

    local = is_loopback(host)
    secret = _secret(local=local)
    with _listen(host, port) as listening:
        say("starting …")
        app = application(
            limits=limits, models=model or [], results=results, device=device, secret=secret,
            loopback=local,
        )  # fmt: skip
        address = _address(listening, host, secure=certificate is not None)
        _tell(address, secret, local=local, secure=certificate is not None)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, ws="websockets-sansio",
            ws_max_size=MESSAGE_BYTES, ws_per_message_deflate=False, limit_concurrency=CLIENTS,
            timeout_graceful_shutdown=3, ssl_certfile=certificate, ssl_keyfile=key,
        )  # fmt: skip
        logging.getLogger("uvicorn.error").addFilter(_is_mistake)
        if open:
            import webbrowser

            webbrowser.open(address)
        # Ctrl-C is the way to end it: by the time this is raised it has ended well.
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])
    say("stopped; films and results are deleted")
    return OK


def _check_certificate(certificate: Path, key: Path) -> None:
    """Refuse what no server can be made of: before the address is told, not after it.

    Raises:
        BadInput: no such files, or they do not belong together.
    """
    remedy = "whoever looks after your network gives you both"
    for file in (certificate, key):
        if not file.is_file():
            raise BadInput(
                str(file), expected="a PEM file", found="no such file", remedy=remedy
            )  # fmt: skip
    try:
        # No password: nobody may be there to be asked for it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: "")
    except ssl.SSLError as error:
        raise BadInput(
            str(certificate), expected=f"a certificate in PEM, and in {key} its key, not locked",
            found=error.reason or str(error), remedy=remedy,
        ) from error  # fmt: skip


def _is_mistake(told: logging.LogRecord) -> bool:
    """Whether it belongs into the log: whoever is still sending at the end is cut off, no more."""
    return not (told.exc_info and isinstance(told.exc_info[1], asyncio.CancelledError))


def _secret(*, local: bool) -> str | None:
    """The token to ask for: the environment's, else a new one, else none on this machine alone."""
    given = os.environ.get(TOKEN)
    if given is None:
        return None if local else secrets.token_urlsafe(24)
    if len(given) < SHORTEST:
        raise BadInput(
            TOKEN, expected=f"at least {SHORTEST} letters", found=f"{len(given)}",
            remedy="unset it to have one made",
        )  # fmt: skip
    return given


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        BadInput: the address is not ours, or taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":
        # On Windows that would share the port with whoever has it.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # Who is told the address may come at once.
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        raise BadInput(
            f"{host}:{port}", expected="an address of this computer and a free port",
            found=getattr(error, "strerror", None) or str(error),
            remedy="stop what uses it, or take another: --port 0 finds a free one",
        ) from error  # fmt: skip
    return listening


def _address(listening: socket.socket, host: str, *, secure: bool) -> str:
    name = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(host, host)
    name = f"[{name}]" if ":" in name else name
    return f"http{'s' if secure else ''}://{name}:{listening.getsockname()[1]}/"


def _tell(address: str, secret: str | None, *, local: bool, secure: bool) -> None:
    made = secret is not None and TOKEN not in os.environ
    say(f"open [bold]{address}{f'?token={secret}' if made else ''}[/bold]", wrap=False)
    if secret is not None:
        say("whoever comes has to know the token" + ("" if made else f" of {TOKEN}"))
    if not local and not secure:
        say(f"[yellow]{PLAIN}[/yellow]")
    say("Ctrl-C ends it")
