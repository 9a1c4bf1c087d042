"""A TOML file that an author wrote, read into its model; what is wrong is named with file, line and key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from handson.errors import HandsonError
from handson.problems import Location, describe

Model = TypeVar("Model", bound=BaseModel)
_ANY_HEADER = re.compile(r"\s*\[+[^\[\]=,]+\]+\s*(#.*)?$")


def load(path: Path, model: type[Model]) -> Model:
    """The content of `path` as a `model`; raises HandsonError that lists every problem as file:line: key."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Windows' Notepad may put a mark in front
    except OSError as error:
        raise HandsonError(
            f"{path} could not be read: {error.strerror}.", "A workshop's folder holds this file."
        ) from None
    except UnicodeDecodeError as error:
        raise HandsonError(f"{path} is not UTF-8 text: {error}.", "Save it as UTF-8.") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise HandsonError(f"{path}:{line[1] if line else 1}: not valid TOML: {error}.", "Correct that line.") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        lines = text.splitlines()
        raise HandsonError(
            describe(error, model, path, lambda at: line_of(lines, at)), f"Correct {path.name}."
        ) from None


def line_of(lines: list[str], location: Location) -> int:
    """The line (1-based) where the deepest part of `location` stands that the text has, as a table or as a key."""
    line = 0
    table = ""
    for part in location:
        deeper = f"{table}.{part}" if table else str(part)
        header = re.compile(rf"\s*\[+\s*{_dotted(deeper)}\s*\]+")
        key = re.compile(rf"\s*['\"]?{re.escape(str(part))}['\"]?\s*=")
        # A key counts as far as the next table only: one that is missing here may stand in the next.
        end = next((i for i in range(line + 1, len(lines)) if _ANY_HEADER.match(lines[i])), len(lines))
        found = [i for i in range(line, len(lines)) if header.match(lines[i]) or (i < end and key.match(lines[i]))]
        if not found and isinstance(part, int):  # the so-manieth of a list of tables
            entry = re.compile(rf"\s*\[\[\s*{_dotted(table)}\s*\]\]")
            found = [i for i in range(len(lines)) if entry.match(lines[i])][part:]
            deeper = table
        line = found[0] if found else line
        table = deeper
    return line + 1


def _dotted(table: str) -> str:
    return r"\s*\.\s*".join(rf"['\"]?{re.escape(part)}['\"]?" for part in table.split("."))
