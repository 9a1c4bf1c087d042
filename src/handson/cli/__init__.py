"""The command `handson`: one thin function per command; it prints, and holds no logic."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from handson import __version__
from handson.cli.check import check
from handson.cli.console import (
    AsJson,
    LessonNames,
    WorkshopFolder,
    catalog_of,
    err,
    leave_no_bytecode,
    out,
    plain,
    print_json,
)
from handson.cli.fetch import fetch
from handson.cli.kit import app as kit_app
from handson.cli.kit import tell_stand_ins
from handson.cli.rehearse import rehearse_class
from handson.cli.room import host_class
from handson.cli.zoo import app as zoo_app
from handson.errors import HandsonError

if TYPE_CHECKING:
    from handson.lessons.catalog import Catalog
    from handson.lessons.workspace import Given

app = typer.Typer(
    name="handson",
    help="A hands-on deep-learning workshop in a box.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(kit_app)
app.add_typer(zoo_app)


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """A hands-on deep-learning workshop in a box."""
    if version:
        out.print(__version__)
        raise typer.Exit


@app.command("open")
def open_(
    lesson: Annotated[str | None, typer.Argument(help="The lesson to open; the file list if none is given.")] = None,
    to: Annotated[
        Path | None, typer.Option(help="Your folder for the lessons (default: ~/handson/<workshop>).")
    ] = None,
    here: Annotated[bool, typer.Option("--here", help="Keep your lessons below the current folder.")] = False,
    port: Annotated[
        int | None,
        typer.Option(help="The port to answer on (default: the first free one from 8888; of the page, from 8860)."),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="The lesson page in place of JupyterLab: Python runs in the browser.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the browser.")] = True,
    workshop: WorkshopFolder = None,
) -> None:
    """Open the workshop in JupyterLab, in your own writable copy of the lessons; or as the lesson page."""
    if page:
        _open_page(catalog_of(workshop), lesson, port, browser)
        return
    from handson.assets import index_for
    from handson.laptop.server import choose_port, running_server, show, start_server, wait_until_ready
    from handson.lessons.workspace import notebook_path, update_workspace

    catalog = catalog_of(workshop)
    notebook = notebook_path(catalog.find(lesson)) if lesson else notebook_path(catalog.lessons[0])
    folder = (to or (Path.cwd() if here else Path.home() / "handson") / catalog.workshop.name).expanduser().resolve()
    _tell_changes(folder, update_workspace(folder, catalog.lessons, index_for(catalog.manifest)))
    if server := running_server(folder):
        out.print(f"[bold]{catalog.workshop.title}[/] is already open:\n  {server.url(notebook)}", soft_wrap=True)
        _tell_unused(port, server.port)
        if browser:
            show(server, notebook)
        return
    chosen = choose_port(port)
    if port is None and chosen != 8888:
        out.print(f"Port 8888 is taken; using {chosen}.")
    server, process = start_server(folder, chosen, notebook)
    with out.status("Starting JupyterLab"):
        wait_until_ready(server, process, folder)
    opened = browser and show(server, notebook)
    how = "opens in your browser. If it does not, open" if opened else "is ready. Open"
    out.print(f"[bold]{catalog.workshop.title}[/] {how} this address:\n  {server.url(notebook)}", soft_wrap=True)
    out.print("Your work is saved there as you go. To end: close the tab, then press Ctrl-C here.", soft_wrap=True)
    raise typer.Exit(_wait(process))


def _open_page(catalog: Catalog, lesson: str | None, port: int | None, browser: bool) -> None:
    import webbrowser

    from handson.kit.site import build_site
    from handson.lab.places import cache_dir
    from handson.laptop.page import DEFAULT_PORT, page_address, page_server, running_page
    from handson.laptop.server import choose_port

    name = catalog.find(lesson).name if lesson else ""
    folder = cache_dir() / "site" / catalog.workshop.name
    if (running := running_page(folder)) is not None:
        address = page_address(running, name)
        out.print(f"[bold]{catalog.workshop.title}[/] is already open:\n  {address}", soft_wrap=True)
        _tell_unused(port, running)
        out.print("It shows the lessons as they were then; end it with Ctrl-C where it runs to see newer ones.")
        if browser:
            webbrowser.open(address)
        return
    with out.status("Preparing the page"):
        site = build_site(catalog, folder)
    tell_stand_ins(site)
    server = page_server(site.folder, choose_port(port, DEFAULT_PORT))
    taken = server.server_address[1]
    if port is None and taken != DEFAULT_PORT:
        told = f"Port {DEFAULT_PORT} is taken; using {taken}. The browser keeps changes by address: those made at "
        out.print(f"{told}{DEFAULT_PORT} are not seen here.", soft_wrap=True)
    address = page_address(taken, name)
    opened = browser and webbrowser.open(address)
    how = "opens in your browser. If it does not, open" if opened else "is ready. Open"
    out.print(f"[bold]{catalog.workshop.title}[/] {how} this address:\n  {address}", soft_wrap=True)
    out.print("Your changes are kept by the browser. To end: close the tab, then press Ctrl-C here.", soft_wrap=True)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()


def _tell_unused(asked: int | None, port: int) -> None:
    if asked not in (None, port):
        out.print(f"Port {asked} is not used: it answers at {port} until it is ended there.", soft_wrap=True)


@app.command()
def lessons(as_json: AsJson = False, workshop: WorkshopFolder = None) -> None:
    """List the lessons, their contracts and the agendas."""
    from handson.assets import missing

    catalog = catalog_of(workshop)
    absent = set(missing(catalog.manifest))
    if as_json:
        print_json(_lessons_json(catalog, absent))
        return
    table = Table("lesson", "minutes", "promise", "agenda", "data", box=None, pad_edge=False, header_style="bold")
    for lesson in catalog.lessons:
        needs = sorted(absent & set(lesson.contract.assets))
        data = f"embedded; handson fetch {' '.join(needs)}" if needs else "here"
        contract = lesson.contract
        table.add_row(lesson.name, str(contract.minutes), contract.promise, ", ".join(map(str, contract.agenda)), data)
    out.print(f"[bold]{catalog.workshop.title}[/]\n")
    out.print(table)


@app.command()
def render(
    names: LessonNames = None,
    solved: Annotated[bool, typer.Option("--solved", help="The solved notebook in place of the learner's.")] = False,
    to: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("build/notebooks"),
    workshop: WorkshopFolder = None,
) -> None:
    """Write the notebooks made from the lessons' sources."""
    import nbformat

    from handson.lessons.records import read_record
    from handson.lessons.render import Version
    from handson.lessons.render import render as render_notebook

    version: Version = "solved" if solved else "learner"
    for lesson in catalog_of(workshop).select(names or ()):
        path = to / lesson.track / f"{lesson.file_stem}{'.solved' if solved else ''}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(render_notebook(lesson, version, read_record(lesson)), path)
        out.print(str(path), soft_wrap=True)


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True}, add_help_option=False)
def doctor(context: typer.Context) -> None:
    """Look at this laptop: what is fine, what to mend, and how it can take part."""
    from handson.doctor import main as examine

    raise typer.Exit(examine(context.args))


