"""A session of MAHNOB-HCI: what its session.xml says, and proof that the files belong to it.

The file comes from a web service and names other files. It is read as what it is, text from
elsewhere: no entities, no external references, and no name that leads out of its folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from pulsefer.core.errors import BadInput
from pulsefer.datasets.mahnob_tree import (
    N_TRIALS,
    number_of,
    participant_of,
    section_of,
    subject_name,
)

MAX_BYTES = 1_000_000
"""Far more than a session.xml has."""
RATINGS = {
    "feltVlnc": "valence",
    "feltArsl": "arousal",
    "feltCtrl": "dominance",
    "feltPred": "predictability",
}
"""Attribute of session.xml and scale."""
_REMEDY = "take the folder as MAHNOB-HCI delivers it"


class Absent(BadInput):
    """A file of the session is not there: an incomplete download, nothing is broken."""


@dataclass(frozen=True, slots=True)
class Session:
    """What session.xml says.

    Attributes:
        folder: Its folder; all files lie in it.
        number: 2 is the first stimulus of the first participant.
        stimulus: Which clip ("53", "cats_f"), or "neutral".
        ratings: By scale, whole numbers 1-9; empty for a neutral clip.
        video_rate_hz: The camera's rate, or None.
        cut_length_s: Length of the video, or None.
        audio_rate_hz: Samples of the uncut audio recording, the clock of all devices.
        audio_begin: Where in it the video begins, samples.
        audio_end: Where in it the video ends, samples.
        colour_names: Files of the video tracks that are marked as coloured.
        physiology_names: Files of the physiological tracks.
        gaze_names: Files of the eye tracker.
    """

    folder: Path
    number: int
    stimulus: str
    ratings: Mapping[str, float]
    video_rate_hz: float | None
    cut_length_s: float | None
    audio_rate_hz: float | None
    audio_begin: float | None
    audio_end: float | None
    colour_names: tuple[str, ...]
    physiology_names: tuple[str, ...]
    gaze_names: tuple[str, ...]

    @property
    def participant(self) -> int:
        """1-30."""
        return participant_of(self.number)

    @property
    def section(self) -> int:
        """Place among the participant's sessions, 1-40."""
        return section_of(self.number)

    @property
    def is_stimulus(self) -> bool:
        """Not a neutral clip."""
        return self.section % 2 == 0

    @property
    def place(self) -> int:
        """Place among the participant's stimuli, or neutral clips, 1-20."""
        return (self.section + 1) // 2

    @property
    def subject(self) -> str:
        """For example "p01"."""
        return subject_name(self.participant)

    @property
    def trial(self) -> str:
        """For example "trial03" or "neutral03"."""
        return f"{'trial' if self.is_stimulus else 'neutral'}{self.place:02d}"


def read_session(folder: Path) -> Session | None:
    """Read session.xml; None for a session of another experiment (tagging).

    The number of the session decides whose it is and whether it is a stimulus; the attributes
    have to say the same.

    Raises:
        BadInput: no XML that can be trusted; another session's; ratings that are none.
    """
    path = folder / "session.xml"
    root = _parse(path)
    number = number_of(root.get("sessionId", ""))
    called = folder.absolute().name  # "." has none
    if number is None or number_of(called) != number:
        raise BadInput(
            str(path),
            expected=f"sessionId {called}, as the folder is called",
            found=_quoted(root.get("sessionId")),
            remedy=f"a session of another folder lies here; {_REMEDY}",
        )
    if section_of(number) > 2 * N_TRIALS:
        return None
    is_stimulus = section_of(number) % 2 == 0
    _require(path, "isStim", root.get("isStim"), "1" if is_stimulus else "0", number)
    person = root.find("subject")
    found_id = None if person is None else person.get("id")
    _require(path, "subject id", found_id, str(participant_of(number)), number)
    tracks = list(root.iter("track"))
    for name in _names(root.iter()):
        _plain_name(path, name)
    session = Session(
        folder=folder,
        number=number,
        stimulus=_stimulus(path, root) if is_stimulus else "neutral",
        ratings=_ratings(path, root) if is_stimulus else {},
        video_rate_hz=_number(root, "vidRate"),
        cut_length_s=_number(root, "cutLenSec"),
        audio_rate_hz=_number(root, "audRate"),
        audio_begin=_number(root, "audBeginSmp"),
        audio_end=_number(root, "audEndSmp"),
        colour_names=_names(
            t for t in tracks if t.get("type") == "Video" and t.get("color") == "1"
        ),
        physiology_names=_names(t for t in tracks if t.get("type") == "Physiological"),
        gaze_names=_names(a for a in root.iter("annotation") if a.get("type") == "Gaze"),
    )
    # Also the names of files that are not there: they tell whose ratings these are.
    for name in session.colour_names:
        require_section(session, name)
    _require_physiology(session, session.physiology_names)
    return session


