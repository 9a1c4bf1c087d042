"""Giving notebooks to a learner's folder, whose edits stay. Standard library only: a seat's server does it.

`.handson/given.json` remembers what was given: for each notebook the SHA-256 of the file as it was written. A notebook
that still has it was not touched and is replaced; one that differs is the learner's and stays, the new one beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from handson.errors import HandsonError
from handson.lab.places import INDEX

GIVEN = Path(".handson") / "given.json"

State = Literal["new", "same", "updated", "beside"]


def write_index(folder: Path, index: Mapping[str, Any]) -> None:
    """Tell `handson.lab` which content belongs to which asset name (see `handson.assets.index_for`)."""
    _write(folder / INDEX, json.dumps(index, indent=1))


def give(folder: Path, notebooks: Mapping[str, str], index: Mapping[str, Any]) -> list[tuple[Path, State]]:
    """Bring `notebooks` (path in the folder → text) into `folder`; of each, the path to open and what became of it.

    Raises HandsonError where the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_index(folder, index)
        given = _read_given(folder)
        changes = [_give(folder, Path(path), text, given) for path, text in notebooks.items()]
        _write(folder / GIVEN, json.dumps(given, indent=1))
    except OSError as error:
        raise HandsonError(
            f"The lessons could not be written to {folder}: {error.strerror or error}.",
            "Free some space or choose another folder with --to FOLDER.",
        ) from None
    return changes


def _give(folder: Path, path: Path, text: str, given: dict[str, str]) -> tuple[Path, State]:
    new = _digest(text.encode())
    if not (folder / path).exists():
        return _put(folder, path, text, "new", given)
    if given.get(path.as_posix()) == new:
        return path, "same"
    if _digest((folder / path).read_bytes()) == given.get(path.as_posix()):
        return _put(folder, path, text, "updated", given)
    beside = path.with_name(f"{path.stem}.new-{new[:6]}.ipynb")
    if (folder / beside).exists():
        return path, "same"
    _write(folder / beside, text)
    return beside, "beside"


def _put(folder: Path, path: Path, text: str, state: State, given: dict[str, str]) -> tuple[Path, State]:
    _write(folder / path, text)
    given[path.as_posix()] = _digest(text.encode())
    return path, state


def _read_given(folder: Path) -> dict[str, str]:
    try:
        content = json.loads((folder / GIVEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nothing is known to be ours: every notebook there is the learner's
    return content if isinstance(content, dict) else {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, text: str) -> None:
    """Write so that a crash leaves the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8", newline="\n")
    os.replace(partial, path)  # noqa: PTH105