app.command("fetch")(fetch)
app.command("check")(check)
app.command("room")(host_class)
app.command("rehearse")(rehearse_class)


def main() -> None:
    """Run the command; a person's error is two lines, a defect of ours is named as one, never a traceback."""
    leave_no_bytecode()
    try:
        app()
    except HandsonError as error:
        err.print(f"[bold red]{plain(error.cause)}[/]", soft_wrap=True)
        if error.way_out:
            err.print(plain(error.way_out), soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        err.print("Stopped.")
        sys.exit(130)
    except Exception as error:
        if os.environ.get("HANDSON_DEBUG") == "1":
            raise
        err.print(
            f"[bold red]A defect of handson, not of yours: {type(error).__name__}: {plain(str(error))}[/]",
            soft_wrap=True,
        )
        err.print(
            f"It is written down in {_write_down(error)}; please report it. HANDSON_DEBUG=1 shows it here.",
            soft_wrap=True,
        )
        sys.exit(70)


def _write_down(error: Exception) -> Path:
    from handson.lab.places import cache_dir

    path = cache_dir() / "defect.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return path


def _lessons_json(catalog: Catalog, absent: set[str]) -> dict[str, Any]:
    workshop = catalog.workshop
    return {
        "workshop": workshop.name,
        "title": workshop.title,
        "agendas": {minutes: list(agenda.lessons) for minutes, agenda in workshop.agendas.items()},
        "lessons": [
            {
                "name": lesson.name,
                "track": lesson.track,
                "path": str(lesson.path),
                "contract": lesson.contract.model_dump(mode="json"),
                "missing_assets": sorted(absent & set(lesson.contract.assets)),
            }
            for lesson in catalog.lessons
        ],
    }


def _tell_changes(folder: Path, changes: list[Given]) -> None:
    out.print(f"Your lessons are in {folder}", soft_wrap=True)
    for change in changes:
        if change.state == "updated":
            out.print(f"  {change.path}: a newer version; you had not changed the old one.")
        elif change.state == "beside":
            out.print(f"  {change.lesson}: your edits are kept; the newer version is beside them: {change.path}.")


def _wait(process: Any) -> int:
    while True:
        try:
            return int(process.wait())
        except KeyboardInterrupt:
            continue  # JupyterLab got it too and is ending
