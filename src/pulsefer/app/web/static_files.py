"""The files of the page, as they are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from starlette.exceptions import HTTPException
from starlette.responses import Response

TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FOLDER = files(__package__) / "static"
NAMES = frozenset(one.name for one in _FOLDER.iterdir() if one.name.rpartition(".")[2] in TYPES)
"""What there is. A name that is not among them never reaches the disk."""


def static(name: str) -> Response:
    """One of them.

    Raises:
        HTTPException: 404, there is none of that name.
    """
    if name not in NAMES:
        raise HTTPException(404)
    content = (_FOLDER / name).read_bytes()
    return Response(content, media_type=TYPES[name.rpartition(".")[2]])
