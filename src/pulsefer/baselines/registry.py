"""The compared systems by the names that a user types, and how one of them is made."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from pulsefer.core.errors import BadInput
from pulsefer.core.fingerprint import canonical_json, sha256_file


class Entry(NamedTuple):
    """Where a system is.

    Attributes:
        title: Its name in tables.
        where: "module:Class"; imported when it is made.
        source: Who published it, as `reports.methods.REFERENCES` has it.
    """

    title: str
    where: str
    source: str


SYSTEMS: dict[str, Entry] = {
    "r_elm": Entry("R-ELM", "pulsefer.baselines.r_elm:RElm", "Guendil et al., 2017"),
    "mrmr_rf": Entry("mRMR + RF", "pulsefer.baselines.mrmr_rf:MrmrRf", "Ayata et al., 2020"),
    "nca_knn": Entry("NCA + k-NN", "pulsefer.baselines.nca_knn:NcaKnn", "Ferdinando et al., 2017"),
    "wmd_dtw": Entry("WMD-DTW", "pulsefer.baselines.wmd_dtw:WmdDtw", "Albraikan et al., 2019"),
    "mtl_cnn": Entry("MTL-CNN", "pulsefer.baselines.mtl_cnn:MtlCnnSystem", "Huang et al., 2019"),
    "vgg16_elm": Entry(
        "VGG-16", "pulsefer.baselines.vgg16_elm:Vgg16ElmSystem", "Siddharth et al., 2022"
    ),
    "cnn_3d": Entry("3D-CNN", "pulsefer.baselines.cnn_3d:Cnn3dSystem", "Zhu et al., 2020"),
    "ppg_cnn": Entry("CNN", "pulsefer.baselines.ppg_cnn:PpgCnn", "Lee et al., 2020"),
    "ouzar": Entry("Ouzar 2022", "pulsefer.baselines.ouzar:OuzarSystem", "Ouzar et al., 2022"),
    "mtts_can": Entry("MTTS-CAN", "pulsefer.baselines.mtts_can:MttsCanPulse", "Liu et al., 2020"),
}
"""Names to systems. Of one's own, "my_module:MySystem" is a name too."""


@dataclass(frozen=True)
class SystemConfig:
    """Which system is trained, and how it is set.

    Attributes:
        name: A key of `SYSTEMS`, or "module:Class".
        settings: By the names that its class or its configuration takes; the rest as it is there.
            A `Path` counts by the content of its file.
        n_classes: 2, or 3 for low, middle and high (`core.label.third`).
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    n_classes: int = 2

    def __post_init__(self) -> None:
        if self.n_classes not in (2, 3):
            raise ValueError(f"n_classes is 2 or 3, found {self.n_classes}")
        for taken in {"seed", "n_classes"} & set(self.settings):
            raise ValueError(f"{taken} is no setting: it is given beside them")
        canonical_json(self.settings)  # raises what has no text
        self.entry()

    def entry(self) -> Entry:
        """Where the system is.

        Raises:
            BadInput: nobody of that name.
        """
        if self.name in SYSTEMS:
            return SYSTEMS[self.name]
        module, _, class_name = self.name.partition(":")
        if not (module and class_name):
            raise BadInput(
                "system",
                expected=f"one of {', '.join(sorted(SYSTEMS))}, or module:Class",
                found=repr(self.name),
            )
        return Entry(class_name, self.name, "")

    def identity(self) -> dict[str, Any]:
        """What makes it this system and no other, wherever its files lie.

        Raises:
            BadInput: a file that is not there.
        """
        settings = {name: _content(value) for name, value in self.settings.items()}
        return {"name": self.name, "settings": settings, "n_classes": self.n_classes}

    def make(self, seed: int) -> Any:
        """A new one that has learned nothing.

        Args:
            seed: Given to it if it draws anything.

        Raises:
            BadInput: no such class, a setting that it does not have, or three classes of a system
                that knows two.
            ValueError: a value that a setting cannot have.
        """
        made_of = self._class()
        takes = inspect.signature(made_of).parameters
        of_config = _config_of(made_of)
        knobs = {one.name for one in dataclasses.fields(of_config)} if of_config else set()
        own: dict[str, Any] = {}
        inner: dict[str, Any] = {}
        for name, value in {"seed": seed, "n_classes": self.n_classes, **self.settings}.items():
            if name in takes:
                own[name] = value
            elif name in knobs:
                inner[name] = value
            elif name in self.settings:
                known = sorted((knobs | set(takes)) - {"seed", "n_classes", "config"})
                raise BadInput(
                    f"settings of {self.name}",
                    expected=f"some of {', '.join(known) or 'none'}",
                    found=name,
                )
            elif name == "n_classes" and value != 2:
                raise BadInput(self.name, expected="2 classes, it knows no other", found=str(value))
        if of_config and inner:
            own["config"] = of_config(**inner)
        return made_of(**own)

    def _class(self) -> Any:
        module, _, class_name = self.entry().where.partition(":")
        try:
            return getattr(importlib.import_module(module), class_name)
        except (ImportError, AttributeError) as error:
            raise BadInput(
                f"system {self.name}", expected=f"{class_name} in {module}", found=str(error)
            ) from error


def _config_of(made_of: Any) -> Any:
    """The dataclass that `config=` of a class takes; None if it takes none."""
    if "config" not in inspect.signature(made_of).parameters:
        return None
    hint = get_type_hints(made_of.__init__)["config"]
    return next(one for one in (hint, *get_args(hint)) if dataclasses.is_dataclass(one))


def _content(value: Any) -> Any:
    if not isinstance(value, Path):
        return value
    if not value.is_file():
        raise BadInput(str(value), expected="a file", found="none", remedy="check the path")
    return {"sha256": sha256_file(value)}
