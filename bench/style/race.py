"""Style transfer: the Style lesson's painting against the same algorithm in two well-known notebooks.

Same network, layers and pictures, one process, interleaved; README.md holds the rules, the table and the command.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Waiting threads sleep instead of spinning: CPU-seconds then count work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from handson import lab
from handson.lab import zoo
from handson.lab.zoo.loading import build

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LESSON = ROOT / "lessons" / "vision" / "07_style.py"
LESSON_FUNCTIONS = ("ready", "gram_reference", "apart", "look", "goal", "loss_of", "in_colors_of", "easel", "paint")
LAYERS = {
    "squeezenet-1.1": (["relu_conv1", *(f"fire{n}/concat" for n in range(2, 8))], "fire6/concat"),
    "cifar-robust": (["relu1", "relu2", "relu3", "relu4", "relu5"], "relu5"),
}
"""By network: the layers whose Gram matrices count, and the one whose content does, as in the lesson."""

Steps = Iterator[None]
"""Each `next` is one evaluation of the loss with its gradient, and the step of the optimizer that belongs to it."""


@dataclass(frozen=True)
class Task:
    """What all contestants get: pictures (1, 3, size, size) in 0..1."""

    model: zoo.Model
    layers: list[str]
    content: str
    photo: Tensor
    painting: Tensor


@dataclass(frozen=True)
class Contestant:
    """`start(task)` does what is done once, and gives the steps."""

    name: str
    start: Callable[[Task], Steps]


# --- Our contestant: the functions are those of the lesson's file -----------------------------------------------------


def lesson_functions(file: Path, task: Task, live: Any) -> dict[str, Any]:
    """The namespace of the lesson `file` with LESSON_FUNCTIONS, and `live` in place of `lab.Live`."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in LESSON_FUNCTIONS]
    names: dict[str, Any] = {
        "torch": torch, "nn": nn, "F": F, "lab": SimpleNamespace(Live=live, Canvas=lab.Canvas, checker=lab.checker),
        "network": task.model, "LAYERS": task.layers, "CONTENT": task.content,
    }  # fmt: skip
    exec(compile(tree, str(file), "exec"), names)  # the repository's own lesson
    missing = [name for name in LESSON_FUNCTIONS if name not in names]
    if missing:
        sys.exit(f"{file} has no function {', '.join(missing)}.\n  The race needs {', '.join(LESSON_FUNCTIONS)}.")
    names["gram"] = names["gram_reference"]
    return names


class Watch:
    """Stands where the lesson draws its live curve: shows nothing, and notes when each step begins."""

    latest: Watch

    def __init__(self, steps: int, **_looks: object) -> None:
        self.steps = steps
        self.began: list[tuple[float, float]] = []
        Watch.latest = self

    def __iter__(self) -> Iterator[int]:
        for step in range(self.steps):
            self.began.append((time.perf_counter(), time.process_time()))
            yield step

    def log(self, **_values: object) -> None:
        pass

    def image(self, _picture: object) -> None:
        pass


def lesson_steps(task: Task, file: Path, count: int) -> list[tuple[float, float]]:
    """When each of `count` steps of the lesson's `paint` began, by the clock and in CPU seconds; one size."""
    names = lesson_functions(file, task, Watch)
    photo, painting = (picture[0].permute(1, 2, 0) for picture in (task.photo, task.painting))
    begin = names["in_colors_of"](task.painting, task.photo)
    names["paint"](begin, photo, painting, [photo.shape[0]], count, "")
    return Watch.latest.began


# --- The others, written here from their descriptions -----------------------------------------------------------------


