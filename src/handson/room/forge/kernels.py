"""IPython kernels, forked from a process that has IPython, NumPy, PyTorch and what lessons use imported."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import pkgutil
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

import handson.lab
from handson.lessons.threads import thread_limits
from handson.room.forge.kinds import standard_streams
from handson.room.forge.protocol import Channel, Message
from handson.room.giveback import GiveBack

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
    "statistics",
    "vl_convert",
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
        for module in pkgutil.walk_packages(handson.lab.__path__, "handson.lab."):
            importlib.import_module(module.name)
        _warm_up()
        _lay_names_together()

    def measure(self) -> Message:
        """How fast this machine trains (`lab.begin`): thirty that begin together would measure it thirty times."""
        session: Any = sys.modules["handson.lab.session"]
        threads, steps = session.measured()
        return {"threads": threads, "steps": steps}

    def know(self, measured: Message) -> None:
        """For `lab.begin` of every kernel to come."""
        session: Any = sys.modules["handson.lab.session"]
        session.known = measured["threads"], measured["steps"]

    def prepare(self, place: str, settings: Message) -> None:
        """Nothing: what a kernel needs depends on its connection."""

    def run(self, order: Message, files: list[int], asker: Channel) -> int:
        """Be the kernel that `python -m ipykernel_launcher ARGUMENTS` would be, and say when it can be connected to."""
        standard_streams(None, files)
        os.environ.clear()
        os.environ.update(order["env"])
        with suppress(OSError):
            os.chdir(order.get("cwd") or os.environ.get("HOME", "/"))
        start = kernel_application([str(argument) for argument in order["arguments"]])
        with suppress(OSError):
            asker.send({"ready": True})
        asker.close()
        start()
        return 0


def kernel_application(arguments: list[str]) -> Callable[[], None]:
    """IPython's kernel application in this process, with its sockets bound; called, it serves until it is shut down."""
    launcher = importlib.util.find_spec(LAUNCHER)
    sys.argv = [launcher.origin if launcher and launcher.origin else LAUNCHER, *arguments]
    sys.path[:] = [entry for entry in sys.path if entry and Path(entry) != Path.cwd()]
    _settle_threads()
    # 1 stands for a parent that never ends: the template tells the kernel's end, and nothing goes to the terminal.
    application: Any = _frugal_application().instance()
    application.initialize([*arguments, "--IPKernelApp.parent_handle=1"])
    start: Callable[[], None] = application.start
    return start


_module_files: list[str] = []
"""Where the template's modules are, as strings that lie together in memory."""


def _lay_names_together() -> None:
    """Make the names and files of modules anew, one after the other: each kernel counts references to all of them, and
    they would else be spread over 5 MB of memory, which would become each kernel's own."""
    modules = [("".join(name), module) for name, module in sys.modules.items()]
    sys.modules.clear()
    sys.modules.update(modules)
    _module_files.extend("".join(file) for file in sorted(_files_of_modules()))


def _files_of_modules() -> set[str]:
    return {str(module.__file__) for module in list(sys.modules.values()) if getattr(module, "__file__", None)}


def _frugal_kernel() -> Any:
    """IPython's kernel, but for its start: it would look at each of three thousand modules for its file, which makes
    10 MB of the template's memory this kernel's own. It gets the list that the template has made."""
    from ipykernel import ipkernel

    class WithoutModules:
        modules: ClassVar[dict[str, Any]] = {}

        def __getattr__(self, name: str) -> Any:
            return getattr(sys, name)

    class FrugalKernel(ipkernel.IPythonKernel):
        def __init__(self, **settings: Any) -> None:
            module: Any = ipkernel
            module.sys = WithoutModules()
            try:
                super().__init__(**settings)  # type: ignore[no-untyped-call]
            finally:
                module.sys = sys
            self._kernel_modules.extend(_module_files)
            shell: Any = self.shell
            shell.events.register("post_run_cell", GiveBack())

    return FrugalKernel


def _frugal_application() -> Any:
    """IPython's kernel application, which configures its own logger without a look at a thousand others."""
    from ipykernel.kernelapp import IPKernelApp

    class FrugalApplication(IPKernelApp):
        kernel_class = _frugal_kernel()

        def _configure_logging(self) -> None:
            manager = logging.Logger.manager
            known, manager.loggerDict = manager.loggerDict, {}
            try:
                super()._configure_logging()
            finally:
                known.update(manager.loggerDict)
                manager.loggerDict = known

    FrugalApplication.__name__ = IPKernelApp.__name__  # its logger and its options are called by it
    return FrugalApplication


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
        torch.optim.Adam(layer.parameters()).step()  # the first optimizer imports torch._dynamo
    image: Any = sys.modules.get("PIL.Image")
    if image is not None:
        image.init()  # every format that Pillow knows
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
