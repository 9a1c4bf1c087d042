"""Pass or fail, promise by promise. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from handson.rehearse.bottleneck import Bottleneck, advice, bottleneck_of, why
from handson.rehearse.figures import Capacity, capacity, memory_free, quantile, trained_share
from handson.rehearse.measured import Measured
from handson.rehearse.settings import Limits
from handson.rehearse.words import NOT_SEEN, seconds, share, size


@dataclass(frozen=True)
class Promise:
    """One thing that has to be kept; kept is None where it could not be seen."""

    key: str
    what: str
    measured: str
    limit: str
    kept: bool | None


@dataclass(frozen=True)
class Verdict:
    """What a rehearsal says."""

    passed: bool
    promises: tuple[Promise, ...]
    bottleneck: Bottleneck
    why: str
    advice: str
    capacity: Capacity


def judge(measured: Measured, limits: Limits) -> Verdict:
    """The verdict on what was measured.

    A promise that could not be seen fails nothing, and is told; a rehearsal that was interrupted does not pass.
    """
    promises = _promises(measured, limits)
    broken = {promise.key for promise in promises if promise.kept is False}
    found = bottleneck_of(measured, broken)
    return Verdict(
        passed=not broken and not measured.interrupted,
        promises=promises,
        bottleneck=found,
        why=why(found, measured),
        advice=advice(found),
        capacity=capacity(measured, measured.came(), limits.memory_free),
    )


def _promises(measured: Measured, limits: Limits) -> tuple[Promise, ...]:
    came, wanted = measured.came(), measured.attendees
    disk = min((look.disk_free for look in measured.looks), default=None)
    free, together = memory_free(measured), trained_share(measured)
    last, first = max(measured.joins, default=None), quantile(measured.first_cells, 0.95)
    return (
        Promise("in", "came in", str(came), str(wanted), came >= wanted),
        Promise("errors", "errors", _errors(measured), "none", not measured.troubles),
        _at_most("join", "the last one in the lesson", last, limits.join_last),
        _at_most("first", "first cell of a lesson, p95", first, limits.first_cell_p95),
        _at_most(
            "small", "one-line cell while others train, p95", quantile(measured.small, 0.95), limits.small_cell_p95
        ),
        _at_least("trained", "all train: of what one on each core does", together, limits.throughput),
        _at_least("memory", "memory left at the worst moment", free, limits.memory_free),
        Promise(
            "disk",
            "disk left",
            size(disk),
            f"≥ {size(limits.disk_free)}",
            None if disk is None else disk >= limits.disk_free,
        ),
    )


def _errors(measured: Measured) -> str:
    return ", ".join(f"{count} × {kind}" for kind, count in measured.kinds().most_common()) or "none"


def _at_most(key: str, what: str, value: float | None, limit: float) -> Promise:
    return Promise(key, what, seconds(value), f"≤ {seconds(limit)}", None if value is None else value <= limit)


def _at_least(key: str, what: str, value: float | None, limit: float) -> Promise:
    return Promise(key, what, share(value), f"≥ {share(limit)}", None if value is None else value >= limit)


def unseen(verdict: Verdict) -> list[str]:
    """What could not be seen."""
    return [promise.what for promise in verdict.promises if promise.measured == NOT_SEEN]
