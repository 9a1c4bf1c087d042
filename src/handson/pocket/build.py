"""The builds of the C source: `python -m handson.pocket.build [wasm|native|all] [--check]`, on any desktop system.

- wasm: `built/pocket.wasm` for pages without Python, and `built/pocket.side.wasm`, which Pyodide's `ctypes.CDLL` loads.
  Both need SIMD; `built/pocket.side.relaxed.wasm` needs relaxed SIMD as well, which multiplies and adds in one step,
  and is loaded where the browser has it. They are committed; `--check` builds them again and compares every byte.
- native: `built/native/`, a library for each desktop system and level of processor, for wheels. The source needs
  no libc, so that they are all made on one machine.

Compiler and linkers are the clang and lld within the `ziglang` package, of the version that the lock file names: the
same bytes come out everywhere.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from handson.errors import HandsonError, UnknownNameError
from handson.pocket.native import BUILT, FLAGS, LEVELS, SOURCE, library_name, run

RECORD = BUILT / "built.txt"
"""The compiler's version, and size and SHA-256 of each committed file."""

WASM_FLAGS = ("-msimd128", "-mbulk-memory", "-mnontrapping-fptoint", "-msign-ext", "-mmutable-globals", "-O2")
_CLANG_FLAGS = ("-Wno-pass-failed",)


@dataclass(frozen=True)
class Wasm:
    """A wasm file: its name, and what compiler and linker are told for it."""

    name: str
    compiling: tuple[str, ...]
    linking: tuple[str, ...]


_SIDE = ("--target=wasm32-unknown-emscripten", "-fPIC")
_SHARED = ("--experimental-pic", "-shared")
WASM = (
    Wasm(
        "pocket.wasm",
        ("--target=wasm32-unknown-unknown",),
        ("--no-entry", "--export-dynamic", "--export=__heap_base", "-z", "stack-size=65536"),
    ),
    Wasm("pocket.side.wasm", _SIDE, _SHARED),
    Wasm("pocket.side.relaxed.wasm", (*_SIDE, "-mrelaxed-simd"), _SHARED),
)


@dataclass(frozen=True)
class Native:
    """A library for a system (as `sys.platform`), processor and level."""

    system: str
    processor: str
    level: int
    triple: str

    @property
    def name(self) -> str:
        """Its file name, by which `native.library` looks for it."""
        return library_name(self.level, self.system, self.processor)


def _natives() -> tuple[Native, ...]:
    found = []
    for level in (*LEVELS, 0):
        processor = "x86_64" if level else "aarch64"
        found += [
            Native("linux", processor, level, f"{processor}-linux-gnu"),
            Native("win32", processor, level, f"{processor}-pc-windows-msvc"),
        ]
        if level != max(LEVELS):  # the few Macs with AVX-512 take v3
            found.append(Native("darwin", processor, level, f"{processor}-macos.11.0"))
    return tuple(found)


NATIVE = _natives()


@functools.cache
def tool(name: str) -> tuple[str, ...]:
    """The command of clang or a linker of `ziglang`. Raises HandsonError where the package is missing."""
    if importlib.util.find_spec("ziglang") is None:
        raise HandsonError(
            "The package ziglang, which has the compiler, is missing.", "python3 start.py test installs it"
        )
    return sys.executable, "-m", "ziglang", name


