"""Hold a lesson to its contract by running it: what pytest is for code.

The solved lesson runs once per seed, from top to bottom, in a fresh kernel with the network refused; the learner's
version runs once, to prove that exactly the exercises fail, each with a message that teaches. Every broken promise
is a sentence; no promise is judged by the clock on the wall.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from handson.lab.exercises import CHECK_MIME
from handson.lab.places import cache_dir
from handson.lab.reporting import FIGURES_MIME
from handson.lab.session import CHECK_VARIABLE, SEED_VARIABLE
from handson.lessons.calibrate import slowdown
from handson.lessons.contract import CPU_SECONDS_PREFIX, Data, Target, Tier
from handson.lessons.given import write_index
from handson.lessons.records import read_record
from handson.lessons.render import Version, render
from handson.lessons.run import Limits, Run, run_notebook
from handson.lessons.source import Lesson

TEACHING_ERROR = "NotYet"
CELL_SECONDS_PER_MINUTE = 60.0
"""A cell may take on the wall what the lesson is meant to, times the slowdown: a hang ends, slowness does not."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Kept:
    """One promise of the contract, as measured."""

    promise: str
    measured: str
    kept: bool


@dataclass(frozen=True)
class SeedRun:
    """The solved lesson with one seed. Times in CPU-seconds of the reference laptop; memory in MB."""

    seed: int
    slowdown: float
    cpu_seconds: float
    wall_seconds: float
    peak_memory_mb: float
    figures: Mapping[str, float]


@dataclass
class Report:
    """Everything `handson check` found out about one lesson."""

    lesson: str
    data: Data
    network: str = ""
    runs: list[SeedRun] = field(default_factory=list)
    promises: list[Kept] = field(default_factory=list)
    pictures: list[Path] = field(default_factory=list)
    folder: Path = Path()

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return bool(self.promises) and all(promise.kept for promise in self.promises)

    def mean_figures(self) -> dict[str, float]:
        """Every reported figure, and the costs, as means over the seeds."""
        names = set.intersection(*(set(run.figures) for run in self.runs)) if self.runs else set()
        means = {name: statistics.fmean(run.figures[name] for run in self.runs) for name in sorted(names)}
        for cost in ("cpu_seconds", "wall_seconds", "peak_memory_mb"):
            means[f"lesson_{cost}"] = statistics.fmean(getattr(run, cost) for run in self.runs)
        return means

    def as_json(self) -> dict[str, Any]:
        """The report in plain types."""
        plain = asdict(self) | {"kept": self.kept, "mean": self.mean_figures() if self.runs else {}}
        return plain | {"pictures": [str(path) for path in self.pictures], "folder": str(self.folder)}


def check_lesson(
    lesson: Lesson, data: Data, *, seeds: int, index: Mapping[str, Any], out: Path, say: Say, with_learner: bool = True
) -> Report:
    """Run `lesson` on `data` and report on every line of its contract.

    `index` is the workshop's asset index (see `given.write_index`), of which the lesson gets to see the assets that
    its contract names; executed notebooks and pictures are stored in `out/<lesson>/<data>`. `say` is told what is
    being done.
    """
    index = {name: entry for name, entry in index.items() if name in lesson.contract.assets}
    folder = out / lesson.name / data
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    report = Report(lesson.name, data, folder=folder)
    for seed in range(seeds):
        say(f"{lesson.name}: solved, {data} data, seed {seed}")
        run, slow = _execute(lesson, "solved", data, seed, index, folder if seed == 0 else None)
        report.network = run.network
        report.runs.append(_seed_run(run, seed, slow))
        if problem := _stopped(run):
            report.promises.append(Kept(f"the solved lesson runs to its end (seed {seed})", problem, kept=False))
            return report
        if failed := [check["name"] for check in run.outputs(CHECK_MIME) if not check["passed"]]:
            report.promises.append(Kept("the solutions pass their checks", f"failed: {', '.join(failed)}", kept=False))
    report.pictures = sorted((folder / "pictures").glob("[!.]*"))
    report.promises += [
        Kept("the solved lesson runs to its end", f"{seeds} of {seeds} seeds", kept=True),
        *promises(lesson, data, report),
    ]
    if with_learner:
        say(f"{lesson.name}: the learner's version")
        run, _ = _execute(lesson, "learner", data, 0, index, folder)
        report.promises.append(_exactly_the_exercises_fail(run))
    return report


