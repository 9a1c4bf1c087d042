"""What a rehearsal tells: lines for the terminal, and the same as plain data. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from handson.rehearse.bottleneck import in_rush
from handson.rehearse.figures import COMPUTING, cpu_seconds, few_trained, mean, quantile, throughput
from handson.rehearse.measured import Measured
from handson.rehearse.settings import Limits
from handson.rehearse.verdict import Verdict, unseen
from handson.rehearse.words import seconds, share, size

BUSY_BEFORE = 0.2
"""Of the host's processor: with more at work before anybody came, the figures tell of that as well."""


DID_NOT_GROW = "what it used did not grow while they came"


@dataclass(frozen=True)
class Line:
    """One figure beside those that decide."""

    what: str
    value: str


def lines(measured: Measured, verdict: Verdict) -> list[Line]:
    """The figures, in the order of a class."""
    spread = [quantile(measured.joins, at) for at in (0.5, 0.95, 1.0)]
    looks = measured.looks
    found = [
        Line("joining alone", seconds(measured.join_alone)),
        Line("joining in the rush: median, p95, last", ", ".join(map(seconds, spread))),
        Line("of it, waiting for the seat: median", seconds(quantile(measured.queued, 0.5))),
        Line("of it, fetching JupyterLab: median", seconds(quantile(measured.loads, 0.5))),
        Line("JupyterLab, for each", size(mean([float(one) for one in measured.loaded_bytes]) or None)),
        Line("opening a connection, p95", seconds(quantile(measured.connects, 0.95))),
        Line("a page of the hub, p95", seconds(quantile(measured.pages, 0.95))),
        Line("a small answer of a seat, p95", seconds(quantile(measured.answers, 0.95))),
        Line("first cell: median, p95", _two(measured.first_cells)),
        Line("one-line cell alone: median, p95", _two(measured.small_alone)),
        Line("one-line cell while others train: median, p95", _two(measured.small)),
        Line("training together", _rate(throughput(measured.trainings), len(measured.trainings))),
        Line("training, one on each core, while all others rest", _rate(few_trained(measured), measured.cores or 0)),
        Line("training, one on each core, nobody else there", _rate(throughput(measured.best), measured.cores or 0)),
        Line("a seat's private memory, median", _weight(measured, [one.private for one in measured.weights])),
        Line("a seat's memory (PSS), median", _weight(measured, [one.pss for one in measured.weights])),
        Line("the host's memory for each seat", size(verdict.capacity.memory_per_seat)),
        Line("the host's memory, at most", size(max((float(look.memory_used) for look in looks), default=None))),
        Line(
            "the host's processor, mean", f"{mean([look.cpu for look in looks]) * 100:.0f} %" if looks else "not seen"
        ),
        Line("cells run, reloads, returns, hands", _counts(measured)),
        Line("the real browser", measured.browser),
    ]
    rush = [look for look in in_rush(measured) if look.hub is not None]
    if rush:
        hub, proxy = (mean([getattr(look, part) or 0.0 for look in rush]) for part in ("hub", "proxy"))
        found.append(Line("hub and proxy in the rush, of a core", f"{hub * 100:.0f} %, {proxy * 100:.0f} %"))
    if measured.own_cpu is not None:
        found.append(Line("the rehearsal itself, of a core", f"{measured.own_cpu * 100:.0f} %"))
    return found


def _weight(measured: Measured, values: list[int]) -> str:
    least = "at least " if any(one.unseen for one in measured.weights) else ""
    count = quantile([float(one.processes) for one in measured.weights], 0.5)
    return f"{least}{size(quantile(values, 0.5))}" + (f" ({count:.0f} processes)" if count else "")


def _two(values: list[float]) -> str:
    return f"{seconds(quantile(values, 0.5))}, {seconds(quantile(values, 0.95))}"


def _rate(value: float | None, count: int) -> str:
    return "not seen" if value is None else f"{value:,.0f} images/s ({count} at once)"


def _counts(measured: Measured) -> str:
    return f"{measured.cells}, {measured.reloads}, {measured.returns}, {measured.hands}"


