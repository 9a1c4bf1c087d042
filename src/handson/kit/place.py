"""The folder that a site is built in: new, or an older site's, of which what was built goes and all else stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from handson import __version__
from handson.errors import HandsonError
from handson.kit.frontend import Say
from handson.kit.jupyterlite import PLACE
from handson.kit.packing import JOURNAL, Folder

MANIFEST = "manifest.json"


class Counted(Folder):
    """Writes nothing: says how much would have been written."""

    size = 0

    def write(self, path: str, content: bytes | str) -> str:
        """Count it."""
        self.size += len(content.encode() if isinstance(content, str) else content)
        return path


def of_writing(error: OSError, to: Path) -> bool:
    """Whether it is about what was being written: the site, what JupyterLite is built in, or (a full disk) no name."""
    if error.errno is None:  # a picture or an archive that cannot be read
        return False
    places = (to, Path(tempfile.gettempdir()))
    return error.filename is None or any(Path(os.fsdecode(error.filename)).is_relative_to(place) for place in places)


def incomplete(to: Path, error: OSError, needed: int, with_jupyterlite: bool) -> HandsonError:
    """What to tell of a site of so many bytes whose writing ended so."""
    place = Path(os.fsdecode(error.filename)) if error.filename else to
    free = shutil.disk_usage(to if place.is_relative_to(to) else tempfile.gettempdir()).free
    more = " without JupyterLite" if with_jupyterlite else ""
    return HandsonError(
        f"The site in {to} is incomplete: {error.strerror or error}, while {place} was written. "
        f"It needs about {needed / 1e6:.1f} MB in all{more}; {free / 1e6:.1f} MB are free now.",
        "Free some space, or name a folder on another disk with --to, and build again: what is there now is of no use.",
    )


def write_manifest(to: Path, workshop: str, hashes: Mapping[str, str]) -> None:
    """Name the folder's workshop and what was built, with the SHA-256 of each file."""
    manifest = {"workshop": workshop, "handson": __version__, "sha256": dict(hashes)}
    if (to / MANIFEST).is_symlink():
        (to / MANIFEST).unlink()
    (to / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def refuse_folder(to: Path) -> None:
    """Raise HandsonError where no site can be written, which is cheap to see before anything is built."""
    try:
        above = next(folder for folder in (to, *to.parents) if folder.exists())
        if not above.is_dir():
            raise HandsonError(f"{above} is a file, not a folder.", "Name a new or an empty folder with --to FOLDER.")
        if above == to and _listed_in(to / MANIFEST) is None and any(to.iterdir()):
            raise HandsonError(
                f"{to} holds something that is no site of handson.", "Name an empty or a new folder with --to FOLDER."
            )
    except (OSError, ValueError):
        return  # what it holds cannot be read: `make_room` says how
    if not os.access(above, os.W_OK):
        raise HandsonError(f"{above} may not be written to.", "Name another folder with --to.")


def make_room(to: Path, workshop: str, say: Say) -> None:
    """A folder with an empty manifest, which tells an interrupted build as ours; anything but an older site stops us.

    Of the older site goes what it, or its journal, lists with the SHA-256 that the file still has, and the folders that
    are empty then. The list may be a stranger's: nothing outside of the folder is touched, no link is followed.
    """
    try:
        older = _listed_in(to / MANIFEST)
        if older is None and to.exists() and (not to.is_dir() or any(to.iterdir())):
            raise HandsonError(
                f"{to} holds something that is no site of handson.", "Name an empty or a new folder with --to FOLDER."
            )
        for name in ("files", "demos", PLACE):
            if not (to / name).resolve().is_relative_to(to.resolve()):
                raise HandsonError(f"{to / name} is a link that leads out of {to}.", "Remove it, or name a new folder.")
        for path, digest in (older or {}).items():
            _remove(to, path, digest, say)
        to.mkdir(parents=True, exist_ok=True)
        if not os.access(to, os.W_OK):
            raise PermissionError(13, "it may not be written to")
        write_manifest(to, workshop, {})
        (to / JOURNAL).unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise HandsonError(
            f"The site could not be written to {to}: {reason}.", "Name another folder with --to."
        ) from None


def _remove(to: Path, path: str, digest: str, say: Say) -> None:
    """Remove a file that a site in folder `to` wrote, if it is as it was then, and the folders that it leaves empty."""
    root, file = to.resolve(), to / path
    folder = file.parent.resolve()
    if not folder.is_relative_to(root) or not (file.is_symlink() or file.is_file()):
        return
    if not file.is_symlink() and hashlib.sha256(file.read_bytes()).hexdigest() != digest:
        say(f"{path} is not as it was built: it stays, unless the new site has a file of that name")
        return
    file.unlink()
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _listed_in(manifest: Path) -> dict[str, str] | None:
    """What a site's manifest lists, and the journal of a build that was interrupted: paths and their SHA-256.

    None where that file is none of a site. Raises ValueError for what is no JSON.
    """
    if not manifest.is_file():
        return None
    content = json.loads(manifest.read_text(encoding="utf-8"))
    if not isinstance(content, dict) or "handson" not in content or not isinstance(content.get("sha256"), dict):
        return None
    journal = manifest.with_name(JOURNAL)
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.is_file() else []
    listed: dict[str, str] = content["sha256"]
    return listed | {path: digest for digest, _, path in (line.partition(" ") for line in lines)}
