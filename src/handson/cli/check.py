"""`handson check`: lessons are run, and held to their contracts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handson.cli.console import AsJson, LessonNames, WorkshopFolder, catalog_of, err, out, plain, print_json
from handson.cli.fetch import fetch_showing

if TYPE_CHECKING:
    from handson.lessons.catalog import Catalog
    from handson.lessons.check import Report
    from handson.lessons.contract import Data
    from handson.lessons.source import Lesson


class DataChoice(StrEnum):
    """Which data a check runs on."""

    embedded = "embedded"
    full = "full"
    both = "both"


class TierChoice(StrEnum):
    """Where a check runs the lessons."""

    laptop = "laptop"
    page = "page"


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
                fetch_showing(catalog, needed, err if as_json else out)
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


def _check_in_page(
    catalog: Catalog, lessons: tuple[Lesson, ...], data: Data, seeds: int, to: Path, say: Any, learner: bool
) -> list[Report]:
    from handson.kit.check import check_in_page

    def told(text: str) -> None:
        say(f"· {text}")

    return check_in_page(catalog, lessons, data, seeds=seeds, out=to.resolve(), say=told, with_learner=learner)


def _print_report(report: Report) -> None:
    mark = {True: "[green]kept  [/]", False: "[bold red]BROKEN[/]"}
    out.print(f"\n[bold]{report.lesson}[/] ({report.data} data, network: {report.network or 'none'})")
    for promise in report.promises:
        out.print(f"  {mark[promise.kept]} {plain(promise.promise)}: {plain(promise.measured)}", soft_wrap=True)
    out.print(f"  stored in {report.folder}\n", soft_wrap=True)
