"""The built front end's packages: what npm is kept from; and whose the files are that root makes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.kit import frontend
from handson.nodejs import Npm


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    web = tmp_path / "web"
    web.mkdir()
    (web / "package-lock.json").write_text("{}")
    monkeypatch.setattr(frontend, "CHECKOUT", web)
    monkeypatch.setattr(frontend, "npm", lambda: Npm(("npm",)))
    return web


def test_npm_never_empties_a_folder_behind_a_link(web: Path, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "package").touch()
    (web / "node_modules").symlink_to(others)
    with pytest.raises(HandsonError, match="is a link") as refused:
        frontend.packages()
    assert "Remove the link" in refused.value.way_out
    assert (others / "package").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="gives files to another user: needs root")
def test_what_root_makes_in_the_checkout_of_another_is_theirs(
    web: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "outside"
    outside.touch()

    def npm(_: Npm, *words: str) -> None:
        assert words[0] == "ci"
        (web / "node_modules" / "package").mkdir(parents=True)
        (web / "node_modules" / "package" / "index.js").touch()
        (web / "node_modules" / "link").symlink_to(outside)

    monkeypatch.setattr(frontend, "_run", npm)
    os.chown(web, 4711, 4712)
    frontend.packages()
    made = [web / ".lock", web / "node_modules", *(web / "node_modules").rglob("*")]
    assert len(made) == 6
    assert {(path.lstat().st_uid, path.lstat().st_gid) for path in made} == {(4711, 4712)}
    assert outside.stat().st_uid == 0, "what is behind a link is not touched"
