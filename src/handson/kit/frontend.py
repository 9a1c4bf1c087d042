"""The built front end of the lesson page: from the wheel, or, in a checkout, built from `web/` when absent or stale."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from handson.errors import HandsonError
from handson.nodejs import Npm, npm

Say = Callable[[str], None]

IN_WHEEL = Path(__file__).parent / "web"
CHECKOUT = Path(__file__).parents[3] / "web"
_FROM_ELSEWHERE = ("src/handson/pocket/built/pocket.wasm", "src/handson/lab/embedded/digits.csv.gz")
"""What the demos have in them beside what lies in `web/`."""
_STAMP = "built-from.json"
_NODE = (
    "Install Node.js 20 or newer, or let `python3 start.py room` bring it (Linux), or take the wheel of handson, which "
    "has the front end in it."
)


def front_end(say: Say = lambda _: None) -> Path:
    """The folder with the built front end: page.js, page.css, vega.js, worker.js, Pyodide's two files, demos/.

    Raises HandsonError where it is not there and cannot be built; `say` is told what is being done.
    """
    if not (CHECKOUT / "package.json").is_file():
        if not (IN_WHEEL / "page.js").is_file():
            raise HandsonError("This handson came without the front end of the lesson page.", _NODE)
        return IN_WHEEL
    dist = CHECKOUT / "dist"
    sources = _digest(CHECKOUT)
    if _built_from(dist) != sources:
        with _alone(say):
            if _built_from(dist) != sources:  # nobody else did while we waited
                _build(say)
                (dist / _STAMP).write_text(json.dumps({"sources": sources}) + "\n", encoding="utf-8")
    return dist


@contextmanager
def _alone(say: Say) -> Iterator[None]:
    """Hold the lock of what is made in the checkout's `web/`; another handson that is at it is waited for.

    Raises HandsonError where nothing can be written there.
    """
    lock = FileLock(CHECKOUT / ".lock", is_singleton=True)  # so that who builds may bring the packages
    try:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            say("another handson is building the front end; waiting until it has")
            lock.acquire()
    except OSError as error:
        raise HandsonError(
            f"The front end of the lesson page is to be built, and {CHECKOUT} cannot be written: {error.strerror}.",
            "Make that folder writable, or take the wheel of handson, which has the front end in it.",
        ) from error
    try:
        yield
    finally:
        _give_to_owner()
        lock.release()


def _give_to_owner() -> None:
    """Let what root has made here be the checkout's owner's, who else could neither build nor clean up afterwards."""
    if os.name != "posix" or os.geteuid() != 0 or (owner := CHECKOUT.stat()).st_uid == 0:
        return
    made = [CHECKOUT / name for name in (".lock", "dist", "node_modules")]
    for path in made + [path for folder in made for path in folder.rglob("*")]:
        with suppress(FileNotFoundError):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _built_from(dist: Path) -> str | None:
    try:
        return str(json.loads((dist / _STAMP).read_text(encoding="utf-8"))["sources"])
    except (OSError, ValueError, KeyError):
        return None


def _digest(web: Path) -> str:
    """One hash of everything that the build reads; the packages are pinned by the lock."""
    digest = hashlib.sha256()
    names = ("build.mjs", "stdlib.mjs", "package.json", "package-lock.json")
    files = [*(web / name for name in names), *sorted((web / "src").rglob("*"))]
    files += [web.parent / path for path in _FROM_ELSEWHERE]
    for file in files:
        if file.is_file():
            digest.update(f"{file.relative_to(web.parent).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def packages(say: Say = lambda _: None) -> Npm:
    """Bring the packages that `web/package-lock.json` names, where they are not there yet; returns the npm that does.

    Raises HandsonError where there is no npm, it fails, or the folder of packages is a link: npm would empty what is
    behind.
    """
    found = npm()
    if found is None:
        raise HandsonError(
            "The front end of the lesson page is not built, and there is no npm (with Node.js 20 or newer) for that.",
            _NODE,
        )
    lock = hashlib.sha256((CHECKOUT / "package-lock.json").read_bytes()).hexdigest()
    stamp = CHECKOUT / "node_modules" / ".handson-lock"

    def missing() -> bool:
        return not stamp.is_file() or stamp.read_text(encoding="ascii") != lock

    if missing():
        if stamp.parent.is_symlink():
            raise HandsonError(
                f"{stamp.parent} is a link to packages of another state, and npm would empty the folder behind it.",
                "Remove the link; the packages are then brought here.",
            )
        with _alone(say):
            if missing():
                say("getting the packages of the front end (npm ci)")
                _run(found, "ci", "--no-audit", "--no-fund")
                stamp.write_text(lock, encoding="ascii")
    return found


def _build(say: Say) -> None:
    found = packages(say)
    say("building the front end (npm run build)")
    _run(found, "run", "build", "--silent")


def _run(found: Npm, *words: str) -> None:
    command, environment = [*found.command, *words], found.environment()
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        said = "\n".join(lines[-8:])
        raise HandsonError(
            f"`npm {' '.join(words)}` failed in {CHECKOUT}:\n{said}",
            "Mend that, or take the wheel of handson, which has the front end in it.",
        )
