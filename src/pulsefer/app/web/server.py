"""The application: the page, and the same for programs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from pulsefer.app.web import schema
from pulsefer.app.web.access import Access
from pulsefer.app.web.camera import Cameras
from pulsefer.app.web.film_process import FILES, ROWS
from pulsefer.app.web.jobs import Full, Job, Jobs, TooLarge
from pulsefer.app.web.limits import Limits
from pulsefer.app.web.static_files import static
from pulsefer.app.web.study import StudyFolder
from pulsefer.core.errors import BadInput
from pulsefer.core.errors import Problem as Told
from pulsefer.core.version import __version__

WITHOUT_MODEL = (
    "No network is loaded: the heart rate is read from the colour of the skin, by methods that "
    "learned from nobody. Valence and arousal need a network; start with `pulsefer serve --model "
    "RUN`."
)
WHAT_IT_IS = """A film or a camera in, a table out: one row per second and face.

The same as the page does. A job belongs to who sent it: the cookie that the first answer sets is
who you are, so keep it (`curl -c jar -b jar`, `httpx.Client()`). Where the server asks for a token,
send `Authorization: Bearer TOKEN`. Every refusal says what was expected, what was found and what to
do. Live pictures go through the WebSocket `/api/camera`, which docs/web.md describes.
"""
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox"
"""Of a page made from results, which may be somebody else's."""
RETRY_S = 30

NO_JOB = Told(
    "job", "one of yours", "none of that name",
    "it may have been deleted: results are kept for a while; send the film again",
)  # fmt: skip
STATUS = {
    401: Told("access", "the token or password of this server", "none, or another", "log in"),
    404: Told("address", "one that there is", "another", "/api/openapi.json lists them"),
    405: Told("request", "a method that the address takes", "another",
              "/api/openapi.json lists them"),
}  # fmt: skip
REFUSALS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": schema.Refusal, "description": "Refused; it says why"},
    "5XX": {"model": schema.Refusal, "description": "Not now; it says why"},
}


def application(
    *,
    limits: Limits | None = None,
    models: Sequence[Path] = (),
    results: Path | None = None,
    device: str = "auto",
    secret: str | None = None,
    loopback: bool = True,
) -> Access:
    """The whole server, as an ASGI application.

    Args:
        limits: What a film may cost.
        models: Folders of networks, one per dimension.
        results: A folder of results to read.
        device: Where networks compute.
        secret: Token or password.
        loopback: Whether only this machine can ask; then only its names are answered to.

    Raises:
        BadInput: a network that cannot be used.
    """
    # In a process of its own: what looks at networks is large, and the server never needs it again.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        about = pool.submit(about_server, limits or Limits(), models, results, device).result()
    app = _application(about, limits or Limits(), models, results, device)
    return Access(app, secret=secret, loopback=loopback)


def about_server(
    limits: Limits, models: Sequence[Path], results: Path | None, device: str
) -> schema.About:
    """What it is and is not for; whatever is wrong with a network is found here.

    Raises:
        BadInput: a network that cannot be used.
    """
    from pulsefer.inference.analyzer import Analyzer
    from pulsefer.inference.columns import COLUMNS, REASONS
    from pulsefer.inference.facts import NOT_FOR, facts_of

    analyzer = Analyzer(models or None, device=device)
    told = [facts_of(run) for run in models]
    return schema.About(
        pulsefer=__version__,
        columns={
            name: schema.Column(**asdict(column))
            for name, column in COLUMNS.items()
            if name in analyzer.columns
        },
        reasons=dict(REASONS),
        models=[
            schema.Model(name=one.dimension, synthetic=one.synthetic, facts=list(one.lines))
            for one in told
        ],
        without_model="" if models else WITHOUT_MODEL,
        synthetic=analyzer.synthetic,
        not_for=NOT_FOR,
        limits=schema.Bounds(**{n: getattr(limits, n) for n in schema.Bounds.model_fields}),
        study=results.resolve().name if results else None,
        schema="/api/openapi.json",
    )


