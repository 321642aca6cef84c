"""Single pictures: the faces in each, and with a network of pictures their valence and arousal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput, OnProblem
from pulsefer.faces.crop import crop, crop_frame
from pulsefer.faces.detector import Detector, Face
from pulsefer.faces.follow import FollowConfig
from pulsefer.media.image import decode_image
from pulsefer.models.description import CONFIG

if TYPE_CHECKING:
    from pulsefer.models.frame_affect import FrameAffect

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
LARGEST_BYTES: Final = 256 * 2**20
DIMENSIONS: Final = ("valence", "arousal")
"""Order of a network's outputs (`models.frame_affect`)."""
COLUMNS: Final = (
    "picture", "face_id", "face_score", "box_x_px", "box_y_px", "box_w_px", "box_h_px",
)  # fmt: skip
ENDINGS: Final = {"regression": "_score", "binary": "_prob"}
"""By what a network of pictures learned: values from -1 to 1, or whether they are above 0."""


class Pictures:
    """Looks at pictures one by one.

    Attributes:
        columns: Of the rows.
        about: Of its network, for the table's metadata; empty without one.
    """

    def __init__(
        self, follow: FollowConfig, detector: Detector, run: Path | None, device: str
    ) -> None:
        """Load the network, if there is one.

        Args:
            follow: How faces are found and cut in films; the least score and the crop count here.
            detector: Finds faces.
            run: Of `pretrain`, or its network's folder; None finds faces alone.
            device: "auto", "cpu", "cuda", "mps".

        Raises:
            BadInput: no network of pictures there.
        """
        self.follow = follow
        self.detector = detector
        self.model: FrameAffect | None = None
        self.about: list[dict[str, Any]] = []
        self._target = "regression"
        self._learned = self._load(run, device) if run is not None else ()
        ending = ENDINGS[self._target]
        self.columns: tuple[str, ...] = COLUMNS + tuple(n + ending for n in self._learned)

    def _load(self, run: Path, device: str) -> tuple[str, ...]:
        """Load it; what it learned."""
        from pulsefer.core.fingerprint import sha256_file
        from pulsefer.inference.predictor import model_folder, place_of
        from pulsefer.models import checkpoint

        folder = model_folder(run)
        self.model = checkpoint.load_frame_affect(folder).to(place_of(device))
        told = checkpoint.about(folder)
        learned_by: Any = told.get("pretrain")
        labels: Any = told.get("labels")
        if not isinstance(learned_by, dict) or not isinstance(labels, dict):
            raise BadInput(
                str(folder / CONFIG),
                expected='"about.pretrain" and "about.labels": how it learned, and what',
                found="neither or one of them",
                remedy="give a run that this version of `pulsefer pretrain` made",
            )
        if learned_by.get("target") not in ENDINGS or not labels.keys() <= set(DIMENSIONS):
            raise BadInput(
                str(folder / CONFIG),
                expected=f"a target of {' or '.join(ENDINGS)}, of {' and '.join(DIMENSIONS)}",
                found=f"{learned_by.get('target')!r}, of {', '.join(map(str, labels))}",
            )
        self._target = str(learned_by["target"])
        self.about = [
            {
                "fingerprint": told.get("fingerprint"),
                "weights_sha256": sha256_file(folder / checkpoint.WEIGHTS),
                "trained_on": told.get("datasets"),
                "data_kind": told.get("data_kind", "synthetic"),
                "target": self._target,
            }
        ]
        return tuple(name for name in DIMENSIONS if name in labels)

    def rows(
        self, folder: Path, *, on_problem: OnProblem, advance: Callable[[float], None] | None
    ) -> Iterator[dict[str, Any]]:
        """A row per picture and face; see `Analyzer.images`."""
        for path in pictures_in(folder):
            try:
                image = _read(path)
            except BadInput as error:
                on_problem(error.problem)
            else:
                yield from self._faces(path.name, image)
            if advance:
                advance(1)

    def _faces(self, name: str, image: NDArray[np.uint8]) -> Iterator[dict[str, Any]]:
        found = [
            (face, picture)
            for face in self.detector.detect(image)
            if face.score >= self.follow.start_score
            and (picture := self._picture(image, face)) is not None
        ][: self.follow.max_faces]
        if not found:
            yield {"picture": name}
            return
        # The larger first, as in a film.
        found.sort(key=lambda one: -one[0].area_px2)
        affect = self._affect([picture for _, picture in found])
        for number, (face, _) in enumerate(found):
            row = {
                "picture": name,
                "face_id": number,
                "face_score": face.score,
                "box_x_px": face.box_x_px,
                "box_y_px": face.box_y_px,
                "box_w_px": face.box_w_px,
                "box_h_px": face.box_h_px,
            }
            yield row | (affect[number] if affect else {})

    def _picture(self, image: NDArray[np.uint8], face: Face) -> NDArray[np.uint8] | None:
        try:
            pose = crop_frame(face.landmarks_px, self.follow.crop)
            return crop(image, pose, self.follow.crop.size_px)
        except BadInput:  # landmarks that cannot be a face's
            return None

    def _affect(self, pictures: list[NDArray[np.uint8]]) -> list[dict[str, float]]:
        """What the network says of each face, by the column."""
        if self.model is None:
            return []
        import torch

        from pulsefer.models.pixels import to_float

        device = next(self.model.parameters()).device
        with torch.inference_mode():
            bytes_BHWC = torch.from_numpy(np.stack(pictures)).to(device)
            share = torch.sigmoid(self.model(to_float(bytes_BHWC)))
        value = share if self._target == "binary" else 2 * share - 1
        ending = ENDINGS[self._target]
        return [
            {f"{name}{ending}": one[DIMENSIONS.index(name)] for name in self._learned}
            for one in value.tolist()
        ]


def pictures_in(folder: Path) -> list[Path]:
    """Pictures of a folder in the order of their names, or the one that was given.

    Raises:
        BadInput: none there.
    """
    if folder.is_file():
        return [folder]
    found = sorted(
        path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not found:
        raise BadInput(
            str(folder),
            expected=f"a folder with pictures ({', '.join(SUFFIXES)})",
            found="none there" if folder.is_dir() else "no such folder",
            remedy="give the folder itself; those inside it are not searched",
        )
    return found


def _read(path: Path) -> NDArray[np.uint8]:
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise BadInput(
            str(path), expected=f"at most {LARGEST_BYTES} bytes", found=f"{size}",
            remedy="save it smaller",
        )  # fmt: skip
    return decode_image(path.read_bytes(), str(path))
