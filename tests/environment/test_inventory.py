"""What an environment holds, and what of it is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from handson.environment import inventory

SITE = "lib/python3.11/site-packages"


@pytest.fixture
def env(tmp_path: Path) -> Path:
    """An environment with one distribution: a package, a program, a file under share/."""
    files = {
        "pyvenv.cfg": "home = /usr/bin\n",
        "bin/tool": "#!python\n",
        "share/tool/logo.svg": "<svg/>",
        f"{SITE}/Tool/__init__.py": "x = 1\n",
        f"{SITE}/Tool/__pycache__/__init__.cpython-311.pyc": "bytecode",
        f"{SITE}/Some_Tool-1.0.dist-info/METADATA": "Name: Some.Tool\n",
        f"{SITE}/Some_Tool-1.0.dist-info/RECORD": "Tool/__init__.py,sha256=x,6\n"
        "Tool/__pycache__/__init__.cpython-311.pyc,,\n"
        "../../../bin/tool,sha256=x,9\n../../../share/tool/logo.svg,sha256=x,6\n"
        "Some_Tool-1.0.dist-info/METADATA,sha256=x,16\nSome_Tool-1.0.dist-info/RECORD,,\n",
    }
    for name, text in files.items():
        path = tmp_path / "env" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "env"


@pytest.fixture
def held(env: Path) -> inventory.Inventory:
    return inventory.take(env, env / SITE)


def test_files_belong_to_the_distribution_whose_record_lists_them(held: inventory.Inventory) -> None:
    assert set(held) == {"some-tool", ""}
    assert {"bin/tool", "share/tool/logo.svg", f"{SITE}/Tool/__init__.py"} < set(held["some-tool"])
    assert held[""] == {"pyvenv.cfg": 16}


def test_a_whole_environment_has_no_damage(env: Path, held: inventory.Inventory) -> None:
    assert inventory.damage(held, env) == {}
    assert inventory.contradictions(env, env / SITE) == {}


def test_an_inventory_survives_being_written_and_read(tmp_path: Path, held: inventory.Inventory) -> None:
    inventory.save(held, tmp_path / "inventory.json")
    assert inventory.load(tmp_path / "inventory.json") == held


def test_missing_and_truncated_files_are_found(env: Path, held: inventory.Inventory) -> None:
    (env / SITE / "Tool" / "__init__.py").write_text("")
    (env / "share/tool/logo.svg").unlink()
    wrong = {f"{SITE}/Tool/__init__.py", "share/tool/logo.svg"}
    assert {owner: set(names) for owner, names in inventory.damage(held, env).items()} == {"some-tool": wrong}
    assert set(inventory.contradictions(env, env / SITE)["some-tool"]) == wrong


def test_a_distribution_without_its_record_is_damaged(env: Path, held: inventory.Inventory) -> None:
    (env / SITE / "Some_Tool-1.0.dist-info" / "RECORD").unlink()
    assert "some-tool" in inventory.damage(held, env)
    assert "some-tool" in inventory.contradictions(env, env / SITE)


def test_bytecode_and_added_files_are_nobodys_business(env: Path, held: inventory.Inventory) -> None:
    (env / SITE / "Tool" / "__pycache__" / "__init__.cpython-311.pyc").unlink()
    (env / SITE / "mine.py").write_text("")
    assert inventory.damage(held, env) == {}


def test_the_environments_own_files_are_watched_too(env: Path, held: inventory.Inventory) -> None:
    (env / "pyvenv.cfg").unlink()
    assert inventory.damage(held, env) == {"": ["pyvenv.cfg"]}


def test_removing_takes_the_files_and_empty_folders_and_nothing_else(env: Path, held: inventory.Inventory) -> None:
    (env / SITE / "mine.py").write_text("")
    inventory.remove(env, held["some-tool"])
    assert not (env / "share").exists()
    assert not (env / SITE / "Some_Tool-1.0.dist-info").exists()
    assert (env / SITE / "mine.py").exists()
    assert (env / "pyvenv.cfg").exists()


def test_uvs_lock_and_our_own_state_are_left_out(env: Path) -> None:
    (env / ".lock").write_text("")
    (env / ".handson").mkdir()
    (env / ".handson" / "stamp.json").write_text("{}")
    assert set(inventory.take(env, env / SITE)[""]) == {"pyvenv.cfg"}
