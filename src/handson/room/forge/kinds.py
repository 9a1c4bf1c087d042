"""What a template forks and where that goes: what both have to offer, a place for rooms that have no seats, and the
standard streams of what was forked."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from handson.room.forge.protocol import Channel, Message, Peer


class Place(Protocol):
    """Where a child goes before it does anything."""

    @property
    def name(self) -> str:
        """What it is called, one name for one place."""

    @property
    def most(self) -> int:
        """Children of this template that may be there at a time."""

    @property
    def descriptors(self) -> list[int]:
        """Open files that a child needs to enter."""

    def fork(self) -> int:
        """os.fork(), into the place's PID namespace if it has one of its own."""

    def enter(self) -> None:
        """In the child: go there for good, with no way back."""


class Kind(Protocol):
    """What a template forks."""

    name: str
    ends_with_asker: bool
    """Whether a child is ended when the process that asked for it ends."""

    def preload(self) -> None:
        """In the template: import and warm up; leaves one thread."""

    def prepare(self, place: str, settings: Message) -> None:
        """In the child, in its place: whatever needs no order."""

    def run(self, order: Message, files: list[int], asker: Channel) -> int:
        """In the child: do what was ordered, to the end; the exit status.

        The asker may be told once that the child is ready; its channel is to be closed before anybody's code runs.
        """


@runtime_checkable
class Measuring(Protocol):
    """A kind whose children all want to know something that takes too long to be found out before the template listens,
    or in each of them."""

    def measure(self) -> Message:
        """In a child of the template: find it out."""

    def know(self, measured: Message) -> None:
        """In the template: keep it for the children to come; those that were forked before find it out themselves."""


def unconfined(_: Peer, message: Message) -> Place:
    """The place of a room that trusts everyone: this process's own user and file system."""
    return Unconfined(str(message.get("seat", "room")))


@dataclass(frozen=True)
class Unconfined:
    """No seat: the child stays where the template is, with its own session and process group."""

    name: str
    most: int = 8

    @property
    def descriptors(self) -> list[int]:
        """None."""
        return []

    def fork(self) -> int:
        """A plain fork."""
        return os.fork()

    def enter(self) -> None:
        """A session of its own."""
        os.setsid()


def standard_streams(log_file: int | None, files: list[int]) -> None:
    """Make standard input empty, and output and error what was given: two files, or one for both."""
    nothing = os.open(os.devnull, os.O_RDWR)
    streams: list[Any] = [
        nothing,
        *(files[:2] if len(files) >= 2 else [log_file if log_file is not None else nothing] * 2),
    ]
    for number, file in enumerate(streams):
        os.dup2(file, number)
    for file in {*streams, *files} - {0, 1, 2}:
        os.close(file)
