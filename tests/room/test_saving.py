"""Saving in a seat: the file is the old one or the new one, whatever goes wrong in between."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyter_server", reason="jupyter_server is not installed: pip install 'handson[laptop]'")

from tornado.web import HTTPError

from handson.room import saving
from handson.room.saving import Contents, replacing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "mine.txt"
    file.write_text("old")
    return file


def half_saved(file: Path) -> None:
    with replacing(file, None) as new:
        new.write(b"half of it")
        raise OSError(errno.ENOSPC, "full")


def notebook(text: str) -> dict[str, Any]:
    cell = {"cell_type": "markdown", "id": "one", "metadata": {}, "source": text}
    return {
        "type": "notebook",
        "format": "json",
        "content": {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5},
    }


def test_the_new_file_takes_the_place_of_the_old_one_at_the_end(file: Path) -> None:
    with replacing(file, "utf-8") as new:
        new.write("new\n")
        assert file.read_text() == "old"
    assert file.read_bytes() == b"new\n"
    assert list(file.parent.iterdir()) == [file]


def test_a_save_that_fails_has_changed_nothing(file: Path) -> None:
    for _ in range(2):
        with pytest.raises(OSError, match="full"):
            half_saved(file)
        assert file.read_text() == "old"
        assert list(file.parent.iterdir()) == [file]


def test_who_may_read_and_write_it_stays(file: Path) -> None:
    file.chmod(0o751)
    with replacing(file, "utf-8") as new:
        new.write("new")
    assert file.stat().st_mode & 0o777 == 0o751


def test_a_link_stays_one_and_what_it_leads_to_is_written(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file.name)
    with replacing(link, "utf-8") as new:
        new.write("new")
    assert link.is_symlink()
    assert file.read_text() == "new"


def test_a_file_that_is_not_to_be_written_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write all
    with pytest.raises(PermissionError), replacing(file, "utf-8"):
        pass
    assert file.read_text() == "old"


def test_file_and_name_are_on_the_disk_before_it_is_said_that_they_are(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(str(Path(f"/proc/self/fd/{handle}").readlink())))
    with replacing(file, "utf-8") as new:
        new.write("new")
    assert synced[0].endswith(".saving")
    assert synced[1:] == [str(file.parent)]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, saving.NO_SPACE),
        (errno.EDQUOT, saving.NO_SPACE),
        (errno.EROFS, saving.BROKEN),
        (errno.EIO, saving.BROKEN),
    ],
)
def test_jupyter_saves_notebooks_so_and_says_what_to_do_where_the_disk_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    contents = Contents(root_dir=str(tmp_path))
    asyncio.run(contents.save(notebook("first"), "mine.ipynb"))
    before = (tmp_path / "mine.ipynb").read_text()

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    for _ in range(2):
        with pytest.raises(HTTPError) as refused:
            asyncio.run(contents.save(notebook("second"), "mine.ipynb"))
        assert refused.value.status_code == 507
        assert refused.value.log_message == said
    assert (tmp_path / "mine.ipynb").read_text() == before


def test_a_signature_that_cannot_be_kept_holds_up_no_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = Contents(root_dir=str(tmp_path))

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(contents.notary, "sign", full)
    asyncio.run(contents.save(notebook("kept"), "mine.ipynb"))
    assert "kept" in (tmp_path / "mine.ipynb").read_text()


@pytest.mark.parametrize("letter", ["x", "ä", "漢", "🐈"])
def test_a_name_as_long_as_names_may_be_is_saved(tmp_path: Path, letter: str) -> None:
    most = 255 - len(".ipynb")
    name = letter * (most // len(letter.encode())) + ".ipynb"
    contents = Contents(root_dir=str(tmp_path), delete_to_trash=False)
    for text in ("first", "second"):
        asyncio.run(contents.save(notebook(text), name))
    other = name[:-7] + "y.ipynb"  # of the same beginning
    asyncio.run(contents.save(notebook("other"), other))
    asyncio.run(contents.delete(other))
    (kept,) = asyncio.run(contents.list_checkpoints(name))
    asyncio.run(contents.restore_checkpoint(kept["id"], name))
    assert "first" in (tmp_path / name).read_text()
    asyncio.run(contents.save(notebook("second"), name))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]
    assert "second" in (tmp_path / name).read_text()


def test_what_a_server_that_was_killed_had_half_saved_is_removed_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "below"
    folder.mkdir()
    kept = [folder / name for name in ("mine.ipynb", ".mine.saving", "notes.0123abcd.saving", ".x.0123abcd.saving.txt")]
    for path in kept:
        path.write_text("")
    file = folder / "mine.ipynb"
    saving_ = replacing(file, None)
    saving_.__enter__().write(b"half")  # and is killed
    assert len(list(folder.iterdir())) == len(kept) + 1
    saving.remove_half_saved(tmp_path)
    assert sorted(folder.iterdir()) == sorted(kept)
