"""Face detection by MTCNN (Zhang et al., IEEE Signal Processing Letters 2016).

Three networks in a row, each with fewer and better boxes: `pnet` slides over a pyramid of the
picture, `rnet` looks at what is left at 24x24 px, `onet` decides at 48x48 px and gives landmarks.
They compute in PyTorch or in ONNX Runtime; everything around them is NumPy.

Shape suffixes: B boxes, C channels, H height, W width.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import fingerprint
from pulsefer.faces import weights
from pulsefer.faces.boxes import strongest
from pulsefer.faces.detector import Detector, Face, check_image
from pulsefer.faces.nets import Nets

__all__ = ["Detector", "Face", "Mtcnn"]

Boxes = NDArray[np.float64]

WINDOW_PX: Final = 12
"""What `pnet` sees at once."""
STRIDE_PX: Final = 2
FINEST_PX: Final = 48
"""What `onet` sees: a picture that shows the smallest face finer than this is reduced first."""
SMALLEST_FACE_PX: Final = 24
"""Choice: no face smaller than this is looked for, however small the picture."""
PYRAMID_STEP: Final = 0.709
"""About 1 / sqrt(2): the area halves from level to level."""
SAME_FACE: Final = 0.5
"""Choice: of two proposals with a greater IoU the weaker goes. The original keeps more of
them (0.7), at twice the cost and, on real clips, without one face more."""
MOST_PROPOSALS: Final = 256
"""Choice: the best so many boxes go on, so that a picture of noise cannot take minutes."""
MOST_IN_UINT16: Final = 16
"""255 times the square of this is the largest sum that two bytes hold."""
ROUNDING_PX: Final = 1 / 64
"""Choice: results are rounded to this. The last bits of a convolution depend on the processor and
the number of threads; a crop must not."""


class Mtcnn:
    """The default detector. Holds weights and thresholds, remembers no picture.

    Choice: min_face_fraction = 0.15 of the height. Laboratory recordings show one large face, and
    the cost is driven by the smallest face that is looked for.

    Attributes:
        name: "mtcnn".
        fingerprint: Of the weights' SHA-256 and of everything else that shapes the numbers.
    """

    name = "mtcnn"

    def __init__(
        self,
        *,
        min_face_fraction: float = 0.15,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        nets: Nets | None = None,
    ) -> None:
        """Read the weights.

        Args:
            min_face_fraction: Side of the smallest face, in parts of the picture's height.
            thresholds: Lowest score that each of the three networks lets pass.
            nets: The same networks computed elsewhere (`nets.onnx_nets`); None is PyTorch. The
                fingerprint does not tell them apart: the weights are the same, and the last bits
                differ as they do between PyTorch on one processor and on another.

        Raises:
            BadInput: the weights are absent or not the expected ones.
        """
        if not 0 < min_face_fraction <= 1:
            raise ValueError(f"min_face_fraction must be in (0, 1], found {min_face_fraction}")
        if not all(0 < threshold < 1 for threshold in thresholds):
            raise ValueError(f"thresholds must be in (0, 1), found {thresholds}")
        self.min_face_fraction = min_face_fraction
        self.thresholds = thresholds
        self.fingerprint = fingerprint(
            {
                "algorithm": 1,  # to be raised when the code changes the numbers
                "weights": weights.SHA256,
                "min_face_fraction": min_face_fraction,
                "thresholds": thresholds,
            }
        )
        self._nets = nets or _torch_nets()

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        """Find the faces of one picture.

        Args:
            image: (H, W, 3) uint8, RGB.

        Returns:
            Faces, best score first; none is a fine answer.

        Raises:
            BadInput: not a (H, W, 3) uint8 picture.
        """
        check_image(image)
        min_face_px = max(SMALLEST_FACE_PX, self.min_face_fraction * image.shape[0])
        factor = max(1, round(min_face_px / FINEST_PX))
        picture = _Areas(image, factor)
        boxes = self._refine(picture, self._propose(picture, min_face_px / factor))
        return self._decide(picture, boxes, factor, np.zeros(2))

    def refine(self, image: NDArray[np.uint8], face: Face) -> Face | None:
        """Look for one face where it was a moment ago: the last network alone, five times as fast.

        Args:
            image: (H, W, 3) uint8, RGB.
            face: As found in an earlier picture.

        Returns:
            The face now; None where none is seen there.

        Raises:
            BadInput: not a (H, W, 3) uint8 picture.
        """
        check_image(image)
        square = _square(face.corners_px[None])
        factor = max(1, int(float(square[0, 2] - square[0, 0]) / (2 * FINEST_PX)))
        left, upper = (max(0, math.floor(edge) - factor) for edge in square[0, :2].tolist())
        right, lower = (math.ceil(edge) + factor for edge in square[0, 2:].tolist())
        part = image[upper : max(lower, 0), left : max(right, 0)]
        if min(part.shape[:2]) < factor:
            return None
        corner = np.array([left, upper], dtype=np.float64)
        local = (square - np.tile(corner, 2)) / factor
        faces = self._decide(_Areas(part, factor), local, factor, corner)
        return faces[0] if faces else None

    def _propose(self, picture: _Areas, min_face_px: float) -> Boxes:
        """Boxes (B, 4) from every level of the pyramid."""
        scores, boxes, shifts = [], [np.zeros((0, 4))], [np.zeros((0, 4))]
        whole = np.array([[0.0, 0.0, picture.width, picture.height]])
        scale = WINDOW_PX / min_face_px
        while min(picture.height, picture.width) * scale >= WINDOW_PX:
            rows, columns = math.ceil(picture.height * scale), math.ceil(picture.width * scale)
            answer = self._nets.pnet(picture.look(whole, rows, columns))
            row, column = np.nonzero(answer.score[0] >= self.thresholds[0])
            step = np.array([picture.width / columns, picture.height / rows], np.float32)
            corner = np.stack([column, row], axis=1).astype(np.float32) * (STRIDE_PX * step)
            scores.append(answer.score[0, row, column])
            boxes.append(np.concatenate([corner, corner + WINDOW_PX * step], axis=1))
            shifts.append(answer.shift[0][:, row, column].T.astype(np.float64))
            scale *= PYRAMID_STEP
        score = np.concatenate([np.zeros(0), *scores])
        best = np.argsort(-score, kind="stable")[:MOST_PROPOSALS]
        box, shift = np.concatenate(boxes)[best], np.concatenate(shifts)[best]
        stay = strongest(box, score[best], most=SAME_FACE)
        return _square(_shifted(box[stay], shift[stay]))

    def _refine(self, picture: _Areas, boxes: Boxes) -> Boxes:
        """The boxes that the second network believes, corrected, without doubles."""
        if not len(boxes):
            return boxes
        score, shift, _ = self._nets.rnet(picture.look(boxes, 24, 24))
        believed = score >= self.thresholds[1]
        boxes, scores, shift = boxes[believed], score[believed].astype(np.float64), shift[believed]
        stay = strongest(boxes, scores, most=SAME_FACE)
        return _square(_shifted(boxes[stay], shift[stay]))

    def _decide(
        self, picture: _Areas, boxes: Boxes, factor: int, corner: NDArray[np.float64]
    ) -> list[Face]:
        """Faces of the boxes that the third network believes, in pixels of the full picture.

        Args:
            picture: Reduced by `factor`, from `corner` of the full picture on.
            boxes: (B, 4) in pixels of `picture`.
            factor: Pixels of the full picture per pixel of `picture`.
            corner: (2,) in pixels of the full picture.
        """
        if not len(boxes):
            return []
        score, shift, points = self._nets.onet(picture.look(boxes, 48, 48))
        assert points is not None
        believed = score >= self.thresholds[2]
        boxes, scores = boxes[believed], score[believed].astype(np.float64)
        origin_B2, end_B2 = np.split(boxes, 2, axis=1)
        size_B2 = end_B2 - origin_B2
        points_B25 = points[believed].reshape(-1, 2, 5)
        landmarks = origin_B2[:, None] + size_B2[:, None] * points_B25.swapaxes(1, 2)
        corners = _shifted(boxes, shift[believed])
        faces = []
        for index in strongest(corners, scores, most=0.7, of="smaller").tolist():
            left, upper, right, lower = _rounded(corners[index] * factor + np.tile(corner, 2))
            faces.append(
                Face(
                    box_x_px=float(left),
                    box_y_px=float(upper),
                    box_w_px=float(right - left),
                    box_h_px=float(lower - upper),
                    score=float(scores[index]),
                    landmarks_px=_rounded(landmarks[index] * factor + corner),
                )
            )
        return faces


def _torch_nets() -> Nets:
    try:
        from pulsefer.faces.networks import torch_nets
    except ImportError as error:
        raise BadInput(
            "face detector",
            expected="PyTorch, or the networks that `pulsefer export` writes",
            found=str(error),
            remedy="pip install torch, or give what was exported as the model: small/model.onnx",
        ) from error
    return torch_nets()


class _Areas:
    """A picture that gives the mean of any rectangle at once, from a table of running sums."""

    def __init__(self, image: NDArray[np.uint8], factor: int) -> None:
        height, width = image.shape[0] // factor, image.shape[1] // factor
        self.height, self.width = height, width
        whole = image[: height * factor, : width * factor]
        # Whole numbers, row by row and colour by colour: a fraction of the time of one `sum`.
        kind = np.dtype("uint16" if factor <= MOST_IN_UINT16 else "uint32")
        rows = whole[::factor].astype(kind)
        for row in range(1, factor):
            rows += whole[row::factor]
        sums_CHW = np.empty((3, height, width), kind)
        for colour in range(3):
            sums_CHW[colour] = rows[:, ::factor, colour]
            for column in range(1, factor):
                sums_CHW[colour] += rows[:, column::factor, colour]
        # Sums reach 1e8 and are subtracted from each other: single precision would not do.
        self.sums_CHW = np.zeros((3, height + 1, width + 1))
        inside_CHW = self.sums_CHW[:, 1:, 1:]
        if factor & (factor - 1):
            means_CHW = sums_CHW.astype(np.float32) / factor**2
            np.cumsum(means_CHW, axis=2, dtype=np.float64, out=inside_CHW)
        else:  # the same, several times as fast: a power of two takes no bit from a whole number
            np.divide(np.cumsum(sums_CHW, axis=2, dtype=np.uint32), factor**2, out=inside_CHW)
        for upper, lower in itertools.pairwise(self.sums_CHW.swapaxes(0, 1)):
            lower += upper

    def look(self, boxes: Boxes, rows: int, columns: int) -> NDArray[np.float32]:
        """Every box as a picture of (rows, columns) area means, as the networks want it.

        Args:
            boxes: (B, 4), may reach outside the picture: black there.
            rows: Height of the result.
            columns: Width of the result.

        Returns:
            (B, 3, rows, columns) float32, (value - 127.5) / 128.
        """
        left, upper, right, lower = boxes.T[..., None]
        column, x = _between(left, right, columns, self.width)
        row, y = _between(upper, lower, rows, self.height)
        # The sum up to each corner of each cell, bilinear between the four around it.
        place = row[:, :, None] * (self.width + 1) + column[:, None, :]
        y, x = y[:, :, None], x[:, None, :]
        upper_left, upper_right, lower_left, lower_right = (
            self.sums_CHW.reshape(3, -1).take(place + step, axis=1, mode="clip")
            for step in (0, 1, self.width + 1, self.width + 2)
        )
        upper_sums = upper_left + x * (upper_right - upper_left)
        lower_sums = lower_left + x * (lower_right - lower_left)
        sums_CBHW = upper_sums + y * (lower_sums - upper_sums)
        by_row = sums_CBHW[:, :, 1:] - sums_CBHW[:, :, :-1]
        sums = by_row[..., 1:] - by_row[..., :-1]
        area = (right - left) * (lower - upper) / (rows * columns)
        # Colours last in memory: this layout makes PyTorch's convolutions of small pictures two
        # to three times as fast.
        looks_BHWC = np.empty((len(boxes), rows, columns, 3), np.float32)
        looks_BHWC.transpose(3, 0, 1, 2)[:] = (sums / area[:, :, None] - 127.5) / 128
        return looks_BHWC.transpose(0, 3, 1, 2)


def _between(
    first: Boxes, last: Boxes, n: int, n_px: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Where n + 1 even steps from first to last lie among pixels: whole part and the rest.

    Outside the picture is its border, where the running sums no longer grow.
    """
    at = np.clip(first + (last - first) * (np.arange(n + 1) / n), 0, n_px)
    whole = np.minimum(at.astype(np.intp), n_px - 1)
    return whole, at - whole


def _shifted(boxes: Boxes, shift: NDArray[np.floating]) -> Boxes:
    """Boxes with the corrections of a network, which are in parts of the box."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shift * np.tile(size, 2)


def _square(boxes: Boxes) -> Boxes:
    """Squares around the same centres, as large as the longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1, keepdims=True), 1.0) / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(values / ROUNDING_PX) * ROUNDING_PX
