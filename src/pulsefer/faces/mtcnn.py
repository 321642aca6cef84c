"""Face detection by MTCNN (Zhang et al., IEEE Signal Processing Letters 2016) in plain PyTorch.

Three networks in a row, each with fewer and better boxes: `pnet` slides over a pyramid of the
picture, `rnet` looks at what is left at 24x24 px, `onet` decides at 48x48 px and gives landmarks.

Shape suffixes: B boxes, C channels, H height, W width.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pulsefer.core.fingerprint import fingerprint
from pulsefer.faces import weights
from pulsefer.faces.boxes import Share, strongest
from pulsefer.faces.detector import Detector, Face, check_image
from pulsefer.faces.networks import onet, pnet, rnet

__all__ = ["Detector", "Face", "Mtcnn"]

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
    ) -> None:
        """Read the weights.

        Args:
            min_face_fraction: Side of the smallest face, in parts of the picture's height.
            thresholds: Lowest score that each of the three networks lets pass.

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
        where: Path = weights.folder()
        self._pnet = pnet(weights.read("pnet", where))
        self._rnet = rnet(weights.read("rnet", where))
        self._onet = onet(weights.read("onet", where))

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
        min_face_px /= factor
        with torch.inference_mode():
            picture = _Areas(image, factor)
            boxes = self._refine(picture, self._propose(picture, min_face_px))
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
        square = _square(torch.from_numpy(face.corners_px)[None]).numpy()
        factor = max(1, int(float(square[0, 2] - square[0, 0]) / (2 * FINEST_PX)))
        left, upper = (max(0, math.floor(edge) - factor) for edge in square[0, :2].tolist())
        right, lower = (math.ceil(edge) + factor for edge in square[0, 2:].tolist())
        part = image[upper : max(lower, 0), left : max(right, 0)]
        if min(part.shape[:2]) < factor:
            return None
        corner = np.array([left, upper], dtype=np.float64)
        with torch.inference_mode():
            local = torch.from_numpy((square - np.tile(corner, 2)) / factor)
            faces = self._decide(_Areas(part, factor), local, factor, corner)
        return faces[0] if faces else None

    def _propose(self, picture: _Areas, min_face_px: float) -> Tensor:
        """Boxes (B, 4) from every level of the pyramid."""
        scores, boxes, shifts = [torch.zeros(0)], [torch.zeros(0, 4)], [torch.zeros(0, 4)]
        whole = torch.tensor([[0, 0, picture.width, picture.height]], dtype=torch.float64)
        scale = WINDOW_PX / min_face_px
        while min(picture.height, picture.width) * scale >= WINDOW_PX:
            rows, columns = math.ceil(picture.height * scale), math.ceil(picture.width * scale)
            score, shift, _ = self._pnet(picture.look(whole, rows, columns))
            row, column = (score[0] >= self.thresholds[0]).nonzero(as_tuple=True)
            step = torch.tensor([picture.width / columns, picture.height / rows])
            corner = torch.stack([column, row], dim=1) * (STRIDE_PX * step)
            scores.append(score[0, row, column])
            boxes.append(torch.cat([corner, corner + WINDOW_PX * step], dim=1))
            shifts.append(shift[0, :, row, column].T)
            scale *= PYRAMID_STEP
        score, box, shift = torch.cat(scores), torch.cat(boxes).double(), torch.cat(shifts)
        best = score.argsort(descending=True, stable=True)[:MOST_PROPOSALS]
        best = best[_stay(box[best], score[best], most=SAME_FACE)]
        return _square(_shifted(box[best], shift[best]))

    def _refine(self, picture: _Areas, boxes: Tensor) -> Tensor:
        """The boxes that the second network believes, corrected, without doubles."""
        score, shift, _ = self._rnet(picture.look(boxes, 24, 24))
        believed = score >= self.thresholds[1]
        boxes, scores, shift = boxes[believed], score[believed].double(), shift[believed]
        stay = _stay(boxes, scores, most=SAME_FACE)
        return _square(_shifted(boxes[stay], shift[stay]))

    def _decide(
        self, picture: _Areas, boxes: Tensor, factor: int, corner: NDArray[np.float64]
    ) -> list[Face]:
        """Faces of the boxes that the third network believes, in pixels of the full picture.

        Args:
            picture: Reduced by `factor`, from `corner` of the full picture on.
            boxes: (B, 4) in pixels of `picture`.
            factor: Pixels of the full picture per pixel of `picture`.
            corner: (2,) in pixels of the full picture.
        """
        answer = self._onet(picture.look(boxes, 48, 48))
        assert answer.points is not None
        # From here on there are few boxes, and NumPy starts its operations sooner than PyTorch.
        believed = answer.score.numpy() >= self.thresholds[2]
        scores = answer.score.numpy()[believed].astype(np.float64)
        origin_B2, end_B2 = np.split(boxes.numpy()[believed], 2, axis=1)
        size_B2 = end_B2 - origin_B2
        points_B25 = answer.points.numpy()[believed].reshape(-1, 2, 5)
        landmarks = origin_B2[:, None] + size_B2[:, None] * points_B25.swapaxes(1, 2)
        shift = answer.shift.numpy()[believed]
        corners = boxes.numpy()[believed] + shift * np.tile(size_B2, 2)
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


