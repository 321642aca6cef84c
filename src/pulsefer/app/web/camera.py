"""A camera in a browser: pictures in, rows out, with a process of its own between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import struct
from collections import deque
from collections.abc import Sequence
from pathlib import Path

from starlette.websockets import WebSocket, WebSocketDisconnect

from pulsefer.app.web import schema
from pulsefer.app.web.jobs import child
from pulsefer.app.web.limits import Limits
from pulsefer.app.web.picture_pipe import MOST_BYTES, packed
from pulsefer.core.errors import Problem

WAITING = 2
"""Pictures that may wait for the process; older ones give way."""
TIME = struct.Struct("<d")
MOST_LINE = 64 * 2**20
"""Of what the process says at once: the table of a day is smaller."""
END_S = 30.0
"""After the last picture the process has so long to finish."""
OVER, REFUSED = 1000, 1008
"""Codes of RFC 6455: a normal end; a rule was broken."""


class Cameras:
    """All cameras of a server.

    Args:
        limits: How many, and how long.
        models: Folders of networks.
        device: Where they compute.
    """

    def __init__(self, limits: Limits, models: Sequence[Path] = (), device: str = "auto") -> None:
        self.limits, self.models, self.device = limits, tuple(models), device
        self._n_open = 0

    async def serve(self, socket: WebSocket) -> None:
        """Look at one camera until either side ends it."""
        await socket.accept()
        if self._n_open >= self.limits.cameras:
            await _refuse(
                socket,
                Problem(
                    "camera", expected=f"at most {self.limits.cameras} cameras at a time",
                    found="one more", remedy="try again in a few minutes",
                ),
            )  # fmt: skip
            return
        self._n_open += 1
        try:
            await self._relay(socket)
        finally:
            self._n_open -= 1

    async def _relay(self, socket: WebSocket) -> None:
        ask = {
            "models": [str(run.resolve()) for run in self.models], "device": self.device,
            "minutes": self.limits.camera_minutes, "memory_mb": self.limits.memory_mb,
        }  # fmt: skip
        pictures = Waiting()
        async with child(
            "pulsefer.app.web.camera_process", json.dumps(ask), most_line=MOST_LINE
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            give = asyncio.create_task(_give(pictures, process.stdin))
            tell = asyncio.create_task(_tell(process.stdout, socket, pictures))
            try:
                await _take(socket, pictures, tell)
                # It has been told to stop, or has ended by itself: it says how it went.
                async with asyncio.timeout(END_S):
                    await tell
            except (TimeoutError, WebSocketDisconnect, RuntimeError):
                pass  # nobody listens any more
            finally:
                for task in (give, tell):
                    task.cancel()
                await asyncio.gather(give, tell, return_exceptions=True)
            if not pictures.said_end:
                with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                    await _refuse(
                        socket,
                        Problem(
                            "camera", expected="pictures that can be analysed",
                            found="one that broke the decoder", remedy="load the page anew",
                        ),
                    )  # fmt: skip
                return
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await socket.close(OVER)


class Waiting:
    """Very few pictures between the browser and the process.

    Attributes:
        dropped: How many gave way.
        said_end: Whether the process has said how it ended.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.said_end = False
        self._pictures: deque[tuple[float, bytes]] = deque()
        self._ended = False
        self._changed = asyncio.Event()

    def put(self, time_s: float, content: bytes) -> None:
        """Add one; the oldest gives way where there is no room."""
        if len(self._pictures) >= WAITING:
            self._pictures.popleft()
            self.dropped += 1
        self._pictures.append((time_s, content))
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._changed.set()

    async def get(self) -> tuple[float, bytes] | None:
        """The oldest, waited for; None at the end."""
        while not self._pictures:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._pictures.popleft()


async def _take(socket: WebSocket, pictures: Waiting, tell: asyncio.Task[None]) -> None:
    """Pictures from the browser, until it stops or the process has ended."""
    while True:
        receive = asyncio.create_task(socket.receive())
        await asyncio.wait([receive, tell], return_when=asyncio.FIRST_COMPLETED)
        if not receive.done():
            receive.cancel()
            await asyncio.wait([receive])
            return
        message = receive.result()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", OVER))
        content = message.get("bytes")
        if content is None:
            pictures.end()  # any text is "stop"
            return
        if TIME.size < len(content) <= TIME.size + MOST_BYTES:
            (time_s,) = TIME.unpack_from(content)
            if math.isfinite(time_s):
                pictures.put(time_s, content[TIME.size :])


async def _give(pictures: Waiting, to: asyncio.StreamWriter) -> None:
    """Pictures to the process, as fast as it takes them."""
    with contextlib.suppress(ConnectionError):
        while (picture := await pictures.get()) is not None:
            to.write(packed(*picture))
            await to.drain()
    to.close()


async def _tell(process: asyncio.StreamReader, socket: WebSocket, pictures: Waiting) -> None:
    """What the process says, to the browser."""
    async for line in process:
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if not isinstance(told, dict):
            continue
        if told.get("kind") == "rows":
            told["seen"] = told.get("seen", 0) + pictures.dropped
            told["dropped"] = told.get("dropped", 0) + pictures.dropped
        pictures.said_end = pictures.said_end or told.get("kind") in ("end", "problem")
        await socket.send_text(json.dumps(told))


async def _refuse(socket: WebSocket, problem: Problem) -> None:
    told = schema.Problem.of(problem).model_dump()
    await socket.send_json({"kind": "problem", "problem": told})
    await socket.close(REFUSED)
