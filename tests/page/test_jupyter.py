"""What JupyterLite's kernel does of ours: the data have their names, photos are read, nothing is installed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from handson.lab.exercises import NotYet
from handson.lab.places import INDEX
from handson.page import installer, jupyter


class Shell:
    """Of the kernel's, what is used."""

    def __init__(self) -> None:
        self.shown: list[Any] = []
        self.kernel = SimpleNamespace(lite_transform_manager=SimpleNamespace(line_transforms=[]))
        self.display_pub = SimpleNamespace(publish=lambda data, *_, **__: self.shown.append(data))
        self.displayhook = SimpleNamespace(data={}, write_format_data=self._write)
        self.custom: dict[type, Any] = {}

    def _write(self, forms: Any, *_: Any) -> None:
        self.displayhook.data = forms

    def set_custom_exc(self, kinds: tuple[type, ...], handler: Any) -> None:
        self.custom |= dict.fromkeys(kinds, handler)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path / "assets"))
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index.json").write_text('{"cat": {}}')
    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    monkeypatch.setitem(sys.modules, "pyodide", ModuleType("pyodide"))
    monkeypatch.setitem(sys.modules, "pyodide.ffi", SimpleNamespace(jsnull="null"))
    monkeypatch.chdir(tmp_path)
    return shell


def test_the_data_have_their_names_and_photos_are_read_before_each_cell(
    kernel: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    async def read(decode: object) -> int:
        asked.append(decode)
        return 0

    monkeypatch.setattr(jupyter, "read_pictures", read)
    jupyter.begin()
    assert json.loads((tmp_path / INDEX).read_text()) == {"cat": {}}
    (transform,) = kernel.kernel.lite_transform_manager.line_transforms
    assert asyncio.run(transform(["print(1)\n"])) == ["print(1)\n"]
    assert len(asked) == 1


@pytest.mark.usefixtures("kernel")
def test_where_jupyter_shares_its_files_the_index_is_there_and_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jupyter, "DRIVE", tmp_path / "drive")
    (tmp_path / "drive").mkdir()
    jupyter.begin()
    path = tmp_path / "drive" / INDEX
    assert not (tmp_path / INDEX).exists()
    path.chmod(0o444)
    before = path.stat().st_mtime_ns
    jupyter.write_index(tmp_path / "drive")
    assert path.stat().st_mtime_ns == before
    path.chmod(0o644)
    path.write_text("{}")  # of an older site
    jupyter.write_index(tmp_path / "drive")
    assert json.loads(path.read_text()) == {"cat": {}}


def test_nulls_in_what_is_shown_stay_nulls(kernel: Any) -> None:
    figure = {"application/json": {"scale": None, "values": [1, None, (2.5, "a")]}, "text/plain": "a figure"}
    kept = {"application/json": {"scale": "null", "values": [1, "null", [2.5, "a"]]}, "text/plain": "a figure"}
    jupyter.begin()
    kernel.display_pub.publish(figure, transient={"display_id": "1"})
    kernel.displayhook.write_format_data(figure, {})
    assert kernel.shown == [kept]
    assert kernel.displayhook.data == kept
    assert figure["application/json"]["scale"] is None, "the learner's own is left alone"  # type: ignore[index]


def test_an_open_exercise_is_told_as_elsewhere_and_is_no_error_to_the_kernel(
    kernel: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    jupyter.begin()
    kernel.custom[NotYet](kernel, NotYet, NotYet("see above."), None)
    assert "Not yet" in capsys.readouterr().err


def test_nothing_can_be_installed_and_the_reason_is_said() -> None:
    code = asyncio.run(installer.get_transformed_code(["install", "numpy"]))
    compile(code, "cell", "exec", flags=0x2000)  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    with pytest.raises(RuntimeError, match="installs nothing: it asks no server"):
        asyncio.run(installer.install("numpy"))
