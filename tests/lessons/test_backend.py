"""Which library lessons get: the one asked for, else PyTorch where it is installed."""

from __future__ import annotations

import importlib.util

import pytest

from handson.errors import HandsonError
from handson.lessons.backend import backend, startup


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else found(name))


def test_pytorch_where_it_is_installed_and_pocket_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_BACKEND", raising=False)
    assert backend() == "torch"
    assert startup("torch") == ""
    monkeypatch.setenv("HANDSON_BACKEND", "Pocket")
    assert backend() == "pocket"
    assert "pocket.install()" in startup("pocket")


@pytest.mark.usefixtures("no_torch")
def test_pocket_where_pytorch_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDSON_BACKEND", raising=False)
    assert backend() == "pocket"
    monkeypatch.setenv("HANDSON_BACKEND", "torch")
    with pytest.raises(HandsonError, match="not installed here") as refused:
        backend()
    assert "handson[laptop]" in refused.value.way_out


def test_another_name_is_answered_with_the_right_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_BACKEND", "pytorch")
    with pytest.raises(HandsonError, match="no library named 'pytorch'") as refused:
        backend()
    assert "'torch'" in refused.value.way_out