def files_of(session: Session) -> dict[str, Path]:
    """Files in the session's own folder, by name, without those that macOS leaves behind."""
    return {
        path.name: path
        for path in sorted(session.folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    }


def find_physiology(session: Session, files: Mapping[str, Path]) -> Path:
    """The BDF of the session.

    Raises:
        Absent: there is none.
        BadInput: several, or that of another session.
    """
    names = [name for name in session.physiology_names if name in files]
    names = names or [name for name in files if name.lower().endswith(".bdf")]
    if not names:
        raise Absent(
            str(session.folder),
            expected=_physiology_name(session),
            found="no BDF file",
            remedy="download the physiological signals of this session too",
        )
    _require_physiology(session, names)
    return files[names[0]]


def require_section(session: Session, name: str) -> None:
    """Refuse a video or gaze file whose name says another participant or section.

    Raises:
        BadInput: so it does.
    """
    match = re.fullmatch(r"P(\d+)-Rec\d+-.*_Section_(\d+)\.\w+", name)
    said = (int(match[1]), int(match[2])) if match else None
    if said != (session.participant, session.section):
        raise BadInput(
            str(session.folder),
            expected=f"P{session.participant}-Rec1-..._Section_{session.section} by the session's "
            "number",
            found=name,
            remedy=f"the file of another session lies here; {_REMEDY}",
        )


def _physiology_name(session: Session) -> str:
    kind = "S" if session.is_stimulus else "N"
    return f"Part_{session.participant}_{kind}_Trial{session.place}_emotion.bdf"


def _require_physiology(session: Session, names: Sequence[str]) -> None:
    expected = _physiology_name(session)
    if set(names) - {expected}:
        raise BadInput(
            str(session.folder),
            expected=f"{expected} by the session's number",
            found=", ".join(names),
            remedy=f"the file of another session lies here; {_REMEDY}",
        )


def _parse(path: Path) -> Element:
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        n_bytes = path.stat().st_size
        text = path.read_bytes() if n_bytes <= MAX_BYTES else b""
    except OSError as error:
        raise BadInput(str(path), expected="a file that can be read", found=str(error)) from error
    if n_bytes > MAX_BYTES:
        raise BadInput(
            str(path), expected=f"at most {MAX_BYTES} bytes", found=f"{n_bytes}", remedy=_REMEDY
        )
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadInput(
            str(path),
            expected="XML without document type, entities or references",
            found=type(error).__name__,
            remedy=f"no session.xml of the data set has any; {_REMEDY}",
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise BadInput(str(path), expected="XML", found=str(error), remedy=_REMEDY) from error
    if root.tag != "session":
        raise BadInput(str(path), expected="a session", found=_quoted(root.tag), remedy=_REMEDY)
    return root


def _require(path: Path, what: str, found: str | None, expected: str, number: int) -> None:
    if found != expected:
        raise BadInput(
            str(path),
            expected=f"{what} {expected} in session {number}",
            found=_quoted(found),
            remedy=f"numbers tell who and what a session is; {_REMEDY}",
        )


def _ratings(path: Path, root: Element) -> dict[str, float]:
    texts = {scale: root.get(name) for name, scale in RATINGS.items()}
    for name, scale in RATINGS.items():
        text = texts[scale]
        is_needed = scale in ("valence", "arousal")
        if (text is None and is_needed) or (text is not None and not re.fullmatch("[1-9]", text)):
            raise BadInput(
                str(path),
                expected=f"{name}, a whole number 1-9",
                found=_quoted(text),
                remedy="without its ratings the session is left out",
            )
    return {scale: float(text) for scale, text in texts.items() if text is not None}


def _stimulus(path: Path, root: Element) -> str:
    text = root.get("mediaFile")
    if text is None or not re.fullmatch(r"\w[\w-]{0,39}\.\w{1,5}", text):
        raise BadInput(
            str(path),
            expected="mediaFile, the name of a clip such as 53.avi",
            found=_quoted(text),
            remedy=_REMEDY,
        )
    return text.rpartition(".")[0]


def _number(root: Element, name: str) -> float | None:
    """A finite number, or None: what needs it says so."""
    try:
        value = float(root.get(name, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _names(elements: Iterable[Element]) -> tuple[str, ...]:
    """File names of tracks or annotations, each once."""
    return tuple(dict.fromkeys(name for e in elements if (name := e.get("filename"))))


def _plain_name(path: Path, name: str) -> None:
    # Blanks are normal ("_C1 trigger _C_Section_2.avi").
    is_plain = not re.search(r"[/\\:\x00-\x1f]", name) and name.strip(". ") and len(name) < 256
    if not is_plain:
        raise BadInput(
            str(path),
            expected="names of files in its own folder",
            found=_quoted(name),
            remedy=f"it leads out of the folder; {_REMEDY}",
        )


def _quoted(text: str | None) -> str:
    if text is None:
        return "none"
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
