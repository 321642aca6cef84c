"""What goes over the wire, as a schema that documents itself."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from pulsefer.core.errors import Problem as Told

State = Literal["waiting", "running", "done", "failed"]


class Problem(BaseModel):
    """Why something was refused or went wrong, and what to do."""

    where: str = Field(description="What it is about")
    expected: str
    found: str
    remedy: str = ""
    text: str = Field(description="All of it in one sentence")

    @classmethod
    def of(cls, told: Told) -> Problem:
        """From an error of the library."""
        return cls(
            where=told.where, expected=told.expected, found=told.found, remedy=told.remedy,
            text=str(told),
        )  # fmt: skip


class Refusal(BaseModel):
    """The answer wherever the status is 400 or more."""

    problem: Problem


class Summary(BaseModel):
    """A table in a few numbers."""

    sentence: str = Field(description="The same in words")
    rows: int
    steps: int = Field(description="Steps of the table")
    steps_with_face: int
    faces: int
    rows_seen: int = Field(description="Rows in which a face was seen")
    rows_with_rate: int = Field(description="Those of them with a heart rate")
    median_hr_bpm: float | None = Field(description="Median of `hr_bpm`, null where there is none")
    usual_reason: str = Field(description="The most frequent `hr_reason`")


class Job(BaseModel):
    """One film on its way to a table."""

    id: str
    name: str = Field(description="As it was called by who sent it; for showing only")
    state: State
    position: int = Field(description="Place in the queue, from 1; 0 once it runs")
    done_s: float = Field(description="Seconds of the film that are analysed")
    of_s: float | None = Field(description="Seconds of the film, null while nobody knows")
    problem: Problem | None = Field(description="Why it failed")
    notes: list[str] = Field(description="What was passed over in the film")
    summary: Summary | None
    files: list[str] = Field(description="What can be fetched under /api/jobs/ID/")
    synthetic: bool = Field(description="Whether a network learned from made-up faces")
    expires_s: float | None = Field(description="Seconds until it is deleted")


class Rows(BaseModel):
    """The table, column by column."""

    step_s: float = Field(description="Seconds of a row")
    columns: list[str] = Field(description="Their names in order; /api/about says what they mean")
    rows: dict[str, list[float | int | str | None]] = Field(
        description="A list for each column, of equal lengths; null is missing"
    )


class Column(BaseModel):
    """What a column means."""

    unit: str
    range: str
    meaning: str


class Model(BaseModel):
    """A network that the server uses."""

    name: str
    synthetic: bool
    facts: list[tuple[str, str]] = Field(description="(what, value): learned, from, validated, …")


class Bounds(BaseModel):
    """What is refused, and how long things are kept."""

    size_mb: float
    minutes: float
    waiting: int
    keep_minutes: float
    camera_minutes: float


class About(BaseModel):
    """What this server is and is not for."""

    pulsefer: str = Field(description="Version")
    columns: dict[str, Column]
    reasons: dict[str, str] = Field(description="Words of `hr_reason`")
    models: list[Model]
    without_model: str = Field(description="What there is where no network is loaded")
    synthetic: bool
    not_for: str
    limits: Bounds
    study: str | None = Field(description="Name of the folder of results, where there is one")
    schema_: str = Field(alias="schema", description="Where this is described")


class Run(BaseModel):
    """A finished run."""

    name: str = Field(description="To be compared by")
    about: str = Field(description="What tells it from others: rating, system, protocol, data")


class Study(BaseModel):
    """A folder of results."""

    folder: str
    rows: int
    runs: list[Run]
    problem: Problem | None


class Result(BaseModel):
    """What the process of a film leaves behind: read as foreign, for a film may have broken it."""

    summary: Summary
    notes: list[str]
    synthetic: bool
    files: list[str]


class Line(BaseModel, allow_inf_nan=False):
    """A line that such a process says; what makes no sense is none."""

    of_s: float | None = None
    done_s: float | None = None
    problem: dict[str, Any] | None = None
