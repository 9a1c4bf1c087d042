"""What pydantic found wrong with a file, said so that its author finds the line and the valid names."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]


def describe(error: ValidationError, model: type[BaseModel], path: Path, line_of: Callable[[Location], int]) -> str:
    """Every problem of `error`, one a line: file:line: key: what is wrong (and the valid keys for an unknown one)."""
    return "\n".join(
        f"{path}:{line_of(problem['loc'])}: {_key(problem['loc'])}: {_what(problem, model)}"
        for problem in error.errors()
    )


def _key(location: Location) -> str:
    return ".".join(str(part) for part in location) or "(the whole)"


def _what(problem: ErrorDetails, model: type[BaseModel]) -> str:
    if problem["type"] == "extra_forbidden":
        valid = _fields_at(model, problem["loc"][:-1])
        nearest = difflib.get_close_matches(str(problem["loc"][-1]), valid, n=1)
        return (
            "unknown key." + (f" Did you mean {nearest[0]!r}?" if nearest else "") + f" Valid keys: {', '.join(valid)}."
        )
    if problem["type"] == "missing":
        return "this key is missing."
    found = repr(problem["input"])
    return f"{problem['msg'].removeprefix('Value error, ')} (found {found if len(found) < 60 else found[:57] + '...'})."


def _fields_at(model: type[BaseModel], location: Iterable[str | int]) -> list[str]:
    """The field names of the model that is reached from `model` by `location`."""
    here: Any = model
    for part in location:
        here = _step(here, part)
    return sorted(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _step(annotation: Any, part: str | int) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        field = annotation.model_fields.get(str(part))
        return field.annotation if field else None
    # Of a list, tuple or mapping of models: the type of what it holds.
    return next((a for a in reversed(getattr(annotation, "__args__", ())) if a is not Ellipsis), None)
