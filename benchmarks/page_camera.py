"""How often the page's camera gives a heart rate, and how often that is right.

    python -m benchmarks.page_camera [--persons 6] [--seconds 30]

As `benchmarks.trusted_rate`, but every picture goes through a JPEG as a browser sends it, and is
opened as the server opens it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

from benchmarks.machine import in_words, provenance
from benchmarks.trusted_rate import count, table

WAYS: dict[str, tuple[int, int, float, int | None]] = {
    "640x480 at 30/s, JPEG 0.95": (640, 480, 30.0, None)
}

SECTION = """\
People and counting as in the section before; each picture is a JPEG of quality 0.95, as the page
sends it ([web.md](web.md)). Nothing is lost from picture to picture, as it is in a film.

{table}

{machine}"""


def run(persons: int = 6, seconds: float = 30.0) -> dict[str, Any]:
    """Film, send, analyse and count."""
    about = provenance("benchmarks.page_camera")
    return {"benchmark": "page_camera", "about": about, **count(WAYS, persons, seconds)}


def section(result: Mapping[str, Any]) -> str:
    """For the page."""
    return SECTION.format(table=table(dict(result)), machine=in_words(result["about"]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--persons", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    print(json.dumps(run(given.persons, given.seconds), indent=1))


if __name__ == "__main__":
    main()
