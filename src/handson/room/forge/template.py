"""The process that has everything imported and forks: one thread, one loop, no learner's code.

Asked over its socket, it forks a child, which enters its place (a seat), renews what must not be shared, and only then
runs anything for that seat. Children that are forked ahead wait in their place for the order that says what to run.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from handson.errors import HandsonError
from handson.room.forge.holes import fill_holes
from handson.room.forge.kinds import Kind, Measuring, Place
from handson.room.forge.protocol import Channel, Message, Peer, ProtocolError, close_all, pair
from handson.room.forge.renew import remember_loggers, renew

log = logging.getLogger("handson.forge")

ASKING_AT_ONCE = 16
"""Connections of one user ID that may be open without having asked yet; a seat that opens more is turned away."""
PATIENCE = 10.0
"""Seconds until a connection that asks nothing is closed."""


@dataclass
class _Child:
    place: str
    asker: Channel | None
    """Where its end is told."""
    waiting: Channel | None
    """Where its order goes, if it was forked ahead and has none yet."""
    settings: Message = field(default_factory=dict)


@dataclass
class _Asking:
    channel: Channel
    uid: int
    since: float


class Template:
    """A template that listens at `listener`; `place_of` says where a peer's child goes, or raises HandsonError."""

    def __init__(self, kind: Kind, listener: socket.socket, place_of: Callable[[Peer, Message], Place]) -> None:
        self.kind = kind
        self.listener = listener
        self.place_of = place_of
        self._selector = selectors.DefaultSelector()
        self._children: dict[int, _Child] = {}
        self._asking: dict[int, _Asking] = {}
        self._wake: tuple[int, int] = (-1, -1)
        self._told_to_end = False

    def serve(self) -> Callable[[], int] | None:
        """Fork what is asked for. Returns None when told to end by SIGTERM, and in each child what it has to do.

        A child returns from here like the template does, so that its stack, its exceptions and its exit are its own.
        """
        remember_loggers()
        gc.collect()
        fill_holes()
        gc.freeze()  # what was imported is no garbage: collections would write to every page of it
        if threading.active_count() > 1:
            log.warning("the template has %s threads; a fork carries one", [t.name for t in threading.enumerate()])
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._wake[1], warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self.listener.setblocking(False)
        self._selector.register(self.listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake[0], selectors.EVENT_READ, self._signalled)
        if isinstance(self.kind, Measuring):
            self._measure(self.kind)
        while not self._told_to_end:
            for key, _ in self._selector.select(PATIENCE if self._asking else None):
                task = key.data()
                if task is not None:
                    return task  # type: ignore[no-any-return]
            self._lose_patience()
        return None

    def _measure(self, kind: Measuring) -> None:
        """In a child: the template goes on to fork, and its memory stays as its children are to find it."""
        read, write = os.pipe()
        if os.fork() == 0:
            try:
                self._leave_behind({write})
                os.write(write, json.dumps(kind.measure()).encode())
            except Exception:
                log.exception("what every %s is to know could not be measured", self.kind.name)
            finally:
                os._exit(0)
        os.close(write)

        def measured() -> None:
            self._selector.unregister(read)
            with os.fdopen(read, "rb") as file:
                said = file.read()
            if said:
                kind.know(json.loads(said))

        self._selector.register(read, selectors.EVENT_READ, measured)

    def _end(self, *_: object) -> None:
        self._told_to_end = True

    def _accept(self) -> None:
        try:
            end, _ = self.listener.accept()
        except OSError:
            return
        channel = Channel(end)
        end.setblocking(False)
        uid = channel.peer.uid
        if sum(asking.uid == uid for asking in self._asking.values()) >= ASKING_AT_ONCE:
            channel.close()
            return
        self._asking[channel.fileno()] = _Asking(channel, uid, time.monotonic())
        self._selector.register(channel, selectors.EVENT_READ, lambda: self._asked(channel))

    def _lose_patience(self) -> None:
        for asking in list(self._asking.values()):
            if time.monotonic() - asking.since > PATIENCE:
                self._forget(asking.channel)
                asking.channel.close()

    def _forget(self, channel: Channel) -> None:
        self._asking.pop(channel.fileno(), None)
        with suppress(KeyError, ValueError):
            self._selector.unregister(channel)

    def _asked(self, channel: Channel) -> Callable[[], int] | None:
        self._forget(channel)
        files: list[int] = []
        try:
            found = channel.receive()
            if found is None:
                channel.close()
                return None
            message, files = found
            return self._fork_as_asked(channel, message, files)
        except HandsonError as error:
            log.warning("refused: %s", error.cause)
            self._say(channel, {"error": error.cause, "way_out": error.way_out})
        except (ProtocolError, OSError) as error:
            log.warning("could not fork: %s", error)
            self._say(channel, {"error": f"The {self.kind.name} could not be forked: {error}."})
        finally:
            close_all(files)
        channel.close()
        return None

    def _fork_as_asked(self, channel: Channel, message: Message, files: list[int]) -> Callable[[], int] | None:
        place = self.place_of(channel.peer, message)
        order = message.get("order")
        settings = message.get("settings") or {}
        if order is None:
            task = self._fork(place, None, settings, None, [])
            if task is None:
                self._say(channel, {"waiting": True})
                channel.close()
            return task
        ready = self._waiting_in(place, settings)
        if ready is not None:
            self._children[ready].waiting.send(order, [*files, channel.fileno()])  # type: ignore[union-attr]
            self._ordered(ready, channel)
            return None
        return self._fork(place, channel, settings, order, files)

    def _waiting_in(self, place: Place, settings: Message) -> int | None:
        """The child that waits there with these settings; one that was prepared otherwise is of no use and is ended."""
        for pid, child in list(self._children.items()):
            if child.waiting is not None and child.place == place.name:
                if child.settings == settings:
                    return pid
                log.warning("%s: the %s forked ahead was prepared for something else", place.name, self.kind.name)
                child.waiting.close()
                child.waiting = None
        return None

    def _fork(
        self, place: Place, asker: Channel | None, settings: Message, order: Message | None, files: list[int]
    ) -> Callable[[], int] | None:
        there = Counter(child.place for child in self._children.values())[place.name]
        if there >= place.most:
            raise HandsonError(
                f"There are {there} {self.kind.name}s in {place.name} already, as many as there may be.",
                "Shut one down that is not needed.",
            )
        mine, its = pair() if order is None else (None, None)
        sys.stdout.flush()
        sys.stderr.flush()
        here = os.getpid()
        try:
            pid = place.fork()
            if pid == 0:
                kept = [os.dup(file) for file in (*files, *([asker.fileno()] if asker else ()))]
                return self._in_child(place, settings, order, kept, its)
        except BaseException:
            if os.getpid() != here:
                os._exit(1)  # a child that could not begin must not go on as a template
            raise
        if its is not None:
            its.close()
        self._children[pid] = _Child(place.name, None, mine, settings)
        if asker is not None:
            self._ordered(pid, asker)
        return None

    def _ordered(self, pid: int, asker: Channel) -> None:
        """From here on the child works for the asker, who is told its numbers now and its end later."""
        from handson.room.seat.linux import inside_pid

        child = self._children[pid]
        if child.waiting is not None:
            child.waiting.close()
        child.waiting, child.asker = None, asker
        with suppress(OSError):
            self._say(asker, {"pid": inside_pid(pid), "host_pid": pid})
        self._selector.register(asker, selectors.EVENT_READ, lambda: self._asker_left(pid))

    def _asker_left(self, pid: int) -> None:
        child = self._children.get(pid)
        if child is None or child.asker is None:
            return
        with suppress(ProtocolError, OSError):
            found = child.asker.receive()
            if found is not None:  # nothing is expected there
                close_all(found[1])
                return
        self._selector.unregister(child.asker)
        child.asker.close()
        child.asker = None
        if self.kind.ends_with_asker:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)

    def _signalled(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake[0], 4096)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.pop(pid, None)
            if child is None:
                continue
            code = os.waitstatus_to_exitcode(status)
            if child.waiting is not None:
                log.error("%s: a %s forked ahead ended with %s", child.place, self.kind.name, code)
                child.waiting.close()
            if child.asker is not None:
                self._selector.unregister(child.asker)
                self._say(child.asker, {"ended": code})
                child.asker.close()

    @staticmethod
    def _say(channel: Channel, message: Message) -> None:
        with suppress(OSError):
            channel.send(message)

    def _in_child(
        self, place: Place, settings: Message, order: Message | None, files: list[int], its: Channel | None
    ) -> Callable[[], int]:
        signal.set_wakeup_fd(-1)
        keep = {*files, *place.descriptors, *([its.fileno()] if its is not None else ())}
        self._leave_behind(keep)
        kind = self.kind

        def task() -> int:
            place.enter()
            renew()
            kind.prepare(place.name, settings)
            given, sent = order, files
            if its is not None:
                found = its.receive()
                its.close()
                if found is None:
                    return 0  # the template has ended, or has no use for this child
                given, sent = found
            assert given is not None
            *rest, asker = sent
            return kind.run(given, rest, Channel(socket.socket(fileno=asker)))

        return task

    def _leave_behind(self, keep: set[int]) -> None:
        """Close the template's own descriptors; standard input, output and error stay until the child has its own."""
        self._selector.close()
        for file in list(Path("/proc/self/fd").iterdir()):
            number = int(file.name)
            if number > 2 and number not in keep:
                with suppress(OSError):
                    os.close(number)
        self._children.clear()
        self._asking.clear()
