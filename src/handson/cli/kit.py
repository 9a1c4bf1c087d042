"""`handson kit`: the workshop in one piece, to be handed on."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handson.cli.console import AsJson, WorkshopFolder, catalog_of, err, out, plain, print_json

if TYPE_CHECKING:
    from handson.kit.site import Site

app = typer.Typer(name="kit", help="Build the workshop as one piece to hand on.", no_args_is_help=True)


@app.command()
def site(
    to: Annotated[Path, typer.Option(help="The folder to write: new, empty, or an older site.")],
    with_jupyterlite: Annotated[
        bool, typer.Option("--with-jupyterlite", help="JupyterLab's own face beside the page, for a web server.")
    ] = False,
    with_packages: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="NAME,…", help="Packages to take along that `handson fetch pyodide` brought."),
    ] = None,
    as_json: AsJson = False,
    workshop: WorkshopFolder = None,
) -> None:
    """A folder with the lesson page: opened by double-click or served by any web server, Python runs in the browser."""
    from handson.kit.pyodide import names_in
    from handson.kit.site import build_site

    say = err.print if as_json else out.print
    built = build_site(
        catalog_of(workshop),
        to.expanduser().resolve(),
        packages=names_in(with_packages or ()),
        with_jupyterlite=with_jupyterlite,
        say=lambda text: say(f"· {plain(text)}", soft_wrap=True),
    )
    if as_json:
        print_json({**asdict(built), "folder": str(built.folder), "index": str(built.index)})
        return
    size = f"{built.files} files, {built.bytes / 1e6:.1f} MB, {len(built.lessons)} lessons"
    out.print(f"{plain(str(built.folder))}: {size}.", soft_wrap=True)
    if built.elsewhere:
        out.print(f"Listed, but they do not run in a page: {', '.join(built.elsewhere)}.", soft_wrap=True)
    tell_stand_ins(built)
    out.print(f"Open {plain(str(built.index))}", soft_wrap=True)
    serve = f"{'py' if os.name == 'nt' else 'python3'} -m http.server --directory {_quoted(str(built.folder))}"
    out.print(f"Copy the folder to a stick, or serve it: {plain(serve)}", soft_wrap=True)


def tell_stand_ins(built: Site) -> None:
    """Say which lessons of a site run without their data because these were not fetched; nothing where all were."""
    if not built.not_fetched:
        return
    count = len(built.not_fetched)
    out.print(
        f"[bold]Without {count} of the lessons' data sets[/]: these lessons run on stand-ins: "
        f"{', '.join(built.on_stand_ins)}. `handson fetch --all`, then build again.",
        soft_wrap=True,
    )


def _quoted(path: str) -> str:
    """A path as a shell takes it; in Windows' shells, a double quote is in no name."""
    return (f'"{path}"' if " " in path else path) if os.name == "nt" else shlex.quote(path)