def _application(
    about: schema.About,
    limits: Limits,
    models: Sequence[Path],
    results: Path | None,
    device: str,
) -> FastAPI:
    jobs: Jobs
    cameras = Cameras(limits, models, device)
    study = StudyFolder(results) if results else None

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        nonlocal jobs
        jobs = Jobs(limits, models, device)
        tidy = asyncio.create_task(jobs.keep_tidy())
        try:
            yield
        finally:
            tidy.cancel()
            await asyncio.wait([tidy])
            await jobs.close()

    # Its own pages about the schema fetch scripts from elsewhere.
    app = FastAPI(
        title="PulseFER", version=__version__, description=f"{WHAT_IT_IS}\n{about.not_for}",
        lifespan=lifespan, responses=REFUSALS, openapi_url="/api/openapi.json", docs_url=None,
        redoc_url=None,
    )  # fmt: skip

    def job_of(request: Request, key: str) -> Job:
        try:
            return jobs.get(request.state.owner, key)
        except KeyError:
            raise _Refused(404, NO_JOB) from None

    def shown(job: Job) -> schema.Job:
        result = job.result
        return schema.Job(
            id=job.id, name=job.name, state=job.state, position=jobs.position(job),
            done_s=job.done_s, of_s=job.of_s, expires_s=jobs.expires_s(job),
            problem=schema.Problem.of(job.problem) if job.problem else None,
            notes=result.notes if result else [],
            summary=result.summary if result else None,
            files=result.files if result else [],
            synthetic=result.synthetic if result else about.synthetic,
        )  # fmt: skip

    # All of them are quick, and none may look at the jobs from another thread.

    @app.get("/", include_in_schema=False)
    async def page() -> Response:
        return static("index.html")

    @app.get("/static/{name}", include_in_schema=False)
    async def file(name: str) -> Response:
        return static(name)

    @app.get("/api/about")
    async def what_this_is() -> schema.About:
        """What the server is, what its networks learned from, and what it must not be used for."""
        return about

    @app.post("/api/jobs", status_code=202, openapi_extra=_BODY)
    async def send_a_film(
        request: Request,
        name: Annotated[str, Query(max_length=500, description="For showing only")] = "film",
        overlay: Annotated[bool, Query(description="Draw a film with boxes and values")] = True,
        blur_faces: Annotated[bool, Query(description="Hide the faces in that film")] = False,
    ) -> schema.Job:
        """Send a film: the bytes of the file are the body. Ask for the job until it is done."""
        if blur_faces and not overlay:
            raise _Refused(
                400, Told("blur_faces", "a film to hide faces in", "overlay=false",
                          "leave one of them out"),
            )  # fmt: skip
        too_large = _Refused(
            413,
            Told("film", f"at most {limits.size_mb:g} MB", "more", "cut it, or make it smaller"),
            close=True,
        )  # fmt: skip
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limits.size_bytes:
            raise too_large
        try:
            job = await jobs.receive(
                request.state.owner, name, request.stream(), overlay=overlay, blur_faces=blur_faces
            )
        except TooLarge:
            raise too_large from None
        except Full:
            raise _Refused(
                503, Told("queue", f"fewer than {limits.waiting} films waiting", "a full queue",
                          "try again in a minute"),
                close=True,
            ) from None  # fmt: skip
        except TimeoutError:
            raise _Refused(
                408, Told("film", "the next bytes within half a minute", "none", "send it again"),
                close=True,
            ) from None  # fmt: skip
        return shown(job)

    @app.get("/api/jobs/{key}")
    async def ask_for_a_job(request: Request, key: str) -> schema.Job:
        """How far it is, and what came of it."""
        return shown(job_of(request, key))

    @app.delete("/api/jobs/{key}", status_code=204)
    async def cancel_or_delete(request: Request, key: str) -> None:
        """Stop it if it runs, and delete everything of it."""
        await jobs.remove(job_of(request, key))

    @app.get("/api/jobs/{key}/table", response_model=schema.Rows)
    async def table(request: Request, key: str) -> Response:
        """The table, column by column."""
        return _fetch(job_of(request, key), ROWS, "application/json")

    @app.get("/api/jobs/{key}/{name}", response_class=FileResponse, responses=_FETCHED)
    async def fetch(request: Request, key: str, name: str) -> Response:
        """table.csv, table.parquet, about.json (how it was made), overlay.mp4."""
        job = job_of(request, key)
        if name not in FILES or job.result is None or name not in job.result.files:
            raise HTTPException(404)
        return _fetch(job, name, FILES[name])

    @app.get("/api/study")
    async def what_results_there_are() -> schema.Study:
        """The folder of results that the server was started with."""
        return await _of(study).about()

    @app.get("/api/study/report", response_class=HTMLResponse)
    async def report_of_results() -> Response:
        """What was found, as a page."""
        return HTMLResponse(await _of(study).report(), headers=_FRAMED)

    @app.get("/api/study/compare", response_class=HTMLResponse)
    async def compare_two_runs(a: str, b: str) -> Response:
        """One run against another, as a page."""
        return HTMLResponse(await _of(study).compare(a, b), headers=_FRAMED)

    @app.websocket("/api/camera")
    async def camera(socket: WebSocket) -> None:
        await cameras.serve(socket)

    _tell_refusals(app)
    return app