class _Areas:
    """A picture that gives the mean of any rectangle at once, from a table of running sums."""

    def __init__(self, image: NDArray[np.uint8], factor: int) -> None:
        self.height, self.width = image.shape[0] // factor, image.shape[1] // factor
        whole = image[: self.height * factor, : self.width * factor]
        pixels = torch.from_numpy(whole.astype(np.float32, order="C"))
        # Plain additions: several times as fast as pooling, and exact.
        rows = pixels.view(self.height, factor, self.width * factor * 3).unbind(1)
        columns = _sum(rows).view(self.height, self.width, factor, 3).unbind(2)
        picture = _sum(columns) / factor**2
        # Sums reach 1e8 and are subtracted from each other: single precision would not do.
        sums = picture.permute(2, 0, 1).double().cumsum(1).cumsum(2)
        self.sums_1CHW = nn.functional.pad(sums, (1, 0, 1, 0))[None]

    def look(self, boxes: Tensor, rows: int, columns: int) -> Tensor:
        """Every box as a picture of (rows, columns) area means, as the networks want it.

        Args:
            boxes: (B, 4) float64, may reach outside the picture: black there.
            rows: Height of the result.
            columns: Width of the result.

        Returns:
            (B, 3, rows, columns) float32, (value - 127.5) / 128.
        """
        at_y = torch.linspace(0, 1, rows + 1, dtype=torch.float64)
        at_x = torch.linspace(0, 1, columns + 1, dtype=torch.float64)
        left, upper, right, lower = boxes.T[..., None]
        x = (left + (right - left) * at_x)[:, None, :].expand(-1, rows + 1, -1)
        y = (upper + (lower - upper) * at_y)[:, :, None].expand(-1, -1, columns + 1)
        grid = torch.stack([2 * x / self.width - 1, 2 * y / self.height - 1], dim=-1)
        grid = grid.reshape(1, -1, columns + 1, 2)
        sums = nn.functional.grid_sample(
            self.sums_1CHW, grid, padding_mode="border", align_corners=True
        )
        sums_BCHW = sums[0].view(3, -1, rows + 1, columns + 1).transpose(0, 1)
        means = sums_BCHW.diff(dim=2).diff(dim=3)
        area = (right - left) * (lower - upper) / (rows * columns)
        looks: Tensor = ((means / area[:, :, None, None] - 127.5) / 128).float()
        # This layout makes convolutions of small pictures two to three times as fast.
        return looks.contiguous(memory_format=torch.channels_last)


def _stay(boxes: Tensor, scores: Tensor, *, most: float, of: Share = "union") -> Tensor:
    return torch.from_numpy(strongest(boxes.numpy(), scores.numpy(), most=most, of=of))


def _sum(tensors: Sequence[Tensor]) -> Tensor:
    return functools.reduce(torch.add, tensors)


def _shifted(boxes: Tensor, shift: Tensor) -> Tensor:
    """Boxes with the corrections of a network, which are in parts of the box."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shift.double() * size.repeat(1, 2)


def _square(boxes: Tensor) -> Tensor:
    """Squares around the same centres, as large as the longer side."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1, keepdim=True).clamp(min=1.0) / 2
    return torch.cat([centre - half, centre + half], dim=1)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.round(values / ROUNDING_PX) * ROUNDING_PX
