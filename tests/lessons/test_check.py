"""A lesson is held to every line of its contract by running it. These tests start real kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handson.lessons import check as check_module
from handson.lessons.check import Report, check_lesson
from handson.lessons.source import read_lesson

MakeWorkshop = Callable[..., Path]
pytestmark = pytest.mark.integration

LAST = "add = lab.use"


@pytest.fixture
def checked(make_workshop: MakeWorkshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Report]:
    """Check the tiny lesson, edited; on a machine that is exactly the reference laptop unless `slowdown` says else."""

    def run(
        *edit: tuple[str, str],
        slowdown: float = 1.0,
        seeds: int = 1,
        with_learner: bool = False,
        index: dict[str, Any] | None = None,
    ) -> Report:
        monkeypatch.setattr(check_module, "slowdown", lambda threads: slowdown)
        lesson = read_lesson(make_workshop(*edit) / "lessons" / "numbers" / "01_add.py")
        return check_lesson(
            lesson,
            "embedded",
            seeds=seeds,
            index=index or {},
            out=tmp_path / "out",
            say=lambda text: None,
            with_learner=with_learner,
        )

    return run


def broken(report: Report) -> str:
    assert not report.kept
    return "\n".join(f"{promise.promise}: {promise.measured}" for promise in report.promises if not promise.kept)


def test_a_lesson_that_keeps_its_contract_says_so_with_everything_measured(checked: Callable[..., Report]) -> None:
    # Some work: the system counts processor time in hundredths of a second.
    report = checked((LAST, "sum(range(3_000_000))\n" + LAST), with_learner=True, seeds=2)
    assert report.kept, broken(report)
    assert [run.figures["sum"] for run in report.runs] == [4, 4]
    assert all(run.cpu_seconds > 0 and run.peak_memory_mb > 20 for run in report.runs)
    assert report.mean_figures()["sum"] == 4
    assert [path.read_bytes() for path in report.pictures] == [b"+"]
    assert (report.folder / "01_add.solved.ipynb").exists()
    assert report.promises[-1].measured == "1 of 1 exercises"
    assert report.as_json()["kept"] is True


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("embedded: sum >= 4", "embedded: sum >= 5"), "sum >= 5: 4"),
        (("embedded: sum >= 4", "embedded: product >= 4"), "the lesson never calls lab.report(product=…); it reports sum"),
        (("sum.png\").write", "other.png\").write"), "ends with pictures/sum.png: other.png"),
        ((LAST, "raise ValueError('no')\n" + LAST), "cell 5 failed with ValueError: no"),
        (("return a + b", "return a * b + 1"), "cell 4 failed with NotYet: 2 and 2 make 4."),
        ((LAST, "import os; os._exit(1)\n" + LAST), "the kernel died in cell 5"),
        (("minutes: 5", "minutes: 1"), ""),
    ],
)  # fmt: skip
def test_each_broken_promise_is_a_sentence(checked: Callable[..., Report], edit: tuple[str, str], message: str) -> None:
    report = checked(edit)
    if message:
        assert message in broken(report)
    else:
        assert report.kept  # an edit that breaks nothing breaks nothing


def test_the_network_is_refused(checked: Callable[..., Report]) -> None:
    told = broken(checked((LAST, "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9')\n" + LAST)))
    assert "a lesson is checked with the network refused, and this cell asked for it" in told


def test_an_asset_that_the_contract_does_not_name_is_out_of_reach(checked: Callable[..., Report]) -> None:
    index = {"cat": {"fetch": "handson fetch cat", "files": {}}}
    uses = (LAST, "lab.asset('cat')\n" + LAST)
    assert "AssetMissing: The workshop of this folder has no asset 'cat'" in broken(checked(uses, index=index))
    assert checked(uses, ("  target:", "  assets: [cat]\n#   target:"), index=index).kept


def test_memory_beyond_the_contract_ends_the_kernel(checked: Callable[..., Report]) -> None:
    greedy = (LAST, "hoard = bytearray(300_000_000); import time; time.sleep(5)\n" + LAST)
    assert "took more than the 200 MB of memory" in broken(checked(("memory_mb: 600", "memory_mb: 200"), greedy))


def test_threads_are_those_of_the_contract(checked: Callable[..., Report]) -> None:
    count = ("lab.report(sum=add(2, 2))", "import os; lab.report(sum=4 if os.environ['OMP_NUM_THREADS'] == '1' else 0)")
    assert checked(count, ("#   memory_mb: 600", "#   memory_mb: 600\n#   threads: 1")).kept


def test_cpu_seconds_are_those_of_the_reference_laptop(checked: Callable[..., Report]) -> None:
    busy = (LAST, "import time\nend = time.process_time() + 2\nwhile time.process_time() < end: pass\n" + LAST)
    report = checked(busy, ("cpu_seconds: 30", "cpu_seconds: 1"))
    assert "cpu_seconds <= 1: " in broken(report)
    # The same lesson on a machine that needs four times as long for everything keeps it.
    assert checked(busy, ("cpu_seconds: 30", "cpu_seconds: 1"), slowdown=4).kept


def test_a_reported_training_time_is_scaled_too(checked: Callable[..., Report]) -> None:
    timed = ("lab.report(sum=add(2, 2))", "lab.report(sum=4, cpu_seconds_training=10)")
    target = ("embedded: sum >= 4", "embedded: [sum >= 4, cpu_seconds_training <= 6]")
    assert "cpu_seconds_training <= 6: 10" in broken(checked(timed, target))
    assert checked(timed, target, slowdown=2).kept


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (("    # # your line\n    # return 0", "    # return a + b"), "the exercise in cell 4 does not fail"),
        (("    # return 0", "    # return undefined_name"), ""),
        (("    # # your line\n    # return 0", "    # return (("), "fails with SyntaxError"),
        (('add = lab.use("add")\n', ""), "cell 6, no exercise, fails with"),
    ],
)
def test_in_the_learners_version_exactly_the_exercises_fail_and_teach(
    checked: Callable[..., Report], edit: tuple[str, str], message: str
) -> None:
    edits = [edit]
    if "lab.use" in edit[0]:  # a later cell that needs the learner's own function
        edits.append(("lab.report(sum=add(2, 2))", "assert add(2, 2) == 4; lab.report(sum=4)"))
    report = checked(*edits, with_learner=True)
    if message:
        assert message in broken(report)
    else:
        assert report.kept


def test_the_calibration_measures_this_machine() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    assert torch
    from handson.lessons.calibrate import slowdown

    assert 0.01 < slowdown(threads=1) < 100
