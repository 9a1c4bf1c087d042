"""What the commands share: the two consoles, options, the workshop they are about, JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from handson.lessons.catalog import Catalog

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
WorkshopFolder = Annotated[
    Path | None,
    typer.Option("--workshop", help="The workshop's folder (default: this folder or one above it, or handson's own)."),
]


def catalog_of(folder: Path | None) -> Catalog:
    """The lessons, agendas and assets of the workshop in `folder`, or of the one that the current folder is in."""
    from handson.lessons.catalog import read_catalog
    from handson.workshop import find_workshop, own_workshop

    return read_catalog(find_workshop(folder) if folder else own_workshop(Path.cwd()))


def plain(text: str) -> str:
    """`text` as rich prints it letter by letter."""
    return text.replace("[", r"\[")


def print_json(content: object) -> None:
    """`content` as JSON, on standard output."""
    print(json.dumps(content, indent=2, default=str))
