"""What gave out first, and what to do about it, in words that an organiser understands. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Literal

from handson.rehearse.figures import mean, memory_free, quantile
from handson.rehearse.measured import Look, Measured
from handson.rehearse.words import seconds, share

Bottleneck = Literal[
    "none",
    "memory",
    "processor",
    "disk",
    "network",
    "hub",
    "proxy",
    "starting seats",
    "open files",
    "no connection",
    "seats",
    "lessons",
]
BUSY = 0.9
"""Of a core or of all of them: what takes more is what the others wait for."""
SLOW_CONNECT = 0.1
"""Seconds to open a connection, at the 95th percentile: a network that is as slow with nothing to carry but that."""


def bottleneck_of(measured: Measured, broken: Collection[str]) -> Bottleneck:
    """What gave out first, where the promises `broken` (by key) were not kept.

    The order is that of causes: a host without memory is slow in everything else as well.
    """
    kinds = measured.kinds()
    if kinds["open files used up here"]:
        return "open files"
    if "memory" in broken or kinds["kernel died"]:
        return "memory"
    if "disk" in broken or any("disk full" in trouble.what for trouble in measured.troubles):
        return "disk"
    if not broken:
        return "none"
    if any("seat" in trouble.what and trouble.kind == "turned away" for trouble in measured.troubles):
        return "seats"
    slow = {"join", "first", "small", "trained"} & set(broken)
    if slow:
        return _slow_by(measured, slow)
    if kinds["no connection"] or kinds["no answer in time"]:
        return "no connection"
    return "lessons" if kinds["a cell failed"] else "none"


def _slow_by(measured: Measured, slow: Collection[str]) -> Bottleneck:
    host_is_busy = _busy(measured.looks, lambda look: look.cpu)
    if (quantile(measured.connects, 0.95) or 0.0) > SLOW_CONNECT and not host_is_busy:
        return "network"
    looks = in_rush(measured) if "join" in slow else measured.looks
    if _busy(looks, lambda look: look.hub):
        return "hub"
    if _busy(looks, lambda look: look.proxy):
        return "proxy"
    if "small" in slow or "trained" in slow or _busy(looks, lambda look: look.cpu):
        return "processor"
    if "join" in slow and _mostly(measured.loads, measured.joins):
        return "network"
    if "join" in slow and _mostly(measured.queued, measured.joins):
        return "starting seats"
    return "processor"


def in_rush(measured: Measured) -> list[Look]:
    """The looks at the host while people joined."""
    if measured.rush is None:
        return list(measured.looks)
    begun, ended = measured.rush
    return [look for look in measured.looks if begun <= look.at <= ended + 1]


def _busy(looks: Sequence[Look], part: Callable[[Look], float | None]) -> bool:
    """Whether that was at its limit in at least half of the looks."""
    seen = [value for look in looks if (value := part(look)) is not None]
    return bool(seen) and sum(value >= BUSY for value in seen) * 2 >= len(seen)


def _mostly(part: Sequence[float], whole: Sequence[float]) -> bool:
    middle, all_of_it = quantile(part, 0.5), quantile(whole, 0.5)
    return middle is not None and all_of_it is not None and middle * 2 >= all_of_it


def why(found: Bottleneck, seen: Measured) -> str:
    """The bottleneck in a sentence, with what was seen; empty for none."""
    return _WHY[found](seen)


def advice(found: Bottleneck) -> str:
    """What to do about it; empty for none."""
    return _ADVICE[found]


def _memory(seen: Measured) -> str:
    died = ", and kernels died" if seen.kinds()["kernel died"] else ""
    left = memory_free(seen)
    told = (
        "how much was left could not be seen" if left is None else f"{share(left)} of it was left at the worst moment"
    )
    return f"The host's memory: {told}{died}."


def _processor(seen: Measured) -> str:
    if not seen.looks:
        return "The host's processor, as far as can be told from outside: answers are slow where all compute."
    return f"The host's processor: {share(mean([look.cpu for look in seen.looks]))} of it was at work on average."


def _network(seen: Measured) -> str:
    opening, loading = seconds(quantile(seen.connects, 0.95)), seconds(quantile(seen.loads, 0.5))
    size = mean([float(size) for size in seen.loaded_bytes]) / 1e6
    return f"The network: opening a connection took {opening} (p95), and JupyterLab's {size:.1f} MB came in {loading}."


def _hub(seen: Measured) -> str:
    busy = share(mean([look.hub or 0.0 for look in in_rush(seen)]))
    return f"The hub: its one process was at {busy} of a core while people joined."


def _proxy(seen: Measured) -> str:
    return f"The proxy: its one process was at {share(mean([look.proxy or 0.0 for look in seen.looks]))} of a core."


def _starting(seen: Measured) -> str:
    return (
        f"Seats start one after another: half of those who joined waited {seconds(quantile(seen.queued, 0.5))} or more."
    )


def _no_connection(seen: Measured) -> str:
    errors = seen.kinds()["no connection"] + seen.kinds()["no answer in time"]
    return f"Connections were refused, broken off or not answered: {errors} errors."


_WHY: dict[Bottleneck, Callable[[Measured], str]] = {
    "none": lambda _: "",
    "memory": _memory,
    "processor": _processor,
    "disk": lambda _: "The disk that the seats are on is full, or nearly.",
    "network": _network,
    "hub": _hub,
    "proxy": _proxy,
    "starting seats": _starting,
    "open files": lambda _: "This machine, which plays the attendees, may not open as many files as that takes.",
    "no connection": _no_connection,
    "seats": lambda _: "The room has fewer seats than attendees came.",
    "lessons": lambda seen: (
        f"A lesson's own cell fails: {next(one.what for one in seen.troubles if one.kind == 'a cell failed')}"
    ),
}
_PAGE = "or the lesson page for some: there each laptop does its own work"
_ADVICE: dict[Bottleneck, str] = {
    "none": "",
    "memory": f"Fewer seats, a host with more memory, {_PAGE}.",
    "processor": f"A host with more cores, {_PAGE}.",
    "disk": "Free some space, or name another disk with `handson room --state FOLDER`.",
    "network": "Put the host on a cable to the access point, use 5 GHz, or a second access point. "
    "Rehearse on the host itself to see how much of it is the network's.",
    "hub": "Let people join in two groups, a minute apart; what comes after joining does not go through the hub.",
    "proxy": "Let people open the lesson in two groups; a host with faster cores carries more.",
    "starting seats": "Let people join before the talk begins; or start fewer at once where the disk is slow.",
    "open files": "Raise the limit here (`ulimit -n 65536`), or rehearse with fewer.",
    "no connection": "See what the room's own terminal says, and its logs; is a firewall in between?",
    "seats": "Start the room with more: `handson room --seats N`.",
    "lessons": "Run `handson check` on that lesson; is the room's workshop the one that you rehearse with?",
}
