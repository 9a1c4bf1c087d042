"""start.py makes real environments, breaks them in every way we know, and mends them.

The workshop here is a small one (the real lock without JupyterLab and its like), so that an environment takes seconds;
PyTorch's CPU build is in it. What start.py hands over to is a stub that says what it was given.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.integration,
    pytest.mark.network,
    pytest.mark.timeout(600),
    pytest.mark.skipif(os.name == "nt", reason="the environments are broken by means of POSIX here"),
]
ROOT_ON_LINUX = sys.platform == "linux" and os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT_ON_LINUX, reason="takes the network away or mounts a disk: needs root on Linux")

BUILD = ["uv", "hatchling", "editables", "packaging", "pathspec", "pluggy", "trove-classifiers", "tomlkit"]
TORCH = [
    "torch",
    "filelock",
    "typing-extensions",
    "setuptools",
    "sympy",
    "mpmath",
    "networkx",
    "jinja2",
    "markupsafe",
    "fsspec",
]
ROOM = ["segno"]
TESTS = ["pytest", "iniconfig", "pygments", "pytest-xdist", "execnet"]

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "handson"
dynamic = ["version"]
[tool.hatch.version]
path = "src/handson/__init__.py"
[tool.hatch.build.targets.wheel]
packages = ["src/handson"]
"""
STUB = """\
import json, os, sys
print(json.dumps({"words": sys.argv[1:], "python": sys.executable, "workshop": os.environ.get("HANDSON_WORKSHOP")}))
"""


def part_of_lock(names: list[str]) -> str:
    text = (ROOT / "requirements-test.lock").read_text(encoding="utf-8")
    blocks = re.findall(r"^[a-z0-9][\w.-]*==.*(?:\n[ \t]+--hash.*)+", text, re.MULTILINE)
    return "\n".join(block for block in blocks if block.partition("==")[0] in names) + "\n"


