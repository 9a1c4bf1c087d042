"""The lesson page against convnetjs in the same browser, and handson.pocket against PyTorch: one run, rounds
interleaved.

README.md holds the table and the command.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import torch

from handson import pocket

sys.path.insert(0, str(Path(__file__).parent))
import in_page

HERE = Path(__file__).parent
CONVNETJS = "convnetjs@0.3.0"
PROGRAMS = {"chromium": "chromium", "firefox": "firefox"}


def ask(browser: str, **question: Any) -> Any:
    """Put a question to a fresh browser; see browser.mjs."""
    asked = {"browser": browser, "program": shutil.which(PROGRAMS[browser]), **question}
    done = subprocess.run(
        ["node", str(HERE / "browser.mjs"), json.dumps(asked)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{browser} could not answer:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout)


def in_the_page(
    site: Path, call: str, *, lesson: str = "digits", browser: str = "chromium", workers: bool = False
) -> Any:
    """The value of an expression over `in_page`, in the page of a lesson."""
    source = inspect.getsource(in_page)
    alone = "" if workers else "from handson.pocket import parallel\nparallel.stop()\nparallel.recruit = None\n"
    code = f"{source}\nimport json, torch\n{alone}print(json.dumps({call}))"
    return ask(browser, address=(site / "index.html").as_uri(), lesson=lesson, code=code)


def convnetjs(folder: Path) -> Path:
    """The library as its author published it, from the npm registry; not kept in this repository."""
    subprocess.run(["npm", "pack", "--silent", CONVNETJS], cwd=folder, check=True, capture_output=True)
    with tarfile.open(next(folder.glob("convnetjs-*.tgz"))) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package" / "build" / "convnet.js"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--site", type=Path, help="a site built before, in place of a new one")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="handson-race-") as name:
        folder = Path(name)
        site = wanted.site
        if site is None:
            site = folder / "site"
            subprocess.run([sys.executable, "-m", "handson", "kit", "site", "--to", str(site)], check=True)
        results = race(site.resolve(), convnetjs(folder), wanted.rounds)
        size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) / 1e6
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} before the race"
    run = f"PyTorch {torch.__version__}, {wanted.rounds} rounds; the folder has {size:.1f} MB."
    results["about"] = f"{time.strftime('%Y-%m-%d')}, {machine}, {run}"
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition("<!-- table -->\n")
    after = rest.partition("<!-- end of table -->\n")[2]
    filled = f"<!-- table -->\n{table(results)}\n\n{results['about']}\n<!-- end of table -->\n"
    readme.write_text(before + filled + after, encoding="utf-8")
    print(filled)


GOALS = {
    "page / convnetjs, batch 20": ("convnetjs's network, training: page / convnetjs, batch 20", "≥ 50 ×"),
    "page / PyTorch, batch 20": ("the same: page / PyTorch, batch 20", "≥ 1.0 ×"),
    "page / PyTorch, batch 128": ("the same: page / PyTorch, batch 128", "≥ 0.8 ×"),
    "pocket / PyTorch, digits": ("*Digits* network, batch 256: pocket native / PyTorch", "≥ 0.8 ×"),
    "time of the page / of PyTorch, DeepDream": ("DeepDream 256 px, 40 steps: the page's time / PyTorch's", "≤ 2.5 ×"),
    "page, two workers": ("*Digits* network, batch 256: with another worker / alone", "≥ 1.6 ×"),
    "chromium, opened": ("page opened to first output, Chromium, seconds", "≤ 4"),
    "firefox, opened": ("page opened to first output, Firefox, seconds", "≤ 4"),
    "page, digits to 98 %": ("*Digits* on 10,000 digits to 98 %, seconds of training", "≤ 10"),
}


def table(results: dict[str, Any]) -> str:
    """What was asked, what was found, what was wished for; Markdown."""
    found = {**results["medians"], **results["ratios"]}
    rows = [f"| {asked} | **{found[key]:.3g}** | {goal} |" for key, (asked, goal) in GOALS.items() if key in found]
    return "\n".join(["| what | measured | goal |", "| --- | ---: | ---: |", *rows])


@functools.cache
def squeezenet() -> Any:
    """SqueezeNet 1.1 with PyTorch, from the asset."""
    from rich.console import Console

    from handson.assets import fetch, read_manifest
    from handson.assets.progress import FetchProgress
    from handson.lab import zoo
    from handson.lab.zoo.loading import build

    card = zoo.card("squeezenet-1.1")
    with FetchProgress(Console(stderr=True)) as progress:
        fetched = fetch(read_manifest(HERE.parents[1] / "assets.toml").select([card.asset]), progress)
    return build(card, {Path(file.path).name: Path(file.location) for file in fetched})


def contestants(site: Path, library: Path) -> dict[str, Callable[[], float]]:
    """What is measured in each round, by name."""
    script = (HERE / "convnetjs_race.js").read_text()

    def opened(browser: str) -> Callable[[], float]:
        address = (site / "index.html").as_uri()
        question = {"address": address, "lesson": "digits", "code": "print(1)", "startup": True}
        return lambda: float(ask(browser, **question)["milliseconds"]) / 1000

    return {
        "convnetjs": lambda: float(ask("chromium", script=str(library), source=script)["images_per_second"]),
        "page, batch 20": lambda: 20 / in_the_page(site, 'training(torch, "convnetjs", 20, 300)'),
        "page, batch 128": lambda: 128 / in_the_page(site, 'training(torch, "convnetjs", 128, 60)'),
        "PyTorch, batch 20": lambda: 20 / in_page.training(torch, "convnetjs", 20, 300),
        "PyTorch, batch 128": lambda: 128 / in_page.training(torch, "convnetjs", 128, 60),
        "pocket, digits": lambda: 256 / in_page.training(pocket, "digits", 256),
        "PyTorch, digits": lambda: 256 / in_page.training(torch, "digits", 256),
        "page, DeepDream": lambda: float(in_the_page(site, "dream(torch)", lesson="deepdream")),
        "PyTorch, DeepDream": lambda: in_page.dream(torch, squeezenet()),
        "page, digits to 98 %": lambda: float(in_the_page(site, "digits_to(torch)")["seconds"]),
        "page, two workers": lambda: float(in_the_page(site, "two_cores(torch)", workers=True)["ratio"]),
        **{f"{browser}, opened": opened(browser) for browser, program in PROGRAMS.items() if shutil.which(program)},
    }


def race(site: Path, library: Path, rounds: int) -> dict[str, Any]:
    """All contestants in each round: the medians of each, and the medians of the rounds' ratios."""
    measured: dict[str, list[float]] = {}
    for number in range(rounds):
        for name, contestant in contestants(site, library).items():
            began = time.perf_counter()
            measured.setdefault(name, []).append(contestant())
            took = time.perf_counter() - began
            print(f"round {number + 1}: {name} {measured[name][-1]:,.3g} ({took:.0f} s)", file=sys.stderr)

    def ratio(above: str, below: str) -> float:
        return round(statistics.median(a / b for a, b in zip(measured[above], measured[below], strict=True)), 2)

    return {
        "ratios": {
            "page / convnetjs, batch 20": ratio("page, batch 20", "convnetjs"),
            "page / PyTorch, batch 20": ratio("page, batch 20", "PyTorch, batch 20"),
            "page / PyTorch, batch 128": ratio("page, batch 128", "PyTorch, batch 128"),
            "pocket / PyTorch, digits": ratio("pocket, digits", "PyTorch, digits"),
            "time of the page / of PyTorch, DeepDream": ratio("page, DeepDream", "PyTorch, DeepDream"),
        },
        "medians": {name: round(statistics.median(values), 4) for name, values in measured.items()},
        "all": {name: [round(value, 4) for value in values] for name, values in measured.items()},
        "rounds": rounds,
    }


if __name__ == "__main__":
    main()
