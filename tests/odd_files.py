"""Videos as people have them, and what is none: written by PyAV, then some bytes are changed."""

import struct
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np

WIDTH_PX, HEIGHT_PX = 96, 64
COLOURS = np.array([[220, 30, 40], [40, 190, 50], [50, 60, 210], [230, 220, 210]])
"""Top left, top right, bottom left, bottom right: no turn and no mirror looks like another."""


def picture(width=WIDTH_PX, height=HEIGHT_PX):
    """Four colours, one a quarter."""
    right, low = np.arange(width) >= width // 2, np.arange(height) >= height // 2
    return COLOURS[right[None] + 2 * low[:, None]].astype(np.uint8)


def quarters(image):
    """The colour in the middle of every quarter of a picture, (4, 3)."""
    height, width = image.shape[:2]
    places = [(height * y // 4, width * x // 4) for y in (1, 3) for x in (1, 3)]
    return np.array([image[y - 3 : y + 4, x - 3 : x + 4].mean(axis=(0, 1)) for y, x in places])


def write(
    path,
    images=None,
    *,
    codec="libx264",
    pix_fmt="yuv420p",
    fps_hz=25,
    times_s=None,
    unit=Fraction(1, 1000),
    container=None,
    sound_s=0.0,
    hold_s=0.0,
    **options,
):
    """A film; 12 times `picture()` unless there are images.

    Args:
        path: The suffix names the container.
        images: (H, W, 3) uint8.
        codec: FFmpeg's word for the encoder.
        pix_fmt: What is stored.
        fps_hz: What the header says.
        times_s: When each picture is shown; None follows the header.
        unit: Seconds per count of the stamps, where there are times.
        container: Options of the container.
        sound_s: So much sound beside it.
        hold_s: The last picture is shown for so long; it must be the last that is encoded (`bf=0`).
        options: Of the encoder.
    """
    images = 12 * [picture()] if images is None else images
    with av.open(str(path), "w", options=container or {}) as file:
        film = file.add_stream(codec, rate=Fraction(fps_hz))
        film.height, film.width = images[0].shape[:2]
        film.pix_fmt = pix_fmt
        film.options = {key: str(value) for key, value in options.items()}
        if times_s is not None:
            film.codec_context.time_base = unit
        sound = file.add_stream("aac", rate=16000) if sound_s else None
        if sound:
            file.mux(_sound(sound, sound_s))
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times_s is not None:
                frame.time_base, frame.pts = unit, round(times_s[number] / unit)
            file.mux(film.encode(frame))
        packets = film.encode()
        if hold_s:
            packets[-1].duration = round(hold_s / packets[-1].time_base)
        file.mux(packets)
    return path


def write_sound(path, *, codec="aac", cover=False):
    """A second of sound, and the cover of its album."""
    with av.open(str(path), "w") as file:
        sound = file.add_stream(codec, rate=16000)
        if cover:
            art = file.add_stream("mjpeg", rate=1)
            art.width, art.height, art.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuvj420p"
            art.disposition = av.stream.Disposition.attached_pic.value
        packets = _sound(sound, 1.0)
        if cover:
            file.mux(art.encode(av.VideoFrame.from_ndarray(picture(), format="rgb24")))
            file.mux(art.encode())
        file.mux(packets)
    return path


def _sound(stream, seconds):
    packets, size = [], 1024
    for number in range(round(16000 * seconds / size)):
        wave = np.sin(0.05 * np.arange(number * size, (number + 1) * size), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, number * size, Fraction(1, 16000)
        packets += stream.encode(frame)
    return packets + stream.encode()


MATRICES = {
    "upright": (1, 0, 0, 1),
    "clockwise": (0, 1, -1, 0),
    "upside down": (-1, 0, 0, -1),
    "anticlockwise": (0, -1, 1, 0),
    "mirrored": (-1, 0, 0, 1),
    "mirrored, clockwise": (0, -1, -1, 0),
}
"""What is stored at (x, y) is shown at (a x + c y, b x + d y); y goes down."""
LAID = {
    "upright": lambda image: image,
    "clockwise": lambda image: np.rot90(image, 1),
    "upside down": lambda image: np.rot90(image, 2),
    "anticlockwise": lambda image: np.rot90(image, -1),
    "mirrored": lambda image: image[:, ::-1],
    "mirrored, clockwise": lambda image: np.rot90(image, 2).swapaxes(0, 1),
}
"""How the picture is stored that the matrix of the same name brings upright."""


def laid(images, turn):
    """Pictures as a phone stores them."""
    return [np.ascontiguousarray(LAID[turn](image)) for image in images]


def turned(path, turn):
    """Write the turn into the track header of an MP4."""
    content = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in MATRICES[turn])
    # Type, version and flags, six numbers and two blanks; then the matrix. ISO/IEC 14496-12, 8.3.2.
    place = content.index(b"tkhd") + 4 + 40
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    return path


def late(path, number, ticks):
    """Give one frame of an MP4 a duration of so many ticks: all later ones come later."""
    content = bytearray(path.read_bytes())
    place = content.index(b"stts") + 8
    (n_runs,) = struct.unpack_from(">I", content, place)
    runs = [struct.unpack_from(">II", content, place + 4 + 8 * run) for run in range(n_runs)]
    starts = np.cumsum([0, *(n for n, _ in runs)])
    run = next(i for i, (begin, end) in enumerate(pairwise(starts)) if begin <= number < end)
    assert runs[run][0] == 1, "the frame shares its duration with others"
    struct.pack_into(">I", content, place + 8 + 8 * run, ticks)
    path.write_bytes(content)
    return path


def spoilt(path, share=0.5, n_bytes=400):
    """Noise in the middle of a file."""
    content = bytearray(path.read_bytes())
    place = round(share * len(content))
    content[place : place + n_bytes] = np.random.default_rng(0).bytes(n_bytes)
    path.write_bytes(content)
    return path


def cut(path, share=0.5):
    """The beginning of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: round(share * len(content))])
    return path
