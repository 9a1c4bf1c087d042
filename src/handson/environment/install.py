"""The steps that fill an environment: venv, uv, the locked requirements, PyTorch, handson itself."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from handson.environment import inventory
from handson.environment.places import Extra, Places, site_packages, sizes
from handson.environment.progress import Progress, folder_bytes
from handson.environment.settings import PipSettings, pip_settings, uv_environment, uv_options
from handson.environment.trouble import SetupError, StepFailedError

TORCH = "torch==2.13.0"
TORCH_CPU_INDEX = "https://download.pytorch.org/whl/cpu"
# Kinds of failure that pip would only repeat after uv.
HOPELESS = {"disk", "readonly", "network", "tls", "proxy", "portal"}

Say = Callable[[str], None]


def torch_requirement(platform: str) -> str | None:
    """PyTorch's CPU build for Linux; None where the lock has it, because PyPI's plain build is the CPU build."""
    return f"{TORCH}+cpu" if platform.startswith("linux") else None


def locked_block(lock: str, name: str) -> str:
    """The lines of one package in a lock, with its hashes; raises SetupError if it is not there."""
    found = re.search(rf"^{re.escape(name)}==.*(?:\n[ \t]+--hash.*)+", lock, re.MULTILINE)
    if not found:
        raise SetupError(f"{name} is not in the locked requirements.", "Get the workshop's files anew.")
    return found.group(0) + "\n"


class Installer:
    """Runs the steps of one set-up. Every program it starts is silent unless it fails."""

    def __init__(self, places: Places, platform: str, extra: Extra, say: Say, lock_handle: int | None = None) -> None:
        """`lock_handle`: the open lock file, which the programs inherit; `say` prints a line for people."""
        self.places = places
        self.platform = platform
        self.extra = extra
        self._say = say
        self._lock_handle = lock_handle
        self._settings = PipSettings()
        self._progress: Progress | None = None
        self._uses_uv = True
        self._temporary = places.cache / "tmp"

    # --- running programs ---------------------------------------------------------------------------------------------

    def run(self, step: str, command: Sequence[str | Path], environment: dict[str, str]) -> str:
        """Run a program to its end while the progress is drawn; returns its output, raises StepFailedError."""
        handles = [self._lock_handle] if self._lock_handle is not None and os.name == "posix" else []
        with tempfile.TemporaryFile() as sink:
            try:
                process = subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    pass_fds=handles,
                )
            except OSError as error:
                raise StepFailedError(step, f"{command[0]}: {error}") from error
            try:
                while process.poll() is None:
                    time.sleep(0.1)
                    if self._progress:
                        self._progress.update()
            except BaseException:
                _end(process)
                raise
            sink.seek(0)
            output = sink.read().decode(errors="replace")
        self._write_log(step, command, output)
        if process.returncode:
            if self._progress:
                self._progress.clear()
            raise StepFailedError(step, output)
        return output

    def _write_log(self, step: str, command: Sequence[str | Path], output: str) -> None:
        with contextlib.suppress(OSError), (self.places.state / "log.txt").open("a", encoding="utf-8") as log:
            words = " ".join(str(word) for word in command)
            log.write(f"== {step}\n{words}\n{output}\n")

    @contextlib.contextmanager
    def _shown(self, label: str, expected_mb: int, measure: Callable[[], int]) -> Iterator[Progress]:
        progress = Progress(label, expected_mb * 10**6, measure)
        self._progress = progress
        try:
            yield progress
        finally:
            self._progress = None
            progress.clear()

    def _pip(self) -> list[str | Path]:
        return [self.places.python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]

    def _pip_environment(self) -> dict[str, str]:
        self._temporary.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(self._temporary), "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
        if self.places.wheels:  # only the wheels: neither the user's indexes nor links
            environment = {key: value for key, value in environment.items() if not key.startswith("PIP_")}
            environment["PIP_CONFIG_FILE"] = os.devnull
        return environment

    def _pip_install(self, *arguments: str | Path) -> list[str | Path]:
        only: list[str | Path] = ["--no-index", "--find-links", self.places.wheels] if self.places.wheels else []
        return [*self._pip(), "install", "--progress-bar", "off", *only, *arguments]

    def _uv_environment(self) -> dict[str, str]:
        return uv_environment(self._settings, dict(os.environ))

    def _uv(self, *arguments: str | Path) -> list[str | Path]:
        quiet = ["--no-progress", "--color", "never", "--no-config", "--no-python-downloads"]
        offline = ["--offline"] if self.places.wheels else []
        return [self.places.uv, *quiet, *offline, "--cache-dir", self.places.uv_cache, *arguments]

    def _uv_install(self, *arguments: str | Path) -> list[str | Path]:
        if self.places.wheels:
            where: list[str | Path] = ["--no-index", "--find-links", self.places.wheels]
        else:
            where = list(uv_options(self._settings))
        return self._uv("pip", "install", "--python", self.places.python, *where, *arguments)

    # --- the steps ----------------------------------------------------------------------------------------------------

    def make_venv(self) -> None:
        """Make the empty environment, with pip."""
        with self._shown("Making an environment", 12, lambda: folder_bytes(self.places.env)) as progress:
            command: list[str | Path] = [sys.executable, "-I", "-m", "venv", "--prompt", "handson", self.places.env]
            self.run("Making the environment", command, dict(os.environ))
            progress.done(f"Environment made in {self.places.env}")

    def restore_pip(self) -> None:
        """Bring pip back from the copy that comes with Python."""
        self.run("Restoring pip", [self.places.python, "-I", "-m", "ensurepip"], dict(os.environ))

    def read_settings(self) -> None:
        """Ask pip for the user's settings."""
        if not self.places.wheels:
            listing = self.run("Reading pip's settings", [*self._pip(), "config", "list"], dict(os.environ))
            self._settings = pip_settings(listing)

    def get_uv(self) -> None:
        """Install the locked uv with pip; where that or running it fails, pip does the rest, and we say so."""
        if os.environ.get("HANDSON_INSTALLER") == "pip":
            self._uses_uv = False
            self._say("pip installs the packages, as HANDSON_INSTALLER asks.")
            return
        block = locked_block(self.places.lock(self.extra).read_text(encoding="utf-8"), "uv")
        pinned = self.places.state / "uv.txt"
        pinned.write_text(block, encoding="utf-8")
        locked: list[str | Path] = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", pinned]
        # The wheel is kept, so that a broken environment can be mended where there is no network.
        kept = self.places.cache / "installer"
        try:
            with self._shown("Getting uv", 25, lambda: folder_bytes(self._temporary)):
                if not self.places.wheels and not list(kept.glob(f"{block.split()[0].replace('==', '-')}-*.whl")):
                    command: list[str | Path] = [
                        *self._pip(),
                        "download",
                        "--progress-bar",
                        "off",
                        "--dest",
                        kept,
                        *locked,
                    ]
                    self.run("Getting uv (the installer)", command, self._pip_environment())
                only: list[str | Path] = [] if self.places.wheels else ["--no-index", "--find-links", kept]
                self.run("Installing uv", self._pip_install(*only, *locked), self._pip_environment())
            self.run("Starting uv", [self.places.uv, "--version"], self._uv_environment())
        except StepFailedError as error:
            if error.kind in HOPELESS:
                raise
            self._uses_uv = False
            self._say("uv cannot be had or does not run here: pip installs the packages, which takes longer.")

    def install_packages(self) -> None:
        """Install the locked requirements and PyTorch; what is there in the right version stays."""
        expected = sizes(self.platform, self.extra)
        arguments: list[str | Path] = ["--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", self._lock()]
        before = folder_bytes(self.places.uv_cache)

        def measure() -> int:
            site = folder_bytes(self.places.env)
            if self._uses_uv:
                return max(folder_bytes(self.places.uv_cache) - before, site)
            return site + folder_bytes(self._temporary)

        download_mb = 0 if self._uses_uv or self.places.wheels else expected.wheel_mb
        with self._shown("Installing packages", expected.unpacked_mb + download_mb, measure) as progress:
            self._install("Installing the packages", arguments)
            self._install_torch()
            progress.done("Packages installed")

    def _lock(self) -> Path:
        """The locked requirements; without uv itself where uv cannot be had."""
        lock = self.places.lock(self.extra)
        if self._uses_uv:
            return lock
        text = lock.read_text(encoding="utf-8")
        rest = self.places.state / lock.name
        rest.write_text(text.replace(locked_block(text, "uv"), ""), encoding="utf-8")
        return rest

    def _install(self, step: str, arguments: list[str | Path], index: str | None = None) -> None:
        if self._uses_uv:
            more = ["--index", index] if index else []
            environment = self._uv_environment()
            if index and "UV_INDEX" in environment:  # an option would replace it
                more = [part for address in environment["UV_INDEX"].split() for part in ("--index", address)] + more
            self._run_uv(step, [*more, *arguments], environment)
            return
        more = ["--extra-index-url", index] if index else []
        self.run(step, self._pip_install(*more, *arguments), self._pip_environment())

    def _run_uv(self, step: str, arguments: list[str | Path], environment: dict[str, str]) -> None:
        """Let uv install; where the network fails, once more from what is already in the cache."""
        try:
            self.run(step, self._uv_install(*arguments), environment)
        except StepFailedError as error:
            if error.kind != "network" or self.places.wheels:
                raise
            try:
                self.run(f"{step} from the cache", self._uv_install("--offline", *arguments), environment)
            except StepFailedError:
                raise error from None
            self._say("The package index cannot be reached: what was needed came from the cache.")

    def _install_torch(self) -> None:
        """PyTorch's CPU build on Linux: from the user's own indexes, else from PyTorch's; never the CUDA build."""
        wanted = torch_requirement(self.platform)
        if wanted is None:
            return
        arguments: list[str | Path] = ["--no-deps", "--only-binary", ":all:", wanted]
        try:
            self._install("Installing PyTorch", arguments)
        except StepFailedError as error:
            if error.kind == "disk":
                raise
            if self.places.wheels:
                raise no_torch(wanted, self.platform, f"the folder {self.places.wheels}", error) from error
            self._say(f"{wanted} is not in your own indexes; asking {TORCH_CPU_INDEX}.")
            try:
                self._install("Installing PyTorch", arguments, TORCH_CPU_INDEX)
            except StepFailedError as second:
                if second.kind == "disk":
                    raise
                raise no_torch(wanted, self.platform, f"your own indexes and {TORCH_CPU_INDEX}", second) from second

    def install_handson(self) -> None:
        """Install handson itself: editable from a checkout, else from its wheel."""
        wheel = self.places.handson_wheel()
        what: list[str | Path]
        if self.places.is_checkout:
            what = ["--no-build-isolation", "--editable", self.places.root]
        elif wheel is not None:
            what = [wheel]
        else:
            raise SetupError(
                f"handson itself is missing: neither source nor wheel is beside {self.places.root / 'start.py'}.",
                "Copy the whole folder of the workshop, not only start.py.",
            )
        if self._uses_uv:
            command = self._uv("pip", "install", "--python", self.places.python, "--no-deps", "--no-index")
            command += ["--reinstall-package", "handson", *what]
            self.run("Installing handson", command, self._uv_environment())
        else:
            command = [*self._pip(), "install", "--no-index", "--no-deps", "--force-reinstall", *what]
            self.run("Installing handson", command, self._pip_environment())

    def check(self) -> None:
        """Prove what was installed: consistent, whole, and PyTorch a CPU build."""
        site = site_packages(self.places.env)
        wrong = inventory.contradictions(self.places.env, site)
        if wrong:  # the cache held a damaged copy: uv links its files
            self._say(f"Damaged in the cache, fetched again: {', '.join(sorted(wrong))}.")
            self._clean_cache(list(wrong))
            self.discard(inventory.take(self.places.env, site), list(wrong))
            self.install_packages()
            wrong = inventory.contradictions(self.places.env, site)
        if wrong:
            name, files = next(iter(wrong.items()))
            raise SetupError(
                f"{name} is damaged even after it was fetched anew: {', '.join(files[:3]) or 'its RECORD is missing'}.",
                "The disk may be failing, or a virus scanner removes files: exclude the folder from it, or use --env.",
            )
        if self._uses_uv:
            command = self._uv("pip", "check", "--python", self.places.python)
            self.run("Checking the packages", command, self._uv_environment())
        else:
            self.run("Checking the packages", [*self._pip(), "check"], self._pip_environment())
        refuse_cuda(site / "torch" / "version.py")

    def _clean_cache(self, names: list[str]) -> None:
        """Take distributions out of uv's cache: its files are hard links, so what damages one damages both."""
        if self._uses_uv:
            self.run("Clearing the cache", self._uv("cache", "clean", *names), self._uv_environment())

    def discard(self, held: inventory.Inventory, names: list[str]) -> None:
        """Take distributions out of the environment, so that the next installation brings them whole."""
        for name in names:
            inventory.remove(self.places.env, held.get(name, {}))
        if "pip" in names:
            self.restore_pip()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a child: politely, then not."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def no_torch(wanted: str, platform: str, where: str, error: StepFailedError) -> SetupError:
    """The words for a CPU build of PyTorch that cannot be had."""
    machine = platform.rpartition("-")[2]
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    file = f"{wanted.replace('==', '-')}-{version}-{version}-manylinux_2_28_{machine}.whl"
    said = "\n".join(str(error).splitlines()[1:-1])
    return SetupError(
        f"PyTorch's CPU build ({wanted}) could not be had from {where}.\n{said}",
        f"Download {file} from {TORCH_CPU_INDEX}/torch/ on any machine, and put its folder into pip's settings: "
        "pip config set global.find-links FOLDER; or use a stick, whose folder wheels/ holds all. "
        "The build with CUDA (2.8 GB) is never installed.",
    )


def cuda_of(version_file: str) -> str | None:
    """The CUDA version that torch/version.py states, None for a CPU build; raises ValueError if it states neither."""
    found = re.search(r"^cuda\b[^=\n]*=\s*(.+)$", version_file, re.MULTILINE)
    if not found:
        raise ValueError("torch/version.py does not say whether it is a CPU build")
    value = found.group(1).strip()
    return None if value == "None" else value.strip("'\"")


def refuse_cuda(version_file: Path) -> None:
    """Raise SetupError unless the installed PyTorch is a CPU build; it is not imported for that."""
    try:
        cuda = cuda_of(version_file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"The installed PyTorch cannot be recognized ({error}).", "start.py --repair") from error
    if cuda:
        raise SetupError(
            f"The installed PyTorch is a build for CUDA {cuda}, not the CPU build.",
            "Your index offers it under the CPU build's name: take that index out of pip's settings (pip config list), "
            "then start.py --repair",
        )
