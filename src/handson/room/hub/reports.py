"""What an attendee's notebook or page tells the room: validated, and small."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Lesson = Annotated[str, Field(max_length=60, pattern=r"^[a-z][a-z0-9_]*$")]
Name = Annotated[str, Field(max_length=60, pattern=r"^[^\W\d]\w*$")]


class Report(BaseModel):
    """`opened`: the lesson is in front of them; `check`: an exercise was checked; `figures`: measured ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["opened", "check", "figures"]
    lesson: Lesson
    name: Name | None = None
    passed: bool | None = None
    figures: Annotated[dict[Name, Annotated[float, Field(allow_inf_nan=False)]], Field(max_length=20)] | None = None

    def content(self) -> dict[str, object]:
        """What is kept of it beside kind and lesson."""
        if self.kind == "check":
            return {"name": self.name or "", "passed": bool(self.passed)}
        return {"figures": self.figures or {}} if self.kind == "figures" else {}


class Hand(BaseModel):
    """A hand goes up or down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    raised: bool
