#!/usr/bin/env python3
"""Set up the workshop and open it in the browser: python3 start.py

Standard library only. This file must be understood by every Python from 2.7 on, so that one that is too old gets
plain words and not a SyntaxError: no f-string, no annotation, no keyword-only argument in here.
"""
# ruff: noqa: PTH100, PTH112, PTH113, PTH116, PTH118, PTH120, PTH123, PTH207, RUF005

from __future__ import print_function

import glob
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 14)


def refusal(version, path):
    """Why this Python will not do and what will, or None. `path` is searched for a Python that will."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return None
    found = ".".join(str(number) for number in version[:3])
    age = "too old" if tuple(version[:2]) < OLDEST else "too new: some packages have no builds for it yet"
    lines = ["Python %s is %s. The workshop needs Python %d.%d to %d.%d." % ((found, age) + OLDEST + NEWEST)]
    for minor in range(NEWEST[1], OLDEST[1] - 1, -1):
        name = "python3.%d" % minor
        if any(runs(os.path.join(folder, name)) for folder in path.split(os.pathsep)):
            lines.append("-> It is here already: %s start.py" % name)
            return "\n".join(lines)
    if os.name == "nt":
        lines.append("-> See which ones are installed: py --list   and start one: py -3.%d start.py" % (NEWEST[1] - 1))
    lines.append("-> Get Python 3.%d from https://www.python.org/downloads/ and start that one." % (NEWEST[1] - 1))
    return "\n".join(lines)


def runs(program):
    """Whether a program is there and runs; a version manager has stand-ins for versions that are switched off."""
    if not os.path.isfile(program):
        return False
    with open(os.devnull, "r+b") as nothing:
        return subprocess.call([program, "-c", "pass"], stdin=nothing, stdout=nothing, stderr=nothing) == 0


def source_of_handson(root):
    """What to put on sys.path: the checkout's src, or a wheel of handson (a zip file that Python imports from)."""
    source = os.path.join(root, "src")
    if os.path.isdir(os.path.join(source, "handson")):
        return source
    wheels = sorted(glob.glob(os.path.join(root, "wheels", "handson-*.whl")))
    return wheels[-1] if wheels else None


def main(arguments):
    root = os.path.dirname(os.path.abspath(__file__))
    source = source_of_handson(root)
    words = refusal(sys.version_info, os.environ.get("PATH", ""))
    if words and arguments[:1] != ["doctor"]:
        print(words, file=sys.stderr)
        return 1
    if source is None:
        print("handson itself is missing beside %s." % os.path.join(root, "start.py"), file=sys.stderr)
        print("-> Copy the whole folder of the workshop, not only start.py.", file=sys.stderr)
        return 1
    sys.path.insert(0, source)
    if os.name == "posix" and os.geteuid() == 0 and os.stat(root).st_uid:  # sudo: leave none of root's files here
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    if words and sys.version_info < (3, 6):  # the doctor itself needs 3.6
        print(words, file=sys.stderr)
        return 1
    if words:
        from handson import doctor

        return doctor.main(arguments[1:])
    from handson.environment import command, places

    return command.main(arguments, places.Path(root))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
