"""A lesson's text: one `py:percent` file, read into its contract and its cells.

The header is a YAML block in comments (as jupytext writes it) with the key `handson`. Cells carry these tags:

- `exercise`: a code cell the learner completes. Between `# --- solution`, `# --- stub` and `# --- end` stand the
  solved lines and, commented out, those that the learner starts from.
- `hint`: a markdown cell after an exercise; hints are folded, in order, each saying more.
- `check`: a code cell with the exercise's reference and checker; folded for the learner.
- `notes`: the presenter's notes; in no learner's notebook.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import jupytext
import yaml
from pydantic import ValidationError

from handson.errors import HandsonError
from handson.lessons.contract import Contract
from handson.problems import describe

TAGS = frozenset({"exercise", "hint", "check", "notes"})
_FILE_NAME = re.compile(r"^(?P<number>\d\d)_(?P<name>[a-z][a-z0-9_]*)\.py$")
_MARKER = re.compile(r"^(?P<indent>\s*)# --- (?P<part>solution|stub|end)\s*$")


@dataclass(frozen=True)
class Cell:
    """One cell: its text as the author wrote it, its tags, and the line of the file it begins on (1-based)."""

    kind: Literal["code", "markdown"]
    text: str
    tags: frozenset[str]
    line: int


@dataclass(frozen=True)
class Lesson:
    """One lesson: where it is, what it promises, what it says."""

    path: Path
    track: str
    number: int
    name: str
    contract: Contract
    cells: tuple[Cell, ...]

    @property
    def file_stem(self) -> str:
        """`02_digits`: what its notebooks are called."""
        return f"{self.number:02}_{self.name}"

    @property
    def exercises(self) -> tuple[Cell, ...]:
        """The cells that a learner completes."""
        return tuple(cell for cell in self.cells if "exercise" in cell.tags)


def read_lesson(path: Path) -> Lesson:
    """The lesson in `path`, a file `lessons/<track>/<NN>_<name>.py`; raises HandsonError that names file and line."""
    found = _FILE_NAME.match(path.name)
    if found is None:
        raise HandsonError(
            f"{path}: a lesson's file is named <two digits>_<lower_case_name>.py, like 02_digits.py.",
            "Rename the file.",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HandsonError(f"{path} could not be read: {error}.", "A lesson is a text file in UTF-8.") from None
    header, body, first_line = _split_header(path, text)
    return Lesson(
        path=path,
        track=path.parent.name,
        number=int(found["number"]),
        name=found["name"],
        contract=_contract(path, header),
        cells=tuple(_cells(path, body, first_line)),
    )


def _split_header(path: Path, text: str) -> tuple[list[str], str, int]:
    """The header's YAML lines (file line 2 first), the body, and the number of lines before the body."""
    lines = text.splitlines()
    fences = [i for i, line in enumerate(lines) if line.strip() == "# ---"][:2]
    if len(fences) < 2 or fences[0] != 0:
        raise HandsonError(
            f"{path}:1: the lesson has no header.",
            "It begins with '# ---', the contract as '# handson:' with one '#   key: value' a line, and '# ---'.",
        )
    end = fences[1]
    header = [line.removeprefix("#").removeprefix(" ") for line in lines[1:end]]
    before = end + 1
    while before < len(lines) and not lines[before].strip():
        before += 1
    return header, "\n".join(lines[before:]) + "\n", before


def _contract(path: Path, header: list[str]) -> Contract:
    try:
        content = yaml.safe_load("\n".join(header))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 2}" if mark else ""
        raise HandsonError(
            f"{path}{line}: the header is not valid YAML: {getattr(error, 'problem', error)}.",
            "Put quotes around a text that holds a colon.",
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("handson"), dict):
        raise HandsonError(
            f"{path}:1: the header has no contract.", "It stands below the key 'handson:' of the header."
        )
    try:
        return Contract.model_validate(content["handson"])
    except ValidationError as error:
        raise HandsonError(
            describe(error, Contract, path, lambda location: _header_line(header, location)),
            "Correct the header of the lesson.",
        ) from None


def _header_line(header: list[str], location: tuple[str | int, ...]) -> int:
    """The file line (1-based) of the deepest key of `location` that the header has."""
    line = 0
    for key in ("handson", *location):
        for i in range(line, len(header)):
            if re.match(rf"\s*['\"]?{re.escape(str(key))}['\"]?\s*:", header[i]):
                line = i
                break
        else:
            break
    return line + 2


def _cells(path: Path, body: str, first_line: int) -> Iterator[Cell]:
    starts = [i for i, line in enumerate(body.splitlines()) if line.startswith("# %%")]
    notebook = jupytext.reads(body, fmt="py:percent")
    if len(starts) != len(notebook.cells):
        raise HandsonError(
            f"{path}:{first_line + 1}: there is text before the first cell.", "Begin each cell with a line '# %%'."
        )
    for start, cell in zip(starts, notebook.cells, strict=True):
        line = first_line + start + 1
        tags = frozenset(cell.metadata.get("tags", ()))
        if unknown := tags - TAGS:
            raise HandsonError(
                f"{path}:{line}: unknown tag {', '.join(sorted(map(repr, unknown)))}.",
                f"Valid tags: {', '.join(sorted(TAGS))}.",
            )
        if "exercise" in tags:
            _split_exercise(cell.source, f"{path}:{line}")
        yield Cell(kind=cell.cell_type, text=cell.source, tags=tags, line=line)


def solved_text(cell: Cell) -> str:
    """The cell with the solution in it and no marker."""
    return _assemble(cell, "solution")


def learner_text(cell: Cell) -> str:
    """The cell as the learner gets it: the stub in place of the solution."""
    return _assemble(cell, "stub")


def solution_text(cell: Cell) -> str:
    """The solved lines alone, of every marked place in the cell."""
    return "\n".join(line for part, line in _split_exercise(cell.text, "") if part == "solution")


def _assemble(cell: Cell, wanted: str) -> str:
    return "\n".join(line for part, line in _split_exercise(cell.text, "") if part in ("", wanted))


def _split_exercise(text: str, where: str) -> list[tuple[str, str]]:
    """Each line with the part it belongs to ('' outside the markers); stub lines lose their comment sign."""
    lines: list[tuple[str, str]] = []
    part = ""
    follows = {"": "solution", "solution": "stub", "stub": "end"}
    for number, line in enumerate(text.splitlines(), start=1):
        if marker := _MARKER.match(line):
            if marker["part"] != follows[part]:
                raise HandsonError(
                    f"{where}: line {number} of the exercise is '# --- {marker['part']}' "
                    f"where '# --- {follows[part]}' belongs.",
                    "An exercise holds '# --- solution', the solved lines, '# --- stub', the learner's lines "
                    "commented out, '# --- end'.",
                )
            part = "" if marker["part"] == "end" else marker["part"]
        elif part == "stub":
            uncommented = re.sub(r"^(\s*)# ?", r"\1", line)
            lines.append((part, uncommented.rstrip()))
        else:
            lines.append((part, line))
    if part:
        raise HandsonError(f"{where}: the exercise has no '# --- end'.", "Close it with '# --- end'.")
    return lines
