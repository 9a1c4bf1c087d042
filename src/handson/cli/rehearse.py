"""`handson rehearse`: will it hold?"""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.live import Live
from rich.table import Table

from handson.cli.console import AsJson, WorkshopFolder, bring_room, catalog_of, err, out, plain, print_json
from handson.cli.room import default_state, refuse_unknown_agenda, refuse_without_fences
from handson.environment.trouble import refuse_other_systems
from handson.errors import HandsonError, UnknownNameError

if TYPE_CHECKING:
    from handson.lessons.catalog import Catalog
    from handson.rehearse.hosted import RunningRoom
    from handson.rehearse.measured import Measured
    from handson.rehearse.people import Lesson
    from handson.rehearse.settings import BoardLink, Limits
    from handson.rehearse.verdict import Verdict

_NEEDED = ("aiohttp", "psutil")


def rehearse_class(
    attendees: Annotated[int, typer.Argument(metavar="N", min=2, help="How many come.")],
    room: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="What attendees type (default: the room that runs here, or one is started)."
        ),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="The class code (default: read from the room here, or asked for).")
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="The board of a room elsewhere, to see its host; its phrase is asked for."
        ),
    ] = None,
    i_own_this: Annotated[
        bool, typer.Option("--i-own-this", help="The machine at that address is mine to crowd, although it is public.")
    ] = False,
    ca: Annotated[Path | None, typer.Option(help="The CA of a room with --tls local (a PEM file).")] = None,
    agenda: Annotated[int | None, typer.Option(help="Minutes of the agenda (default: the shortest).")] = None,
    lessons: Annotated[int, typer.Option(min=0, help="Only so many of its lessons; 0: all.")] = 0,
    pace: Annotated[float, typer.Option(min=0.1, help="How many times as fast as people pause.")] = 10.0,
    rush: Annotated[float, typer.Option(min=0, help="Seconds within which all arrive, at --pace 1.")] = 30.0,
    training: Annotated[float, typer.Option(min=5, max=120, help="Seconds for which all train at once.")] = 20.0,
    limit: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Another limit than the usual one.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one gives other pauses and habits.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="A real browser is one of the N.")] = True,
    state: Annotated[Path | None, typer.Option(help="The folder of the room that runs here.")] = None,
    trust_everyone: Annotated[
        bool, typer.Option("--trust-everyone", help="Passed on to `handson room`, where one is started.")
    ] = False,
    as_json: AsJson = False,
    workshop: WorkshopFolder = None,
) -> None:
    """Simulated attendees do the agenda in a room; says whether it holds, and what gives out first."""
    _refuse_without_extra()
    from handson.rehearse.address import is_this_machine, room_address
    from handson.rehearse.hosted import known_room
    from handson.rehearse.launch import in_own_room, in_room
    from handson.rehearse.settings import MOST, Rehearsal

    if attendees > MOST:
        raise HandsonError(
            f"{attendees} is more than a room lets in at once from one device, which is {MOST}.",
            "Rehearse with fewer, or at the same time from a second machine.",
        )
    catalog = catalog_of(workshop)
    refuse_unknown_agenda(catalog, agenda)
    course = _course(catalog, agenda)[: lessons or None]
    limits = _limits(limit or [])
    folder = (state or default_state()).expanduser().resolve()
    here = known_room(folder)

    def plan(address: str, class_code: str, link: BoardLink | None, own: bool, authority: Path | None) -> Rehearsal:
        return Rehearsal(
            attendees, address, class_code, link, authority, own, pace, rush, training, seed, limits
        )  # fmt: skip

    def say(text: str) -> None:
        err.print(f"· {plain(text)}", soft_wrap=True)

    shared: dict[str, Any] = {"browser": browser, "say": say}
    if room is None and here is None:
        if not trust_everyone:
            refuse_without_fences("rehearse")
        say("No room runs here: one is started for the rehearsal, and forgotten after it.")
        options = ["--trust-everyone"] if trust_everyone else []
        options += ["--workshop", str(catalog.workshop.root), *(("--agenda", str(agenda)) if agenda else ())]

        def of_own(made: RunningRoom) -> Rehearsal:
            return plan(made.address, made.code, made.board, True, None)

        measured = _seen(lambda see: in_own_room(of_own, course, options, seats=attendees, see=see, **shared))
    else:
        address = here.address if room is None and here else room_address(room or "", owned=i_own_this)
        own = is_this_machine(address)
        known = here if here and own and here.address.rpartition(":")[2] == address.rpartition(":")[2] else None
        class_code = code or (known.code if known else _asked("Class code", hidden=False))
        link = known.board if known else _link(board)
        authority = ca or (folder / "ca" / "ca.pem" if known and (folder / "ca" / "ca.pem").is_file() else None)
        made = plan(address, class_code, link, own, authority)
        where = folder if known else Path("/")
        measured = _seen(lambda see: in_room(made, course, see=see, state=where, **shared))
    _tell(measured, limits, as_json)


