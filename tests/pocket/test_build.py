"""The committed wasm is what the source gives, holds what the README says, and runs."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.pocket import build, native

README = (native.SOURCE / "README.md").read_text(encoding="utf-8")
needs_node = pytest.mark.skipif(not shutil.which("node"), reason="Node is missing: apt install nodejs")


def same_compiler() -> bool:
    try:
        return build.compiler_version() == build.recorded_compiler()
    except HandsonError:
        return False


@pytest.mark.skipif(
    not same_compiler(), reason=f"needs {build.recorded_compiler()}: python3 start.py test installs it (ziglang)"
)
def test_the_committed_wasm_is_what_the_source_gives() -> None:
    assert build.check() == []


def test_the_wasm_is_small_enough_for_a_page() -> None:
    for wasm in build.WASM:
        assert (build.BUILT / wasm.name).stat().st_size <= 150_000


def test_another_compiler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "compiler_version", lambda: "clang 99")
    with pytest.raises(HandsonError, match=r"made by '.+', and here is 'clang 99'"):
        build.check()


def test_an_unknown_build_is_answered_with_the_valid_ones() -> None:
    with pytest.raises(HandsonError, match="Valid names: all, native, wasm"):
        build.main(["waasm"])


def test_only_the_wasm_can_be_checked() -> None:
    with pytest.raises(HandsonError, match="Only the wasm files"):
        build.main(["native", "--check"])


def node(script: str, *arguments: str, folder: Path | None = None, flags: Sequence[str] = ()) -> str:
    command = ["node", *flags, "--input-type=module", "-e", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


@needs_node
def test_what_the_wasm_exports_is_documented_and_the_other_way_round() -> None:
    script = """
        import { readFileSync } from "node:fs";
        const module = new WebAssembly.Module(readFileSync(process.argv[1]));
        console.log(JSON.stringify(WebAssembly.Module.exports(module).map((e) => e.name)));
    """
    exported = json.loads(node(script, str(build.BUILT / "pocket.wasm")))
    assert {"memory", "__heap_base"} <= {*exported}
    names = {re.sub(r"_f(32|64)$", "", name.removeprefix("hp_")) for name in exported if name.startswith("hp_")}
    ours = {re.sub(r"_f(32|64)$", "", name) for name in re.findall(r"`(\w+)\(", README)}
    assert names == ours


@needs_node
def test_the_plain_wasm_multiplies() -> None:
    script = """
        import { readFileSync } from "node:fs";
        const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[1]));
        const e = instance.exports, base = (Number(e.__heap_base.value) + 63) & ~63;
        const missing = base + 1000 + Number(e.hp_gemm_work_f32()) - e.memory.buffer.byteLength;
        if (missing > 0) e.memory.grow((missing + 65535) >> 16);
        new Float32Array(e.memory.buffer, base, 12).set([1, 2, 3, 4, 5, 6, 1, 0, 0, 1, 1, 1]);
        e.hp_gemm_f32(0n, 0n, 2n, 2n, 3n, 1, base, 3n, base + 24, 2n, 0, base + 48, 2n, base + 64);
        console.log(JSON.stringify([...new Float32Array(e.memory.buffer, base + 48, 4)]));
    """
    assert json.loads(node(script, str(build.BUILT / "pocket.wasm"))) == [4, 5, 10, 11]


def test_each_wasm_uses_what_its_name_says() -> None:
    """The instruction of f32x4.relaxed_madd stands in one of them only."""
    relaxed = [wasm.name for wasm in build.WASM if (build.BUILT / wasm.name).read_bytes().count(b"\xfd\x85\x02") > 50]
    assert relaxed == ["pocket.side.relaxed.wasm"]


@needs_node
@pytest.mark.network
@pytest.mark.skipif(not shutil.which("npm"), reason="npm is missing: apt install npm")
def test_the_side_modules_multiply_in_pyodide(tmp_path: Path) -> None:
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "pyodide@314.0.7"]
    subprocess.run(install, capture_output=True, check=True)
    python = """
