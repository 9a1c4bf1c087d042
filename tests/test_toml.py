"""A TOML file that an author wrote: what is wrong is named with file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from handson import toml
from handson.errors import HandsonError


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    size: int


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str
    parts: list[Part] = []
    by_number: dict[int, Part] = {}


def complaint(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "whole.toml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(HandsonError) as failure:
        toml.load(path, Whole)
    return failure.value.cause.replace(f"{tmp_path}/", "")


def test_a_right_file_becomes_its_model(tmp_path: Path) -> None:
    (tmp_path / "whole.toml").write_bytes(b'\xef\xbb\xbftitle = "T"\r\n[[parts]]\r\nname = "a"\r\nsize = 1\r\n')
    assert toml.load(tmp_path / "whole.toml", Whole) == Whole(title="T", parts=[Part(name="a", size=1)])


def test_a_misspelt_key_is_named_with_the_nearest_and_all_valid_ones(tmp_path: Path) -> None:
    assert complaint(
        tmp_path, 'title = "T"\n\n[[parts]]\nname = "a"\nsize = 1\n\n[[parts]]\nname = "b"\nsize = 1\nsice = 2\n'
    ) == ("whole.toml:10: parts.1.sice: unknown key. Did you mean 'size'? Valid keys: name, size.")


def test_a_key_that_is_missing_is_named_at_its_own_table_though_the_next_has_it(tmp_path: Path) -> None:
    content = 'title = "T"\n[[parts]]\nname = "a"\n[[parts]]\nname = "b"\nsize = 1\n'
    assert complaint(tmp_path, content) == "whole.toml:2: parts.0.size: this key is missing."


def test_a_wrong_value_is_shown(tmp_path: Path) -> None:
    told = complaint(tmp_path, 'title = "T"\n[by_number.60]\nname = "a"\nsize = "much"\n')
    assert told.startswith("whole.toml:4: by_number.60.size: Input should be a valid integer")
    assert told.endswith("(found 'much').")


def test_every_problem_is_listed(tmp_path: Path) -> None:
    assert complaint(tmp_path, "titel = 1\n").splitlines() == [
        "whole.toml:1: title: this key is missing.",
        "whole.toml:1: titel: unknown key. Did you mean 'title'? Valid keys: by_number, parts, title.",
    ]


def test_what_is_not_toml_is_named_with_its_line(tmp_path: Path) -> None:
    assert complaint(tmp_path, 'title = "T"\nparts = [\n').startswith("whole.toml:")
    assert complaint(tmp_path, 'title = "T"\ntitle = "U"\n').startswith("whole.toml:2: not valid TOML: ")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(HandsonError, match=r"absent\.toml could not be read: No such file or directory"):
        toml.load(tmp_path / "absent.toml", Whole)
    assert "whole.toml is not UTF-8 text" in complaint(tmp_path, b'title = "\xff"\n')
