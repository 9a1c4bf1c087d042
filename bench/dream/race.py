"""DeepDream: the DeepDream lesson against the same algorithm in well-known notebooks.

Same network, layer and photo, one process, interleaved; README.md holds the rules, the table and the command.
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
from collections.abc import Callable
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Waiting threads sleep instead of spinning: CPU-seconds then count work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch
import torch.nn.functional as F
from torch import Tensor

from handson import lab
from handson.lab import zoo
from handson.lab.zoo.loading import build

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LESSON = ROOT / "lessons" / "vision" / "06_deepdream.py"
LESSON_FUNCTIONS = ("resize", "strength", "ascend_reference", "dream")
LAYER = {"squeezenet-1.1": "fire7/concat", "cifar-robust": "relu7"}
"""By network: the layer that dreams, as in the lesson."""
OCTAVES, SCALE = 4, 1.4
OURS = "DeepDream (this workshop)"


@dataclass(frozen=True)
class Task:
    """What all contestants get: a photo (1, 3, size, size) in 0..1, and how many steps to make in each octave."""

    model: zoo.Model
    layer: str
    photo: Tensor
    steps: int

    def sizes(self) -> list[tuple[int, int]]:
        """Of the octaves, small to large."""
        height, width = self.photo.shape[2:]
        return [(round(height / SCALE**k), round(width / SCALE**k)) for k in reversed(range(OCTAVES))]

    def megapixel_steps(self) -> float:
        return sum(height * width * self.steps for height, width in self.sizes()) / 1e6


Dream = Callable[[], Tensor]
"""The dream, from the photo to the last step of the last octave."""


# --- Our contestant: the functions are those of the lesson's file -----------------------------------------------------


def lesson_functions(file: Path, task: Task) -> dict[str, Any]:
    """The namespace of the lesson `file` with LESSON_FUNCTIONS."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in LESSON_FUNCTIONS]
    names: dict[str, Any] = {"torch": torch, "F": F, "lab": lab, "model": task.model}
    exec(compile(tree, str(file), "exec"), names)  # the repository's own lesson
    missing = [name for name in LESSON_FUNCTIONS if name not in names]
    if missing:
        sys.exit(f"{file} has no function {', '.join(missing)}.\n  The race needs {', '.join(LESSON_FUNCTIONS)}.")
    names["ascend"] = names["ascend_reference"]
    return names


def lesson(task: Task, file: Path) -> Dream:
    names = lesson_functions(file, task)
    return lambda: names["dream"](task.photo, names["strength"](task.layer), octaves=OCTAVES, steps=task.steps)


def usual(model: zoo.Model) -> zoo.Model:
    """The network as it comes when it is loaded: PyTorch's usual layout, gradients for its weights on."""
    network = deepcopy(model.network).to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    return _Usual(network.requires_grad_(True), model.card)


class _Usual(zoo.Model):
    """A Model that leaves layout and weights as they are given."""

    def __init__(self, network: torch.nn.Module, card: zoo.Card) -> None:
        torch.nn.Module.__init__(self)
        self.network, self.card = network.eval(), card

    def _prepare(self, pictures: Tensor) -> Tensor:
        return self.card.prepare(pictures).contiguous()


# --- The others, written here from what the originals do --------------------------------------------------------------


def caffe_notebook(task: Task) -> Dream:
    """google/deepdream's notebook; bat-country's step is the same.

    Forward to the end layer, whose own values are the gradient sent back; Caffe then finds all gradients, those of the
    weights too. Jitter up to 32 by roll, a step of 1.5 of 255 over the mean absolute gradient, clipped to the colors.
    """
    model = usual(task.model)
    weights = list(model.network.parameters())

    def make_step(picture: Tensor) -> Tensor:
        down, across = torch.randint(-32, 33, (2,)).tolist()
        shifted = picture.roll((down, across), (2, 3)).requires_grad_(True)
        for weight in weights:
            weight.grad = None
        end = model.activation(shifted, task.layer)
        end.backward(end.detach())  # type: ignore[no-untyped-call]
        gradient = shifted.grad
        assert gradient is not None
        with torch.no_grad():
            stepped = shifted + 1.5 / 255 / gradient.abs().mean() * gradient
            return stepped.roll((-down, -across), (2, 3)).clamp(0, 1)

    def dream() -> Tensor:
        photos = [F.interpolate(task.photo, size, mode="bilinear") for size in task.sizes()]
        detail = torch.zeros_like(photos[0])
        for photo in photos:
            detail = F.interpolate(detail, photo.shape[2:], mode="bilinear")
            picture = photo + detail
            for _ in range(task.steps):
                picture = make_step(picture)
            detail = picture - photo
        return picture

    return dream


