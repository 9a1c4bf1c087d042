"""An exercise tells at once whether it is right, and why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from handson.lab import exercises
from handson.lab.exercises import NotYet, check, checker, expect, use


def reference(number: float) -> float:
    return number * 2


@pytest.fixture(autouse=True)
def _doubling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exercises, "_exercises", {})

    @checker(reference=reference)
    def double(answer: Callable[[float], float]) -> None:
        expect(answer(2) is not None, "It returns nothing. Is there a `return`?")
        expect(answer(3) != 9, "You squared the number.")
        expect(answer(3) == 6, "Twice 3 is 6.")


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    function.__name__ = "double"
    return function


def test_a_right_answer_in_any_style_passes_and_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    def double(number: float) -> float:
        return number + number

    check(double)
    assert "✓ double is right." in capsys.readouterr().out
    assert use("double") is double


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda number: None, "Is there a `return`"),
        (lambda number: number * number, "You squared"),
        (lambda number: 7, "Twice 3 is 6"),
    ],
)
def test_each_usual_wrong_answer_is_told_its_reason(answer: Callable[..., Any], message: str) -> None:
    with pytest.raises(NotYet, match=message):
        check(named(answer))


def test_an_exception_of_the_learners_is_told_with_its_line_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def double(number: float) -> float:
        return number.twice()  # type: ignore[attr-defined,no-any-return]

    with pytest.raises(NotYet) as raised:
        check(double)
    assert "double stopped with AttributeError: 'int' object has no attribute 'twice'" in str(raised.value)
    assert "return number.twice()" in str(raised.value)
    assert raised.value.__cause__ is None
    assert f"Not yet. {raised.value}" in capsys.readouterr().out
    assert raised.value._render_traceback_() == ["Not yet: see above."]


def test_an_open_exercise_is_answered_by_the_reference_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert use("double") is reference
    assert "has not passed its check yet" in capsys.readouterr().out


def test_an_answer_that_was_right_and_is_changed_to_wrong_is_no_longer_used() -> None:
    check(named(lambda number: number * 2))
    with pytest.raises(NotYet):
        check(named(lambda number: 0))
    assert use("double") is reference


def test_an_exercise_whose_check_was_not_run_says_how_to_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotYet, match=r"The check of 'triple' has not been run.*Run All Above Selected Cell"):
        use("triple")
    monkeypatch.setattr("handson.lab.front.on_page", lambda: True)
    with pytest.raises(NotYet, match=r"\(Run all above\)"):
        use("triple")
    assert NotYet("words")._render_traceback_() == ["Not yet. words"]  # nothing was shown above it


def test_a_reference_that_does_not_pass_its_own_check_is_refused() -> None:
    with pytest.raises(NotYet):

        @checker(reference=lambda number: 0)
        def halve(answer: Callable[[float], float]) -> None:
            expect(answer(2) == 1, "Half of 2 is 1.")
