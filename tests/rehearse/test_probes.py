"""The rehearsal's own cells do what they say, in a Python of their own as a kernel is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from handson.rehearse.figures import throughput
from handson.rehearse.probes import CPU_SECONDS, SMALL, WEIGHT, best, training


def printed(cell: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", cell],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    return json.loads(done.stdout)


def test_the_training_tells_images_by_the_clock() -> None:
    marks = printed(training(1.5))["marks"]
    assert [time for time, _ in marks] == sorted(time for time, _ in marks)
    assert [done for _, done in marks] == sorted(done for _, done in marks)
    assert marks[-1][1] % 64 == 0
    assert 0.5 < marks[-1][0] - marks[0][0] < 30, "1.5 s, and the step that was on its way"
    assert (throughput([marks]) or 0) > 10


def test_the_best_possible_is_one_training_on_each_core() -> None:
    told = printed(best(1.0))
    assert told["cores"] == len(os.sched_getaffinity(0)) == len(told["marks"])
    assert all(len(marks) >= 2 for marks in told["marks"])


def test_a_seat_is_weighed_with_all_its_processes_and_no_others() -> None:
    child = "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=-1)\n"
    end = "\nchild.communicate(b'')"
    alone, two = printed(WEIGHT, JUPYTERHUB_USER="seat-901"), printed(child + WEIGHT + end, JUPYTERHUB_USER="seat-902")
    assert (alone["processes"], two["processes"]) == (1, 2)
    assert 1_000_000 < alone["private"] <= alone["pss"] < two["pss"]
    assert alone["unseen"] == 0


def test_the_cells_leave_no_name_behind() -> None:
    names = "\nprint([name for name in dir() if 'handson' in name])"
    for cell in (training(0.5), WEIGHT, SMALL):
        done = subprocess.run(
            [sys.executable, "-c", cell + names], capture_output=True, text=True, check=True, timeout=120
        )
        assert done.stdout.splitlines()[-1] == "[]"


def test_cpu_seconds_is_an_expression() -> None:
    assert eval(CPU_SECONDS) > 0
