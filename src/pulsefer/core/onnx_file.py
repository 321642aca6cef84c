"""A network in an ONNX file, asked through ONNX Runtime on the processor: no PyTorch is needed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pulsefer.core.errors import BadInput
from pulsefer.core.extras import needed

Shape = tuple[int | None, ...]
"""Lengths; None is any."""


class OnnxFile:
    """An opened file, which is called with its inputs by name.

    Attributes:
        metadata: What was written beside the network, text by name.
    """

    def __init__(
        self,
        path: Path,
        *,
        inputs: Mapping[str, tuple[str, Shape]],
        outputs: tuple[str, ...],
        threads: int | None = None,
    ) -> None:
        """Open it, if it is what is expected: nothing in it is asked before.

        Args:
            path: The file.
            inputs: Type ("uint8", "float") and shape by name.
            outputs: Names, in the order in which a call gives them.
            threads: Of one call; None leaves the choice to ONNX Runtime.

        Raises:
            BadInput: no such file, not ONNX, or another network; or ONNX Runtime is not installed.
        """
        onnxruntime = needed("onnxruntime", extra="export")
        onnxruntime.disable_telemetry_events()  # some builds for Windows would send
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors alone
        # Between two frames the processor is for others: threads sleep instead of going round.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        remedy = "write it again with `pulsefer export`"
        if not path.is_file():
            raise BadInput(str(path), expected="an ONNX file", found="no such file", remedy=remedy)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its own kinds have no common one below this
            said = " ".join(str(error).split())
            raise BadInput(
                str(path), expected="an ONNX file", found=said[:200], remedy=remedy
            ) from error
        found = {one.name: (one.type, one.shape) for one in self._session.get_inputs()}
        wanted = {name: (f"tensor({kind})", shape) for name, (kind, shape) in inputs.items()}
        own = [one.name for one in self._session.get_outputs()]
        if (
            found.keys() != wanted.keys()
            or not all(_fits(found[name], wanted[name]) for name in wanted)
            or not set(outputs) <= set(own)
        ):
            raise BadInput(
                str(path),
                expected=f"a network that takes {_in_words(wanted)} and gives {', '.join(outputs)}",
                found=f"one that takes {_in_words(found)} and gives {', '.join(own)}",
                remedy=remedy,
            )
        self._outputs = list(outputs)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map

    def __call__(self, **inputs: NDArray[Any]) -> list[NDArray[np.float32]]:
        """The outputs, in the order they were asked for.

        Args:
            inputs: Arrays by the names of the inputs.
        """
        given = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        answer: list[NDArray[np.float32]] = self._session.run(self._outputs, given)
        return answer


def _fits(found: tuple[str, list[Any]], wanted: tuple[str, Shape]) -> bool:
    """Same type, same number of lengths, and what must be any length is not fixed."""
    return (
        found[0] == wanted[0]
        and len(found[1]) == len(wanted[1])
        and all(
            own == length if length is not None else not isinstance(own, int)
            for own, length in zip(found[1], wanted[1], strict=True)
        )
    )


def _in_words(inputs: Mapping[str, tuple[str, Any]]) -> str:
    return ", ".join(
        f"{name} {kind} {tuple('any' if n is None else n for n in shape)}"
        for name, (kind, shape) in inputs.items()
    )