def plain_network(model: zoo.Model) -> Callable[[Tensor, list[str]], dict[str, Tensor]]:
    """The network in PyTorch's usual layout, with gradients for its weights on, as it comes when it is loaded."""
    from copy import deepcopy

    network = deepcopy(model.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    network.requires_grad_(True)

    def activations(pictures: Tensor, layers: list[str]) -> dict[str, Tensor]:
        prepared = model.card.prepare(pictures).contiguous()
        if hasattr(network, "activations"):
            found: dict[str, Tensor] = network.activations(prepared, layers)
            return found
        values = {}
        for name, layer in network.named_children():
            prepared = layer(prepared)
            values[name] = prepared
        return {name: values[name] for name in layers}

    return activations


def keras_example(task: Task) -> Steps:
    """Photo, painting and picture go through the network together at each step; only the picture's gradient is taken.

    Gradient descent with a rate that shrinks; sums of squares; total variation to the power 1.25.
    """
    activations = plain_network(task.model)
    layers = [*task.layers, task.content]
    size = task.photo.shape[-1]
    picture = task.photo.contiguous().clone().requires_grad_(True)

    def table(features: Tensor) -> Tensor:
        rows = features.reshape(features.shape[0], -1)
        return rows @ rows.T

    step = 0
    while True:
        seen = activations(torch.cat([task.photo, task.painting, picture]), layers)
        photo_content, _, content = seen[task.content]
        loss = 2.5e-8 * (content - photo_content).square().sum()
        for name in task.layers:
            _, wanted, found = seen[name]
            loss = loss + 1e-6 / len(task.layers) * (table(wanted) - table(found)).square().sum() / (36 * size**4)
        down = (picture[:, :, :-1, :-1] - picture[:, :, 1:, :-1]).square()
        across = (picture[:, :, :-1, :-1] - picture[:, :, :-1, 1:]).square()
        loss = loss + 1e-6 * (down + across + 1e-12).pow(1.25).sum()
        (gradient,) = torch.autograd.grad(loss, picture)
        with torch.no_grad():
            picture -= 100 * 0.96 ** (step / 100) / 255**2 * gradient
        step += 1
        yield


def pytorch_tutorial(task: Task) -> Steps:
    """Targets once, a network that ends with the last layer asked, L-BFGS on pixels; a step calls its closure once."""
    activations = plain_network(task.model)
    wanted = [*task.layers, task.content]

    def table(features: Tensor) -> Tensor:
        pictures, channels, height, width = features.shape
        rows = features.view(pictures * channels, height * width)
        return rows @ rows.t() / (pictures * channels * height * width)

    painting, photo = activations(task.painting, wanted), activations(task.photo, wanted)
    grams = {name: table(painting[name]).detach() for name in task.layers}
    content = photo[task.content].detach()
    picture = task.photo.contiguous().clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([picture])

    def closure() -> Tensor:
        with torch.no_grad():
            picture.clamp_(0, 1)
        optimizer.zero_grad()
        seen = activations(picture, wanted)
        style = sum(F.mse_loss(table(seen[name]), grams[name]) for name in task.layers)
        loss: Tensor = 1e6 * style + F.mse_loss(seen[task.content], content)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    yield from _one_by_one(lambda each: optimizer.step(each), closure)


def _one_by_one(call: Callable[[Callable[[], Tensor]], object], closure: Callable[[], Tensor]) -> Steps:
    """Turn an optimizer that calls its closure many times into steps that can be timed one by one."""
    from queue import SimpleQueue
    from threading import Thread

    go: SimpleQueue[bool] = SimpleQueue()
    done: SimpleQueue[bool] = SimpleQueue()

    def each() -> Tensor:
        loss = closure()
        done.put(True)
        go.get()
        return loss

    def work() -> None:
        go.get()
        while True:
            call(each)

    Thread(target=work, daemon=True).start()
    while True:
        go.put(True)
        done.get()
        yield


OTHERS = (
    Contestant("PyTorch tutorial, as published", pytorch_tutorial),
    Contestant("Keras example, as published", keras_example),
)


# --- The race -------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One turn of one contestant: seconds a step, each the median over the turn's steps."""

    name: str
    threads: int
    repeat: int
    seconds: float
    cpu_seconds: float


def timed(moments: list[tuple[float, float]]) -> tuple[float, float]:
    """The median of a step by the clock and in CPU seconds; the first two steps warm up and do not count."""
    pairs = list(pairwise(moments))[2:]
    return (
        statistics.median(after[0] - before[0] for before, after in pairs),
        statistics.median(after[1] - before[1] for before, after in pairs),
    )


def turn(steps: Steps, count: int) -> list[tuple[float, float]]:
    moments = [(time.perf_counter(), time.process_time())]
    for _ in range(count):
        next(steps)
        moments.append((time.perf_counter(), time.process_time()))
    return moments


def race(task: Task, lesson: Path, repeats: int, count: int, threads: int) -> list[Run]:
    torch.set_num_threads(threads)
    runs = []
    for repeat in range(repeats):
        names = [OURS, *(other.name for other in OTHERS)]
        for name in names[repeat % len(names) :] + names[: repeat % len(names)]:
            if name == OURS:
                moments = lesson_steps(task, lesson, count + 1)
            else:
                other = next(other for other in OTHERS if other.name == name)
                moments = turn(other.start(task), count)
            run = Run(name, threads, repeat, *timed(moments))
            print(
                f"  {threads} thread(s)  {name:32s} {run.seconds:.3f} s, {run.cpu_seconds:.3f} CPU-s a step", flush=True
            )
            runs.append(run)
    return runs


OURS = "Style (this workshop)"


# --- The report -----------------------------------------------------------------------------------------------------


def table(runs: list[Run], size: int) -> str:
    megapixels = size * size / 1e6
    counts = sorted({run.threads for run in runs})

    def median(name: str, threads: int, key: str) -> float:
        chosen = [getattr(run, key) for run in runs if run.name == name and run.threads == threads]
        return statistics.median(chosen) / megapixels

    titles = [f"s, {n} thread{'s' if n > 1 else ''} | CPU-s | of ours (time, CPU)" for n in counts]
    lines = [f"| seconds per megapixel-step | {' | '.join(titles)} |", "| --- |" + " ---: |" * (3 * len(counts))]
    for name in dict.fromkeys(run.name for run in sorted(runs, key=lambda run: run.name != OURS)):
        cells = []
        for n in counts:
            wall, cpu = median(name, n, "seconds"), median(name, n, "cpu_seconds")
            ratios = wall / median(OURS, n, "seconds"), cpu / median(OURS, n, "cpu_seconds")
            cells.append(f"{wall:.2f} | {cpu:.2f} | {ratios[0]:.1f} ×, {ratios[1]:.1f} ×")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def write_report(runs: list[Run], options: argparse.Namespace) -> None:
    """Puts the table between the markers of README.md, and every turn into results.json."""
    about = (
        f"{options.network}, {options.size} × {options.size} pixels, medians of {options.repeats} turns of "
        f"{options.steps} steps, {processor()}, PyTorch {torch.__version__}, Python {platform.python_version()}, "
        f"{platform.system()}, load of the machine when the race began: {options.load}."
    )
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->\n")
    result = f"<!-- table -->\n{table(runs, options.size)}\n\n{about}\n<!-- end of table -->\n"
    readme.write_text(before + result + after, encoding="utf-8")
    content = {"about": about, "megapixels": options.size**2 / 1e6, "runs": [asdict(run) for run in runs]}
    (HERE / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def the_network(name: str) -> zoo.Model:
    """The network; its files are fetched as the lessons' are (HANDSON_MIRROR first)."""
    card = zoo.card(name)
    if not card.asset:
        return zoo.load(name)
    from rich.console import Console

    from handson.assets import fetch, read_manifest
    from handson.assets.progress import FetchProgress

    with FetchProgress(Console()) as progress:
        fetched = fetch(read_manifest(ROOT / "assets.toml").select([card.asset]), progress)
    return build(card, {Path(file.path).name: Path(file.location) for file in fetched})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--network", choices=LAYERS, default="squeezenet-1.1")
    parser.add_argument("--lesson", type=Path, default=LESSON, help="the lesson that our contestant is taken from")
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--steps", type=int, default=8, help="of a turn; two more warm up")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    options.load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"

    def picture(photo: Tensor) -> Tensor:
        return photo.permute(2, 0, 1)[None].contiguous()

    task = Task(
        the_network(options.network), *LAYERS[options.network],
        picture(lab.sample_photo("chelsea", options.size)), picture(lab.painting("night", options.size)),
    )  # fmt: skip
    runs = [run for n in options.threads for run in race(task, options.lesson, options.repeats, options.steps + 2, n)]
    write_report(runs, options)
    print(table(runs, options.size))


if __name__ == "__main__":
    main()
