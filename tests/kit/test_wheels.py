"""Packages for Pyodide: what is installed here as wheels, with all that they need there and nothing of this machine."""

from __future__ import annotations

import hashlib
import io
import zipfile
from importlib.metadata import PackagePath
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.kit import wheels
from handson.kit.wheels import installed_wheels, made_wheel


def names_in(content: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def test_a_package_comes_with_all_that_it_needs_in_pyodide() -> None:
    found = {wheel.name: wheel for wheel in installed_wheels(["ipython"], "3.14.2")}
    assert {"ipython", "jedi", "parso", "traitlets", "prompt-toolkit", "wcwidth"} <= set(found)
    assert not {"pexpect", "psutil", "colorama"} & set(found), "asked for on other systems only"
    assert found["ipython"].imports == ("IPython",)
    assert {"jedi", "traitlets"} <= set(found["ipython"].depends)
    assert "IPython/core/interactiveshell.py" in names_in(found["ipython"].content)


def test_nothing_that_was_made_for_this_machine_comes_along() -> None:
    for wheel in installed_wheels(["ipython", "anywidget"], "3.14.2", without=["widgetsnbextension"]):
        assert wheel.name != "widgetsnbextension"
        assert "widgetsnbextension" not in wheel.depends
        names = names_in(wheel.content)
        assert not [name for name in names if name.endswith((".so", ".pyd", ".pyc")) or "__pycache__" in name]
        assert not [name for name in names if name.startswith(("/", ".."))], "scripts of this environment"


def test_a_wheel_is_the_same_each_time_and_its_entry_in_the_lock_has_its_hash() -> None:
    files = {"numbers.py": b"one = 1\n", "data/one.txt": b"1"}
    one, two = made_wheel("my-numbers", "1.0", files, imports=("numbers",)), made_wheel("my-numbers", "1.0", files)
    assert one.content == two.content
    assert one.file == "my_numbers-1.0-py3-none-any.whl"
    assert set(names_in(one.content)) > set(files)
    entry = one.locked()
    assert entry["sha256"] == hashlib.sha256(one.content).hexdigest()
    assert (entry["name"], entry["file_name"], entry["imports"]) == ("my-numbers", one.file, ["numbers"])


def test_a_package_that_is_not_here_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(HandsonError, match="package no-such-package, which is not installed") as refused:
        installed_wheels(["No_Such.Package"], "3.14.2")
    assert refused.value.way_out == "pip install no-such-package"


class _Damaged:
    version = "1.0"
    requires = None

    def __init__(self, folder: Path, *names: str) -> None:
        self.files = [PackagePath(name) for name in names]
        for path in self.files:
            path.dist = self  # type: ignore[assignment]
        self._folder = folder

    def locate_file(self, path: PackagePath) -> Path:
        return self._folder / path


@pytest.mark.parametrize(
    ("names", "said"),
    [(("gone/__init__.py",), "is damaged here: gone/__init__.py is missing"), ((), "without files of Python")],
)
def test_a_package_that_is_not_whole_is_refused(
    names: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "_found", lambda _: _Damaged(tmp_path, *names))
    with pytest.raises(HandsonError, match=said):
        installed_wheels(["gone"], "3.14.2")
