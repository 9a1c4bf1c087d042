"""A room whose seats are fenced off: what `hub.launch.hold` needs so that its seats are those of `seat`.

Hub and proxy run as users of their own, who see no more of the homes here than they need; the keeper alone is root.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from handson.errors import HandsonError
from handson.memory import available
from handson.room.hub.config import part_environment
from handson.room.hub.settings import Identity, RoomSettings
from handson.room.hub.state import make_places
from handson.room.hub.store import numbers_ahead
from handson.room.seat import linux
from handson.room.seat.disk import IMAGE, can_set_aside, is_set_aside
from handson.room.seat.limits import Limits
from handson.room.seat.numbers import base_of, hub_and_proxy
from handson.room.seat.root import environment_paths
from handson.room.seat.settings import Settings, kept_in, prepared
from handson.room.space import LOW, Disk
from handson.room.supervisor import Part, Say

AHEAD = 40
"""Seats that wait, forked, for those who come; fewer where memory is short."""
_AHEAD_BYTES = 25 << 20
"""What one that waits has to itself."""
SMALLEST_DISK = 50_000_000
"""Bytes that a seat needs at the least for its files."""
_OWN = LOW * 3 // 2
"""Bytes of a small disk that are left to the host."""


def fenced(settings: RoomSettings) -> RoomSettings:
    """These settings with fenced seats, and hub and proxy as users of their own.

    Raises HandsonError where somebody else has got the user IDs of the room.
    """
    hub, proxy = hub_and_proxy(base_of(kept_in(settings.state)))
    return settings.model_copy(
        update={
            "hub_identity": Identity(uid=hub, gid=hub),
            "proxy_identity": Identity(uid=proxy, gid=hub),
            "group": hub,
            "spawner_class": "handson.room.spawner.SeatSpawner",
            "spawner": {"state": str(settings.state)},
        }
    )


@contextmanager
def with_keeper(settings: RoomSettings, say: Say, shown: Sequence[Path] = ()) -> Iterator[Sequence[Part]]:
    """The keeper, which must run before the hub of a fenced room, and mounts that all of its parts see. Needs root.

    shown: folders that seats may read beside the system and this Python's own. What this host cannot limit is said.
    Raises HandsonError where the disk is too small or the folder's name does not do.
    """
    places = make_places(settings.state, settings.hub_identity, settings.proxy_identity, settings.group)
    base = base_of(kept_in(settings.state))
    ahead = numbers_ahead(places.room_database, seats_ahead(settings.seats, available()))
    linux.share(settings.state)
    try:
        limits = Limits(disk=disk_for_each(settings.state, settings.seats, say))
        seats = prepared(
            Settings(
                settings.state,
                hub_and_proxy(base)[0],
                base,
                limits,
                shown=(*shown, settings.front_end),
                ahead=ahead,
            )
        )
        if missing := seats.seats().not_limited:
            why = f" ({seats.refused})" if seats.refused else ""
            say(f"this host cannot limit: {', '.join(missing)}{why}; one seat can take all of it (docs/seats.md)")
        if seats.images and not can_set_aside(settings.state / "seats"):
            say(f"the disk of {settings.state} keeps no space for seats: do not let it become full (docs/room.md)")
        keeper = Part(
            "keeper",
            [sys.executable, "-P", "-m", "handson.room.seat.keeper", str(seats.write())],
            part_environment(dict(os.environ), {"HOME": "/nonexistent"}),
            places.logs / "keeper.log",
            sockets=[seats.layout.keeper_socket],
            grace=60.0,
        )
        yield [keeper]
    finally:
        linux.stop_sharing(settings.state)


def seats_ahead(seats: int, free: int) -> int:
    """How many of `seats` are forked before anybody comes, where so many bytes are free: a quarter is for them."""
    return min(AHEAD, seats, free // 4 // _AHEAD_BYTES)


def disk_for_each(state: Path, seats: int, say: Say) -> int:
    """Bytes of a new seat's disk: what is usual, or less where this host has not so much for all; that is said.

    Raises HandsonError where it would be too little to work with.
    """
    usual = Limits().disk
    kept = sum(map(is_set_aside, (state / "seats").glob(f"[1-9]*/{IMAGE}")))
    missing = seats - kept
    free = Disk.of(state).free
    usable = free - min(_OWN, free // 4)
    if missing <= 0 or usable >= missing * usual:
        return usual
    share = usable // missing
    if share < SMALLEST_DISK:
        raise HandsonError(
            f"The disk of {state} has {free / 1e9:.1f} GB free: too little for the files of {missing} more seats.",
            f"Free some space, name a folder on another disk with --state, or take fewer seats: --seats "
            f"{kept + usable // SMALLEST_DISK}.",
        )
    say(
        f"the disk of {state} has {free / 1e9:.1f} GB free: each new seat gets {share / 1e6:.0f} MB for its files, "
        f"not {usual / 1e6:.0f}"
    )
    return share


def as_its_user(part: Part, settings: RoomSettings) -> Part:
    """A part that is to run as another user, started so that it reaches what it needs in a closed home."""
    if part.uid is None:
        return part
    more = (settings.workshop, settings.front_end, Path(settings.node), *([settings.site] if settings.site else []))
    paths = [str(path) for path in environment_paths(more)]
    who = [str(part.uid), str(part.gid if part.gid is not None else part.uid)]
    command = [
        sys.executable,
        "-P",
        "-m",
        "handson.room.seat.opened",
        *who,
        str(settings.state),
        *paths,
        "--",
        *part.command,
    ]
    return dataclasses.replace(part, command=command, uid=None, gid=None, groups=())
