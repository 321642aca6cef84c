"""What can be known of a picture file: its size, and that it is whole."""

from __future__ import annotations

from pulsefer.core.errors import BadInput
from pulsefer.datasets.members import Member, read_head, read_member
from pulsefer.media.image import decode_image, image_size


def picture_size(picture: Member, *, deep: bool) -> tuple[int, int]:
    """Width and height, pixels.

    Args:
        picture: The file.
        deep: Decode it, which proves that it is whole; else look at its header.

    Raises:
        BadInput: no picture, or a damaged one as far as was looked.
    """
    where = str(picture)
    if deep:
        height, width = decode_image(read_member(picture), where).shape[:2]
        return width, height
    try:
        return image_size(read_head(picture), where)
    except BadInput:
        # A profile or a preview may stand before the size, and WEBP is opened whole or not.
        return image_size(read_member(picture), where)
