"""The locked requirements: whole, hashed, for every platform, and free of this or that machine's addresses."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = [ROOT / name for name in ("requirements.lock", "requirements-room.lock", "requirements-test.lock")]
LAPTOP, ROOM, TEST = LOCKS
PLATFORMS = {
    "linux-x86_64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "macos-arm64": "aarch64-apple-darwin",
    "windows-x86_64": "x86_64-pc-windows-msvc",
}


def pins(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def normalized(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement)[0]).lower()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_package_is_pinned_and_hashed(lock: Path) -> None:
    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert all(re.match(r"[a-z0-9][\w.-]*==\S+.* \\$|    --hash=sha256:[0-9a-f]{64}( \\)?$", line) for line in lines)
    assert pins(lock)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_no_address_of_an_index_or_a_machine_is_in_a_lock(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert not re.search(r"https?://|file:|^--|index-url|find-links", text, re.MULTILINE)


def test_the_lock_holds_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {normalized(line) for line in [*project["dependencies"], *extras["laptop"]]}
    assert wanted | {"uv", "hatchling"} <= set(pins(LAPTOP))
    room = {normalized(line) for line in extras["room"]}
    assert wanted | room | {"uv"} <= set(pins(ROOM))
    assert wanted | room | {normalized(line) for line in extras["jupyterlite"] + extras["test"]} <= set(pins(TEST))


def test_each_lock_holds_the_one_before_in_the_same_versions() -> None:
    for less, more in ((LAPTOP, ROOM), (ROOM, TEST)):
        plain, all_of_it = pins(less), pins(more)
        assert {name: all_of_it.get(name) for name in plain} == plain


def test_what_only_a_room_needs_is_for_linux_alone() -> None:
    text = ROOM.read_text(encoding="utf-8")
    for name in set(pins(ROOM)) - set(pins(LAPTOP)):
        markers = re.findall(rf"^{re.escape(name)}==\S+ ; (.*) \\$", text, re.MULTILINE)
        assert markers, name
        assert all(re.search(r"sys_platform == 'linux'", marker) for marker in markers), (name, markers)
        assert not [marker for marker in markers if re.search("darwin|win32", marker)], name


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_linux_gets_neither_cuda_nor_the_torch_of_pypi(lock: Path) -> None:
    assert not [name for name in pins(lock) if name.startswith(("nvidia", "cuda", "triton"))]
    torch = re.search(r"^torch==2\.13\.0 ; (.*) \\$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    assert torch
    assert "linux" not in torch.group(1)


@pytest.mark.network
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("platform", PLATFORMS)
def test_every_locked_package_has_a_wheel_on_every_platform(
    platform: str, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv = Path(sys.executable).parent / ("uv.exe" if sys.platform == "win32" else "uv")
    if not uv.exists():
        pytest.skip("uv is not installed beside this Python: run the tests with start.py test")
    monkeypatch.setenv("MACOSX_DEPLOYMENT_TARGET", "14.0")  # torch 2.13's wheels begin there
    command = [uv, "--no-config", "pip", "install", "--dry-run", "--target", tmp_path, "--python", sys.executable]
    command += ["--python-platform", PLATFORMS[platform], "--python-version", python, "--no-deps"]
    command += ["--only-binary", ":all:", "--require-hashes", "-r", TEST]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "error sending request" in done.stderr or "dns error" in done.stderr:
        pytest.skip(f"PyPI cannot be reached: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    assert "Would install" in done.stderr
