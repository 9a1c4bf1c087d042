"""The MNIST race: the Digits lesson against three well-known ways to train a network on MNIST.

Same data, same cores, one process, interleaved; README.md holds the rules, the table and the command.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

# Waiting threads sleep instead of spinning: CPU-seconds then count work. Read when torch starts its threads.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TARGET = 99.0  # percent of the 10,000 test images
EVALUATE_EVERY = 15_000  # training images between two looks at the test set (the lesson: one look, at its end)
SLICE_SECONDS = 10.0  # how long one contestant trains before the next one has its turn
HERE = Path(__file__).parent


def in_channels_last(net: nn.Module) -> nn.Module:
    """The same network, its weights laid out as convolutions on processors like them: 1.6 times as fast."""
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in torch's annotations
    return net


# --- Our contestant -------------------------------------------------------------------------------------------------
# Taken from the lesson's file: these functions of it run here, its cells do not.

LESSON = HERE.parents[1] / "lessons" / "vision" / "02_digits.py"
LESSON_FUNCTIONS = ("ready", "batches", "step_reference", "train", "convolutional_network")
LESSON_EPOCHS, LESSON_BATCH = 2, 256  # as its cells say for MNIST


class NoCurve:
    """Stands where the lesson draws its live curve: counts the steps, shows nothing, stops for no clock."""

    def __init__(self, steps: int, **_looks: object) -> None:
        self.steps = steps

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.steps))

    def log(self, **_values: object) -> None:
        pass


def lesson_functions(file: Path) -> dict[str, Any]:
    """The namespace of the lesson `file` with its imports and LESSON_FUNCTIONS, and NoCurve in place of `lab.Live`."""
    tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
    found: list[ast.stmt] = []
    for node in tree.body:
        ours = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "handson"
        if isinstance(node, ast.Import | ast.ImportFrom) and not ours:
            found.append(node)
        if isinstance(node, ast.FunctionDef) and node.name in LESSON_FUNCTIONS:
            found.append(node)
    tree.body = found
    names: dict[str, Any] = {"__name__": "lesson", "lab": SimpleNamespace(Live=NoCurve), "batch": LESSON_BATCH}
    exec(compile(tree, str(file), "exec"), names)  # the repository's own lesson
    missing = [name for name in LESSON_FUNCTIONS if name not in names]
    if missing:
        sys.exit(f"{file} has no function {', '.join(missing)}.\n  The race needs {', '.join(LESSON_FUNCTIONS)}.")
    return names


# --- Data -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mnist:
    """Images uint8 (N, 28, 28); labels int64 (N,)."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor


def fetched_mnist() -> Path:
    """A folder with MNIST's files, fetched as the lessons' are (HANDSON_MIRROR first) and linked by their names."""
    from rich.console import Console

    from handson.assets import fetch, read_manifest
    from handson.assets.progress import FetchProgress

    with FetchProgress(Console()) as progress:
        fetched = fetch(read_manifest(HERE.parents[1] / "assets.toml").select(["mnist"]), progress)
    folder = Path(tempfile.mkdtemp(prefix="mnist-race-"))
    for file in fetched:
        shutil.copyfile(file.location, folder / Path(file.path).name)
    return folder


def read_mnist(folder: Path) -> Mnist:
    def read(name: str, header: int) -> Tensor:
        file = folder / name
        if not file.is_file():
            sys.exit(f"{file} is not there.\n  Give the folder that holds MNIST's four .gz files with --data FOLDER.")
        return torch.frombuffer(bytearray(gzip.decompress(file.read_bytes())[header:]), dtype=torch.uint8)

    return Mnist(
        read("train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28),
        read("train-labels-idx1-ubyte.gz", 8).long(),
        read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28),
        read("t10k-labels-idx1-ubyte.gz", 8).long(),
    )


# --- The other contestants ------------------------------------------------------------------------------------------


