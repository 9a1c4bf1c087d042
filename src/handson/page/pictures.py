"""Photos among the page's assets: the browser reads them, since Python here has no Pillow, and before a cell asks.

A file keeps its place in the cache; its content becomes a PPM, which `handson.lab.decoding` reads at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from handson.lab.decoding import ppm
from handson.lab.places import cache_dir
from handson.lab.png import Pixels, interleaved

_BEGINNINGS = (b"\xff\xd8\xff", b"RIFF", b"\x89PNG")
"""Of JPEG, WebP and PNG files."""

Decode = Callable[[bytes], Awaitable[Pixels]]

_seen: set[Path] = set()


async def read_pictures(decode: Decode | None = None) -> int:
    """Have the browser read the photos in the cache that came since the last time; returns how many there were."""
    count = 0
    for path in sorted(cache_dir().glob("assets/sha256/*/*")):
        if path in _seen:
            continue
        _seen.add(path)
        content = path.read_bytes()
        if content.startswith(_BEGINNINGS):
            path.write_bytes(ppm(await (decode or in_browser)(content)))
            count += 1
    return count


async def in_browser(content: bytes) -> Pixels:
    """The pixels of a picture file, read by the browser; it obeys the camera's rotation. Raises JavaScript's error."""
    import js  # type: ignore[import-not-found,unused-ignore]
    from pyodide.ffi import to_js  # type: ignore[import-not-found,unused-ignore]

    return pixels_of(await js.pictureByPage(to_js(content)))  # web/src/worker/main.ts


def pixels_of(bitmap: Any) -> Pixels:
    """What is in the browser's ImageBitmap, which is closed."""
    import js  # type: ignore[import-not-found,unused-ignore]

    width, height = int(bitmap.width), int(bitmap.height)
    canvas = js.OffscreenCanvas.new(width, height)
    context = canvas.getContext("2d")
    context.drawImage(bitmap, 0, 0)
    bitmap.close()
    rgba = context.getImageData(0, 0, width, height).data.to_bytes()
    return Pixels(width, height, 3, interleaved([rgba[channel::4] for channel in range(3)]))
