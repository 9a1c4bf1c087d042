"""Hold a lesson to its contract in the lesson page: its cells run in a headless Chromium, from the folder of a site."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from handson.chromium import chromium
from handson.kit.carried import carried
from handson.kit.site import Site, build_site
from handson.lab.session import CHECK_VARIABLE, SEED_VARIABLE
from handson.lessons.calibrate import slowdown
from handson.lessons.catalog import Catalog
from handson.lessons.check import CELL_SECONDS_PER_MINUTE, TEACHING_ERROR, Kept, Report, Say, SeedRun, promises, scaled
from handson.lessons.contract import Data
from handson.lessons.render import Version
from handson.lessons.source import Lesson

_PATIENCE = 120.0
"""Seconds that Python may take to come up on a busy machine."""
_LOOK = 0.5
"""Seconds between two looks at the page."""


@dataclass(frozen=True)
class PageRun:
    """What came of one lesson's cells in the page; times in seconds by the worker's clock."""

    cells: tuple[Mapping[str, Any], ...]
    pictures: Mapping[str, bytes]
    seconds: float
    megabytes: float
    died: str = ""

    def outputs(self, mime: str) -> list[Any]:
        """All outputs of type `mime`, in order."""
        shown = (output for cell in self.cells for output in cell["outputs"] if output["type"] == "display")
        return [output["bundle"][mime] for output in shown if mime in output["bundle"]]

    def errors(self) -> dict[int, tuple[str, str]]:
        """Position (from 1) → (exception name, message) of every cell that failed."""
        found = {}
        for cell in self.cells:
            for output in cell["outputs"]:
                if output["type"] == "error":
                    found[int(cell["position"])] = (output["error"]["ename"], output["error"]["evalue"])
        return found


def check_in_page(
    catalog: Catalog,
    lessons: tuple[Lesson, ...],
    data: Data,
    *,
    seeds: int,
    out: Path,
    say: Say,
    with_learner: bool = True,
) -> list[Report]:
    """Run each of `lessons` in the page and report on every line of its contract.

    With `full` data the page carries what was fetched, with `embedded` what comes with handson. The pictures are stored
    in `out/<lesson>/page-<data>`. Raises HandsonError where there is no browser to run them in.
    """
    with tempfile.TemporaryDirectory(prefix="handson-page-") as name:
        folder = Path(name)
        here = [lesson for lesson in lessons if "page" in lesson.contract.tiers]
        take = carried(here, catalog.manifest, fetched=data == "full")
        sites: dict[Version, Site] = {}
        for version in ("solved", "learner") if with_learner else ("solved",):
            sites[version] = build_site(catalog, folder / version, version=version, take=take, say=say)
        return [
            _check(lesson, data, seeds, sites, folder, out / lesson.name / f"page-{data}", say) for lesson in lessons
        ]


def _check(
    lesson: Lesson, data: Data, seeds: int, sites: Mapping[Version, Site], folder: Path, out: Path, say: Say
) -> Report:
    shutil.rmtree(out, ignore_errors=True)
    (out / "pictures").mkdir(parents=True)
    report = Report(lesson.name, data, network="names resolve to nothing", folder=out)
    if "page" not in lesson.contract.tiers:
        tiers = ", ".join(lesson.contract.tiers)
        report.promises.append(Kept("runs in the page", f"its header says tiers: {tiers}", kept=False))
        return report
    for seed in range(seeds):
        say(f"{lesson.name}: solved, in the page, {data} data, seed {seed}")
        before = slowdown(1)
        run = run_in_page(
            sites["solved"], lesson, folder / f"{lesson.name}-{seed}", seed=seed, go_on=False, slow=before
        )
        slow = (before + slowdown(1)) / 2
        report.runs.append(
            SeedRun(seed, slow, run.seconds / slow, run.seconds, run.megabytes, scaled(run.outputs, slow))
        )
        if problem := _stopped(run):
            report.promises.append(Kept(f"the solved lesson runs to its end (seed {seed})", problem, kept=False))
            return report
        if seed == 0:
            for name, content in run.pictures.items():
                (out / "pictures" / name).write_bytes(content)
    report.pictures = sorted((out / "pictures").iterdir())
    report.promises.append(Kept("the solved lesson runs to its end", f"{seeds} of {seeds} seeds", kept=True))
    report.promises += promises(lesson, data, report, "page")
    if "learner" in sites:
        say(f"{lesson.name}: the learner's version, in the page")
        learner = run_in_page(sites["learner"], lesson, folder / f"{lesson.name}-learner", go_on=True, slow=before)
        report.promises.append(_exactly_the_exercises_fail(learner))
    return report


def run_in_page(site: Site, lesson: Lesson, profile: Path, *, seed: int = 0, go_on: bool, slow: float = 1.0) -> PageRun:
    """Run all cells of `lesson` in a fresh browser, from `file://`; with `go_on` past exercises that are open."""
    environment = json.dumps({CHECK_VARIABLE: "1", SEED_VARIABLE: str(seed), "HANDSON_WORKERS": "1"})
    address = f"file://{quote(str(site.index))}?environment={quote(environment)}#/{lesson.name}"
    cell_seconds = lesson.contract.minutes * CELL_SECONDS_PER_MINUTE * max(1.0, slow)
    with chromium(profile) as driver:
        driver.get(address)
        _wait(lambda: driver.execute_script("return !!window.handson?.view?.report().python"), _PATIENCE, driver)
        driver.execute_script("handson.view.strict = arguments[0]; handson.view.enqueue(handson.view.cells)", not go_on)
        died = ""
        last, since = 0, time.monotonic()
        while driver.execute_script("return handson.view.working"):
            done = driver.execute_script("return handson.view.done")
            if done != last:
                last, since = done, time.monotonic()
            if time.monotonic() - since > cell_seconds:
                died = f"a cell was not done after {cell_seconds:.0f} s"
                break
            time.sleep(_LOOK)
        told = driver.execute_script("return handson.view.report()")
        names = driver.execute_script("return handson.view.fileNames()")
        fetch = "const done = arguments[1]; handson.view.fileContent(arguments[0]).then(done)"
        pictures = {name: base64.b64decode(driver.execute_async_script(fetch, name)) for name in names}
    cells = tuple(told["cells"])
    broken = [cell for cell in cells if cell["note"]]
    return PageRun(
        cells,
        pictures,
        sum(float(cell["milliseconds"]) for cell in cells) / 1000,
        max((float(cell["megabytes"]) for cell in cells), default=0.0),
        died or (f"cell {broken[0]['position']}: {broken[0]['note']}" if broken else ""),
    )


def _wait(condition: Any, seconds: float, driver: Any) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            said = driver.execute_script("return document.body.innerText.slice(0, 300)")
            raise TimeoutError(f"Python was not ready in the page after {seconds:.0f} s. The page says: {said}")
        time.sleep(_LOOK)


def _stopped(run: PageRun) -> str:
    if run.died:
        return run.died
    for position, (name, message) in run.errors().items():
        return f"code cell {position} failed with {name}: {message}"
    return ""


def _exactly_the_exercises_fail(run: PageRun) -> Kept:
    promise = "in the learner's version exactly the exercises fail, each with a message that teaches"
    if run.died:
        return Kept(promise, run.died, kept=False)
    errors = run.errors()
    exercises = {int(cell["position"]) for cell in run.cells if cell["role"] == "exercise"}
    problems = [f"the exercise in code cell {i} does not fail" for i in sorted(exercises - set(errors))]
    problems += [
        f"code cell {i} fails with {name}: {message}"
        for i, (name, message) in sorted(errors.items())
        if i not in exercises or name != TEACHING_ERROR
    ]
    return Kept(promise, "; ".join(problems) or f"{len(exercises)} of {len(exercises)} exercises", not problems)
