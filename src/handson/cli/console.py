"""What the commands share: the two consoles, options, the workshop they are about, JSON."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from handson.lessons.catalog import Catalog

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
LessonNames = Annotated[
    list[str] | None, typer.Argument(metavar="[LESSON]...", help="Lessons by name; all if none is given.")
]
WorkshopFolder = Annotated[
    Path | None,
    typer.Option("--workshop", help="The workshop's folder (default: this folder or one above it, or handson's own)."),
]


def catalog_of(folder: Path | None) -> Catalog:
    """The lessons, agendas and assets of the workshop in `folder`, or of the one that the current folder is in."""
    from handson.lessons.catalog import read_catalog
    from handson.workshop import find_workshop, own_workshop

    return read_catalog(find_workshop(folder) if folder else own_workshop(Path.cwd()))


def leave_no_bytecode() -> None:
    """Keep root from leaving files in an environment that is another user's, who could not mend it then."""
    if os.name == "posix" and os.geteuid() == 0 and Path(sys.prefix).stat().st_uid != 0:
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"


def bring_room() -> str:
    """The command that installs what a room needs: start.py's, where it is beside this handson, else pip's."""
    named = [Path(folder) for folder in [os.environ.get("HANDSON_WORKSHOP")] if folder]
    for folder in (Path(__file__).parents[3], Path(sys.prefix).parent, *named):
        if (folder / "start.py").is_file() and (folder / "requirements-room.lock").is_file():
            start = "start.py" if folder == Path.cwd() else _from_here(folder / "start.py")
            return f"python3 {start} room"
    return f"{sys.executable} -m pip install 'handson[laptop,room]'"


def with_sudo(command: str) -> str:
    """What to type so that this very command, which was typed as `handson COMMAND ...`, runs as root."""
    words = sys.argv[1:] if sys.argv[1:2] == [command] else [command]
    named = os.environ.get("HANDSON_WORKSHOP")  # sudo does not pass it on
    if named and "--workshop" not in words and not Path.cwd().is_relative_to(Path(named).resolve()):
        words = [*words, "--workshop", named]
    program = Path(sys.executable).with_name("handson")
    run = [_from_here(program)] if program.is_file() else [shlex.quote(sys.executable), "-m handson"]
    return " ".join(["sudo", *run, shlex.join(words)])


def _from_here(path: Path) -> str:
    """A path for the shell, from the current folder where it is in there."""
    here = Path.cwd()
    inside = path.is_relative_to(here) and path.parent != here  # a bare name would be looked for on PATH
    return shlex.quote(str(path.relative_to(here) if inside else path))


def plain(text: str) -> str:
    """`text` as rich prints it letter by letter."""
    return text.replace("[", r"\[")


def print_json(content: object) -> None:
    """`content` as JSON, on standard output."""
    print(json.dumps(content, indent=2, default=str))
