"""`handson kit`: the workshop in one piece, to be handed on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from handson.cli.console import AsJson, WorkshopFolder, catalog_of, err, out, print_json

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
        say=lambda text: say(f"· {text}"),
    )
    if as_json:
        print_json({**asdict(built), "folder": str(built.folder), "index": str(built.index)})
        return
    out.print(f"{built.folder}: {built.files} files, {built.bytes / 1e6:.1f} MB, {len(built.lessons)} lessons.")
    if built.elsewhere:
        out.print(f"Listed, but they do not run in a page: {', '.join(built.elsewhere)}.", soft_wrap=True)
    out.print(f"Open {built.index}", soft_wrap=True)