def compiler_version() -> str:
    """What clang calls itself, e.g. "clang version 22.1.8"."""
    said = subprocess.run([*tool("clang"), "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0].strip()


def _compile(source: Path, flags: tuple[str, ...], folder: Path) -> str:
    made = str(folder / "pocket.o")
    run([*tool("clang"), *FLAGS, *_CLANG_FLAGS, *flags, "-c", str(source), "-o", made])
    return made


def build_wasm(wasm: Wasm, source: Path = SOURCE / "pocket.c") -> bytes:
    """The bytes of a wasm file. Raises HandsonError where the compiler is missing or refuses."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = _compile(source, (*WASM_FLAGS, *wasm.compiling), Path(folder))
        made = Path(folder) / wasm.name
        run([*tool("wasm-ld"), *wasm.linking, "--strip-all", compiled, "-o", str(made)])
        return made.read_bytes()


def build_native(native: Native, source: Path = SOURCE / "pocket.c") -> bytes:
    """The bytes of a library. Raises HandsonError where the compiler is missing or refuses."""
    level = LEVELS.get(native.level, ())
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / native.name
        if native.system == "darwin":  # its linker is in zig's compiler driver only, which names processors its own way
            level = (f"-mcpu=x86_64_v{native.level}",) if native.level else ()
            flags = ("-target", native.triple, *level, "-fPIC", "-nostdlib", "-shared", "-s")
            run([*tool("cc"), *FLAGS, *_CLANG_FLAGS, *flags, str(source), "-o", str(made)])
            return made.read_bytes()
        windows = native.system == "win32"
        compiled = _compile(
            source, (f"--target={native.triple}", *level, *(() if windows else ("-fPIC",))), Path(folder)
        )
        if windows:
            run([*tool("lld-link"), "/dll", "/noentry", "/nodefaultlib", f"/out:{made}", compiled])
        else:
            run([*tool("ld.lld"), "-shared", "--strip-all", "-o", str(made), compiled])
        return made.read_bytes()


def record(files: dict[str, bytes]) -> str:
    """The text of `built.txt` for these files."""
    lines = [f"compiler: {compiler_version()}"]
    lines += [
        f"{name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}" for name, content in files.items()
    ]
    return "\n".join(lines) + "\n"


def recorded_compiler() -> str:
    """The compiler that made what is committed."""
    found = re.search(r"^compiler: (.+)$", RECORD.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else ""


def check() -> list[str]:
    """How the committed wasm files differ from those that this source gives, in words; nothing if they are the same.

    Raises HandsonError where clang is another than the one that made them: other compilers give other bytes.
    """
    if compiler_version() != recorded_compiler():
        raise HandsonError(
            f"The wasm files were made by {recorded_compiler()!r}, and here is {compiler_version()!r}.",
            "Compare with the same compiler (python3 start.py test installs it), or build and commit anew.",
        )
    files = {wasm.name: build_wasm(wasm) for wasm in WASM}
    different = [
        f"{name} is not what c/ gives ({len(content)} bytes): python -m handson.pocket.build wasm, and commit"
        for name, content in files.items()
        if not (BUILT / name).is_file() or (BUILT / name).read_bytes() != content
    ]
    if not different and record(files) != RECORD.read_text(encoding="utf-8"):
        different.append("built.txt does not describe the wasm files")
    return different


def main(arguments: list[str]) -> int:
    """Build what is named, or check what is committed. 0 if all is well."""
    what = [argument for argument in arguments if argument != "--check"] or ["all"]
    for name in what:
        if name not in ("wasm", "native", "all"):
            raise UnknownNameError("build", name, ("wasm", "native", "all"))
    if "--check" in arguments:
        if "native" in what:
            raise HandsonError("Only the wasm files are committed, and can be checked.", "Leave native out.")
        different = check()
        print("\n".join(different) or "The wasm files are what the source gives.")
        return bool(different)
    if {"wasm", "all"} & {*what}:
        files = {wasm.name: build_wasm(wasm) for wasm in WASM}
        BUILT.mkdir(exist_ok=True)
        for name, content in files.items():
            (BUILT / name).write_bytes(content)
        RECORD.write_text(record(files), encoding="utf-8")
        print(record(files), end="")
    if {"native", "all"} & {*what}:
        folder = BUILT / "native"
        folder.mkdir(parents=True, exist_ok=True)
        for native in NATIVE:
            content = build_native(native)
            (folder / native.name).write_bytes(content)
            print(f"{native.name}: {len(content):,} bytes")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except HandsonError as error:
        sys.exit(str(error))
