"""The flagship workshop keeps its promises: every lesson, on what comes with the packages and on the real data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handson.lessons.catalog import read_catalog
from handson.workshop import read_workshop
from tests.conftest import ROOT

pytestmark = pytest.mark.integration


LESSONS = [lesson.name for lesson in read_catalog(read_workshop(ROOT)).lessons]


def check(lesson: str, data: str, out: Path, *options: str, **environment: str) -> None:
    """`handson check LESSON --assets DATA --json` as its user calls it."""
    command = [sys.executable, "-m", "handson", "check", lesson, "--assets", data, "--to", str(out), "--json", *options]
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
    assert [report["lesson"] for report in reports] == [lesson]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty cache that fills as lesson after lesson fetches what it needs."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_keeps_its_contract_on_embedded_data(lesson: str, tmp_path: Path) -> None:
    # An empty cache and no mirror: nothing could be fetched even if a lesson tried.
    check(lesson, "embedded", tmp_path / "out", HANDSON_CACHE=str(tmp_path / "cache"), HANDSON_MIRROR="")
    assert not (tmp_path / "cache" / "assets").exists()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("lesson", LESSONS)
def test_every_lesson_keeps_its_contract_on_the_real_data(
    lesson: str, tmp_path: Path, cache: Path, mirror: Path
) -> None:
    # The learner's version was run above; what differs there is the data, not the exercises.
    files = {"HANDSON_CACHE": str(cache), "HANDSON_MIRROR": str(mirror)}
    check(lesson, "full", tmp_path / "out", "--no-learner", **files)
    assert list(cache.glob("assets/sha256/*/*"))