def keras_example(task: Task) -> Dream:
    """Keras' deep_dream: no jitter, no clipping; the mean square of the layer without its rim, the picture's gradient.

    What enlarging lost is put back between the octaves. One layer here in place of four.
    """
    model = usual(task.model)

    def gradient_ascent_step(picture: Tensor) -> Tensor:
        picture = picture.detach().requires_grad_(True)
        loss = model.activation(picture, task.layer)[:, :, 2:-2, 2:-2].square().mean()
        (gradient,) = torch.autograd.grad(loss, picture)
        return picture.detach() + 0.01 * gradient / gradient.abs().mean().clamp_min(1e-6)

    def dream() -> Tensor:
        sizes = task.sizes()
        small = F.interpolate(task.photo, sizes[0], mode="bilinear")
        picture = task.photo
        for size in sizes:
            picture = F.interpolate(picture, size, mode="bilinear")
            for _ in range(task.steps):
                picture = gradient_ascent_step(picture)
            photo = F.interpolate(task.photo, size, mode="bilinear")
            picture = picture + photo - F.interpolate(small, size, mode="bilinear")
            small = photo
        return picture

    return dream


def contestants(task: Task, file: Path) -> dict[str, Dream]:
    """All of them by name; what is done once is done here."""
    as_loaded = Task(usual(task.model), task.layer, task.photo, task.steps)
    return {
        OURS: lesson(task, file),
        "ours, on the network as it is loaded": lesson(as_loaded, file),
        "google/deepdream's notebook (bat-country)": caffe_notebook(task),
        "Keras, deep_dream": keras_example(task),
    }


# --- The race -------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One dream of one contestant: seconds per megapixel-step."""

    name: str
    threads: int
    repeat: int
    seconds: float
    cpu_seconds: float


def race(task: Task, file: Path, repeats: int, threads: int) -> list[Run]:
    torch.set_num_threads(threads)
    racing, runs = contestants(task, file), []
    names = list(racing)
    warm_up = Task(task.model, task.layer, task.photo[:, :, :256, :256], 1)
    for dream in contestants(warm_up, file).values():
        dream()
    for repeat in range(repeats):
        turn = repeat % len(names)
        for name in names[turn:] + names[:turn]:
            torch.manual_seed(repeat)
            wall, cpu = time.perf_counter(), time.process_time()
            racing[name]()
            spent = time.perf_counter() - wall, time.process_time() - cpu
            run = Run(name, threads, repeat, *(each / task.megapixel_steps() for each in spent))
            print(f"  {threads} thread(s)  {name:44s} {run.seconds:.3f} s, {run.cpu_seconds:.3f} CPU-s", flush=True)
            runs.append(run)
    return runs


# --- The report -----------------------------------------------------------------------------------------------------


def table(runs: list[Run]) -> str:
    counts = sorted({run.threads for run in runs})

    def median(name: str, threads: int, key: str) -> float:
        return statistics.median(getattr(run, key) for run in runs if run.name == name and run.threads == threads)

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
    """Puts the table between the markers of README.md, and every dream into results.json."""
    about = (
        f"{options.network}, {options.size} × {options.size} pixels, medians of {options.repeats} dreams of {OCTAVES} "
        f"octaves of {options.steps} steps, {processor()}, PyTorch {torch.__version__}, "
        f"Python {platform.python_version()}, {platform.system()}, load of the machine when the race began: "
        f"{options.load}."
    )
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->\n")
    result = f"<!-- table -->\n{table(runs)}\n\n{about}\n<!-- end of table -->\n"
    readme.write_text(before + result + after, encoding="utf-8")
    content = {"about": about, "runs": [asdict(run) for run in runs]}
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
    parser.add_argument("--network", choices=LAYER, default="squeezenet-1.1")
    parser.add_argument("--lesson", type=Path, default=LESSON, help="the lesson that our contestant is taken from")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--steps", type=int, default=10, help="in each octave")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    options.load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    photo = lab.sample_photo("china", options.size).permute(2, 0, 1)[None].contiguous()
    task = Task(the_network(options.network), LAYER[options.network], photo, options.steps)
    runs = [run for n in options.threads for run in race(task, options.lesson, options.repeats, n)]
    write_report(runs, options)
    print(table(runs))


if __name__ == "__main__":
    main()
