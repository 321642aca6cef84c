"""What the detector asks of its three networks, wherever they compute.

Shape suffixes: B boxes, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


class Answer(NamedTuple):
    """What a network says of each place or box.

    Attributes:
        score: Probability of a face, (B,); of the first network (B, H, W).
        shift: Four corrections of the box: left, upper, right, lower, in parts of its size;
            (B, 4) or (B, 4, H, W).
        points: (B, 10) five x, then five y, in parts of the box; only the last network gives them.
    """

    score: Floats
    shift: Floats
    points: Floats | None = None


Net = Callable[[Floats], Answer]
"""Pictures in, (B, 3, H, W) float32 with values (byte - 127.5) / 128; what it says of them out."""


class Nets(NamedTuple):
    """The three networks.

    Attributes:
        pnet: Proposes, at every place of pictures of any size.
        rnet: Refines, 24x24 px.
        onet: Decides, 48x48 px.
    """

    pnet: Net
    rnet: Net
    onet: Net
