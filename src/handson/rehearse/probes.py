"""Cells of our own, beside the lesson's: a fixed small training, a one-line cell, what a seat weighs."""

from __future__ import annotations

SMALL = "sum(range(10))"
"""The one-line cell."""

_TRAINING = """
def _handson_train(seconds):
    import time
    import torch
    from torch import nn
    from torch.nn import functional as F
    dice = torch.Generator().manual_seed(0)
    images = torch.rand(64, 1, 28, 28, generator=dice).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (64,), generator=dice)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(800, 10),
    ).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    done, marks = 0, []
    end = next_mark = 0.0
    for step in range(1_000_000_000):
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()
        optimizer.zero_grad()
        now = time.time()
        if step == 2:  # the first steps prepare what the later ones use
            end = next_mark = now
            end += seconds
        if step >= 2:
            if now >= next_mark:
                marks.append((now, done))
                next_mark = now + 0.25
            if now >= end:
                break
            done += len(images)
    return marks
"""


def training(seconds: float) -> str:
    """A cell that trains for `seconds` and prints images done by wall-clock time, as JSON: `{"marks": [[t, n], …]}`."""
    return (
        f"{_TRAINING}\n__import__('builtins').print(__import__('json').dumps("
        f'{{"marks": _handson_train({seconds!r})}}))\ndel _handson_train'
    )


def best(seconds: float) -> str:
    """A cell that trains once on each core, one thread each, and prints `{"cores": …, "marks": [[[t, n], …], …]}`.

    Forked from the kernel, whose PyTorch has started no thread yet; for a room with nobody else in it.
    """
    return f"""{_TRAINING}
def _handson_best(seconds):
    import json, os, torch
    torch.set_num_threads(1)
    cores = len(os.sched_getaffinity(0))
    children = []
    for _ in range(cores):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(read)
                with os.fdopen(write, "w") as pipe:
                    json.dump(_handson_train(seconds), pipe)
            finally:
                os._exit(0)
        os.close(write)
        children.append((child, read))
    marks = []
    for child, read in children:
        with os.fdopen(read) as pipe:
            marks.append(json.loads(pipe.read() or "[]"))
        os.waitpid(child, 0)
    print(json.dumps({{"cores": cores, "marks": marks}}))

_handson_best({seconds!r})
del _handson_best, _handson_train"""


WEIGHT = """
def _handson_weight():
    import json, os
    from pathlib import Path
    def environment(folder):
        return (folder / "environ").read_bytes().split(b"\\0")
    def user(folder):
        lines = (folder / "status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Uid:"))
    mine = b"JUPYTERHUB_USER=" + os.environ.get("JUPYTERHUB_USER", "").encode()
    forked = mine not in environment(Path("/proc/self"))  # then the user is the seat's own, and shows what is its
    pss = private = processes = unseen = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if user(folder) != os.getuid() or not forked and mine not in environment(folder):
                continue
        except (OSError, StopIteration):
            continue
        try:
            lines = dict(line.split(":", 1) for line in (folder / "smaps_rollup").read_text().splitlines()[1:])
        except OSError:
            unseen += 1
            continue
        size = lambda key: int(lines[key].split()[0]) * 1024
        pss += size("Pss")
        private += size("Private_Clean") + size("Private_Dirty")
        processes += 1
    print(json.dumps({"pss": pss, "private": private, "processes": processes, "unseen": unseen}))

_handson_weight()
del _handson_weight"""
"""A cell that prints what the processes of its seat weigh, in bytes, as JSON: pss, private, processes, unseen.

Private is what only they have; PSS counts what is shared by its part (proc_pid_smaps(5)). Unseen are those of the seat
that the kernel does not let it look into.
"""

CPU_SECONDS = "__import__('time').process_time()"
"""An expression: the CPU time of the kernel so far."""
