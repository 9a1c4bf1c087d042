"""Kernels asked from a real template, for tests: started, spoken to, ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import write_connection_file

from handson.room.forge.provisioner import ForkedKernel, forked


class Template:
    """`python -m handson.room.forge kernels`, listening in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "k.sock"
        self.start()

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.log = (self.folder / "template.log").open("a+b")
        command = [sys.executable, "-m", "handson.room.forge", "kernels", str(self.socket)]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL, cwd="/")
        deadline = time.monotonic() + 60
        while not self.socket.exists():
            assert self.process.poll() is None, (self.folder / "template.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(10) == 0
        self.log.close()

    @contextmanager
    def kernel(self, **environment: str) -> Iterator[Kernel]:
        kernel = Kernel(self, environment)
        try:
            yield kernel
        finally:
            kernel.close()


class Kernel:
    """One forked kernel and a client of it."""

    def __init__(self, template: Template, environment: dict[str, str]) -> None:
        self.asked = time.monotonic()
        home = template.folder / f"home{time.monotonic_ns()}"
        home.mkdir()
        file, _ = write_connection_file(
            str(home / "k.json"), transport="ipc", ip=str(home / "k"), key=os.urandom(8).hex().encode()
        )
        variables = {"HOME": str(home), "PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1", **environment}
        self.process: ForkedKernel = asyncio.run(forked(template.socket, ["-f", file], variables, str(home)))
        self.home = home
        self.client = BlockingKernelClient()
        self.client.load_connection_file(file)
        self.client.start_channels()
        self._reply(self.client.kernel_info(), 20)
        # What is published before a client has subscribed is lost: ask until something comes.
        while True:
            self._reply(self.client.kernel_info(), 20)
            try:
                self.client.get_iopub_msg(timeout=0.05)
                break
            except Exception:  # queue.Empty
                continue

    def _reply(self, asked: str, seconds: float) -> dict[str, Any]:
        while True:
            message = self.client.get_shell_msg(timeout=seconds)
            if message["parent_header"].get("msg_id") == asked:
                return message["content"]  # type: ignore[no-any-return]

    def run(self, code: str, seconds: float = 20) -> None:
        reply = self._reply(self.client.execute(code), seconds)
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", []))

    def value(self, expression: str, before: str = "", seconds: float = 20) -> str:
        """What `repr` gives for an expression, after some lines were run."""
        asked = self.client.execute(before, user_expressions={"it": expression})
        reply = self._reply(asked, seconds)
        assert reply["status"] == "ok", "\n".join(reply.get("traceback", []))
        (it,) = reply["user_expressions"].values()
        assert it["status"] == "ok", it
        return it["data"]["text/plain"]  # type: ignore[no-any-return]

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.client.stop_channels()
        self.client.context.term()