@dataclass
class Workshop:
    """A small workshop, and how to start it."""

    root: Path
    cache: Path

    @property
    def env(self) -> Path:
        return self.root / ".venv"

    @property
    def site(self) -> Path:
        return next(self.env.glob("lib/python3*/site-packages"))

    def variables(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HANDSON_")}
        return {**kept, "HANDSON_CACHE": str(self.cache)}

    def start(self, *words: str | Path, before: tuple[str, ...] = (), **more: str) -> subprocess.CompletedProcess[str]:
        command = [*before, sys.executable, self.root / "start.py", *words]
        return subprocess.run(
            command, cwd=self.root, env={**self.variables(), **more}, capture_output=True, text=True, check=False
        )

    def ready(self) -> None:
        done = self.start()
        assert done.returncode == 0, done.stderr


def write_workshop(root: Path) -> None:
    (root / "src" / "handson").mkdir(parents=True)
    shutil.copy(ROOT / "start.py", root)
    for name in ("__init__.py", "errors.py", "doctor.py"):
        shutil.copy(ROOT / "src" / "handson" / name, root / "src" / "handson")
    shutil.copytree(ROOT / "src" / "handson" / "environment", root / "src" / "handson" / "environment")
    (root / "src" / "handson" / "__main__.py").write_text(STUB)
    (root / "pyproject.toml").write_text(PYPROJECT)
    (root / "workshop.toml").write_text("")
    (root / "requirements.lock").write_text(part_of_lock(BUILD + TORCH))
    (root / "requirements-room.lock").write_text(part_of_lock(BUILD + TORCH + ROOM))
    (root / "requirements-test.lock").write_text(part_of_lock(BUILD + TORCH + ROOM + TESTS))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache of these tests' own: some of them damage files, which are hard links to it."""
    return tmp_path_factory.mktemp("Zwischenlager für alles")


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Workshop]:
    """One set-up that the tests share; each may break it, and mends it in doing so."""
    root = tmp_path_factory.mktemp("Mein Gerät") / "hands on"
    write_workshop(root)
    workshop = Workshop(root, cache)
    done = workshop.start()
    if "cannot be reached" in done.stderr:
        pytest.skip(f"the package index cannot be reached: {done.stderr}")
    assert done.returncode == 0, done.stderr
    assert "Setting up the workshop. This is done once" in done.stderr
    assert "Packages installed" in done.stderr
    yield workshop
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture
def fresh(tmp_path: Path, cache: Path) -> Iterator[Workshop]:
    """A workshop without an environment, with the shared cache."""
    write_workshop(tmp_path / "fresh")
    yield Workshop(tmp_path / "fresh", cache)
    shutil.rmtree(tmp_path / "fresh", ignore_errors=True)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory, workshop: Workshop) -> Iterator[Path]:
    """A folder with every wheel of the small workshop, as on a stick."""
    folder = tmp_path_factory.mktemp("stick") / "wheels"
    pip = [workshop.env / "bin" / "python", "-m", "pip", "--disable-pip-version-check"]
    locked = ["--no-deps", "--require-hashes", "-r", workshop.root / "requirements.lock"]
    subprocess.run([*pip, "download", "-q", "-d", folder, *locked], check=True)
    if sys.platform == "linux":
        index = ["--extra-index-url", "https://download.pytorch.org/whl/cpu"]
        torch = [*pip, "download", "-q", "-d", folder, "--no-deps", "torch==2.13.0+cpu"]
        if subprocess.run(torch, check=False, capture_output=True).returncode:
            subprocess.run([*torch, *index], check=True)
    subprocess.run([*pip, "wheel", "-q", "-w", folder, "--no-deps", "--no-build-isolation", workshop.root], check=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def stick(tmp_path: Path, wheels: Path) -> Workshop:
    """start.py, the lock and the wheels, and nothing else; a cache of its own."""
    root = tmp_path / "Stick ü"
    root.mkdir()
    shutil.copy(ROOT / "start.py", root)
    (root / "requirements.lock").write_text(part_of_lock(BUILD + TORCH))
    (root / "workshop.toml").write_text("")
    shutil.copytree(wheels, root / "wheels", copy_function=os.link)
    return Workshop(root, tmp_path / "cache")


def words(done: subprocess.CompletedProcess[str]) -> list[str]:
    """What the stub was given; the test fails with what start.py said if it did not get there."""
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    given: list[str] = json.loads(done.stdout)["words"]
    return given


# --- what it is for ---------------------------------------------------------------------------------------------------


def test_no_words_mean_open_and_words_are_passed_on(workshop: Workshop) -> None:
    assert words(workshop.start()) == ["open"]
    assert words(workshop.start("check", "digits", "--json")) == ["check", "digits", "--json"]


def test_handson_runs_in_the_environment_and_is_told_its_workshop(workshop: Workshop) -> None:
    said = json.loads(workshop.start().stdout)
    assert said["python"] == str(workshop.env / "bin" / "python")
    assert said["workshop"] == str(workshop.root)


def test_a_second_start_says_nothing_and_starts_no_installer(workshop: Workshop) -> None:
    log = workshop.env / ".handson" / "log.txt"
    workshop.ready()
    before = log.stat().st_mtime_ns
    done = workshop.start()
    assert words(done) == ["open"]
    assert done.stderr == ""
    assert log.stat().st_mtime_ns == before


def test_torch_is_the_cpu_build(workshop: Workshop) -> None:
    code = "import torch; print(torch.__version__, torch.version.cuda)"
    done = subprocess.run([workshop.env / "bin" / "python", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[1] == "None"


def test_test_adds_the_tools_once_and_runs_pytest_with_reasons_for_skips(fresh: Workshop) -> None:
    (fresh.root / "tests").mkdir()
    (fresh.root / "tests" / "test_x.py").write_text(
        "import pytest\n\ndef test_a(): pass\n\ndef test_b(): pytest.skip('no GPU here')\n\ndef test_c(): assert 0\n"
    )
    done = fresh.start("test", "-k", "a or b")
    assert "1 passed, 1 skipped, 1 deselected" in done.stdout, done.stderr
    assert "no GPU here" in done.stdout
    assert done.returncode == 0
    whole = fresh.start("test")
    assert whole.returncode == 1
    assert "1 failed, 1 passed, 1 skipped" in whole.stdout
    assert "no GPU here" in whole.stdout
    assert fresh.start().stderr == ""


@pytest.mark.skipif(sys.platform != "linux", reason="rooms run on Linux")
def test_room_adds_what_it_needs_once_and_lessons_do_not_take_it_away(fresh: Workshop) -> None:
    fresh.ready()
    done = fresh.start("room", "--seats", "40")
    assert words(done) == ["room", "--seats", "40"]
    assert "What a room needs is not installed yet. Mending the environment." in done.stderr
    assert (fresh.site / "segno").is_dir()
    assert fresh.start("rehearse", "30").stderr == ""
    assert fresh.start("lessons").stderr == ""


def of_root(workshop: Workshop) -> list[Path]:
    return [path for path in [workshop.root, *workshop.root.rglob("*")] if path.lstat().st_uid == 0]


@as_root
def test_root_leaves_nothing_of_its_own_in_the_environment_of_another(fresh: Workshop) -> None:
    assert words(fresh.start("room")) == ["room"]
    shutil.rmtree(fresh.root / "src" / "handson" / "environment" / "__pycache__", ignore_errors=True)
    for path in [fresh.root, *fresh.root.rglob("*")]:
        os.chown(path, 4711, 4711, follow_symlinks=False)
    assert words(fresh.start("room")) == ["room"]
    assert not of_root(fresh)
    shutil.rmtree(fresh.site / "segno")
    done = fresh.start("room")
    assert done.returncode == 1
    assert "is user 4711's, and this is root" in done.stderr
    assert "without sudo first: python3 start.py room   then: sudo " in done.stderr
    assert not of_root(fresh)
    shutil.rmtree(fresh.env)
    assert fresh.start("room", SUDO_UID="4711").returncode == 1
    assert not of_root(fresh)
    assert not fresh.env.exists()


# --- half-broken environments -----------------------------------------------------------------------------------------


def delete_a_package(workshop: Workshop) -> None:
    shutil.rmtree(workshop.site / "sympy")


def delete_its_metadata(workshop: Workshop) -> None:
    shutil.rmtree(next(workshop.site.glob("sympy-*.dist-info")))


def truncate_a_file(workshop: Workshop) -> None:
    os.truncate(workshop.site / "sympy" / "core" / "basic.py", 10)


def delete_uv(workshop: Workshop) -> None:
    (workshop.env / "bin" / "uv").unlink()


def break_pip(workshop: Workshop) -> None:
    (workshop.site / "pip" / "__init__.py").write_text("")


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        (delete_a_package, "sympy"),
        (delete_its_metadata, "sympy"),
        (truncate_a_file, "sympy"),
        (delete_uv, "uv"),
        (break_pip, "pip"),
    ],
)
def test_damage_is_found_named_and_mended(workshop: Workshop, harm: Callable[[Workshop], None], name: str) -> None:
    workshop.ready()
    harm(workshop)
    done = workshop.start()
    assert words(done) == ["open"]
    assert f"Files are missing or changed in {name}. Mending the environment." in done.stderr
    assert workshop.start().stderr == ""
    subprocess.run([workshop.env / "bin" / "python", "-c", f"import {name}, sympy, torch"], check=True)


def test_a_file_that_is_truncated_in_the_cache_too_is_fetched_again(workshop: Workshop) -> None:
    workshop.ready()
    path = workshop.site / "sympy" / "core" / "basic.py"
    size = path.stat().st_size
    assert path.stat().st_nlink > 1, "uv links files from its cache here"
    os.truncate(path, 10)
    assert "Damaged in the cache, fetched again: sympy." in workshop.start().stderr
    assert path.stat().st_size == size


def lose_the_interpreter(workshop: Workshop) -> None:
    (workshop.env / "bin" / "python").unlink()
    (workshop.env / "bin" / "python").symlink_to("/nowhere/python3.11")


def lose_the_configuration(workshop: Workshop) -> None:
    (workshop.env / "pyvenv.cfg").unlink()


def lose_the_stamp(workshop: Workshop) -> None:
    (workshop.env / ".handson" / "stamp.json").unlink()


def lose_the_inventory(workshop: Workshop) -> None:
    (workshop.env / ".handson" / "inventory.json").write_text("{")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (lose_the_interpreter, "The Python that the environment was made with is gone"),
        (lose_the_configuration, "The environment's own files are missing or changed: pyvenv.cfg."),
        (lose_the_stamp, "The last set-up did not come to its end."),
        (lose_the_inventory, "The list of what the environment holds cannot be read."),
    ],
)
def test_what_cannot_be_mended_is_made_anew(workshop: Workshop, harm: Callable[[Workshop], None], reason: str) -> None:
    workshop.ready()
    harm(workshop)
    done = workshop.start()
    assert words(done) == ["open"]
    assert reason in done.stderr
    assert "Making it anew." in done.stderr
    assert workshop.start().stderr == ""