def _refuse_without_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        refuse_other_systems("A rehearsal")  # elsewhere the extra does not bring them
        raise HandsonError(
            f"A rehearsal needs {', '.join(missing)}, not installed here.",
            bring_room(),
        )


def _course(catalog: Catalog, minutes: int | None) -> list[Lesson]:
    from handson.lessons.source import solved_text
    from handson.lessons.workspace import notebook_path
    from handson.rehearse.people import Lesson

    agendas = catalog.workshop.agendas
    agenda = agendas[minutes if minutes is not None else min(agendas)]
    return [
        Lesson(
            one.name, notebook_path(one).as_posix(), one.contract.minutes, tuple(map(solved_text, one.exercises))
        )
        for one in catalog.select(agenda.lessons)
    ]  # fmt: skip


def _limits(given: list[str]) -> Limits:
    from pydantic import ValidationError

    from handson.rehearse.settings import Limits

    values = {}
    for one in given:
        name, _, value = one.partition("=")
        if name not in Limits.model_fields:
            raise UnknownNameError("limit", name, Limits.model_fields)
        values[name] = value
    try:
        return Limits.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        raise HandsonError(
            f"--limit {wrong['loc'][0]}: {wrong['msg']}.", "Seconds, bytes, or a share such as 0.1."
        ) from None


def _asked(what: str, *, hidden: bool) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return getpass.getpass(f"{what}: ") if hidden else input(f"{what}: ")


def _link(board: str | None) -> BoardLink | None:
    from handson.rehearse.settings import BoardLink

    return BoardLink(board.rstrip("/"), _asked("The board's phrase", hidden=True)) if board else None


def _seen(start: Callable[[Callable[[Measured], None]], Any]) -> Measured:
    """Run it, and show how it goes."""
    with Live(console=err, refresh_per_second=4, transient=True) as live:
        measured: Measured = asyncio.run(start(lambda now: live.update(_state(now))))
    return measured


def _state(now: Measured) -> str:
    last = f"   last error: {now.troubles[-1].kind}" if now.troubles else ""
    return (
        f"{now.seconds():5.0f} s   [bold]{now.stage}[/]   joined {now.came()}/{now.attendees}, "
        f"in a lesson {now.inside}, through {now.done}   {now.cells} cells   {len(now.troubles)} errors{plain(last)}"
    )


def _tell(measured: Measured, limits: Limits, as_json: bool) -> None:
    from handson.rehearse.report import as_data
    from handson.rehearse.verdict import judge

    verdict = judge(measured, limits)
    if as_json:
        print_json(as_data(measured, verdict, limits))
    else:
        _print(measured, verdict, limits)
    if not verdict.passed:
        raise typer.Exit(1)


def _print(measured: Measured, verdict: Verdict, limits: Limits) -> None:
    from handson.rehearse.report import lines, sentences

    mark = {True: "[green]kept[/]", False: "[bold red]BROKEN[/]", None: "not seen"}
    promises = Table(box=None, pad_edge=False, show_header=False)
    for promise in verdict.promises:
        promises.add_row(mark[promise.kept], promise.what, f"[bold]{plain(promise.measured)}[/]", promise.limit)
    out.print(promises)
    figures = Table(box=None, pad_edge=False, show_header=False)
    for line in lines(measured, verdict):
        figures.add_row(line.what, plain(line.value))
    out.print("", figures, "")
    for trouble in measured.troubles[:10]:
        out.print(
            f"[red]{trouble.kind}[/] {plain(trouble.who)}, {trouble.at:.0f} s: {plain(trouble.what)}", soft_wrap=True
        )
    if len(measured.troubles) > 10:
        out.print(f"… and {len(measured.troubles) - 10} more; --json has all.")
    for sentence in sentences(measured, verdict, limits):
        out.print(plain(sentence), soft_wrap=True)
    word = "[bold green]PASS[/]" if verdict.passed else "[bold red]FAIL[/]"
    out.print(f"{word}: {measured.attendees} attendees; the bottleneck: {verdict.bottleneck}")
