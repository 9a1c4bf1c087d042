"""The command: what it prints, what it answers to a wrong word, and how it exits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from handson import cli
from handson.kit.site import Site
from tests.conftest import CAT

MakeWorkshop = Callable[..., Path]
NEEDS_CAT = ("#   tiers: [laptop]", "#   assets: [cat]\n#   tiers: [laptop]")


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
        (("fetch", "dog"), 2, "There is no asset named 'dog'", "Valid names: pyodide."),
        (("fetch", "pyodid"), 2, "There is no asset named 'pyodid'", "Did you mean 'pyodide'?"),
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
    assert "is not used" not in told
    arguments = ("open", "--page", "--no-browser", "--port", "9000", "--workshop", str(make_workshop()))
    assert handson(monkeypatch, *arguments) == 0
    assert "Port 9000 is not used: it answers at 8861" in capsys.readouterr().out


@pytest.mark.parametrize("fetched", [True, False])
def test_a_site_without_the_lessons_data_says_so_at_its_end_and_how_to_serve_it(
    make_workshop: MakeWorkshop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fetched: bool,
) -> None:
    folder = tmp_path / "a stick"
    lacking = () if fetched else ("cat", "dog")
    built = Site(folder, 10, 1, ("add",), (), lacking, ("add",) if lacking else ())
    long = "without cat: " + "it has not been fetched; " * 9

    def build(*_: object, say: Callable[[str], None] = lambda _: None, **__: object) -> Site:
        say(long)
        return built

    monkeypatch.setattr("handson.kit.site.build_site", build)
    assert handson(monkeypatch, "kit", "site", "--to", str(folder), "--workshop", str(make_workshop())) == 0
    told = capsys.readouterr().out
    assert f"· {long}\n" in told, "a line is not broken in the middle of a command"
    sentence = (
        "Without 2 of the lessons' data sets: these lessons run on stand-ins: add. `handson fetch --all`, then build"
    )
    assert (sentence in told) is not fetched
    assert "-m http.server --directory " in told
    assert f"{folder}'" in told or f'{folder}"' in told, "quoted for the shell"

    class Server:
        server_address = ("127.0.0.1", 8860)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

        def serve_forever(self) -> None: ...

    monkeypatch.setattr("handson.laptop.page.running_page", lambda _: None)
    monkeypatch.setattr("handson.laptop.page.page_server", lambda *_: Server())
    assert handson(monkeypatch, "open", "--page", "--no-browser", "--workshop", str(make_workshop())) == 0
    assert (sentence in capsys.readouterr().out) is not fetched


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
