"""IPython kernels, forked from a process that has IPython, NumPy, PyTorch and what lessons use imported."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from handson.lessons.threads import thread_limits
from handson.room.forge.protocol import Message
from handson.room.forge.template import standard_streams

LAUNCHER = "ipykernel_launcher"
"""The module that an ordinary IPython kernel is started by."""

# What a kernel imports while it starts (tests/room/test_kernels.py says when this list falls behind). The debugger
# comes from sources without compiled files: alone a third of a second.
_NEEDED = (
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "comm",
    "faulthandler",
    "ipykernel.debugger",
    "ipykernel.ipkernel",
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "secrets",
    "sqlite3",
    "tornado.platform.asyncio",
)
_WELCOME = (
    "numpy.random",
    "torch",
    "torch.nn.functional",
    "torch.optim",
    "torch.utils.data",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "matplotlib.backends.backend_agg",
    "PIL.Image",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "anywidget",
    "jedi",
    "handson.lab",
)


class Kernels:
    """The kind of child that a kernel template forks."""

    name = "kernel"
    ends_with_asker = True

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self.extra = extra

    def preload(self) -> None:
        """Import IPython, and of the libraries that lessons use those that are installed; one thread, no event loop."""
        os.environ.update(thread_limits(1))
        os.environ["PYDEVD_DISABLE_FILE_VALIDATION"] = (
            "1"  # the debugger's warning that Python's own modules are frozen
        )
        for name in _NEEDED:
            importlib.import_module(name)
        for name in (*_WELCOME, *self.extra):
            if importlib.util.find_spec(name.partition(".")[0]) is not None:
                importlib.import_module(name)
        _warm_up()

    def prepare(self, place: str, settings: Message) -> None:
        """Nothing: what a kernel needs depends on its connection."""

    def run(self, order: Message, files: list[int]) -> int:
        """Be the kernel that `python -m ipykernel_launcher ARGUMENTS` would be."""
        standard_streams(None, files)
        os.environ.clear()
        os.environ.update(order["env"])
        with suppress(OSError):
            os.chdir(order.get("cwd") or os.environ.get("HOME", "/"))
        return run_kernel([str(argument) for argument in order["arguments"]])


def run_kernel(arguments: list[str]) -> int:
    """Start IPython's kernel application in this process and return when it has ended."""
    from ipykernel.kernelapp import IPKernelApp

    launcher = importlib.util.find_spec(LAUNCHER)
    sys.argv = [launcher.origin if launcher and launcher.origin else LAUNCHER, *arguments]
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry) != Path.cwd()]
    _settle_threads()
    # 1 stands for a parent that never ends: the template tells the kernel's end, and nothing goes to the terminal.
    IPKernelApp.launch_instance([*arguments, "--IPKernelApp.parent_handle=1"])
    return 0


def _settle_threads() -> None:
    """As many threads as the seat's environment says; libraries read it at their import, which was the template's."""
    torch: Any = sys.modules.get("torch")
    asked = os.environ.get("OMP_NUM_THREADS", "1")
    if torch is not None and asked.isdigit() and int(asked) > 0:
        torch.set_num_threads(int(asked))


def _warm_up() -> None:
    """Use what every kernel will use once, so that what is built at the first use is built here and shared."""
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
        layer = torch.nn.Conv2d(1, 2, 3)
        layer(torch.zeros(1, 1, 8, 8)).sum().backward()
    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        import io

        matplotlib: Any = sys.modules["matplotlib"]
        backend = matplotlib.rcParams._get("backend")
        matplotlib.use("agg")
        figure = pyplot.figure()
        figure.gca().plot([0, 1])
        figure.savefig(io.BytesIO(), format="png")
        pyplot.close("all")
        matplotlib.rcParams._set("backend", backend)
        pyplot._backend_mod = None
