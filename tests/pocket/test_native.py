"""The library of kernels is found, or compiled once, or its absence is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.pocket import kernels, native


def test_the_library_loads_and_knows_the_processor() -> None:
    library = native.library()
    assert library.hp_cpu_level() == native.processor_level()


def test_it_is_compiled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path))
    first = native._compiled_once("probe.c", "probe", ())
    assert "compiling probe.c" in capsys.readouterr().err
    assert native._compiled_once("probe.c", "probe", ()) == first
    assert native._compiled_once("probe.c", "probe", ("-O1",)) != first
    assert capsys.readouterr().err.count("compiling") == 1


def test_without_a_compiler_there_is_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(HandsonError, match=r"no C compiler.*\n.*apt install gcc.*wheel"):
        native.compiled(0)


def test_a_compiler_that_does_not_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path))
    monkeypatch.setenv("HANDSON_CC", "no-such-compiler")
    with pytest.raises(HandsonError, match=r"'no-such-compiler' does not run"):
        native.compiled(0)


def test_what_the_compiler_refuses_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CACHE", str(tmp_path))
    with pytest.raises(HandsonError, match=r"--no-such-flag"):
        native._compiled_once("probe.c", "probe", ("--no-such-flag",))


def test_names_of_libraries() -> None:
    assert native.library_name(3, "linux", "x86_64") == "pocket-linux-x86_64-v3.so"
    assert native.library_name(0, "darwin", "aarch64") == "pocket-macos-aarch64.dylib"
    assert native.library_name(0, "win32", "aarch64") == "pocket-windows-aarch64.dll"


def test_a_lower_level_serves_where_that_of_the_processor_is_not_packaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "BUILT", tmp_path)
    assert native.packaged(4) is None
    (tmp_path / "native").mkdir()
    for level in (2, 3):
        (tmp_path / "native" / native.library_name(level)).touch()
    found = native.packaged(4)
    assert found is not None
    assert found.name == native.library_name(3)
    assert native.packaged(0) is None


@pytest.mark.parametrize(
    ("codes", "file", "prefix"),
    [
        (kernels.UNARY, "elementwise.h", "U_"),
        (kernels.BINARY, "elementwise.h", "B_"),
        (kernels.REDUCE, "reduce.h", "R_"),
        (kernels.STEPS, "run.h", "R_"),
    ],
    ids=["unary", "binary", "reduce", "steps"],
)
def test_python_counts_the_functions_as_c_does(codes: dict[str, int], file: str, prefix: str) -> None:
    source = re.sub(r"/\*.*?\*/", "", (native.SOURCE / file).read_text(encoding="utf-8"), flags=re.DOTALL)
    enums = [re.findall(r"\w+", inside) for inside in re.findall(r"enum \{(.*?)\}", source, re.DOTALL)]
    counted = [[name for name in enum if name.startswith(prefix)] for enum in enums]
    found = next(names for names in counted if names)

    def same(ours: str, theirs: str) -> bool:
        return theirs.removeprefix(prefix).lower() in (ours, ours.replace("2d", ""))

    assert len(found) == len(codes)
    assert all(same(ours, theirs) for ours, theirs in zip(codes, found, strict=True)), (list(codes), found)
