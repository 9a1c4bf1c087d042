"""The builds of the C source: `python -m handson.pocket.build [wasm|native|all] [--check]`, with clang and lld.

- wasm: `built/pocket.wasm` for pages without Python, and `built/pocket.side.wasm`, which Pyodide's `ctypes.CDLL` loads.
  Both need SIMD and are committed; `--check` builds them again and compares every byte.
- native: `built/native/`, a library for each desktop system and level of processor, for wheels. The source needs
  no libc, so that clang and lld make them all on one machine.
"""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from handson.errors import HandsonError, UnknownNameError
from handson.pocket.native import BUILT, FLAGS, LEVELS, SOURCE, library_name, run

RECORD = BUILT / "built.txt"
"""The compiler's version, and size and SHA-256 of each committed file."""

WASM_FLAGS = ("-msimd128", "-mbulk-memory", "-mnontrapping-fptoint", "-msign-ext", "-mmutable-globals", "-Oz")
_CLANG_FLAGS = ("-Wno-pass-failed",)


@dataclass(frozen=True)
class Wasm:
    """A wasm file: its name, and what compiler and linker are told for it."""

    name: str
    compiling: tuple[str, ...]
    linking: tuple[str, ...]


WASM = (
    Wasm(
        "pocket.wasm",
        ("--target=wasm32-unknown-unknown",),
        ("--no-entry", "--export-dynamic", "--export=__heap_base", "-z", "stack-size=65536"),
    ),
    Wasm("pocket.side.wasm", ("--target=wasm32-unknown-emscripten", "-fPIC"), ("--experimental-pic", "-shared")),
)


@dataclass(frozen=True)
class Native:
    """A library for a system (as `sys.platform`), processor and level; the linker's program and arguments."""

    system: str
    processor: str
    level: int
    triple: str
    linker: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its file name, by which `native.library` looks for it."""
        return library_name(self.level, self.system, self.processor)


def _natives() -> tuple[Native, ...]:
    elf = ("ld.lld", "-shared", "--strip-all", "-o")
    windows = ("lld-link", "/dll", "/noentry", "/nodefaultlib")
    mac = ("ld64.lld", "-dylib", "-platform_version", "macos", "11.0", "11.0")
    found = []
    for level in (*LEVELS, 0):
        processor = "x86_64" if level else "aarch64"
        found += [
            Native("linux", processor, level, f"{processor}-linux-gnu", elf),
            Native("win32", processor, level, f"{processor}-pc-windows-msvc", (*windows, "/out:{}")),
        ]
        apple = "x86_64" if level else "arm64"
        if level != max(LEVELS):  # no Mac that is sold or kept has AVX-512 and is not faster as arm64
            found.append(Native("darwin", processor, level, f"{apple}-apple-macos11", (*mac, "-arch", apple, "-o")))
    return tuple(found)


NATIVE = _natives()


@functools.cache
def tool(name: str) -> str:
    """The path of one of LLVM's programs, of which Debian keeps some out of PATH. Raises HandsonError if missing."""
    beside = sorted(Path("/usr/lib").glob(f"llvm-*/bin/{name}"))
    found = shutil.which(name) or (str(beside[-1]) if beside else None)
    if not found:
        raise HandsonError(f"{name} is missing.", "Debian, Ubuntu: apt install clang lld.")
    return found


def compiler_version() -> str:
    """What clang calls itself, e.g. "Debian clang version 14.0.6"."""
    said = subprocess.run([tool("clang"), "--version"], capture_output=True, text=True, check=True).stdout
    return said.splitlines()[0].strip()


def _compile(source: Path, flags: tuple[str, ...], folder: Path) -> str:
    made = str(folder / "pocket.o")
    run([tool("clang"), *FLAGS, *_CLANG_FLAGS, *flags, "-c", str(source), "-o", made])
    return made


def build_wasm(wasm: Wasm, source: Path = SOURCE / "pocket.c") -> bytes:
    """The bytes of a wasm file. Raises HandsonError where clang or wasm-ld is missing or refuses."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = _compile(source, (*WASM_FLAGS, *wasm.compiling), Path(folder))
        made = Path(folder) / wasm.name
        run([tool("wasm-ld"), *wasm.linking, "--strip-all", compiled, "-o", str(made)])
        return made.read_bytes()


def build_native(native: Native, source: Path = SOURCE / "pocket.c") -> bytes:
    """The bytes of a library. Raises HandsonError where clang or the system's linker of lld is missing or refuses."""
    with tempfile.TemporaryDirectory() as folder:
        independent = () if native.system == "win32" else ("-fPIC",)
        flags = (f"--target={native.triple}", *LEVELS.get(native.level, ()), *independent)
        compiled = _compile(source, flags, Path(folder))
        made = Path(folder) / native.name
        program, *arguments = native.linker
        arguments = [argument.format(made) for argument in arguments]
        run([tool(program), *arguments, *([str(made)] if arguments[-1] == "-o" else []), compiled])
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
            "Compare with the same compiler (Debian 12: apt install clang lld), or build and commit anew.",
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
