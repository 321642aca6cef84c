"""The weights of MTCNN: found in the installed `mtcnn` distribution, checked, then read.

The distribution is a carrier of three files; its code (which wants TensorFlow) is never imported.
The files are pickles, and a pickle can run anything: not one byte is unpickled before its SHA-256
is the one written here.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import io
import os
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput

FOLDER_VARIABLE: Final = "PULSEFER_MTCNN_DIR"
"""Environment variable that names another folder with the three files; the hashes still hold."""

SHA256: Final = {
    "pnet": "ea6b0c3e685ebee3165326ad6484acc95f2ef78f1c94fbf40a55704fa989f7b5",
    "rnet": "cb00e6460f3c98b0bfafaba3c0a0ded4bdf6e62cee7174d969e8670d7e757fee",
    "onet": "94f6ea2f4cf985275ee958cdd762d17b6009348a4fb9d8c6be39ba73ffd22ca3",
}
"""SHA-256 of `<network>.lz4` as shipped in mtcnn 1.0.0 (MIT licence)."""

_REMEDY: Final = (
    f"install mtcnn 1.0.0 (pip install 'mtcnn>=1.0,<2'), or put its assets/weights/*.lz4 "
    f"into a folder and name that folder in {FOLDER_VARIABLE}"
)


def folder() -> Path:
    """Where the three files lie: the environment variable wins, else the `mtcnn` distribution.

    Raises:
        BadInput: neither is there.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    spec = importlib.util.find_spec("mtcnn")  # looks the package up, runs none of it
    if spec is None or not spec.submodule_search_locations:
        raise BadInput(
            "face detector",
            expected="the installed distribution mtcnn, which carries the weights",
            found="none",
            remedy=_REMEDY,
        )
    return Path(spec.submodule_search_locations[0]) / "assets" / "weights"


def read(network: str, where: Path) -> list[NDArray[np.float32]]:
    """Tensors of one network in the order of its layers, Keras layout.

    Args:
        network: "pnet", "rnet" or "onet".
        where: Folder of the files.

    Returns:
        Convolutions (kH, kW, in, out), dense layers (in, out), biases and slopes; the box head
        comes before the landmark head, that before the class head.

    Raises:
        BadInput: the file is absent, or its bytes are not the expected ones.
    """
    return list(_read(network, where))


@functools.cache
def _read(network: str, where: Path) -> tuple[NDArray[np.float32], ...]:
    path = where / f"{network}.lz4"
    expected = f"the weights with SHA-256 {SHA256[network]}"
    if not path.is_file():
        raise BadInput(str(path), expected=expected, found="no such file", remedy=_REMEDY)
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256[network]:
        raise BadInput(str(path), expected=expected, found=f"SHA-256 {found}", remedy=_REMEDY)
    import joblib

    # From memory: what is unpickled is what was hashed, even if the file changes meanwhile.
    return tuple(joblib.load(io.BytesIO(content)))
