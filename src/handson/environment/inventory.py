"""What an environment holds, file by file, and what of it is damaged."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path

# distribution ("" for files that belong to none) -> path relative to the environment, with "/" -> bytes
Inventory = dict[str, dict[str, int]]

NOT_COUNTED = {"__pycache__", ".handson"}


def walk(env: Path) -> dict[str, int]:
    """Size of every file below `env` by its relative path; bytecode and our own state are left out."""
    sizes: dict[str, int] = {}
    stack = [("", str(env))]
    while stack:
        prefix, folder = stack.pop()
        try:
            entries = os.scandir(folder)
        except OSError:  # unreadable or gone: its files count as missing
            continue
        with entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in NOT_COUNTED:
                        stack.append((name + "/", entry.path))
                elif name != ".lock" and not entry.is_symlink():  # uv's lock; links to the interpreter
                    sizes[name] = entry.stat(follow_symlinks=False).st_size
    return sizes


def distribution_name(dist_info: str) -> str:
    """The normalized name in "Scikit_Learn-1.9.1.dist-info" (PEP 503)."""
    return re.sub(r"[-_.]+", "-", dist_info.partition("-")[0]).lower()


def record(dist_info: Path, env: Path) -> dict[str, int | None]:
    """Files of a distribution as its RECORD lists them, relative to `env`; None where it states no size."""
    site = os.path.relpath(dist_info.parent, env).replace(os.sep, "/")
    files: dict[str, int | None] = {}
    try:
        text = (dist_info / "RECORD").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return files
    for row in csv.reader(text.splitlines()):
        if len(row) < 3 or "__pycache__" in row[0]:
            continue
        name = os.path.normpath(row[0] if Path(row[0]).is_absolute() else f"{site}/{row[0]}").replace(os.sep, "/")
        files[name] = int(row[2]) if row[2].isdigit() else None
    return files


def take(env: Path, site: Path) -> Inventory:
    """The inventory of an environment as it is."""
    left = walk(env)
    found: Inventory = {}
    for dist_info in sorted(site.glob("*.dist-info")):
        inside = os.path.relpath(dist_info, env).replace(os.sep, "/") + "/"
        names = [name for name in record(dist_info, env) if name in left]
        names += [name for name in left if name.startswith(inside) and name not in names]
        found[distribution_name(dist_info.name)] = {name: left.pop(name) for name in dict.fromkeys(names)}
    found[""] = left
    return found


def damage(inventory: Inventory, env: Path) -> dict[str, list[str]]:
    """Files that are missing or have another size, by distribution; files that were added are nobody's business."""
    now = walk(env)
    wrong = {
        owner: [name for name, size in files.items() if now.get(name) != size] for owner, files in inventory.items()
    }
    return {owner: names for owner, names in wrong.items() if names}


def contradictions(env: Path, site: Path) -> dict[str, list[str]]:
    """Files that do not have the size their distribution's own RECORD states, by distribution."""
    now = walk(env)
    wrong: dict[str, list[str]] = {}
    for dist_info in sorted(site.glob("*.dist-info")):
        # RECORD itself has no size; an installer may write the others in dist-info anew.
        listed = {name: size for name, size in record(dist_info, env).items() if f"/{dist_info.name}/" not in name}
        names = [name for name, size in listed.items() if name not in now or (size is not None and now[name] != size)]
        if names or not (dist_info / "RECORD").is_file():
            wrong[distribution_name(dist_info.name)] = names
    return wrong


def remove(env: Path, files: dict[str, int]) -> None:
    """Take the files of a distribution away, and the folders that are empty then."""
    folders: set[Path] = set()
    for name in files:
        path = env / name
        path.unlink(missing_ok=True)
        folders.update(parent for parent in path.parents if env in parent.parents)
    for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):
        try:
            folder.rmdir()
        except OSError:  # not empty: shared with another distribution, or holds bytecode
            continue


def save(inventory: Inventory, path: Path) -> None:
    """Write an inventory."""
    path.write_text(json.dumps(inventory, separators=(",", ":")), encoding="utf-8")


def load(path: Path) -> Inventory:
    """Read an inventory; raises OSError or ValueError."""
    inventory: Inventory = json.loads(path.read_text(encoding="utf-8"))
    return inventory
