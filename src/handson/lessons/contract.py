"""The contract that stands in the header of a lesson, and the targets it promises."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt

Data = Literal["full", "embedded"]
Tier = Literal["page", "laptop", "room", "image"]

CPU_SECONDS_PREFIX = "cpu_seconds"
"""A figure whose name begins so is a time on the reference laptop: `check` scales it to the machine it runs on."""

CPU_IN_A_PAGE = 2.0
"""How many times a laptop's CPU-seconds a lesson may take in the lesson page: WebAssembly's vectors have 128 bits
where a laptop's have 256 or more, and its Python is slower, too."""

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_TARGET = re.compile(r"^\s*(?P<figure>[a-z_][a-z0-9_]*)\s*(?P<comparison>>=|<=|>|<)\s*(?P<bound>-?\d+(\.\d+)?)\s*$")


class Target(BaseModel):
    """One promised figure, written `accuracy >= 0.99`."""

    model_config = ConfigDict(frozen=True)

    figure: str
    comparison: Literal[">=", "<=", ">", "<"]
    bound: float

    @property
    def is_cpu_time(self) -> bool:
        """Whether the figure is in CPU-seconds of the reference laptop."""
        return self.figure.startswith(CPU_SECONDS_PREFIX)

    def kept_by(self, value: float) -> bool:
        """Whether `value` keeps the promise; NaN never does."""
        return _COMPARISONS[self.comparison](value, self.bound)

    def __str__(self) -> str:
        return f"{self.figure} {self.comparison} {self.bound:g}"


def parse_target(text: object) -> Target:
    """`accuracy >= 0.99` as a `Target`; raises ValueError that shows the form."""
    found = _TARGET.match(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(
            f"a target is written like 'accuracy >= 0.99' (figure, one of >= <= > <, number), not {text!r}"
        )
    return Target(
        figure=found["figure"],
        comparison=found["comparison"],  # type: ignore[arg-type]  # the pattern admits just these
        bound=float(found["bound"]),
    )


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _parse_targets(value: object) -> object:
    items = _as_list(value)
    return [parse_target(item) for item in items] if isinstance(items, list) else items


Targets = Annotated[tuple[Target, ...], BeforeValidator(_parse_targets)]


class TargetsByData(BaseModel):
    """What a lesson reaches with its downloaded data (`full`) and with what needs no download (`embedded`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    full: Targets = Field(min_length=1)
    embedded: Targets = Field(min_length=1)
    page: Targets = ()
    """In the lesson page, where that carries less than `full`; if there is none, `full` holds there too, with
    CPU_IN_A_PAGE times the CPU-seconds."""


class Contract(BaseModel):
    """What a lesson promises. `handson check` holds it to every line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(min_length=1)
    promise: str = Field(min_length=1)
    """One sentence: what the learner will have at the end."""
    minutes: PositiveInt
    """A learner's time, reading and exercises included."""
    cpu_seconds: PositiveFloat
    """The CPU time of the whole solved lesson on the reference laptop, with `threads` threads."""
    memory_mb: PositiveInt
    """The most memory (resident, MB of 10**6 bytes) that the kernel may take."""
    threads: PositiveInt = 2
    target: TargetsByData
    picture: str = Field(pattern=r"^[a-z0-9_-]+\.(png|gif)$")
    """File name of the picture it ends with, in `pictures/`."""
    picture_alt: str = Field(min_length=1)
    """What the picture shows, in words."""
    assets: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = Field(min_length=1)
    agenda: tuple[PositiveInt, ...] = ()
    """The agendas of workshop.toml (in minutes) that this lesson is part of."""
    author: str = Field(min_length=1)
    covers: tuple[str, ...] = Field(min_length=1)
    """What a learner can do afterwards, in the learner's words."""

    def targets(self, data: Data, tier: Tier = "laptop") -> tuple[Target, ...]:
        """The promised figures with `data`, in `tier`; in the page with more time, where it has none of its own."""
        promised = self.target.embedded if data == "embedded" else self.target.full
        if tier != "page":
            return promised
        if data == "full" and self.target.page:
            return self.target.page
        return tuple(
            target.model_copy(update={"bound": target.bound * CPU_IN_A_PAGE}) if target.is_cpu_time else target
            for target in promised
        )

    def cpu_budget(self, tier: Tier = "laptop") -> float:
        """The CPU-seconds that the whole solved lesson may take in `tier`."""
        return self.cpu_seconds * (CPU_IN_A_PAGE if tier == "page" else 1)
