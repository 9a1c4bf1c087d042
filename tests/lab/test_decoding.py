"""Pictures out of files without Pillow: the same pixels as with it."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
import zlib

import pytest
from PIL import Image, PngImagePlugin

from handson.lab import decoding
from handson.lab.decoding import UnreadableError, decoded, ppm, rgb_of
from handson.lab.png import Pixels, _chunk, indexed_png


def noise(mode: str, size: tuple[int, int] = (7, 5)) -> Image.Image:
    """A picture with smooth parts and noise, so that Pillow chooses several filters."""
    dice = random.Random(mode)
    channels = len(Image.new(mode, (1, 1)).getbands())
    data = [
        (x * 9 + y * 5 + channel * 40 + (dice.randrange(30) if y % 2 else 0)) % 256
        for y in range(size[1]) for x in range(size[0]) for channel in range(channels)
    ]  # fmt: skip
    return Image.frombytes(mode, size, bytes(data))


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def made(width: int, height: int, kind: int, packed: bytes, *, first: bytes = b"IHDR") -> bytes:
    """A PNG file of our own making, as damaged as wanted."""
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return decoding.PNG_BEGINS + _chunk(first, header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 48)])
def test_a_png_of_pillow_is_read_as_pillow_reads_it(mode: str, size: tuple[int, int]) -> None:
    image = noise(mode, size)
    found = decoded(file_of(image, "PNG"))
    wanted = image.convert("RGBA") if mode == "LA" else image
    assert (found.width, found.height) == size
    assert found.data == wanted.tobytes()
    assert found.rgb().data == wanted.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_every_filter_is_undone(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = noise("RGB", (32, 32))
    monkeypatch.setattr(PngImagePlugin, "_filter", kind, raising=False)
    row, above = image.tobytes()[96:192], image.tobytes()[:96]
    packed = bytearray()
    for i, value in enumerate(row):
        left, up, corner = (row[i - 3] if i > 2 else 0), above[i], (above[i - 3] if i > 2 else 0)
        paeth = min((left, up, corner), key=lambda v: abs(left + up - corner - v))
        packed.append((value - [0, left, up, (left + up) // 2, paeth][kind]) % 256)
    assert decoding._unfiltered(b"\0" + above + bytes([kind]) + bytes(packed), 96, 2, 3) == above + row


def test_a_palette_is_looked_up() -> None:
    content = indexed_png(2, 1, b"\x01\x00", bytes([1, 2, 3, 4, 5, 6]))
    assert decoded(content) == Pixels(2, 1, 3, bytes([4, 5, 6, 1, 2, 3]))
    assert Image.open(io.BytesIO(content)).convert("RGB").tobytes() == bytes([4, 5, 6, 1, 2, 3])


def test_ppm_goes_there_and_back() -> None:
    picture = Pixels(3, 2, 3, bytes(range(18)))
    assert decoded(ppm(picture)) == picture
    assert Image.open(io.BytesIO(ppm(picture))).tobytes() == picture.data


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xd8\xff", "only PNG and PPM"),
        (b"", "only PNG and PPM"),
        (file_of(noise("RGB"), "PNG")[:-40], "cut off"),
        (file_of(noise("RGB"), "PNG")[:60], "cut off"),
        (b"P6 3 2 255\n" + bytes(17), "holds 17 bytes"),
        (b"P6 3", "damaged"),
        (file_of(Image.new("I;16", (2, 2)), "PNG"), "not of 8 bits"),
        (made(1, 1, 3, zlib.compress(b"\0\0")), "damaged.*PLTE"),
        (made(1, 1, 5, zlib.compress(b"\0\0")), "damaged"),
        (made(1, 1, 0, zlib.compress(b"\0\0"), first=b"IHDX"), "no header"),
        (made(1, 1, 0, zlib.compress(b"\0\0")[:-2]), "cut off"),
        (made(1, 1, 0, zlib.compress(b"\0\0\0")), "more than its size says"),
        (made(0, 0, 2, zlib.compress(b"")), "0 × 0 pixels"),
        (made(10_000, 6_000, 2, b""), "60 million pixels; at most 50"),
        (decoding.PNG_BEGINS, "damaged"),
        (b"P6 0 7 255\n", "0 × 7 pixels"),
        (b"P6 " + b"9" * 5000 + b" 1 255\n", "no size"),
        (b"P6 10000 6000 255\n", "60 million pixels"),
    ],
)
def test_what_cannot_be_read_is_said(content: bytes, why: str) -> None:
    with pytest.raises(UnreadableError, match=why):
        decoded(content)


def test_a_small_file_is_not_unpacked_beyond_its_size() -> None:
    packing = zlib.compressobj(9)
    bomb = made(1, 1, 2, b"".join(packing.compress(bytes(1 << 20)) for _ in range(64)) + packing.flush())
    tracemalloc.start()
    with pytest.raises(UnreadableError, match="more than its size says"):
        decoded(bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 10 * len(bomb) < 1 << 20


def test_with_pillow_anything_is_read_and_nonsense_refused() -> None:
    image = Image.new("RGB", (8, 8), (255, 0, 0))
    assert rgb_of(file_of(image, "WEBP", lossless=True)).data == image.tobytes()
    with pytest.raises(UnreadableError):
        rgb_of(b"hello")
    with pytest.raises(UnreadableError, match="decompression bomb"):
        rgb_of(made(20_000, 20_000, 2, b""))
