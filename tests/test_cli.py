"""The command: what it prints, what it answers to a wrong word, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handson import cli

MakeWorkshop = Callable[..., Path]
NEEDS_CAT = ("#   tiers: [laptop]", "#   assets: [cat]\n#   tiers: [laptop]")
CAT = f"""
[assets.cat]
what = "A cat."
licence = "CC0"
source = "https://example.org/"
[[assets.cat.files]]
path = "cat.jpg"
urls = ["https://example.org/cat.jpg"]
sha256 = "{"0" * 64}"
bytes = 3
"""


def handson(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status of the command with `arguments`."""
    monkeypatch.setattr(sys, "argv", ["handson", *arguments])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    return int(exit_.value.code or 0)


def test_lessons_lists_contracts_agendas_and_what_fetch_would_bring(
    make_workshop: MakeWorkshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    root = make_workshop(NEEDS_CAT, assets=CAT)
    assert handson(monkeypatch, "lessons", "--json", "--workshop", str(root)) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["agendas"] == {"60": ["add"]}
    (lesson,) = content["lessons"]
    assert lesson["contract"]["minutes"] == 5
    assert lesson["missing_assets"] == ["cat"]


@pytest.mark.parametrize(
    ("arguments", "status", "cause", "way_out"),
    [
        (("check", "ad"), 2, "There is no lesson named 'ad'", "Did you mean 'add'? Valid names: add."),
        (("open", "mul"), 2, "There is no lesson named 'mul'", "Valid names: add."),
        (("fetch", "dog"), 2, "There is no asset named 'dog'", "There is no asset at all yet."),
        (("fetch",), 1, "Nothing was named to fetch.", "--all"),
    ],
)
def test_a_wrong_name_is_answered_with_the_valid_ones_and_no_traceback(
    make_workshop: MakeWorkshop,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    cause: str,
    way_out: str,
) -> None:
    assert handson(monkeypatch, *arguments, "--workshop", str(make_workshop())) == status
    told = capsys.readouterr().err
    assert cause in told
    assert way_out in told
    assert "Traceback" not in told


def test_a_lesson_page_that_is_open_already_is_opened_and_not_built_again_under_its_server(
    make_workshop: MakeWorkshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path))
    monkeypatch.setattr("handson.laptop.page.running_page", lambda folder: 8861)
    monkeypatch.setattr("handson.kit.site.build_site", lambda *_: pytest.fail("it was built again"))
    assert handson(monkeypatch, "open", "--page", "--no-browser", "add", "--workshop", str(make_workshop())) == 0
    told = capsys.readouterr().out
    assert "is already open:" in told
    assert "http://127.0.0.1:8861/#/add" in told


def test_a_folder_without_a_workshop_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handson(monkeypatch, "lessons", "--workshop", str(tmp_path)) == 1
    assert "There is no workshop.toml" in capsys.readouterr().err


def test_a_defect_of_ours_is_named_as_one_and_written_down(
    make_workshop: MakeWorkshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cli, "catalog_of", broken)
    assert handson(monkeypatch, "lessons", "--workshop", str(make_workshop())) == 70
    told = capsys.readouterr().err
    assert "A defect of handson, not of yours: ZeroDivisionError: oops" in told
    assert "Traceback" not in told
    assert "ZeroDivisionError" in (tmp_path / "cache" / "defect.txt").read_text()


def test_the_command_starts_without_pytorch_and_without_jsonschemas_slow_grammar() -> None:
    code = "import sys, handson.cli, handson.lessons.catalog, handson.laptop.server, handson.assets; print([name for name in ('torch', 'rfc3987_syntax', 'lark') if sys.modules.get(name)])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
