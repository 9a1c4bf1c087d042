from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from handson.room import takehome


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    for path in (
        "vision/01_paint.ipynb",
        "pictures/cat.png",
        ".handson/given.json",
        "vision/.ipynb_checkpoints/x.ipynb",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


def opened(parts: Iterator[bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(parts)))


def test_work_is_what_somebody_made_and_nothing_of_jupyters(home: Path) -> None:
    with opened(takehome.packed(home, with_workshop=False)) as archive:
        assert set(archive.namelist()) == {"READ-ME.txt", "work/vision/01_paint.ipynb", "work/pictures/cat.png"}
        assert archive.read("work/pictures/cat.png") == b"pictures/cat.png"


def test_links_lead_nowhere(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (home / "link").symlink_to(tmp_path / "secret")
    (home / "folder").symlink_to(tmp_path)
    os.mkfifo(home / "pipe")
    with opened(takehome.packed(home, with_workshop=False)) as archive:
        assert not [name for name in archive.namelist() if "link" in name or "folder" in name or "pipe" in name]


def test_what_does_not_fit_is_listed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(takehome, "LIMIT", 20)
    with opened(takehome.packed(home, with_workshop=False)) as archive:
        assert "work/vision/01_paint.ipynb: more than 20 bytes" in archive.read("LEFT-OUT.txt").decode()


def test_the_runnable_copy_runs(home: Path, tmp_path: Path) -> None:
    to = tmp_path / "taken home"
    with opened(takehome.packed(home, with_workshop=True)) as archive:
        archive.extractall(to)
    assert "python3 start.py open --to work" in (to / "READ-ME.txt").read_text()
    code = "from handson.cli import main; import sys; sys.argv = ['handson', 'lessons', '--json']; main()"
    environment = {**os.environ, "PYTHONPATH": str(to / "src")}
    done = subprocess.run([sys.executable, "-c", code], cwd=to, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert '"paint_the_cat"' in done.stdout


def test_a_file_dated_before_1980_is_taken_along(home: Path) -> None:
    os.utime(home / "pictures" / "cat.png", (0, 0))
    with opened(takehome.packed(home, with_workshop=False)) as archive:
        assert "work/pictures/cat.png" in archive.namelist()


def test_nothing_large_is_kept_while_it_is_packed(home: Path) -> None:
    """A seat's /tmp is small and counts as its memory."""
    (home / "large").write_bytes(os.urandom(20_000_000))
    sizes = [len(part) for part in takehome.packed(home, with_workshop=False)]
    assert sum(sizes) > 20_000_000
    assert max(sizes) < 3_000_000


def test_a_file_that_cannot_be_read_is_listed_and_the_rest_comes(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.open

    def refused(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.name == "cat.png":
            raise PermissionError(13, "Permission denied")
        return whole(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refused)
    with opened(takehome.packed(home, with_workshop=False)) as archive:
        assert "work/pictures/cat.png: [Errno 13]" in archive.read("LEFT-OUT.txt").decode()
        assert archive.read("work/vision/01_paint.ipynb") == b"vision/01_paint.ipynb"
