"""The library of kernels: the one the package carries for this machine, or the checkout's source, compiled once."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from handson.errors import HandsonError

SOURCE = Path(__file__).parent / "c"
BUILT = Path(__file__).parent / "built"

FLAGS = (
    *("-std=gnu11", "-O3", "-ffreestanding", "-fno-math-errno", "-fno-trapping-math", "-fvisibility=hidden"),
    *("-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-Wall", "-Wno-unknown-pragmas", "-Wno-psabi"),
)
"""What every build of the source is compiled with."""

LEVELS = {
    2: ("-march=x86-64-v2",),
    3: ("-march=x86-64-v3",),
    4: ("-march=x86-64-v4", "-mprefer-vector-width=512"),
}
"""The libraries for x86-64, by the levels of its psABI: SSE4.2 (any PC since 2009), AVX2 with FMA, AVX-512."""

_MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
_SYSTEMS = {"linux": ("linux", "so"), "win32": ("windows", "dll"), "darwin": ("macos", "dylib")}


@functools.cache
def library() -> ctypes.CDLL:
    """The kernels, loaded.

    In Pyodide the side module of the package; elsewhere the packaged library for this system and processor, or, in a
    checkout, one compiled from `c/` into the user's cache. Raises HandsonError where neither can be had, or the
    processor is older than 2009.
    """
    if sys.platform == "emscripten":
        return ctypes.CDLL(str(_side_module()))
    level = processor_level()
    return ctypes.CDLL(str(packaged(level) or compiled(level)))


def _side_module() -> Path:
    """In Pyodide: the library with relaxed SIMD where the browser has that (not yet all of 2025 have)."""
    from js import WebAssembly  # type: ignore[import-not-found,unused-ignore]
    from pyodide.ffi import to_js  # type: ignore[import-not-found,unused-ignore]

    relaxed = BUILT / "pocket.side.relaxed.wasm"
    return relaxed if WebAssembly.validate(to_js(relaxed.read_bytes())) else BUILT / "pocket.side.wasm"


def packaged(level: int) -> Path | None:
    """The library that the package carries for this machine: that of its level, or of the next lower one there is."""
    names = [library_name(lower) for lower in range(level, min(LEVELS) - 1, -1)] if level else [library_name(0)]
    return next((path for name in names if (path := BUILT / "native" / name).is_file()), None)


def machine() -> str:
    """The processor's architecture: x86_64, aarch64, or what Python calls it."""
    name = platform.machine().lower()
    return _MACHINES.get(name, name)


def library_name(level: int, system: str = sys.platform, processor: str | None = None) -> str:
    """The file name of the library for an operating system (as `sys.platform`) and processor.

    For instance pocket-linux-x86_64-v3.so. `level` is that of x86-64's psABI, 0 on other processors.
    """
    name, suffix = _SYSTEMS.get(system, (system, "so"))
    return f"pocket-{name}-{processor or machine()}{f'-v{level}' if level else ''}.{suffix}"


def processor_level() -> int:
    """The level of this x86-64 processor, as `hp_cpu_level` in c/cpu.h finds it; 0 on other processors."""
    if machine() != "x86_64":
        return 0
    lowest = BUILT / "native" / library_name(2)
    probe = ctypes.CDLL(str(lowest if lowest.is_file() else _compiled_once("probe.c", "probe", LEVELS[2])))
    probe.hp_cpu_level.restype = ctypes.c_longlong
    level = int(probe.hp_cpu_level())
    if level < min(LEVELS):
        raise HandsonError("This processor has no SSE4.2.", "handson.pocket needs one of 2009 or later.")
    return level


def compiled(level: int) -> Path:
    """The library in the user's cache that this machine's compiler made from the checkout's source, now or before.

    Raises HandsonError where there is no compiler or it refuses.
    """
    return _compiled_once("pocket.c", f"pocket-v{level}" if level else "pocket", LEVELS.get(level, ()))


def _compiled_once(source: str, name: str, flags: tuple[str, ...]) -> Path:
    compiler = _compiler()
    command = [*compiler, *FLAGS, *flags, *_linking()]
    key = hashlib.sha256("\0".join([*command, _version(tuple(compiler))]).encode())
    for path in sorted(SOURCE.glob("*.[ch]")):
        key.update(path.name.encode() + b"\0" + path.read_bytes())
    suffix = _SYSTEMS.get(sys.platform, ("", "so"))[1]
    result = _cache() / f"{name}-{key.hexdigest()[:16]}.{suffix}"
    if not result.is_file():
        result.parent.mkdir(parents=True, exist_ok=True)
        print(f"handson.pocket: compiling {source} with {compiler[0]}, once …", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=result.parent) as folder:
            made = Path(folder) / result.name
            run([*command, str(SOURCE / source), "-o", str(made)])
            made.replace(result)
    return result


def run(command: list[str]) -> None:
    """Run a compiler or linker. Raises HandsonError with what it said where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HandsonError(f"{command[0]} could not compile handson.pocket:\n{done.stderr[-3000:]}", " ".join(command))


def _compiler() -> list[str]:
    """HANDSON_CC, CC, or the first of cc, gcc and clang."""
    named = os.environ.get("HANDSON_CC") or os.environ.get("CC")
    if named:
        return named.split()
    found = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if not found:
        raise HandsonError(
            "handson.pocket's C source is not compiled here, and there is no C compiler (looked for cc, gcc, clang).",
            "Install one (Debian, Ubuntu: apt install gcc · macOS: xcode-select --install · Windows: LLVM), name one "
            "in HANDSON_CC, or install handson's wheel, which carries the library.",
        )
    return [found]


def _linking() -> list[str]:
    if sys.platform == "win32":
        return ["-shared", "-nostdlib", "-Wl,/noentry", "-fuse-ld=lld"]
    return ["-shared", "-fPIC"] if sys.platform == "darwin" else ["-shared", "-fPIC", "-nostdlib"]


@functools.cache
def _version(command: tuple[str, ...]) -> str:
    try:
        return subprocess.run([*command, "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise HandsonError(
            f"The C compiler {' '.join(command)!r} does not run: {error}", "Name another in HANDSON_CC."
        ) from error


def _cache() -> Path:
    """As handson.lab.places.cache_dir, which is a neighbour that pocket does not import."""
    if named := os.environ.get("HANDSON_CACHE"):
        return Path(named).expanduser() / "pocket"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "handson" / "Cache"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches" / "handson"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handson"
    return base / "pocket"