@dataclass
class Contestant:
    """`start(data)` builds the network; the iterator trains it a little at each `next` and says on how many images.

    An iterator that ends has done all epochs of its recipe.
    """

    name: str
    start: Callable[[Mnist], tuple[nn.Module, Iterator[int]]]
    test_input: Callable[[Tensor], Tensor]


def lesson(file: Path) -> Contestant:
    names = lesson_functions(file)

    def start(data: Mnist) -> tuple[nn.Module, Iterator[int]]:
        net = names["convolutional_network"]()

        def run() -> Iterator[int]:
            names["train_images"], names["train_labels"] = names["ready"](data.train_images), data.train_labels
            names["train"](net, names["step_reference"], epochs=LESSON_EPOCHS, title="")
            yield LESSON_EPOCHS * (len(data.train_images) // LESSON_BATCH) * LESSON_BATCH

        return net, run()

    return Contestant("Digits (this workshop)", start, names["ready"])


def one_epoch(
    net: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor, batch: int,
    augment: Callable[[Tensor], Tensor] = lambda images: images,
) -> Iterator[int]:  # fmt: skip
    for rows in torch.randperm(len(images)).split(batch):
        loss = F.cross_entropy(net(augment(images[rows])), labels[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield len(rows)


def pytorch_example() -> Contestant:
    """The `mnist` example of pytorch/examples: 14 epochs, batch 64, Adadelta 1.0, × 0.7 an epoch, two dropouts."""

    def scale(images: Tensor) -> Tensor:
        return (images[:, None].float() / 255 - 0.1307) / 0.3081

    def start(data: Mnist) -> tuple[nn.Module, Iterator[int]]:
        net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
            nn.Flatten(), nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
        )  # fmt: skip
        in_channels_last(net)

        def run() -> Iterator[int]:
            images = scale(data.train_images)
            optimizer = torch.optim.Adadelta(net.parameters(), lr=1.0)
            schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
            for _epoch in range(14):
                yield from one_epoch(net, optimizer, images, data.train_labels, 64)
                schedule.step()

        return net, run()

    return Contestant("PyTorch examples, mnist", start, scale)


def keras_example() -> Contestant:
    """Keras' `mnist_convnet`: 15 epochs, batch 128, Adam 1e-3, dropout 0.5; a tenth of the training images held out."""

    def scale(images: Tensor) -> Tensor:
        return images[:, None].float() / 255

    def start(data: Mnist) -> tuple[nn.Module, Iterator[int]]:
        net = nn.Sequential(
            nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10),
        )  # fmt: skip
        for layer in net:
            if isinstance(layer, nn.Conv2d | nn.Linear):  # Keras' initial weights
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        in_channels_last(net)

        def run() -> Iterator[int]:
            images, labels = scale(data.train_images)[:54_000], data.train_labels[:54_000]
            optimizer = torch.optim.Adam(net.parameters(), lr=1e-3, eps=1e-7)
            for _epoch in range(15):
                yield from one_epoch(net, optimizer, images, labels, 128)

        return net, run()

    return Contestant("Keras, mnist_convnet", start, scale)


def convnetjs_demo() -> Contestant:
    """ConvNetJS' MNIST demo: random 24 × 24 crops, batch 20, Adadelta, weight decay; it runs until it is stopped."""

    def crop(images: Tensor) -> Tensor:
        places = torch.randint(5, (2, len(images)))
        rows, columns = (place[:, None] + torch.arange(24) for place in places)
        which = torch.arange(len(images))[:, None, None]
        return images[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)

    def centre(images: Tensor) -> Tensor:
        return images[:, None, 2:-2, 2:-2].float() / 255

    def start(data: Mnist) -> tuple[nn.Module, Iterator[int]]:
        net = nn.Sequential(
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, 10),
        )  # fmt: skip
        in_channels_last(net)

        def run() -> Iterator[int]:
            kept = torch.arange(len(data.train_images)) % 10 != 0  # every tenth image is held out for validation
            images, labels = data.train_images[kept][:, None].float() / 255, data.train_labels[kept]
            # It divides the decay 0.001 by the batch size, as it does the summed gradient, and spares the biases.
            weights = [p for p in net.parameters() if p.dim() > 1]
            biases = [p for p in net.parameters() if p.dim() == 1]
            groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": 0.001 / 20}, {"params": biases}]
            optimizer = torch.optim.Adadelta(groups, lr=1.0, rho=0.95, eps=1e-6)
            while True:
                yield from one_epoch(net, optimizer, images, labels, 20, crop)

        return net, run()

    return Contestant("ConvNetJS, MNIST demo", start, centre)


