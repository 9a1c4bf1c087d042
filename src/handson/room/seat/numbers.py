"""The user and group IDs of a room: a row that nobody else has, chosen once, since files of seats belong to them."""

from __future__ import annotations

import grp
import json
import pwd
from collections.abc import Iterator
from pathlib import Path

from handson.errors import HandsonError
from handson.room.seat.layout import BASE, MOST_SEATS

BEFORE = 2
"""IDs before the base that the room has, too: the hub's and the proxy's."""
LAST = (1 << 31) - 1
"""Some programs take larger IDs for negative numbers."""


def hub_and_proxy(base: int) -> tuple[int, int]:
    """The user IDs of hub and proxy; the hub's is the group of both."""
    return base - 2, base - 1


def base_of(kept: Path, etc: Path = Path("/etc")) -> int:
    """The base of the room whose settings are in the file `kept`: the one of before, else the first that is free.

    Users and groups that this host knows are not free, nor is what /etc/subuid and /etc/subgid give to containers.
    Raises HandsonError where somebody else has got some of the IDs of before.
    """
    ranges = sorted(_taken(etc))
    try:
        base = int(json.loads(kept.read_text(encoding="utf-8"))["base"])
    except (OSError, ValueError, KeyError, TypeError):
        base = BASE
        while (other := _other(base, ranges)) is not None:
            base = other[1] + 1 + BEFORE
        if base + MOST_SEATS > LAST:
            raise HandsonError(
                f"This host has no {MOST_SEATS + 1 + BEFORE} user IDs in a row left for the room.",
                f"Make some ranges in {etc}/subuid and {etc}/subgid smaller.",
            ) from None
        return base
    if (other := _other(base, ranges)) is not None:
        raise HandsonError(
            f"The room has the user IDs from {base - BEFORE} to {base + MOST_SEATS}, and since it was made, {other[2]} "
            "has got some of them.",
            "Give that other ones; or begin anew, with others chosen for the room: another --state FOLDER, or "
            "`handson room --forget`.",
        )
    return base


def _other(base: int, ranges: list[tuple[int, int, str]]) -> tuple[int, int, str] | None:
    return next((one for one in ranges if one[0] <= base + MOST_SEATS and one[1] >= base - BEFORE), None)


def _taken(etc: Path) -> Iterator[tuple[int, int, str]]:
    """First ID, last one, who has them."""
    for user in pwd.getpwall():
        yield user.pw_uid, user.pw_uid, f"the user {user.pw_name}"
    for group in grp.getgrall():
        yield group.gr_gid, group.gr_gid, f"the group {group.gr_name}"
    for name in ("subuid", "subgid"):
        try:
            lines = (etc / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            whose, _, numbers = line.partition(":")
            first, _, count = numbers.partition(":")
            if first.isdecimal() and count.isdecimal() and int(count):
                yield int(first), int(first) + int(count) - 1, f"{whose} in {etc / name}"
