"""The learner's own photo: read from whatever a phone or a disk holds, as a tensor."""

from __future__ import annotations

import errno
import io
import re
from pathlib import Path
from typing import Any

import torch

from handson.lab import front
from handson.lab.decoding import PNG_BEGINS, UnreadableError, decoded
from handson.lab.pillow import pillow
from handson.lab.places import workspace
from handson.lab.resizing import at_most, middle_square

_MOST_PIXELS = 50_000_000
"""Of a photo that has to be decoded whole: 150 MB in memory."""
_MOST_PIXELS_REDUCED = 400_000_000
"""Of a baseline JPEG, which is decoded at an eighth of its size."""
_LONGEST_SIDE = 2000
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")


class NoPhoto(Exception):  # noqa: N818  # read by learners, to whom it is no error
    """A file that could not be read as a photo; the message says why and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a traceback."""
        return [f"\x1b[33;1mNo photo.\x1b[0m {self}"]


def photo(source: str | Path | bytes, size: int | None = 200) -> torch.Tensor:
    """A photo, upright, as float (size, size, 3) in 0..1: its middle square; `size=None`: the whole of it, (H, W, 3).

    source: a path, or the bytes of a file, in any format Pillow reads (JPEG, PNG, WebP, GIF, TIFF, BMP). Rotation by
    EXIF is applied, transparency lies on white, grey, CMYK and 16 bit become RGB. Where Pillow is not installed, as on
    the lesson page, whose browser reads photos, only PNG and PPM. Raises NoPhoto.
    """
    content, name = _read(source)
    if pillow() is None:
        return _without_pillow(content, name, size)
    from PIL import Image, ImageOps

    image = _open(content, name)
    if size is not None:
        _decode_small(image, size)
    try:
        image = ImageOps.exif_transpose(image)
        upright = _rgb(image)
    except (OSError, SyntaxError, ValueError, MemoryError) as error:
        raise NoPhoto(f"{name} is damaged or cut off ({error}). Copy it again, or take another photo.") from None
    if size is not None:
        upright = ImageOps.fit(upright, (size, size), Image.Resampling.LANCZOS)
    elif max(upright.size) > _LONGEST_SIDE:
        _say_reduced(name, upright.width, upright.height)
        upright.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    values = torch.frombuffer(bytearray(upright.tobytes()), dtype=torch.uint8)
    return values.reshape(upright.height, upright.width, 3).float() / 255


def _without_pillow(content: bytes, name: str, size: int | None) -> torch.Tensor:
    try:
        picture = decoded(content)
    except UnreadableError as error:
        raise NoPhoto(f"{name} cannot be read: {error}. Drop the photo on the lesson's field.") from None
    shape = picture.height, picture.width, picture.channels
    values = torch.frombuffer(bytearray(picture.data), dtype=torch.uint8).reshape(shape).float() / 255
    if picture.channels == 4:
        opacity = values[..., 3:]
        values = values[..., :3] * opacity + (1 - opacity)
    if picture.channels == 1:
        values = values.expand(-1, -1, 3)
    if size is not None:
        return middle_square(values, size)
    if max(shape[:2]) > _LONGEST_SIDE:
        _say_reduced(name, *shape[1::-1])
    return at_most(values, _LONGEST_SIDE)


def your_photo(default: Any, size: int | None = 200) -> torch.Tensor:
    """The newest picture in the folder `photos`, else `default`; says which, and shows a field to drop a photo on.

    default: a tensor, taken as it is, or what `photo` takes; size: as for `photo`. The field scales the photo down in
    the browser and saves it to `photos`; then the learner runs the cell again.
    """
    return _yours("photo", default, size)


def your_painting(default: Any, size: int = 200) -> torch.Tensor:
    """As `your_photo`, for a painting: its field saves to the folder `paintings`."""
    return _yours("painting", default, size)


def _yours(what: str, default: Any, size: int | None) -> torch.Tensor:
    """The newest picture in the folder of `what`s, a photo or a painting, else `default`."""
    folder = f"{what}s"
    if front.connected():
        _show_drop_zone(what)
    again = f"drop a {what} on the field, then run this cell again"
    for path in newest_first(workspace() / folder):
        try:
            mine = photo(path, size)
        except NoPhoto as reason:
            print(reason)
            continue
        print(f"Your {what}: {folder}/{path.name}. For another one, {again}.")
        return mine
    print(f"No {what} of yours yet: this cell goes on with ours. For your own, {again}.")
    return default if isinstance(default, torch.Tensor) else photo(default, size)


