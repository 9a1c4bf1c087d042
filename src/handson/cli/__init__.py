"""The command `handson`: one thin function per command; it prints, and holds no logic."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from handson import __version__
from handson.cli.console import AsJson, WorkshopFolder, catalog_of, err, leave_no_bytecode, out, plain, print_json
from handson.cli.kit import app as kit_app
from handson.cli.kit import tell_stand_ins
from handson.cli.rehearse import rehearse_class
from handson.cli.room import host_class
from handson.cli.zoo import app as zoo_app
from handson.errors import HandsonError, UnknownNameError

if TYPE_CHECKING:
    from handson.assets import Asset, Fetched
    from handson.lessons.catalog import Catalog
    from handson.lessons.check import Report
    from handson.lessons.contract import Data
    from handson.lessons.source import Lesson
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
app.command("room")(host_class)
app.command("rehearse")(rehearse_class)

LessonNames = Annotated[
    list[str] | None, typer.Argument(metavar="[LESSON]...", help="Lessons by name; all if none is given.")
]


class DataChoice(StrEnum):
    """Which data a check runs on."""

    embedded = "embedded"
    full = "full"
    both = "both"


class TierChoice(StrEnum):
    """Where a check runs the lessons."""

    laptop = "laptop"
    page = "page"


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
def fetch(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Assets by name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the lessons need.")] = False,
    as_json: AsJson = False,
    workshop: WorkshopFolder = None,
) -> None:
    """Download what the lessons use beyond their embedded data. HANDSON_MIRROR (a folder or URL) is asked first.

    `pyodide` is NumPy, SciPy, pandas, scikit-learn, matplotlib and Pillow for the lesson page (kit site --with). That
    its host has them under these addresses was not tried where handson is made.
    """
    catalog = catalog_of(workshop)
    if not names and not everything:
        raise HandsonError(
            "Nothing was named to fetch.",
            f"Name assets, or --all. There are: {', '.join(sorted(catalog.manifest.assets))}, pyodide.",
        )
    _fetch(catalog, [*(catalog.manifest.needed() if everything else []), *(names or [])], as_json)


@app.command()
def check(
    names: LessonNames = None,
    assets: Annotated[DataChoice, typer.Option(help="The data to run on.")] = DataChoice.embedded,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="How many seeds the solved lesson runs with.")] = 1,
    record: Annotated[
        bool, typer.Option("--record", help="Keep figures and picture for the prose of the lessons.")
    ] = False,
    learner: Annotated[
        bool, typer.Option("--learner/--no-learner", help="Run the learner's version too: exactly its exercises fail.")
    ] = True,
    tier: Annotated[
        TierChoice, typer.Option(help="Where they run: a kernel of this laptop, or the lesson page in a browser.")
    ] = TierChoice.laptop,
    to: Annotated[Path, typer.Option(help="Where executed notebooks and pictures are stored.")] = Path("checked"),
    as_json: AsJson = False,
    workshop: WorkshopFolder = None,
) -> None:
    """Run lessons and hold them to their contracts. Exits with 1 if a promise is broken."""
    from handson.assets import index_for, missing
    from handson.lessons.check import check_lesson
    from handson.lessons.records import MeasuredFigures, write_record

    catalog = catalog_of(workshop)
    chosen = catalog.select(names or ())
    say = err.print if as_json else out.print
    reports = []
    for data in ("embedded", "full") if assets is DataChoice.both else (assets.value,):
        if data == "full":
            needed = sorted({name for lesson in chosen for name in lesson.contract.assets})
            if missing(catalog.manifest, needed):
                say(f"· fetching {', '.join(missing(catalog.manifest, needed))}")
                _fetch_showing(catalog, needed, err if as_json else out)
        if tier is TierChoice.page:
            reports += _check_in_page(catalog, chosen, data, seeds, to, say, learner)
            continue
        for lesson in chosen:
            report = check_lesson(
                lesson,
                data,
                seeds=seeds,
                index=index_for(catalog.manifest),
                out=to.resolve(),
                say=lambda text: say(f"· {text}"),
                with_learner=learner,
            )
            reports.append(report)
            if record and report.kept:
                measured = MeasuredFigures(seeds=seeds, figures=report.mean_figures())
                write_record(lesson, data, measured, report.folder / "pictures" / lesson.contract.picture)
            if not as_json:
                _print_report(report)
    if as_json:
        print_json([report.as_json() for report in reports])
    elif tier is TierChoice.page:
        for report in reports:
            _print_report(report)
    raise typer.Exit(0 if all(report.kept for report in reports) else 1)


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


def _check_in_page(
    catalog: Catalog, lessons: tuple[Lesson, ...], data: Data, seeds: int, to: Path, say: Any, learner: bool
) -> list[Report]:
    from handson.kit.check import check_in_page

    def told(text: str) -> None:
        say(f"· {text}")

    return check_in_page(catalog, lessons, data, seeds=seeds, out=to.resolve(), say=told, with_learner=learner)


def _write_down(error: Exception) -> Path:
    from handson.lab.places import cache_dir

    path = cache_dir() / "defect.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return path


def _fetch(catalog: Catalog, names: list[str], as_json: bool = False) -> None:
    """Fetch the assets named; tells where each file came from, or as JSON."""
    fetched = _fetch_showing(catalog, names, err if as_json else out)
    if as_json:
        print_json([asdict(file) for file in fetched])
        return
    for name in dict.fromkeys(file.asset for file in fetched):
        new = sum(file.how == "fetched" for file in fetched if file.asset == name)
        out.print(f"{name}: {'was here already' if not new else f'{new} file(s) fetched and verified'}")


def _fetch_showing(catalog: Catalog, names: list[str], console: Console) -> list[Fetched]:
    from handson.assets import fetch as fetch_assets
    from handson.assets.progress import FetchProgress

    with FetchProgress(console) as progress:
        return fetch_assets(_described(catalog, names), progress)


def _described(catalog: Catalog, names: list[str]) -> dict[str, Asset]:
    """The assets named: the workshop's, and Pyodide's packages, which no workshop describes."""
    for name in names:
        if name not in (valid := {*catalog.manifest.assets, "pyodide"}):
            raise UnknownNameError("asset", name, valid)
    if "pyodide" not in names or "pyodide" in catalog.manifest.assets:
        return catalog.manifest.select(names)
    from handson.kit.frontend import front_end
    from handson.kit.pyodide import asset_of, lock_of

    others = catalog.manifest.select([name for name in names if name != "pyodide"])
    return {**others, "pyodide": asset_of(lock_of(front_end()))}


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


def _print_report(report: Report) -> None:
    mark = {True: "[green]kept  [/]", False: "[bold red]BROKEN[/]"}
    out.print(f"\n[bold]{report.lesson}[/] ({report.data} data, network: {report.network or 'none'})")
    for promise in report.promises:
        out.print(f"  {mark[promise.kept]} {plain(promise.promise)}: {plain(promise.measured)}", soft_wrap=True)
    out.print(f"  stored in {report.folder}\n", soft_wrap=True)


def _wait(process: Any) -> int:
    while True:
        try:
            return int(process.wait())
        except KeyboardInterrupt:
            continue  # JupyterLab got it too and is ending