import ctypes
def product(name):
    library = ctypes.CDLL(name)
    i, p, d = ctypes.c_longlong, ctypes.c_void_p, ctypes.c_double
    library.hp_gemm_work_f32.restype = i
    library.hp_gemm_f32.argtypes = [i, i, i, i, i, d, p, i, p, i, d, p, i, p]
    floats = lambda *values: (ctypes.c_float * len(values))(*values)
    a, b, c = floats(1, 2, 3, 4, 5, 6), floats(1, 0, 0, 1, 1, 1), floats(0, 0, 0, 0)
    work = ctypes.create_string_buffer(library.hp_gemm_work_f32())
    library.hp_gemm_f32(0, 0, 2, 2, 3, 1.0, a, 3, b, 2, 0.0, c, 2, work)
    return list(c)
str([product(f"/pocket.side{kind}.wasm") for kind in ("", ".relaxed")])
"""
    script = """
        import { loadPyodide } from "pyodide";
        import { readFileSync } from "node:fs";
        const pyodide = await loadPyodide(), [, folder, python] = process.argv;
        for (const name of ["pocket.side.wasm", "pocket.side.relaxed.wasm"])
          pyodide.FS.writeFile(`/${name}`, readFileSync(`${folder}/${name}`));
        console.log(pyodide.runPython(python));
    """
    flags = ["--experimental-wasm-relaxed-simd"]  # on since Node 21
    said = node(script, str(build.BUILT), python, folder=tmp_path, flags=flags).strip()
    assert said == "[[4.0, 5.0, 10.0, 11.0], [4.0, 5.0, 10.0, 11.0]]"


needs_compiler = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None, reason="ziglang is missing: python3 start.py test installs it"
)


@needs_compiler
@pytest.mark.parametrize("target", build.NATIVE, ids=lambda target: target.name)
def test_each_desktop_is_linked_for(target: build.Native) -> None:
    beginning = {"linux": b"\x7fELF", "win32": b"MZ", "darwin": b"\xcf\xfa\xed\xfe"}[target.system]
    assert build.build_native(target, native.SOURCE / "probe.c").startswith(beginning)


@needs_compiler
@pytest.mark.skipif(native.library_name(2) != "pocket-linux-x86_64-v2.so", reason="loads a library of x86-64 Linux")
def test_the_packaged_library_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "native").mkdir()
    content = build.build_native(build.NATIVE[0], native.SOURCE / "probe.c")
    level = native.processor_level()
    monkeypatch.setattr(native, "BUILT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))  # no compiler
    for name in {native.library_name(2), native.library_name(level)}:
        (tmp_path / "native" / name).write_bytes(content)
    assert native.library.__wrapped__().hp_cpu_level() == level


@needs_compiler
@pytest.mark.skipif(not shutil.which("qemu-aarch64"), reason="qemu-aarch64 is missing: apt install qemu-user")
def test_products_and_convolutions_on_arm(tmp_path: Path) -> None:
    flags = [*native.FLAGS, "-Wno-pass-failed", "--target=aarch64-linux-gnu", f"-I{native.SOURCE}"]
    program, compiled = tmp_path / "arm", tmp_path / "arm.o"
    native.run([*build.tool("clang"), *flags, "-c", str(Path(__file__).parent / "arm.c"), "-o", str(compiled)])
    native.run([*build.tool("ld.lld"), "-static", str(compiled), "-o", str(program)])
    assert subprocess.run(["qemu-aarch64", str(program)], check=False).returncode == 0


def test_there_is_a_library_for_each_desktop() -> None:
    names = {target.name for target in build.NATIVE}
    assert {"pocket-linux-x86_64-v2.so", "pocket-windows-x86_64-v3.dll", "pocket-macos-aarch64.dylib"} <= names
    assert len(names) == len(build.NATIVE)