def sentences(measured: Measured, verdict: Verdict, limits: Limits) -> list[str]:
    """What follows from the figures, and what could not be told."""
    told = [f"{verdict.why} {verdict.advice}"] if verdict.why else []
    told += [_by_memory(measured, verdict, limits), *_by_cpu(measured, verdict)]
    if measured.before is not None and measured.before.cpu > BUSY_BEFORE:
        told.append(
            f"The host was at work before anybody came ({share(measured.before.cpu)} of its processor): with more "
            "than the room running there, these figures are not the room's alone."
        )
    if measured.cut_short:
        told.append(f"{measured.cut_short} trainings were ended by their clock.")
    if missing := unseen(verdict):
        told.append(f"Not seen, and so not judged: {', '.join(missing)}.")
    if measured.nobody_else:
        told.append("The first one did not get in, so the others did not come.")
    if measured.interrupted:
        told.append("It was interrupted: this is what was seen until then.")
    if measured.not_forgotten:
        told.append(f"Still in the room, for it could not forget them: {', '.join(measured.not_forgotten)}.")
    return told


def _by_memory(measured: Measured, verdict: Verdict, limits: Limits) -> str:
    holds = verdict.capacity
    if holds.by_memory is None and measured.looks:
        return (
            f"How many seats the host's memory holds is not known: {DID_NOT_GROW}, since something else gave some back."
        )
    if holds.by_memory is None:
        return "How many seats the host's memory holds is not known: run this on the host, or name its --board."
    return (
        f"By its memory this host holds {holds.by_memory} seats: each took {size(holds.memory_per_seat)} (the most the "
        f"host used, less what it used before, by {measured.came()}), and {share(limits.memory_free)} stay free."
    )


def _by_cpu(measured: Measured, verdict: Verdict) -> list[str]:
    holds = verdict.capacity
    if holds.by_cpu is None:
        return []
    spent = cpu_seconds(measured.lessons)[holds.lesson]
    return [
        f"By its {measured.cores} cores, {holds.by_cpu} can do every lesson with all trainings to their end: "
        f"{holds.lesson} takes {spent:.0f} CPU-seconds each, and a class computes in {share(COMPUTING)} of a lesson's "
        "minutes. With more, lessons' clocks end trainings that run together, with what was learned so far."
    ]


def as_data(measured: Measured, verdict: Verdict, limits: Limits) -> dict[str, Any]:
    """The same, to be read by a program; no code and no phrase is in it."""
    return {
        "passed": verdict.passed,
        "interrupted": measured.interrupted,
        "attendees": measured.attendees,
        "seconds": measured.seconds(),
        "promises": [asdict(promise) for promise in verdict.promises],
        "bottleneck": {"name": verdict.bottleneck, "why": verdict.why, "advice": verdict.advice},
        "capacity": asdict(verdict.capacity),
        "figures": {
            "join_alone": measured.join_alone,
            "join": _quantiles(measured.joins),
            "first_cell": _quantiles(measured.first_cells),
            "small_cell_alone": _quantiles(measured.small_alone),
            "small_cell_while_others_train": _quantiles(measured.small),
            "connect": _quantiles(measured.connects),
            "images_per_second_together": throughput(measured.trainings),
            "images_per_second_one_each_core": few_trained(measured),
            "images_per_second_nobody_else_there": throughput(measured.best),
            "cores": measured.cores,
            "cpu_seconds": cpu_seconds(measured.lessons),
            "private_bytes_per_seat": quantile([float(one.private) for one in measured.weights], 0.5),
            "pss_bytes_per_seat": quantile([float(one.pss) for one in measured.weights], 0.5),
            "cells": measured.cells,
            "trainings_cut_short": measured.cut_short,
            "browser": measured.browser,
            "rehearsal_share_of_a_core": measured.own_cpu,
        },
        "limits": limits.model_dump(),
        "errors": [asdict(trouble) for trouble in measured.troubles],
        "forgotten": measured.forgotten,
        "not_forgotten": measured.not_forgotten,
        "sentences": sentences(measured, verdict, limits),
    }


def _quantiles(values: list[float]) -> dict[str, float | None]:
    return {"median": quantile(values, 0.5), "p95": quantile(values, 0.95), "last": quantile(values, 1.0)}
