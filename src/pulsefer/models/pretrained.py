"""The network of a run under the two names that users of the Hugging Face hub look for.

Importing this file imports `huggingface_hub`; nothing else in the package does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, Self

import torch
from huggingface_hub import PyTorchModelHubMixin

from pulsefer.core.errors import BadInput
from pulsefer.models import checkpoint
from pulsefer.models.crnn import Crnn, CrnnConfig


class Pretrained(Crnn, PyTorchModelHubMixin, library_name="pulsefer"):
    """`Crnn` with `save_pretrained` and `from_pretrained`: the folder of `models.checkpoint`.

    The mixin's own methods fetch from the hub what is not a folder, fall back on a pickle, and
    send what is asked for. These do none of it: one format, read and written in one place.

    Args:
        config: None is the paper's network with both heads.
        card: The model card, Markdown.
        about: What else a user has to know; see `models.artefact`.
        reliability: SVG for the card to show; None where there is none.

    Example:
        >>> from pulsefer.models.pretrained import Pretrained
        >>> model = Pretrained.from_pretrained("runs/valence/model")    # doctest: +SKIP
        >>> model.about["calibration"]["temperature"]                   # doctest: +SKIP
    """

    def __init__(
        self,
        config: CrnnConfig | None = None,
        *,
        card: str = "",
        about: Mapping[str, Any] | None = None,
        reliability: bytes | None = None,
    ) -> None:
        super().__init__(config)
        self.card = card
        self.about = dict(about or {})
        self.reliability = reliability

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        map_location: str | torch.device = "cpu",
        **of_the_hub: Any,
    ) -> Self:
        """The network as it was saved, in `eval()`.

        Args:
            pretrained_model_name_or_path: Folder of a network; not a repository of the hub.
            map_location: The device it is put on.
            of_the_hub: Must be empty: there is nothing to fetch, and so no revision or token.

        Raises:
            BadInput: no such folder, or as `checkpoint.load`.
        """
        folder = Path(pretrained_model_name_or_path)
        if of_the_hub or not folder.is_dir():
            _refuse(str(folder), sorted(of_the_hub))
        loaded = checkpoint.load(folder)
        picture = folder / checkpoint.RELIABILITY
        with torch.device("meta"):  # no random number is drawn
            model = cls(
                loaded.config,
                card=_text(folder / checkpoint.CARD),
                about=checkpoint.about(folder),
                reliability=picture.read_bytes() if picture.is_file() else None,
            )
        model.load_state_dict(loaded.state_dict(), assign=True)
        return model.to(map_location).eval()

    def save_pretrained(
        self, save_directory: str | Path, *, push_to_hub: bool = False, **of_the_hub: Any
    ) -> None:
        """Write the folder whole or not at all; what stood there before is replaced.

        Args:
            save_directory: The folder.
            push_to_hub: Must be False.
            of_the_hub: Must be empty.

        Raises:
            BadInput: the folder holds something else, or sending was asked for.
        """
        if push_to_hub or of_the_hub:
            self.push_to_hub()
        checkpoint.save(
            self,
            Path(save_directory),
            card=self.card,
            about=self.about,
            reliability=self.reliability,
        )

    def push_to_hub(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refused: PulseFER sends nothing, and few licences of recordings allow it.

        Raises:
            BadInput: always.
        """
        raise BadInput(
            "push_to_hub",
            expected="nothing to be sent: this library opens no connection",
            found="a wish to send a network",
            remedy="read the licence in its card; if that allows it, save_pretrained(FOLDER) and "
            "`hf upload ORG/NAME FOLDER`",
        )


def _refuse(where: str, settings: list[str]) -> NoReturn:
    raise BadInput(
        where,
        expected="a folder on this machine, and no settings of a download: nothing is fetched here",
        found=f"the settings {', '.join(settings)}" if settings else "no such folder",
        remedy="`hf download ORG/NAME --local-dir FOLDER`, then give FOLDER",
    )


def _text(path: Path) -> str:
    try:
        return checkpoint.file_of(path).read_bytes().decode()
    except UnicodeDecodeError as error:
        raise BadInput(str(path), expected="text in UTF-8", found=str(error)) from error
