"""The flagship workshop keeps its promises: every lesson, on what comes with the packages and on the real data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.integration


def check(data: str, out: Path, **environment: str) -> list[dict[str, Any]]:
    """`handson check --assets DATA --json` as its user calls it."""
    command = [sys.executable, "-m", "handson", "check", "--assets", data, "--to", str(out), "--json"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True)
    assert done.stdout, done.stderr
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    broken = [
        f"{report['lesson']} ({report['data']}): {promise['promise']}: {promise['measured']}"
        for report in reports
        for promise in report["promises"]
        if not promise["kept"]
    ]
    assert not broken, "\n".join(broken)
    assert done.returncode == 0
    return reports


@pytest.mark.timeout(1500)
def test_every_lesson_keeps_its_contract_on_embedded_data(tmp_path: Path) -> None:
    # An empty cache and no mirror: nothing could be fetched even if a lesson tried.
    reports = check("embedded", tmp_path / "out", HANDSON_CACHE=str(tmp_path / "cache"), HANDSON_MIRROR="")
    assert {report["lesson"] for report in reports} == {"paint_the_cat", "digits"}
    assert not (tmp_path / "cache").exists()


@pytest.mark.timeout(1500)
def test_every_lesson_keeps_its_contract_on_the_real_data(tmp_path: Path, mirror: Path) -> None:
    cache = tmp_path / "cache"
    reports = check("full", tmp_path / "out", HANDSON_CACHE=str(cache), HANDSON_MIRROR=str(mirror))
    assert {report["lesson"] for report in reports} == {"paint_the_cat", "digits"}
    assert list(cache.glob("assets/sha256/*/*"))
