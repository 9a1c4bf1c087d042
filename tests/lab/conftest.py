"""What tests of lab share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Silent


@pytest.fixture
def fetch_from_mirror(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], None]:
    """Bring an asset of the workshop from the mirror to the cache below a folder, and tell the folder of it."""
    from handson.assets import Cache, fetch, index_for, read_manifest

    def bring(asset: str, folder: Path) -> None:
        manifest = read_manifest(ROOT / "assets.toml")
        monkeypatch.setenv("HANDSON_MIRROR", str(mirror))
        fetch(manifest.select([asset]), Silent(), cache=Cache(folder / "cache" / "assets"))
        (folder / ".handson" / "assets.json").write_text(json.dumps(index_for(manifest)))

    return bring
