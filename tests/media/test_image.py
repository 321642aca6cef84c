import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from pulsefer.core.errors import BadInput
from pulsefer.media.image import decode_image, encode_jpeg, encode_png, image_size
from pulsefer.media.video import MAX_PIXELS


def scene(height=24, width=32):
    """Every pixel another colour, smooth: no turn and no swapped channel goes unseen."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 7, y * 9, (x + y) * 4], axis=-1).astype(np.uint8)


def saved(picture, format="PNG", **options):
    file = io.BytesIO()
    picture.save(file, format, **options)
    return file.getvalue()


def png_of_size(width, height):
    """A small file that claims a size, with the beginning of its pixels."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def test_a_png_comes_back_bit_by_bit_and_equal_pictures_give_equal_bytes():
    image = scene()
    np.testing.assert_array_equal(decode_image(encode_png(image), "a.png"), image)
    assert encode_png(image) == encode_png(image.copy())
    assert encode_jpeg(image) == encode_jpeg(image.copy())
    turned = image[:, ::-1]  # not contiguous
    np.testing.assert_array_equal(decode_image(encode_png(turned), "a.png"), turned)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_every_format_gives_the_picture_red_first(format):
    options = {"lossless": True} if format == "WEBP" else {}
    if format == "JPEG":
        options = {"quality": 95, "subsampling": 0}
    got = decode_image(saved(Image.fromarray(scene()), format, **options), "a")
    assert got.dtype == np.uint8
    assert np.abs(got.astype(int) - scene()).max() <= (6 if format == "JPEG" else 0)


def test_a_better_quality_is_nearer():
    apart = [
        np.abs(decode_image(encode_jpeg(scene(), q), "a").astype(int) - scene()).mean()
        for q in (20, 60, 95)
    ]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_a_picture_stands_as_its_exif_says(orientation, format):
    upright = np.kron(scene(4, 6), np.ones((16, 16, 1))).astype(np.uint8)
    lying = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, 3),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(lying))
    options = {"quality": 95, "subsampling": 0} if format == "JPEG" else {}
    got = decode_image(saved(picture, format, exif=exif, **options), "a")
    assert got.shape == upright.shape
    assert np.abs(got.astype(int) - upright).mean() < 2


def test_broken_exif_leaves_the_picture_as_stored():
    content = saved(
        Image.fromarray(scene()), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\x7f"
    )
    assert decode_image(content, "a").shape == scene().shape


def test_grey_is_the_same_three_times_at_any_depth():
    grey = scene()[..., 0]
    expected = np.repeat(grey[..., None], 3, axis=2)
    for picture in (
        Image.fromarray(grey),
        Image.fromarray(grey.astype(np.uint16) * 257),
        Image.fromarray(grey).convert("LA"),
    ):
        np.testing.assert_array_equal(decode_image(saved(picture), picture.mode), expected)
    bits = Image.fromarray(((grey > 100) * 255).astype(np.uint8)).convert("1")
    assert set(np.unique(decode_image(saved(bits), "1"))) == {0, 255}


def test_a_palette_is_looked_up():
    flat = np.zeros((8, 8, 3), np.uint8)
    flat[:, :4], flat[:, 4:] = (200, 10, 30), (5, 90, 250)
    picture = Image.fromarray(flat).convert("P", palette=Image.Palette.ADAPTIVE)
    np.testing.assert_array_equal(decode_image(saved(picture), "p"), flat)


@pytest.mark.parametrize("mode", ["RGBA", "P"])
def test_what_is_transparent_is_white_and_its_hidden_colour_stays_hidden(mode):
    rgba = np.full((8, 8, 4), (200, 10, 30, 255), np.uint8)
    rgba[:, 4:] = (5, 90, 250, 0)
    picture = Image.fromarray(rgba)
    if mode == "P":
        picture = picture.quantize(4)
    got = decode_image(saved(picture), mode)
    np.testing.assert_array_equal(got[:, :4], np.full((8, 4, 3), (200, 10, 30)))
    np.testing.assert_array_equal(got[:, 4:], np.full((8, 4, 3), 255))


def test_print_colours_become_rgb():
    picture = Image.fromarray(scene()).convert("CMYK")
    got = decode_image(saved(picture, "JPEG", quality=95), "cmyk")
    assert np.abs(got.astype(int) - scene()).mean() < 3


def test_of_an_animation_the_first_picture_counts():
    first, second = Image.fromarray(scene()), Image.fromarray(255 - scene())
    content = saved(first, "WEBP", save_all=True, append_images=[second], lossless=True)
    np.testing.assert_array_equal(decode_image(content, "a"), scene())


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.9])
def test_a_cut_file_is_refused_with_its_name(format, share):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    content = saved(Image.fromarray(noise), format)
    with pytest.raises(BadInput, match="cut file"):
        decode_image(content[: int(share * len(content))], "cut file")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_damage_anywhere_gives_a_picture_or_a_complaint_and_nothing_else(format):
    content = saved(Image.fromarray(scene()), format)
    rng = np.random.default_rng(1)
    for _ in range(150):
        broken = bytearray(content)
        for place in rng.integers(0, len(broken), 3):
            broken[place] = rng.integers(0, 256)
        with contextlib.suppress(BadInput):
            assert decode_image(bytes(broken), "damaged").shape[2] == 3


@pytest.mark.parametrize("content", [b"", b"no picture" * 50, b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(content):
    with pytest.raises(BadInput, match="a whole picture"):
        decode_image(content, "x")
    with pytest.raises(BadInput, match="a whole picture"):
        image_size(content, "x")


@pytest.mark.parametrize("format", ["GIF", "TIFF", "PPM"])
def test_other_formats_have_no_door(format):
    with pytest.raises(BadInput, match="PNG, JPEG, WEBP, BMP"):
        decode_image(saved(Image.fromarray(scene()), format), "x")


@pytest.mark.parametrize(
    ("size", "match"),
    [
        ((7680, 4321), "huge: expected at most"),
        ((MAX_PIXELS + 1, 1), "huge: expected at most"),
        ((10_000, 10_000), "huge: expected at most"),
        ((60_000, 60_000), "huge"),
    ],
)
def test_a_header_that_claims_too_much_is_refused_before_any_memory_is_taken(size, match):
    for look in (decode_image, image_size):
        with pytest.raises(BadInput, match=match):
            look(png_of_size(*size), "huge")
    assert image_size(png_of_size(7680, 4320), "largest") == (7680, 4320)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP"])
def test_the_size_is_known_from_the_head(format):
    noise = np.random.default_rng(0).integers(0, 255, (120, 200, 3), np.uint8)
    content = saved(Image.fromarray(noise), format)
    head = content if format == "WEBP" else content[:4096]
    assert image_size(head, "x") == (200, 120)


def test_only_colour_pictures_are_written():
    for wrong in (scene()[..., 0], scene().astype(float)):
        with pytest.raises(ValueError, match=r"\(H, W, 3\) uint8"):
            encode_png(wrong)
