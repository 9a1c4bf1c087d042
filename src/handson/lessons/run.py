"""Execute a rendered notebook in a fresh kernel: network refused, threads and memory limited, costs measured."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import psutil
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from handson.lessons.backend import VARIABLE, backend, startup
from handson.lessons.threads import thread_limits

MB = 10**6

# Runs in the kernel before the first cell. Cells reach the network through Python's sockets or not at all; where the
# kernel also stands in a network namespace of its own (see `network_is_cut_off`), through nothing else either.
_REFUSE_NETWORK = """
def _refuse_network():
    import sys

    def refuse(event, arguments):
        asked = event in ("socket.getaddrinfo", "socket.sendto")
        if asked or (event == "socket.connect" and isinstance(arguments[1], tuple)):
            raise PermissionError(
                f"a lesson is checked with the network refused, and this cell asked for it: {arguments[1:]}"
            )

    sys.addaudithook(refuse)

_refuse_network()
del _refuse_network
"""


@dataclass(frozen=True)
class Limits:
    """What a run may take: threads, resident memory in MB, and wall seconds for one cell."""

    threads: int
    memory_mb: int
    cell_seconds: float


@dataclass
class Run:
    """What came of one execution."""

    notebook: nbformat.NotebookNode
    cpu_seconds: float
    wall_seconds: float
    peak_memory_mb: float
    network: str
    died: str = ""
    """Why the kernel did not reach the end (memory, time, a crash), or ''."""
    errors: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Cell index → (exception name, message) of every cell that failed."""

    def outputs(self, mime: str) -> list[Any]:
        """All outputs of type `mime`, in order."""
        return [
            output["data"][mime]
            for cell in self.notebook.cells
            if cell.cell_type == "code"
            for output in cell.outputs
            if mime in output.get("data", {})
        ]


@cache
def network_is_cut_off() -> bool:
    """Whether kernels can be given a network namespace with nothing in it (Linux, `unshare --net` permitted)."""
    return (
        bool(_namespace_command())
        and subprocess.run([*_namespace_command(), "true"], capture_output=True).returncode == 0
    )


def _namespace_command() -> list[str]:
    if not sys.platform.startswith("linux") or shutil.which("unshare") is None:
        return []
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-current-user"]
    return ["unshare", *as_root, "--net", "--"]


class _CutOffKernelManager(AsyncKernelManager):
    """A kernel in its own, empty network namespace; it is spoken to through Unix sockets."""

    def format_kernel_cmd(self, extra_arguments: list[str] | None = None) -> list[str]:
        return [*_namespace_command(), *super().format_kernel_cmd(extra_arguments)]


class _Watch(threading.Thread):
    """Samples the kernel's resident memory; kills it above the limit."""

    def __init__(self, process: psutil.Process, limit_mb: int) -> None:
        super().__init__(daemon=True)
        self.process, self.limit_mb = process, limit_mb
        self.peak_mb = 0.0
        self.exceeded = False
        self._stopping = threading.Event()

    def run(self) -> None:
        with contextlib.suppress(psutil.Error):  # it is gone: there is nothing left to watch
            while not self.exceeded:
                last = self._stopping.wait(0.05)
                self._sample()  # the last time when asked to stop, so that a short run is measured too
                if last:
                    return

    def _sample(self) -> None:
        self.peak_mb = max(self.peak_mb, self.process.memory_info().rss / MB)
        if self.peak_mb > self.limit_mb:
            self.exceeded = True
            self.process.kill()

    def stop(self) -> None:
        """End the sampling."""
        self._stopping.set()
        self.join()


def run_notebook(
    notebook: nbformat.NotebookNode, folder: Path, limits: Limits, environment: Mapping[str, str], *, go_on: bool
) -> Run:
    """Execute `notebook` in `folder` with `environment` added; with `go_on` past failing cells, else up to the first.

    CPU and memory are those of the kernel's process, its start not counted, the import of torch counted.
    """
    if network_is_cut_off():
        # The sockets' names begin with `ip`; absolute, for the kernel stands in another folder than we do.
        manager: AsyncKernelManager = _CutOffKernelManager(
            kernel_name="python3", transport="ipc", ip=str(folder / ".kernel")
        )
    else:
        manager = AsyncKernelManager(kernel_name="python3")
    # The interpreter that runs handson, whatever kernels this machine has installed under the same name.
    manager.kernel_spec.argv = [  # type: ignore[union-attr]  # asked for by name, so it is there
        sys.executable,
        "-m",
        "ipykernel_launcher",
        "-f",
        "{connection_file}",
    ]
    client = NotebookClient(
        notebook,
        km=manager,
        timeout=round(limits.cell_seconds),
        allow_errors=True,  # failures are read from the outputs
        resources={"metadata": {"path": str(folder)}},
    )
    run = Run(notebook, 0.0, 0.0, 0.0, network="no interface" if network_is_cut_off() else "Python sockets refused")
    library = backend()
    variables = {**os.environ, **thread_limits(limits.threads), VARIABLE: library, **environment}
    with client.setup_kernel(env=variables, cleanup_kc=True):
        process = psutil.Process(manager.provisioner.process.pid)  # type: ignore[union-attr]
        with contextlib.suppress(AttributeError):  # macOS has no affinity; the thread limits above hold there
            process.cpu_affinity(process.cpu_affinity()[: limits.threads])
        client.kc.execute(_REFUSE_NETWORK + startup(library), silent=True)  # type: ignore[union-attr]
        watch = _Watch(process, limits.memory_mb)
        watch.start()
        wall, cpu = time.perf_counter(), _cpu_seconds(process)
        try:
            for index, cell in enumerate(notebook.cells):
                _run_cell(client, cell, index, run)
                if run.died or (run.errors and not go_on):
                    break
        finally:
            run.wall_seconds = time.perf_counter() - wall
            with contextlib.suppress(psutil.Error):
                run.cpu_seconds = _cpu_seconds(process) - cpu
            watch.stop()
            run.peak_memory_mb = watch.peak_mb
    if watch.exceeded:
        run.died = f"the kernel took more than the {limits.memory_mb} MB of memory of the contract and was ended"
    return run


def _run_cell(client: NotebookClient, cell: nbformat.NotebookNode, index: int, run: Run) -> None:
    try:
        client.execute_cell(cell, index)
    except CellTimeoutError:
        run.died = f"cell {index + 1} was not done after {client.timeout:.0f} s"
    except DeadKernelError:
        run.died = f"the kernel died in cell {index + 1}"
    for output in cell.get("outputs", ()):
        if output.output_type == "error":
            run.errors[index] = (output.ename, output.evalue)


def _cpu_seconds(process: psutil.Process) -> float:
    """User and system seconds of the kernel and of the processes it started."""
    processes = [process, *process.children(recursive=True)]
    times = [each.cpu_times() for each in processes]
    return float(sum(each.user + each.system for each in times))
