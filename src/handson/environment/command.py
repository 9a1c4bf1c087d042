"""What start.py does once the Python is known to be right: read the words, set up, hand over."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from handson import doctor
from handson.environment.places import Extra, Places
from handson.environment.setup import doctor_arguments, ready, say_on_stderr
from handson.environment.trouble import SetupError, refuse_other_systems
from handson.errors import HandsonError

HELP = """\
usage: python3 start.py [options] [command ...]

  python3 start.py                    set up what is missing, then open the workshop in the browser
  python3 start.py test [ARGS ...]    set up the same and the test tools, then run pytest with ARGS; without ARGS:
                                      every test, files side by side on as many cores as there are, at most 4
  python3 start.py room [ARGS ...]    set up the same and what a class on this machine needs (Linux), then: handson room
  python3 start.py rehearse N         the same set-up, then: handson rehearse N
  python3 start.py doctor             look at this laptop; needs nothing installed
  python3 start.py WORDS ...          set up what is missing, then run: handson WORDS ...  (try: start.py lessons)

options, before the command:
  --env FOLDER     the environment's folder (default: .venv beside start.py, or HANDSON_ENV)
  --wheels FOLDER  take every package from this folder and use no network (default: wheels beside start.py, if there)
  --repair         make the environment anew
  --help           this text

Packages come from where pip is told to look (pip config list). HANDSON_CACHE names another folder for what is
downloaded; HANDSON_INSTALLER=pip does without uv.
"""
NEEDS: dict[str, Extra] = {"test": "test", "room": "room", "rehearse": "room"}
"""What a command needs installed; all others need `laptop`."""
OPTIONS = ("--env", "--help", "--repair", "--wheels")
MOST_WORKERS = 4
"""Of the whole suite: each has a browser and a room with its seats in memory."""


@dataclass
class Request:
    """What was asked of start.py; `words` are for handson, pytest or the doctor."""

    env: Path | None = None
    wheels: Path | None = None
    repair: bool = False
    help: bool = False
    words: tuple[str, ...] = ()


def parse(arguments: list[str]) -> Request:
    """Read start.py's own options, up to the first word that is none; raises SetupError for one it does not have."""
    request, left = Request(), list(arguments)
    while left and left[0].startswith("-"):
        option, equals, value = left.pop(0).partition("=")
        if option in ("--env", "--wheels"):
            if not equals and not left:
                raise SetupError(f"{option} needs a folder.", f"For example: start.py {option} FOLDER")
            setattr(request, option[2:], Path(value if equals else left.pop(0)))
        elif option in ("--help", "-h"):
            request.help = True
        elif option == "--repair":
            request.repair = True
        else:
            raise SetupError(
                f"start.py has no option {option}.",
                f"Its own options: {', '.join(OPTIONS)}. Options of a command stand behind it: start.py open {option}",
            )
    request.words = tuple(left)
    return request


def places_for(request: Request, root: Path) -> Places:
    """The folders of this set-up; raises SetupError if the wheels' folder was named and is not there."""
    env = request.env or Path(os.environ.get("HANDSON_ENV") or root / ".venv")
    wheels = request.wheels or root / "wheels"
    if request.wheels and not wheels.is_dir():
        raise SetupError(f"There is no folder {wheels} for --wheels.", "Name the folder that holds the .whl files.")
    return Places(
        root=root,
        env=absolute(env.expanduser()),
        wheels=absolute(wheels) if wheels.is_dir() else None,
        cache=doctor.cache_folder(),
    )


def absolute(path: Path) -> Path:
    """The absolute path without `..`; a link keeps the name by which the user knows it."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def main(arguments: list[str], root: Path) -> int:
    """Run start.py; returns the exit status, unless the process hands itself over."""
    try:
        return _run(parse(arguments), root)
    except HandsonError as error:
        say_on_stderr(f"\n{error.cause}\n-> {error.way_out}" if error.way_out else f"\n{error.cause}")
        return error.exit_code
    except KeyboardInterrupt:
        say_on_stderr("\nStopped. The next start.py goes on from here.")
        return 130


def _run(request: Request, root: Path) -> int:
    if request.help:
        sys.stdout.write(HELP)
        return 0
    places = places_for(request, root)
    command = request.words[0] if request.words else "open"
    if command == "doctor":
        return doctor.main(list(request.words[1:]), places.env, **doctor_arguments())
    extra = NEEDS.get(command, "laptop")
    if extra == "room":
        refuse_other_systems("A room" if command == "room" else "A rehearsal")
    try:
        ready(places, extra, say_on_stderr, request.repair)
    except OSError as error:
        raise _system_error(error) from error
    if extra == "test":
        os.chdir(root)
        chosen = request.words[1:] or side_by_side(doctor.probe_cores())
        return hand_over([str(places.python), "-m", "pytest", "-rs", *chosen])
    _name_workshop(root)
    return hand_over([str(places.python), "-m", "handson", *(request.words or ["open"])])


def side_by_side(cores: doctor.CoreFacts) -> tuple[str, ...]:
    """pytest's words for the whole suite, a worker on each core; none where there is one core.

    The tests of a file stay together, for what they share; files come in the order that tests/conftest.py gives them.
    """
    usable = cores.allowed if cores.quota is None else min(cores.allowed, int(cores.quota))
    workers = min(usable, MOST_WORKERS)
    if workers < 2:
        return ()
    ends_all = ("--max-worker-restart", "0")  # else what ended a worker is tried eight times more
    return ("-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder", *ends_all)


def _system_error(error: OSError) -> SetupError:
    """The words for what the operating system refused to start.py itself."""
    from handson.environment.trouble import diagnosis

    _, words, way_out = diagnosis(f"{error.strerror} (os error {error.errno})")
    where = f" ({error.filename})" if error.filename else ""
    return SetupError(f"Setting up failed{where}: {words or error.strerror or error}", way_out)


def _name_workshop(root: Path) -> None:
    """Tell handson which workshop is meant where the current folder does not say: the one beside start.py."""
    if (root / "workshop.toml").is_file():
        os.environ.setdefault("HANDSON_WORKSHOP", str(root))


def hand_over(command: list[str]) -> int:
    """Become the command (POSIX), or run it to its end (Windows, where exec would give the console back at once)."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(command[0], command)
    process = subprocess.Popen(command)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the command hears Ctrl-C as well, and ends as it sees fit
            continue