# --- The race -------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One contestant's training in one repeat; the seconds are of training alone, never of evaluation."""

    name: str
    seed: int
    parameters: int = 0
    images: int = 0
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    evaluation_cpu_seconds: float = 0.0
    accuracy: float = 0.0
    reached: bool = False
    history: list[tuple[int, float]] = field(default_factory=list)


def evaluate(net: nn.Module, images: Tensor, labels: Tensor) -> float:
    net.eval()
    with torch.no_grad():
        logits = torch.cat([net(part) for part in images.split(1000)])
    net.train()
    return round(100 * (logits.argmax(1) == labels).float().mean().item(), 2)


def race(contestant: Contestant, data: Mnist, seed: int, cap_seconds: float) -> Iterator[Run]:
    """Trains one contestant to TARGET or to the cap, in turns: yields after each slice, last when it is done."""
    torch.manual_seed(seed)
    test_images = contestant.test_input(data.test_images)
    net, batches = contestant.start(data)
    run = Run(contestant.name, seed, parameters=sum(p.numel() for p in net.parameters()))
    since_evaluation, slice_end, done = 0, SLICE_SECONDS, False
    net.train()
    while not done:
        wall, cpu = time.perf_counter(), time.process_time()
        images = next(batches, 0)
        run.wall_seconds += time.perf_counter() - wall
        run.cpu_seconds += time.process_time() - cpu
        run.images += images
        since_evaluation += images
        done = images == 0 or run.wall_seconds >= cap_seconds
        if since_evaluation >= EVALUATE_EVERY or (done and since_evaluation):
            since_evaluation = 0
            cpu = time.process_time()
            run.accuracy = evaluate(net, test_images, data.test_labels)
            run.evaluation_cpu_seconds += time.process_time() - cpu
            run.history.append((run.images, run.accuracy))
            run.reached = run.accuracy >= TARGET
            done = done or run.reached
        if run.wall_seconds >= slice_end and not done:
            slice_end = run.wall_seconds + SLICE_SECONDS
            yield run
    yield run


def interleave(contestants: list[Contestant], data: Mnist, seed: int, cap_seconds: float) -> list[Run]:
    """Lets the contestants train by turns, each with its own random numbers, until all are done."""
    racing = {contestant.name: race(contestant, data, seed, cap_seconds) for contestant in contestants}
    random_state: dict[str, Tensor] = {}
    latest: dict[str, Run] = {}
    while racing:
        for name, turns in list(racing.items()):
            torch.set_rng_state(random_state.get(name, torch.get_rng_state()))
            run = next(turns, None)
            random_state[name] = torch.get_rng_state()
            if run is None:
                del racing[name]
                continue
            latest[name] = run
            print(
                f"  {name:26s} {run.images:8,d} images  {run.accuracy:6.2f} %  {run.wall_seconds:6.1f} s"
                f"  {run.cpu_seconds:6.1f} CPU-s", flush=True,
            )  # fmt: skip
    return list(latest.values())


# --- The report -----------------------------------------------------------------------------------------------------