_FRAMED = {"Content-Security-Policy": REPORT_POLICY}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The bytes of a file that FFmpeg reads; what it is, is told by its content",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_FETCHED: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {kind: {} for kind in FILES.values()}}
}


class _Refused(Exception):
    """An answer with a reason.

    Args:
        status: Of HTTP.
        told: The reason.
        close: Whether the connection ends: what is still on its way is not wanted.
    """

    def __init__(self, status: int, told: Told, *, close: bool = False) -> None:
        super().__init__(str(told))
        self.status, self.told, self.close = status, told, close


def _fetch(job: Job, name: str, kind: str) -> Response:
    path = job.folder / name
    if job.state != "done" or not path.is_file():
        raise _Refused(
            409, Told("job", "one that is done", job.state, "ask for the job until it is done")
        )
    # A browser opens a film, and keeps a table.
    shown = kind in ("video/mp4", "application/json")
    stem = job.name.rpartition(".")[0] or job.name
    return FileResponse(
        path, media_type=kind, filename=f"{stem}.{name}",
        content_disposition_type="inline" if shown else "attachment",
    )  # fmt: skip


def _of(study: StudyFolder | None) -> StudyFolder:
    if study is None:
        raise _Refused(
            404, Told("study", "a folder of results", "none", "pulsefer serve --results FOLDER")
        )
    return study


def _tell_refusals(app: FastAPI) -> None:
    """Whatever is refused, the reason has the same form."""

    def answer(status: int, told: Told, headers: dict[str, str] | None = None) -> JSONResponse:
        body = schema.Refusal(problem=schema.Problem.of(told)).model_dump()
        return JSONResponse(body, status, headers=headers)

    @app.exception_handler(_Refused)
    def refused(_: Request, error: _Refused) -> Response:
        headers = {"Connection": "close"} if error.close else {}
        if error.status == 503:
            headers["Retry-After"] = str(RETRY_S)
        return answer(error.status, error.told, headers)

    @app.exception_handler(BadInput)
    def bad(_: Request, error: BadInput) -> Response:
        return answer(400, error.problem)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        where = ".".join(str(word) for word in first["loc"])
        return answer(422, Told(where, "what the schema says", first["msg"],
                                "see /api/openapi.json"))  # fmt: skip

    @app.exception_handler(HTTPException)
    def no_such(_: Request, error: HTTPException) -> Response:
        told = STATUS.get(error.status_code, Told("request", "another", str(error.detail)))
        return answer(error.status_code, told)

    @app.exception_handler(Exception)
    def broken(_: Request, __: Exception) -> Response:
        # It is raised anew after the answer, and so gets into the log.
        return answer(500, Told("server", "an answer", "a mistake of its own",
                                "what it was stands where the server was started"))  # fmt: skip

    @app.exception_handler(ClientDisconnect)
    def gone(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=499)  # nobody reads it
