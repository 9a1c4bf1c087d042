"""A whole class rehearsed as on a small laptop: two cores, 8 GiB, the real agenda, a real browser among those who come.

README.md holds the result and the command. Needs root and, on the way to the limit, control groups (version 1 or 2).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
MEMORY = 8 << 30
CORES = 2
GROUPS = (  # the folder of the memory controller, the file of its limit, that of its processes
    (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
    (Path("/sys/fs/cgroup"), "memory.max"),
)


@contextmanager
def limited() -> Iterator[None]:
    """This process and what it starts have so many cores and so much memory, what is cached of files included."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    for root, file in GROUPS:
        group = root / f"handson-bench-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        if (group / file).exists():
            break
        group.rmdir()
    else:
        sys.exit("No control group that limits memory can be made here: this needs root, and a host that has them.")
    (group / file).write_text(str(MEMORY))
    (group / "cgroup.procs").write_text("0")
    try:
        yield
    finally:
        (root / "cgroup.procs").write_text("0")
        for _ in range(100):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def rehearsed(attendees: int, options: list[str]) -> dict[str, Any]:
    """What `handson rehearse` reports; its progress goes to the terminal."""
    command = [sys.executable, "-m", "handson", "rehearse", str(attendees), "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        try:
            said = running.stdout.read()
        except KeyboardInterrupt:  # it has heard of it, too, and takes its room away
            said = running.stdout.read()
    if not said:
        sys.exit(running.returncode)
    found: dict[str, Any] = json.loads(said)
    return found


def table(report: dict[str, Any], load: float) -> str:
    """The report as the README has it."""
    figures, holds = report["figures"], report["capacity"]
    rows = [(promise["what"], promise["measured"], promise["limit"]) for promise in report["promises"]]
    few, alone = (figures[f"images_per_second_{when}"] for when in ("one_each_core", "nobody_else_there"))
    rows += [
        ("images per second, all train", _number(figures["images_per_second_together"]), ""),
        ("the same, one on each core, all others rest", _number(few), ""),
        ("the same, one on each core, nobody else there", _number(alone), ""),
        ("JupyterLab drawn in the real browser", figures["browser"], ""),
        ("private memory of a seat, median, MB", f"{(figures['private_bytes_per_seat'] or 0) / 1e6:.0f}", ""),
        ("cells run", str(figures["cells"]), ""),
        ("trainings ended by their lesson's clock", str(figures["trainings_cut_short"]), ""),
        ("seats that the memory holds", str(holds["by_memory"]), ""),
        ("people whose every training comes to its end", str(holds["by_cpu"]), ""),
    ]
    verdict = "PASS" if report["passed"] else f"FAIL: {report['bottleneck']['why']}"
    lines = [
        f"**{verdict}** with {report['attendees']} attendees.",
        "",
        "| what | seen | limit |",
        "| --- | ---: | ---: |",
    ]
    lines += [f"| {what} | {seen} | {limit} |" for what, seen, limit in rows]
    lines += [
        "",
        f"{time.strftime('%Y-%m-%d')}, {CORES} cores of {platform.machine()}, {MEMORY >> 30} GiB; "
        f"{report['seconds'] / 60:.0f} minutes; load average before: {load:.1f}.",
    ]
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "not seen" if value is None else f"{value:,.0f}"


def write(text: str) -> None:
    """Fill it in between the marks of README.md."""
    readme = HERE / "README.md"
    before, mark, rest = readme.read_text(encoding="utf-8").partition("<!-- rehearsal -->\n")
    end = "<!-- end of rehearsal -->"
    readme.write_text(f"{before}{mark}{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Other options go to `handson rehearse`.")
    parser.add_argument("attendees", type=int, nargs="?", default=30)
    parser.add_argument("--keep", type=Path, help="write the whole report to this file, and leave README.md alone")
    wanted, options = parser.parse_known_args()
    load = os.getloadavg()[0]
    with limited():
        report = rehearsed(wanted.attendees, options)
    text = table(report, load)
    print(text)
    if wanted.keep:
        wanted.keep.write_text(json.dumps(report, indent=1))
    else:
        write(text)


if __name__ == "__main__":
    main()