def test_a_moved_folder_is_made_anew(fresh: Workshop, tmp_path: Path) -> None:
    fresh.ready()
    fresh.root.rename(tmp_path / "moved")
    moved = Workshop(tmp_path / "moved", fresh.cache)
    done = moved.start()
    assert "The folder has moved" in done.stderr
    assert json.loads(done.stdout)["python"].startswith(str(moved.root))


def test_repair_makes_it_anew_when_asked(workshop: Workshop) -> None:
    workshop.ready()
    assert "You asked for it with --repair. Making it anew." in workshop.start("--repair").stderr


# --- interrupted, and two at once -------------------------------------------------------------------------------------


def begin(workshop: Workshop) -> subprocess.Popen[str]:
    """A set-up that has come as far as the packages, in a process group of its own."""
    # A new session; and a background job of a shell ignores Ctrl-C, with all that it starts.
    process = subprocess.Popen(
        [sys.executable, workshop.root / "start.py"],
        cwd=workshop.root,
        env=workshop.variables(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not (workshop.env / "bin" / "uv").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited 120 s for uv to be installed"
        time.sleep(0.02)
    return process


def interrupted(workshop: Workshop, send: Callable[[subprocess.Popen[str]], None]) -> tuple[int, str]:
    """Exit status and words of a set-up that `send` reached in the middle; beside other tests it may come too late."""
    for _ in range(5):
        process = begin(workshop)
        send(process)
        _, said = process.communicate(timeout=60)
        if process.returncode != 0:
            return process.returncode, said
        shutil.rmtree(workshop.env)
    raise AssertionError("five times the set-up was at its end before it could be interrupted")


def test_killed_in_the_middle_the_next_start_does_it_again(fresh: Workshop) -> None:
    interrupted(fresh, lambda process: process.kill())
    assert not (fresh.env / ".handson" / "stamp.json").exists()
    done = fresh.start()
    assert words(done) == ["open"]
    assert "The last set-up did not come to its end. Making it anew." in done.stderr


def test_ctrl_c_leaves_no_traceback_and_something_to_go_on_from(fresh: Workshop) -> None:
    status, said = interrupted(fresh, lambda process: os.killpg(process.pid, signal.SIGINT))
    assert status == 130
    assert "Stopped. The next start.py goes on from here." in said
    assert "Traceback" not in said
    assert words(fresh.start()) == ["open"]


def test_two_at_once_do_the_work_once(fresh: Workshop) -> None:
    first = begin(fresh)
    second = fresh.start("lessons")
    assert words(second) == ["lessons"]
    assert f"Another start.py (process {first.pid}) is setting up this environment: waiting" in second.stderr
    assert "Packages installed" not in second.stderr
    _, said = first.communicate(timeout=120)
    assert first.returncode == 0
    assert "Packages installed" in said


# --- without a network ------------------------------------------------------------------------------------------------

OFFLINE = ("unshare", "-n")


@as_root
def test_a_finished_environment_needs_no_network(workshop: Workshop) -> None:
    workshop.ready()
    done = workshop.start(before=OFFLINE)
    assert words(done) == ["open"]
    assert done.stderr == ""


@as_root
def test_without_a_network_the_cache_mends_and_we_say_so(workshop: Workshop) -> None:
    workshop.ready()
    delete_a_package(workshop)
    done = workshop.start(before=OFFLINE)
    assert words(done) == ["open"]
    assert "cannot be reached: what was needed came from the cache" in done.stderr


@as_root
def test_without_a_network_and_a_cache_the_way_out_is_told(fresh: Workshop, tmp_path: Path) -> None:
    done = Workshop(fresh.root, tmp_path / "empty cache").start(before=OFFLINE)
    assert done.returncode == 1
    assert "the package index cannot be reached" in done.stderr
    assert "wheels/ beside start.py" in done.stderr
    assert "Traceback" not in done.stderr


@as_root
def test_a_stick_needs_no_network_at_all(stick: Workshop) -> None:
    done = stick.start("lessons", before=OFFLINE)
    assert words(done) == ["lessons"]
    assert json.loads(done.stdout)["workshop"] == str(stick.root)
    assert "Packages installed" in done.stderr
    assert stick.start(before=OFFLINE).stderr == ""


def test_a_stick_asks_no_index_even_if_there_is_one(stick: Workshop) -> None:
    next((stick.root / "wheels").glob("sympy-*.whl")).unlink()
    done = stick.start()
    assert done.returncode == 1
    assert "Installing the packages failed: a package has no build for this Python and system" in done.stderr
    assert "sympy" in done.stderr


def test_a_stick_without_uv_is_set_up_by_pip(stick: Workshop) -> None:
    next((stick.root / "wheels").glob("uv-*.whl")).unlink()
    done = stick.start()
    assert words(done) == ["open"]
    assert "uv cannot be had or does not run here: pip installs the packages" in done.stderr
    assert stick.start().stderr == ""


def test_pip_does_it_all_when_asked_to(fresh: Workshop, tmp_path: Path) -> None:
    (fresh.root / "requirements.lock").write_text(part_of_lock(["uv", "editables"]))
    done = Workshop(fresh.root, tmp_path / "cache").start(HANDSON_INSTALLER="pip", PIP_NO_INDEX="1", PIP_FIND_LINKS="")
    assert done.returncode == 1
    assert "pip installs the packages, as HANDSON_INSTALLER asks." in done.stderr
    assert "No matching distribution found for editables" in done.stderr
    assert "No matching distribution found for uv" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is PyTorch's CPU build a build of its own")
def test_a_stick_without_torch_stops_and_names_the_file(stick: Workshop) -> None:
    next((stick.root / "wheels").glob("torch-*.whl")).unlink()
    done = stick.start()
    assert done.returncode == 1
    assert "PyTorch's CPU build (torch==2.13.0+cpu) could not be had from the folder" in done.stderr
    assert f"torch-2.13.0+cpu-cp3{sys.version_info.minor}" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is PyTorch's CPU build a build of its own")
def test_where_no_index_has_the_cpu_build_nothing_else_is_taken(fresh: Workshop, tmp_path: Path, wheels: Path) -> None:
    links = tmp_path / "links"
    shutil.copytree(wheels, links, copy_function=os.link, ignore=shutil.ignore_patterns("torch-*"))
    settings = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(links), "PIP_CONFIG_FILE": os.devnull}
    done = Workshop(fresh.root, tmp_path / "cache").start(**settings)
    assert done.returncode == 1
    assert "torch==2.13.0+cpu is not in your own indexes; asking https://download.pytorch.org/whl/cpu." in done.stderr
    assert "could not be had from your own indexes and https://download.pytorch.org/whl/cpu" in done.stderr
    assert "never installed" in done.stderr
    assert not (fresh.site / "torch").exists()


# --- what bars a set-up -----------------------------------------------------------------------------------------------


def in_mounts(script: str) -> tuple[str, ...]:
    """A command prefix that mounts things which only this one start.py sees."""
    return ("unshare", "-m", "sh", "-ec", f'mount --make-rprivate /; {script}; exec "$@"', "sh")


@as_root
def test_a_read_only_folder_is_told(fresh: Workshop) -> None:
    done = fresh.start(
        before=in_mounts(f"mount --bind '{fresh.root}' '{fresh.root}'; mount -o remount,bind,ro '{fresh.root}'")
    )
    assert done.returncode == 1
    assert f"nothing can be written to {fresh.root} (Read-only file system)" in done.stderr
    assert "start.py --env FOLDER" in done.stderr


@as_root
def test_a_read_only_workshop_runs_with_its_environment_elsewhere(fresh: Workshop, tmp_path: Path) -> None:
    readonly = in_mounts(f"mount --bind '{fresh.root}' '{fresh.root}'; mount -o remount,bind,ro '{fresh.root}'")
    assert words(fresh.start("--env", tmp_path / "elsewhere", before=readonly)) == ["open"]


@as_root
def test_too_small_a_disk_is_told_before_anything_is_installed(fresh: Workshop) -> None:
    fresh.env.mkdir()
    done = fresh.start(before=in_mounts(f"mount -t tmpfs -o size=100m none '{fresh.env}'"))
    assert done.returncode == 1
    assert re.search(r"\d+ MB free where the environment goes", done.stderr)
    assert "Make room there, or choose a folder on another disk" in done.stderr


@as_root
def test_a_disk_that_fills_in_the_middle_is_told(fresh: Workshop, tmp_path: Path) -> None:
    sizes = fresh.root / "src" / "handson" / "environment" / "sizes.json"
    sizes.write_text(re.sub(r'"unpacked_mb": \d+', '"unpacked_mb": 10', sizes.read_text()))
    fresh.env.mkdir()
    (tmp_path / "cache").mkdir()
    full = in_mounts(
        f"mount -t tmpfs -o size=150m none '{fresh.env}'; mount -t tmpfs -o size=150m none '{tmp_path / 'cache'}'"
    )
    done = Workshop(fresh.root, tmp_path / "cache").start(before=full)
    assert done.returncode == 1
    assert "failed: the disk is full." in done.stderr
    assert "Make room" in done.stderr
    assert "Traceback" not in done.stderr


@as_root
def test_a_python_without_ensurepip_is_told(fresh: Workshop, tmp_path: Path) -> None:
    import ensurepip

    (tmp_path / "nothing").mkdir()
    script = f"mount --bind '{tmp_path / 'nothing'}' '{Path(ensurepip.__file__).parent}'"
    done = fresh.start(before=in_mounts(script))
    assert done.returncode == 1
    assert "venv: this Python lacks the module ensurepip" in done.stderr
    assert re.search(r"-> .*(python3-venv|complete Python)", done.stderr)


def test_a_wrong_option_is_answered_before_anything_is_done(fresh: Workshop) -> None:
    done = fresh.start("--no-browser")
    assert done.returncode == 1
    assert "start.py has no option --no-browser." in done.stderr
    assert "start.py open --no-browser" in done.stderr
    assert not fresh.env.exists()