def save_photo(name: str, content: bytes, folder: Path) -> Path:
    """Write an uploaded photo to `folder` under a harmless form of its name; never over another one.

    Raises NoPhoto where it is no picture or cannot be written.
    """
    photo(content, 8)
    stem = re.sub(r"[^\w-]+", "-", Path(name.replace("\\", "/")).stem).strip("-")[:60] or "photo"
    ending = ".png" if content.startswith(PNG_BEGINS) else ".jpg"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path = next(
            p for n in range(1, 10_000) if not (p := folder / f"{stem}{f'-{n}' if n > 1 else ''}{ending}").exists()
        )
        path.write_bytes(content)
        front.keep(path, content)
    except OSError as error:
        raise NoPhoto(f"The photo could not be saved to {folder}: {why(error)}") from None
    return path


def why(error: OSError) -> str:
    """An operating system's complaint about writing, with the way out."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full. Free some space and run this cell again."
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "this folder may not be written to. Open the workshop in a folder of your own and run this cell again."
    return f"{error.strerror or error}. Mend that and run this cell again."


def _read(source: str | Path | bytes) -> tuple[bytes, str]:
    if isinstance(source, bytes):
        return source, "The photo"
    path = Path(source)
    try:
        return path.read_bytes(), path.name
    except FileNotFoundError:
        near = sorted(p.name for p in path.parent.glob("*") if p.suffix.lower() in _ENDINGS)[:8]
        beside = f" Pictures there: {', '.join(near)}." if near else ""
        raise NoPhoto(f"There is no file {path}.{beside}") from None
    except IsADirectoryError:
        raise NoPhoto(f"{path} is a folder; name a picture in it.") from None
    except OSError as error:
        raise NoPhoto(f"{path} cannot be read: {error.strerror}.") from None


def _open(content: bytes, name: str) -> Any:
    """The image, opened but not decoded; its size is checked first."""
    from PIL import Image

    if content[4:8] == b"ftyp" and content[8:12] in (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"):
        raise NoPhoto(
            f"{name} is a HEIC photo, which Python does not read by itself. Send it to yourself as JPEG (iPhone: "
            "Settings → Camera → Formats → Most Compatible), or take a screenshot of it."
        )
    guard, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # we have our own, below, with words
    try:
        image = Image.open(io.BytesIO(content))
    except (OSError, SyntaxError, ValueError):
        looks = " It is a web page." if content.lstrip()[:1] == b"<" else " It is empty." if not content else ""
        raise NoPhoto(f"{name} is not a picture that can be read.{looks} Take a JPEG or PNG.") from None
    finally:
        Image.MAX_IMAGE_PIXELS = guard
    reducible = image.format == "JPEG" and not image.info.get("progressive")
    most = _MOST_PIXELS_REDUCED if reducible else _MOST_PIXELS
    if image.width * image.height > most:
        raise _too_many_pixels(name, image.width * image.height, most)
    return image


def _too_many_pixels(name: str, found: int, most: int) -> NoPhoto:
    return NoPhoto(
        f"{name} has {found / 1e6:,.0f} million pixels; at most {most / 1e6:.0f} million fit into the memory of a "
        "small laptop. Save a smaller copy of it (a screenshot will do)."
    )


def _say_reduced(name: str, width: int, height: int) -> None:
    print(f"{name} has {width} × {height} pixels; reduced to {_LONGEST_SIDE} on its longer side.")


def _decode_small(image: Any, size: int) -> None:
    """Let a JPEG be decoded at a fraction of its size, still at least twice what is wanted; others ignore it."""
    image.draft(None, (2 * size, 2 * size))


def _rgb(image: Any) -> Any:
    """The image in RGB of 8 bits, on white."""
    from PIL import Image

    if image.mode.startswith("I"):
        brightest = image.getextrema()[1]
        image = image.convert("I").point(lambda v: v / (257 if brightest > 255 else 1)).convert("L")
    elif image.mode == "F":
        low, high = image.getextrema()
        image = image.point(lambda v: v * (255 / (high - low or 1)) - low * 255 / (high - low or 1)).convert("L")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def newest_first(folder: Path) -> list[Path]:
    """The pictures in a folder, by their endings; none where there is no such folder."""
    if not folder.is_dir():
        return []
    pictures = [p for p in folder.iterdir() if p.suffix.lower() in (*_ENDINGS, ".heic") and not p.name.startswith(".")]
    return sorted(pictures, key=lambda p: p.stat().st_mtime, reverse=True)


def _show_drop_zone(what: str) -> None:
    from handson.lab.widgets import drop_zone, missing

    if reason := missing():
        print(f"{reason} Put a {what} into the folder {what}s and run this cell again.")
        return
    folder = workspace() / f"{what}s"
    front.show(drop_zone(lambda name, content: save_photo(name, content, folder), what))
