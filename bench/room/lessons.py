"""What the lessons of the shortest agenda take of a seat's memory: at their height, and what their kernel keeps.

README.md holds the table and the command. Needs root.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hosts import Ours
from race import private_megabytes

from handson.lessons.catalog import read_catalog
from handson.lessons.source import Lesson, solved_text
from handson.lessons.workspace import notebooks
from handson.rehearse.people import parts_of
from handson.workshop import read_workshop

HERE = Path(__file__).parent
BEGIN, END = "<!-- lessons -->\n", "<!-- end of lessons -->"


def cells(lesson: Lesson) -> list[str]:
    """The code of its notebook, exercises solved."""
    (text,) = notebooks([lesson]).values()
    return [
        part.solution or part.source for part in parts_of(json.loads(text), tuple(map(solved_text, lesson.exercises)))
    ]


async def measured(host: Ours, lessons: list[Lesson]) -> list[tuple[str, float, float]]:
    """For each lesson, MiB: the most that the seat had beyond what it had before, and its kernel's own afterwards."""
    person, found = host.attendee(1), []
    await person.join()
    seat = int(person.seat.rpartition("-")[2])
    for lesson in lessons:
        before = most = host.seats.groups.memory(seat)
        kernel = await person.kernel()

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, host.seats.groups.memory(seat))
                await asyncio.sleep(0.1)

        watching = asyncio.create_task(watch())
        for code in cells(lesson):
            await person.run(kernel, code)
        watching.cancel()
        found.append(
            (
                lesson.contract.title,
                (most - before) / (1 << 20),
                private_megabytes(sorted(host.seats.groups.pids(seat, "kernels"))),
            )
        )
        await person.stop(kernel)
    await person.close()
    return found


def main() -> None:
    catalog = read_catalog(read_workshop(HERE.parents[1]))
    agendas = catalog.workshop.agendas
    host = Ours(8790)
    host.start(2)
    try:
        rows = asyncio.run(measured(host, list(catalog.select(agendas[min(agendas)].lessons))))
    finally:
        host.end()
    lines = ["| lesson | at its height, MiB | its kernel afterwards, MiB |", "| --- | ---: | ---: |"]
    lines += [f"| {title} | {most:.0f} | {kept:.0f} |" for title, most, kept in rows]
    lines += [
        "",
        f"{time.strftime('%Y-%m-%d')}, {platform.machine()}; one seat, the data that `handson fetch --all` brings.",
        "",
    ]
    readme = HERE / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    readme.write_text(before + BEGIN + "\n".join(lines) + END + rest.partition(END)[2], encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
