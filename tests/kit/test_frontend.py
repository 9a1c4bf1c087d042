"""The built front end's packages: what npm is kept from."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from handson.errors import HandsonError
from handson.kit import frontend

pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")


def test_npm_never_empties_a_folder_behind_a_link(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = tmp_path / "others"
    others.mkdir()
    (others / "package").touch()
    web = tmp_path / "web"
    web.mkdir()
    (web / "package-lock.json").write_text("{}")
    (web / "node_modules").symlink_to(others)
    monkeypatch.setattr(frontend, "CHECKOUT", web)
    with pytest.raises(HandsonError, match="is a link") as refused:
        frontend.packages()
    assert "Remove the link" in refused.value.way_out
    assert (others / "package").exists()
