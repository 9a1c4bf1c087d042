"""A seat's first process: it makes the namespaces what they are, gives up every right, and waits for orphans to end."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path

from handson.errors import HandsonError
from handson.room.seat import linux
from handson.room.seat.root import View, build
from handson.room.seat.seccomp import refuse

_OF_ITS_OWN = linux.CLONE_NEWNS | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS | linux.CLONE_NEWNET


def fork_into_new_namespace() -> int:
    """fork(), with the child as the first process of a new PID namespace; both go on."""
    linux.unshare(linux.CLONE_NEWPID)
    return _fork_and_come_back()


def fork_into_namespace_of(handle: int) -> int:
    """fork(), with the child in the PID namespace of the process behind a pidfd; both go on."""
    linux.setns(handle, linux.CLONE_NEWPID)
    return _fork_and_come_back()


def _fork_and_come_back() -> int:
    """The parent's own PID namespace never changes; that of its next children is set back."""
    mine = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        pid = os.fork()
        if pid:
            linux.setns(mine, linux.CLONE_NEWPID)
        return pid
    finally:
        os.close(mine)


def start(view: View, between: Callable[[], None]) -> int:
    """Start a seat's first process and return its PID once the seat can be entered.

    `between` runs in the process before anything else (it joins the control groups). Raises HandsonError with what the
    kernel refused.
    """
    reading, writing = os.pipe()
    pid = fork_into_new_namespace()
    if pid == 0:
        os.close(reading)
        _first_process(view, between, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as news:
        said = news.read()
    if said != b"ready":
        os.waitpid(pid, 0)
        raise HandsonError(
            f"Seat {view.number} could not be shut off from the rest of the host: {said.decode(errors='replace')}.",
            "Inside a container, it needs the right to mount; see docs/room.md.",
        )
    return pid


def _first_process(view: View, between: Callable[[], None], writing: int) -> None:
    try:
        between()
        os.setsid()
        linux.set_name(f"seat-{view.number}")
        linux.unshare(_OF_ITS_OWN)
        linux.sethostname(f"seat-{view.number}")
        linux.bring_up_loopback()
        at = view.layout.state / "root"
        at.mkdir(exist_ok=True)
        build(view, Path(at))
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(nothing, number)
        os.closerange(3, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        signal.pthread_sigmask(signal.SIG_SETMASK, [signal.SIGCHLD])
        for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(stop, signal.SIG_IGN)
        linux.become_user(view.layout.base)
        refuse()
        os.write(writing, b"ready")
        os.close(writing)
        _reap()
    except BaseException as error:
        os.write(writing, "".join(traceback.format_exception_only(error)).strip().encode())
    finally:
        os._exit(1)


def _reap() -> None:
    """Take the exit status of whoever ends without a parent, for ever."""
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        signal.sigwait([signal.SIGCHLD])
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            continue
