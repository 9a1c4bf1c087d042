"""The bars of a fetch: name, size, rate and time left; notes above them."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from handson.assets import Cache, Sources, fetch
from handson.assets.progress import FetchProgress
from tests.assets.conftest import CONTENT, asset, described


def test_a_fetch_shows_each_file_with_its_size_and_what_went_wrong(tmp_path: Path, cache: Cache) -> None:
    (tmp_path / "stick" / "a").mkdir(parents=True)
    (tmp_path / "stick" / "a" / "[one].bin").write_bytes(CONTENT)
    screen = io.StringIO()
    with FetchProgress(Console(file=screen, force_terminal=True, width=120, color_system=None)) as progress:
        progress.note("a note with [brackets]")
        fetch(
            asset(described("http://127.0.0.1:9/", path="a/[one].bin")),
            progress,
            cache=cache,
            sources=Sources(tmp_path / "stick"),
        )
    assert "a note with [brackets]" in screen.getvalue()
    assert "a/[one].bin" in screen.getvalue()
    assert "256.0/256.0 kB" in screen.getvalue()
