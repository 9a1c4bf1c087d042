"""A room of ours beside JupyterHub as it comes, on one machine: joins, first results, memory, training, small cells.

README.md holds the table and the command. Needs root.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from hosts import Host, Ours, Stock

HERE = Path(__file__).parent
TRAINERS = 12
TRAINING_SECONDS = 20

FIRST = (
    "import torch\nlayer = torch.nn.Conv2d(3, 8, 3)\nlayer(torch.randn(8, 3, 32, 32)).sum().backward()\nprint('done')"
)
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()"
SMALL = "print(sum(range(1000)))"
SETUP = """
import time, torch
from torch import nn
torch.manual_seed(0)
network = nn.Sequential(nn.Conv2d(1, 24, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(24, 32, 3), nn.MaxPool2d(2),
    nn.ReLU(), nn.Flatten(), nn.Linear(800, 256), nn.ReLU(), nn.Linear(256, 10)).to(memory_format=torch.channels_last)
images = torch.rand(256, 1, 28, 28).to(memory_format=torch.channels_last)
labels = torch.randint(10, (256,))
optimizer = torch.optim.Adam(network.parameters())
def train(begin, end):
    # Images a second, from the first batch that ends after `begin` to the last one before `end`.
    done, first, last = 0, None, None
    while time.time() < end:
        loss = nn.functional.cross_entropy(network(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        now = time.time()
        if first is not None and now <= end:
            done, last = done + len(images), now
        if first is None and now > begin:
            first = now
    return done / (last - first) if last else 0.0
train(time.time(), time.time() + 0.5)
"""


def private_megabytes(pids: list[int]) -> float:
    """What these processes have that nobody shares."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))
    return total / 1024


async def joins(host: Host, count: int) -> dict[str, float]:
    """All at once: the seconds of the median and of the last, and how many errors anybody saw."""
    people = [host.attendee(number) for number in range(1, count + 1)]
    try:
        seconds = sorted(await asyncio.gather(*(person.join() for person in people)))
        errors = sum(person.errors for person in people)
        return {"median": statistics.median(seconds), "last": seconds[-1], "errors": errors}
    finally:
        for person in people:
            await person.close()


async def first_results(host: Host) -> dict[str, float]:
    """Seconds from asking for a kernel to PyTorch's first result (median of 5), and a seat's private megabytes then."""
    person = host.attendee(1)
    other = host.attendee(2)
    try:
        await person.join()
        await other.join()
        await other.run(await other.kernel(), FIRST)  # somebody else has torch in memory, as in a class
        seconds = []
        for _ in range(5):
            began = time.monotonic()
            kernel = await person.kernel()
            await person.run(kernel, FIRST)
            seconds.append(time.monotonic() - began)
            await person.stop(kernel)
        kernel = await person.kernel()
        await person.run(kernel, FIRST)
        await person.run(kernel, PLOT)
        memory = private_megabytes(host.pids(person))
        await person.stop(kernel)
        return {"first result": statistics.median(seconds), "memory": memory}
    finally:
        await person.close()
        await other.close()


async def trainings(host: Host) -> dict[str, float]:
    """Images a second of all trainings together, without and with a 13th person's small cells, and what those take."""
    people = [host.attendee(number) for number in range(1, TRAINERS + 2)]
    try:
        await asyncio.gather(*(person.join() for person in people))
        *trainers, idler = people
        kernels = [await person.kernel() for person in trainers]
        for person, kernel in zip(trainers, kernels, strict=True):
            await person.run(kernel, SETUP)
        small = await idler.kernel()
        await idler.run(small, SMALL)
        waits: list[float] = []

        async def together(with_small_cells: bool) -> list[float]:
            begin = time.time() + 4
            end = begin + TRAINING_SECONDS
            training = f"print(train({begin}, {end}))"
            tasks = [asyncio.create_task(p.run(k, training)) for p, k in zip(trainers, kernels, strict=True)]
            await asyncio.sleep(begin - time.time())
            while with_small_cells and time.time() < end - 1:
                waits.append((await idler.run(small, SMALL))[1])
                await asyncio.sleep(0.2)
            return [float(printed) for printed, _ in await asyncio.gather(*tasks)]

        rates = await together(with_small_cells=False)
        return {
            "throughput": sum(rates),
            "least": min(rates),
            "most": max(rates),
            "throughput with small cells": sum(await together(with_small_cells=True)),
            "p95": statistics.quantiles(waits, n=20)[-1],
            "small cells": len(waits),
        }
    finally:
        for person in people:
            await person.close()


def best_possible(join: Callable[[], None]) -> float:
    """Images a second with one plain process for each core, one thread each, and nothing else.

    `join` puts a process where the compared ones are, so that whatever else the host does is kept from both alike.
    """
    begin = time.time() + 6
    code = f"{SETUP}\nprint(train({begin}, {begin + TRAINING_SECONDS / 2}))"
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    cores = len(os.sched_getaffinity(0))
    command = [sys.executable, "-c", code]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=variables, text=True, preexec_fn=join)
        for _ in range(cores)
    ]
    return sum(float(process.communicate()[0]) for process in running)


def measure(host: Host, seats: int, work: Any, with_best: bool = False) -> dict[str, float]:
    """One question put to a room that was just started; the best possible is measured in it, before and after."""
    host.start(seats)
    try:
        before = best_possible(host.join) if with_best else 0.0
        found: dict[str, float] = asyncio.run(work(host))
        if with_best:
            best = max(before, best_possible(host.join))
            found |= {"best": best, "share": found["throughput"] / best}
            found["share with small cells"] = found["throughput with small cells"] / best
        return found
    except Exception:
        print((host.folder / "log.txt").read_text()[-5000:], file=sys.stderr)
        raise
    finally:
        host.end()


QUESTIONS = {
    "ten": (10, lambda host: joins(host, 10)),
    "forty": (40, lambda host: joins(host, 40)),
    "first": (2, first_results),
    "train": (TRAINERS + 1, trainings),
}
ROWS = [
    ("10 at once, the last one in JupyterLab, seconds", "ten", "last", "≤ 2.5", ".3g"),
    ("40 at once, the last one in, seconds", "forty", "last", "≤ 8", ".3g"),
    ("errors that the 40 saw", "forty", "errors", "0", ".0f"),
    ("private memory of a seat after `import torch` and a plot, MiB", "first", "memory", "≤ 60", ".1f"),
    ("kernel asked for to first PyTorch result, seconds", "first", "first result", "≤ 0.25", ".2f"),
    ("12 trainings at once, of the best possible", "train", "share", "≥ 95 %", ".0%"),
    ("the same while a 13th person runs five small cells a second", "train", "share with small cells", "", ".0%"),
    ("95th percentile of a one-line cell while 12 train, seconds", "train", "p95", "≤ 0.25", ".3f"),
]


def table(results: dict[str, Any]) -> str:
    lines = ["| what | JupyterHub as it comes | seats | ratio | goal |", "| --- | ---: | ---: | ---: | ---: |"]
    for what, question, key, goal, form in ROWS:
        found = [results.get(kind, {}).get(question, {}).get(key) for kind in ("stock", "ours")]
        shown = ["not run" if value is None else format(value, form) for value in found]
        ratio = f"{found[1] / found[0]:.2g}" if all(found) else "–"
        lines.append(f"| {what} | {shown[0]} | **{shown[1]}** | {ratio} | {goal} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(QUESTIONS), nargs="*", default=list(QUESTIONS))
    parser.add_argument("--hosts", choices=["stock", "ours"], nargs="*", default=["stock", "ours"])
    parser.add_argument("--port", type=int, default=8750)
    wanted = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("Seats are made by root: run this as root, in a virtual machine.")
    file = HERE / "results.json"
    results: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for question in wanted.only:
        seats, work = QUESTIONS[question]
        for number, kind in enumerate(wanted.hosts):
            host = (Stock if kind == "stock" else Ours)(wanted.port + 10 * number)
            found = measure(host, seats, work, with_best=question == "train")
            found["load"] = os.getloadavg()[0]
            results.setdefault(kind, {})[question] = {key: round(value, 4) for key, value in found.items()}
            print(kind, question, results[kind][question], file=sys.stderr)
            write(results, file)


def write(results: dict[str, Any], file: Path) -> None:
    """Keep what is known so far, and fill in the table."""
    import torch

    loads = [question["load"] for kind in ("stock", "ours") for question in results.get(kind, {}).values()]
    results["about"] = (
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}, {os.cpu_count()} cores, PyTorch {torch.__version__}; "
        "each question to rooms that were just started, one after the other; "
        f"load averages at the end of the questions: {min(loads):.0f} to {max(loads):.0f}."
    )
    file.write_text(json.dumps(results, indent=1) + "\n")
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- table -->\n")
    after = rest.partition("<!-- end of table -->\n")[2]
    filled = f"<!-- table -->\n{table(results)}\n\n{results['about']}\n<!-- end of table -->\n"
    readme.write_text(before + filled + after, encoding="utf-8")
    print(filled)


if __name__ == "__main__":
    main()