def _execute(
    lesson: Lesson, version: Version, data: Data, seed: int, index: Mapping[str, Any], keep_in: Path | None
) -> tuple[Run, float]:
    """One run in a temporary folder; `keep_in` gets the executed notebook, and the pictures of the solved one."""
    notebook = render(lesson, version, read_record(lesson))
    contract = lesson.contract
    with tempfile.TemporaryDirectory(prefix="handson-check-") as name:
        folder = Path(name)
        write_index(folder, index)
        # With no asset in reach the lesson takes its embedded default by itself, as on a learner's fresh laptop.
        cache = str(cache_dir()) if data == "full" else str(folder / "empty-cache")
        environment = {
            CHECK_VARIABLE: "1",
            SEED_VARIABLE: str(seed),
            "HANDSON_CACHE": cache,
            "PYTHONPATH": os.pathsep.join(_import_path()),
            "PYTHONWARNINGS": "default",
        }
        before = slowdown(contract.threads)
        limits = Limits(
            contract.threads, contract.memory_mb, contract.minutes * CELL_SECONDS_PER_MINUTE * max(1, before)
        )
        run = run_notebook(notebook, folder, limits, environment, go_on=version == "learner")
        slow = statistics.fmean([before, slowdown(contract.threads)])
        if keep_in:
            nbformat.write(notebook, keep_in / f"{lesson.file_stem}.{version}.ipynb")
            if version == "solved" and (folder / "pictures").is_dir():
                shutil.copytree(folder / "pictures", keep_in / "pictures")
    return run, slow


def _import_path() -> list[str]:
    """Where the kernel finds this very handson, also when it was not installed."""
    import handson

    return [str(Path(handson.__file__).parents[1])]


def _seed_run(run: Run, seed: int, slow: float) -> SeedRun:
    figures = scaled(run.outputs, slow)
    return SeedRun(seed, slow, run.cpu_seconds / slow, run.wall_seconds, run.peak_memory_mb, figures)


def scaled(outputs: Callable[[str], list[Any]], slow: float) -> dict[str, float]:
    """The reported figures of a run whose outputs of a type are `outputs(mime)`, its CPU times in reference seconds."""
    figures = {name: value for reported in outputs(FIGURES_MIME) for name, value in reported.items()}
    return {name: value / slow if name.startswith(CPU_SECONDS_PREFIX) else value for name, value in figures.items()}


def _stopped(run: Run) -> str:
    if run.died:
        return run.died
    if run.errors:
        index, (name, message) = next(iter(run.errors.items()))
        return f"cell {index + 1} failed with {name}: {message}"
    return ""


def promises(lesson: Lesson, data: Data, report: Report, tier: Tier = "laptop") -> list[Kept]:
    """Figures, costs and picture of the contract, held against what `report` has measured in its runs."""
    return [
        *_promised_figures(lesson.contract.targets(data, tier), report),
        *_promised_costs(lesson, report, tier),
        _promised_picture(lesson, report),
    ]


def _promised_figures(targets: Iterable[Target], report: Report) -> list[Kept]:
    kept = []
    for target in targets:
        values = [run.figures[target.figure] for run in report.runs if target.figure in run.figures]
        if len(values) < len(report.runs):
            reported = ", ".join(sorted(report.runs[0].figures)) or "nothing"
            measured = f"the lesson never calls lab.report({target.figure}=…); it reports {reported}"
            kept.append(Kept(str(target), measured, kept=False))
            continue
        mean = statistics.fmean(values)
        spread = f" (seeds: {min(values):.4g} to {max(values):.4g})" if len(values) > 1 else ""
        kept.append(Kept(str(target), f"{mean:.4g}{spread}", target.kept_by(mean)))
    return kept


def _promised_costs(lesson: Lesson, report: Report, tier: Tier) -> list[Kept]:
    cpu = statistics.fmean(run.cpu_seconds for run in report.runs)
    slow = statistics.fmean(run.slowdown for run in report.runs)
    memory = max(run.peak_memory_mb for run in report.runs)
    contract, budget = lesson.contract, lesson.contract.cpu_budget(tier)
    return [
        Kept(
            f"cpu_seconds <= {budget:g}",
            f"{cpu:.1f} ({cpu * slow:.1f} here: this machine needs {slow:.2f} × the reference's now)",
            cpu <= budget,
        ),
        Kept(f"memory_mb <= {contract.memory_mb}", f"{memory:.0f}", memory <= contract.memory_mb),
    ]


def _promised_picture(lesson: Lesson, report: Report) -> Kept:
    names = [path.name for path in report.pictures]
    return Kept(
        f"ends with pictures/{lesson.contract.picture}",
        ", ".join(names) or "no picture",
        lesson.contract.picture in names,
    )


def _exactly_the_exercises_fail(run: Run) -> Kept:
    promise = "in the learner's version exactly the exercises fail, each with a message that teaches"
    if run.died:
        return Kept(promise, run.died, kept=False)
    exercises = {i for i, cell in enumerate(run.notebook.cells) if "exercise" in cell.metadata.get("tags", ())}
    problems = [f"the exercise in cell {i + 1} does not fail" for i in sorted(exercises - set(run.errors))]
    for index, (name, message) in sorted(run.errors.items()):
        if index not in exercises:
            problems.append(f"cell {index + 1}, no exercise, fails with {name}: {message}")
        elif name != TEACHING_ERROR:
            problems.append(
                f"the exercise in cell {index + 1} fails with {name}: {message} in place of a lab.check message"
            )
    return Kept(promise, "; ".join(problems) or f"{len(exercises)} of {len(exercises)} exercises", not problems)
