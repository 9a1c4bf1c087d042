"""A slow laptop is told so and gets shorter trainings; a check plans as for the reference laptop."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from handson.lab import session


@pytest.mark.parametrize(
    ("speed", "steps", "said"), [(2.0, 1000, "2"), (0.5, 1000, "0.5"), (0.25, 500, "0.25"), (0.01, 200, "0.01")]
)
def test_trainings_shrink_with_the_laptops_speed_and_never_below_a_fifth(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], speed: float, steps: int, said: str
) -> None:
    monkeypatch.delenv("HANDSON_CHECK", raising=False)
    monkeypatch.setattr(session, "_steps_per_second", lambda: speed * session.REFERENCE_STEPS_PER_SECOND)
    session.begin()
    assert session.pace(1000) == steps
    told = capsys.readouterr().out
    assert f"about {said} × the speed" in told
    assert ("made shorter" in told) == (steps < 1000)


def test_one_thread_is_no_threads(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("HANDSON_CHECK", raising=False)
    monkeypatch.setattr(session, "_steps_per_second", lambda: session.REFERENCE_STEPS_PER_SECOND)
    monkeypatch.setattr(session.torch, "get_num_threads", lambda: 1)
    session.begin()
    assert "(1 thread)" in capsys.readouterr().out


def test_a_page_is_held_against_a_page(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Or every training in a page would be cut to a fifth, on the quickest of laptops."""
    monkeypatch.delenv("HANDSON_CHECK", raising=False)
    monkeypatch.setattr("handson.lab.front.in_browser", lambda: True)
    monkeypatch.setattr(session, "_steps_per_second", lambda: session.REFERENCE_STEPS_PER_SECOND / 4)
    session.begin()
    assert session.pace(1000) == 1000
    assert "about 1 × the speed of a page on our reference laptop." in capsys.readouterr().out


def test_where_the_machine_is_known_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_CHECK", raising=False)
    monkeypatch.setattr(session, "_steps_per_second", lambda: session.REFERENCE_STEPS_PER_SECOND / 5)
    monkeypatch.setattr(session, "known", session.measured())
    monkeypatch.setattr(session, "_steps_per_second", lambda: pytest.fail("it is known already"))
    session.begin()
    assert session.pace(1000) == 400


def test_with_other_threads_it_is_measured_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "known", (session.torch.get_num_threads() + 1, 1.0))
    monkeypatch.setattr(session, "_steps_per_second", lambda: session.REFERENCE_STEPS_PER_SECOND)
    session.begin()
    assert session.pace(1000) == 1000


def test_a_check_shrinks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_steps_per_second", lambda: 0.0)
    monkeypatch.setenv("HANDSON_CHECK", "1")
    session.begin()
    assert session.pace(1000) == 1000


def test_the_measurement_leaves_the_random_numbers_alone() -> None:
    import torch

    torch.manual_seed(0)
    wanted = torch.rand(3)
    torch.manual_seed(0)
    assert session._steps_per_second(rounds=1, steps=1) > 0
    assert torch.equal(torch.rand(3), wanted)


def test_the_seed_is_the_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_SEED", raising=False)
    assert session.seed() == 0
    monkeypatch.setenv("HANDSON_SEED", "3")
    assert session.seed() == 3


def test_a_slow_machine_is_not_measured_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    monkeypatch.setattr(session.torch.nn.functional, "cross_entropy", lambda *_: rounds.append(1) or Backward())
    session._steps_per_second(rounds=40, steps=1, seconds=0.0)
    assert len(rounds) == 2


class Backward:
    def backward(self) -> None:
        """Nothing."""
