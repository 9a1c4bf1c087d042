"""In a seat's server: kernels of the room's own environment come from the kernel template, all others start as ever."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from handson.errors import HandsonError
from handson.room.forge.kernels import LAUNCHER
from handson.room.forge.protocol import Channel, Message, ProtocolError, answer, connect

NAME = "handson-forge"
SOCKET = "HANDSON_FORGE"
"""The environment variable of a seat's server that says where the kernel template listens."""
SEAT = "HANDSON_SEAT"
_PATIENCE = 60.0
_UNKNOWN = 1
"""The exit status of a kernel whose template did not live to tell it."""


class ForkedKernel:
    """A forked kernel, with the methods of subprocess.Popen that Jupyter uses; `pid` is its number here."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, news: Channel) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._news: Channel | None = news
        self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """The exit status, None while it runs."""
        if self.returncode is None and select.select([self._handle], [], [], 0)[0]:
            self.returncode = self._told()
            os.close(self._handle)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end (seconds at most), and return the exit status."""
        if self.returncode is None:
            select.select([self._handle], [], [], timeout)
        code = self.poll()
        if code is None:
            raise TimeoutError(f"kernel {self.pid} still runs after {timeout} s")
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal; a kernel that has ended gets none."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def _told(self) -> int:
        """What the template says of the end. It is told soon after; a template that has ended tells nothing."""
        assert self._news is not None
        try:
            self._news.socket.settimeout(1)
            found = self._news.receive()
            return int(found[0]["ended"]) if found else _UNKNOWN
        except (OSError, ProtocolError, KeyError):
            return _UNKNOWN
        finally:
            self._news.close()
            self._news = None


class ForgeProvisioner(LocalProvisioner):
    """Has this environment's own IPython kernel forked by the kernel template; starts any other as its parent does."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """See the base class; a template that is away is said in the log, and the kernel starts the ordinary way."""
        arguments = own_kernel(cmd)
        socket_path = os.environ.get(SOCKET)
        if arguments is None or not socket_path:
            return await super().launch_kernel(cmd, **kwargs)
        try:
            folder = str(kwargs.get("cwd") or Path.cwd())
            kernel = await forked(Path(socket_path), arguments, kwargs["env"], folder)
        except OSError as error:
            self.log.warning("The kernel template does not answer (%s): this kernel starts the slow way.", error)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = kernel  # type: ignore[assignment]  # what LocalProvisioner asks of a Popen
        self.pid = self.pgid = kernel.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info


def own_kernel(command: list[str]) -> list[str] | None:
    """What follows `-m ipykernel_launcher` where `command` is that of this environment's own Python, else None."""
    if not command or LAUNCHER not in command or Path(command[0]) not in _own_pythons():
        return None
    at = command.index(LAUNCHER)
    return command[at + 1 :] if command[at - 1] == "-m" else None


def _own_pythons() -> set[Path]:
    """Names of this environment's interpreter. Links are not followed: two environments' may end at the same file."""
    folder = Path(sys.executable).parent
    return {
        folder / name for name in ("python", "python3", f"python3.{sys.version_info.minor}", Path(sys.executable).name)
    }


async def forked(template: Path, arguments: list[str], environment: dict[str, str], folder: str) -> ForkedKernel:
    """A kernel forked by the template that listens at `template`, once it can be connected to.

    Clients that connect to sockets that are not there yet try again after some time; half a second may pass so.
    Raises OSError where no template listens, HandsonError where it says no, or the kernel ends at once.
    """
    news = connect(template)
    try:
        order = {"arguments": arguments, "env": environment, "cwd": folder}
        news.send({"seat": environment.get(SEAT, "room"), "order": order}, [1, 2])
        news.socket.setblocking(False)
        known: Message = {}
        async with asyncio.timeout(_PATIENCE):
            while not {"pid", "ready"} <= known.keys():
                known |= answer(await news.receive_soon(), "a kernel")
                if "ended" in known:
                    raise HandsonError(
                        f"The kernel ended before it was ready ({known['ended']}).", "The server's log may say why."
                    )
        return ForkedKernel(int(known["pid"]), news)
    except (ProtocolError, TimeoutError) as error:
        news.close()
        raise HandsonError(f"The kernel template did not answer: {error!r}.", "The room's log may say why.") from error
    except BaseException:
        news.close()
        raise


def register() -> None:
    """Make this the provisioner of every kernel that names no other, in this process."""
    factory = KernelProvisionerFactory.instance()
    factory.provisioners[NAME] = EntryPoint(NAME, f"{__name__}:ForgeProvisioner", KernelProvisionerFactory.GROUP_NAME)
    factory.default_provisioner_name = NAME