def row(runs: list[Run], ours: list[Run], cap_seconds: float) -> str:
    """One line of the table: medians over the repeats of one contestant, and ratios to the lesson's medians."""

    def median(which: list[Run], key: str) -> float:
        return float(statistics.median(getattr(run, key) for run in which))

    wall, cpu = median(runs, "wall_seconds"), median(runs, "cpu_seconds")
    ratio = f"{wall / median(ours, 'wall_seconds'):.1f} ×, {cpu / median(ours, 'cpu_seconds'):.1f} ×"
    reached = sum(run.reached for run in runs)
    if reached == len(runs):
        to_target = f"{wall:.1f} s | {cpu:.1f} s | {ratio}"
    elif runs[0].wall_seconds < cap_seconds:
        to_target = f"not at its end ({wall:.1f} s) | not with {cpu:.1f} s | –"
    else:
        some = f" in {len(runs) - reached} of {len(runs)}" if reached else ""
        to_target = f"not within {wall:.0f} s{some} | not with {cpu:.0f} s | > {ratio.replace(', ', ', > ')}"
    speed = statistics.median(run.images / run.wall_seconds for run in runs)
    per_cpu = statistics.median(run.images / run.cpu_seconds for run in runs)
    return (
        f"| {runs[0].name} | {runs[0].parameters:,} | {to_target} | {speed:,.0f} | {per_cpu:,.0f} "
        f"| {median(runs, 'images'):,.0f} | {median(runs, 'accuracy'):.2f} % |"
    )


def table(repeats: list[list[Run]], cap_seconds: float) -> str:
    names = [run.name for run in repeats[0]]
    by_name = {name: [run for runs in repeats for run in runs if run.name == name] for name in names}
    ours = next(runs for name, runs in by_name.items() if name.startswith("Digits"))
    head = (
        f"| contestant | parameters | time to {TARGET:.0f} % | CPU time to {TARGET:.0f} % | of ours (time, CPU) "
        "| images/s | images/CPU-s | images seen | accuracy then |"
    )
    ordered = sorted(by_name.values(), key=lambda runs: statistics.median(run.wall_seconds for run in runs))
    return "\n".join([head, "| --- |" + " ---: |" * 8, *(row(runs, ours, cap_seconds) for runs in ordered)])


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def write_report(repeats: list[list[Run]], options: argparse.Namespace) -> None:
    """Puts the table between the markers of README.md, and every run into results.json."""
    about = (
        f"{len(repeats)} repeat(s), at most {options.cap_seconds:.0f} s of training each, {options.threads} threads, "
        f"{processor()}, PyTorch {torch.__version__}, Python {platform.python_version()}, {platform.system()}, "
        f"load of the machine when the race began: {options.load}."
    )
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- table -->\n")
    _, _, after = rest.partition("<!-- end of table -->\n")
    result = f"<!-- table -->\n{table(repeats, options.cap_seconds)}\n\n{about}\n<!-- end of table -->\n"
    readme.write_text(before + result + after, encoding="utf-8")
    runs = [asdict(run) for repeat in repeats for run in repeat]
    content = {"about": about, "target": TARGET, "cap_seconds": options.cap_seconds, "runs": runs}
    (HERE / "results.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def warm_up() -> None:
    """One step of a small training: PyTorch imports seconds' worth of modules with the first optimizer."""
    net = nn.Linear(1, 1)
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(1, 1)).sum().backward()
    optimizer.step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="folder of MNIST's four .gz files (default: fetch them)")
    parser.add_argument("--lesson", type=Path, default=LESSON, help="the lesson that our contestant is taken from")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--cap-seconds", type=float, default=600, help="training time after which a contestant stops")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    options.load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"
    torch.set_num_threads(options.threads)

    contestants = [lesson(options.lesson), convnetjs_demo(), keras_example(), pytorch_example()]
    data = read_mnist(options.data or fetched_mnist())
    warm_up()
    repeats = []
    for repeat in range(options.repeats):
        print(f"Repeat {repeat + 1} of {options.repeats}", flush=True)
        turn = repeat % len(contestants)
        order = contestants[turn:] + contestants[:turn]
        repeats.append(interleave(order, data, seed=repeat, cap_seconds=options.cap_seconds))
        write_report(repeats, options)
    print(table(repeats, options.cap_seconds))


if __name__ == "__main__":
    main()
