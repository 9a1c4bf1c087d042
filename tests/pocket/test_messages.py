"""What learners get wrong: the same kind of error as PyTorch's, with the same facts in it."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch

import handson.pocket as pocket
from tests.pocket.agreement import listed

EQUAL = """
t.ones(2, 3) @ t.ones(2, 3) | t.ones(2, 3) + t.ones(2, 4) | t.ones(2, 3) * t.ones(4) | t.nn.Linear(4, 2)(t.ones(3, 5)) | F.linear(t.ones(3, 5), t.ones(2, 4)) | t.ones(3, 5).mm(t.ones(4, 2)) | t.ones(2, 3, 4) @ t.ones(5, 2) | t.ones(3).dot(t.ones(4))
t.ones(2, 3).view(4) | t.ones(2, 3).reshape(4, 2) | t.ones(2, 3).view(-1, -1) | t.ones(2, 3).T.view(6) | t.cat([t.ones(2, 3), t.ones(3, 4)]) | t.stack([t.ones(2), t.ones(3)]) | t.ones(3)[3] | t.ones(3)[-4] | t.ones(2, 3)[0, 5] | t.ones(2)[0, 0] | t.ones(2, 3).sum(2) | t.ones(2, 3).squeeze(5)
t.ones(2, 3).transpose(0, 2) | t.ones(2).item() | t.ones(2, 2).item() | bool(t.ones(2)) | bool(t.ones(0)) | int(t.ones(2)) | len(t.tensor(1)) | t.ones(2).backward() | (t.ones(2, requires_grad=True) * 2).backward() | t.arange(3).mean() | t.tensor([1], requires_grad=True)
F.cross_entropy(t.ones(2, 3), t.tensor([0, 3])) | F.cross_entropy(t.ones(2, 3), t.tensor([0, 1, 2])) | F.nll_loss(t.ones(2, 3), t.tensor([0, -1])) | F.binary_cross_entropy_with_logits(t.ones(2, 1), t.ones(2)) | t.nn.BatchNorm2d(3)(t.ones(2, 3)) | t.nn.BatchNorm1d(3)(t.ones(1, 3)) | t.nn.Conv2d(3, 4, 3)(t.ones(1, 1, 8, 8))
t.nn.Conv2d(1, 4, 5)(t.ones(1, 1, 3, 3)) | t.nn.Conv2d(3, 4, 3, groups=2) | F.max_pool2d(t.ones(1, 1, 2, 2), 3) | t.zeros(-1) | t.zeros(2, -3) | t.arange(0, 5, 0) | t.arange(5, 0) | t.ones(2, 3).expand(4, 3) | t.ones(2, 3).permute(0, 0) | t.eye(2).split([1, 2]) | t.ones(3).topk(4) | t.ones(2, 3).gather(0, t.ones(2, 3))
t.ones(2).to(t.int64) @ t.ones(2) | t.ones(2, 2).double() @ t.ones(2, 2) | ~t.ones(2) | t.ones(2, dtype=t.bool) - t.ones(2, dtype=t.bool) | t.ones(2, 3).masked_select(t.ones(2, 2) > 0) | t.ones(2, 3)[t.ones(3, 2) > 0] | t.tensor([[1, 2], [3]]) | t.nn.Embedding(3, 2)(t.tensor([3])) | F.one_hot(t.tensor([3]), 2)
t.nn.Module()(t.ones(1)) | t.nn.Dropout(2) | t.nn.Sequential(t.nn.Linear(2, 2))[3] | t.linalg.inv(t.ones(2, 3)) | t.manual_seed(2**70) | t.multinomial(t.ones(2), 3) | t.randint(3, 3, (1,)) | t.randperm(-1) | t.einsum("ij", t.ones(2)) | F.softmax(t.ones(2, 3), 5) | t.ones(3).unsqueeze(4) | t.meshgrid(t.ones(2, 2), indexing="ij") | t.ones(2, 3).cumsum(4)
t.nn.GRU(3, 4)(t.ones(2, 5)) | t.ones(2) + "a" | t.ones(2) < "a" | t.ones(2) @ 3 | t.tensor("x") | t.ones("a") | t.nn.Linear(2, 2).foo | t.nn.Linear(2)
"""
"""Statements and, as far as PyTorch's text holds no more than ours, the same text."""


def error_of(t: Any, text: str) -> Exception | None:
    try:
        eval(text, {"t": t, "F": t.nn.functional})
    except Exception as error:
        return error
    return None


def facts(error: Exception) -> list[str]:
    """The numbers in a message (the first line; what PyTorch adds about its own source is left out)."""
    first = str(error).partition("\nException raised")[0].partition(". (Triggered")[0]
    return re.findall(r"\d+", first)


@pytest.mark.parametrize("text", listed(EQUAL))
@pytest.mark.filterwarnings("ignore")
def test_the_same_error_with_the_same_numbers(text: str) -> None:
    ours, theirs = error_of(pocket, text), error_of(torch, text)
    assert theirs is not None
    assert isinstance(ours, type(theirs)), f"{ours!r}, PyTorch: {theirs!r}"
    if "64" in text or "double" in text or "Linear(2)" in text or 'ones("a")' in text:
        return
    missing = [number for number in facts(theirs) if number not in facts(ours)]
    assert not missing, f"{ours}\nPyTorch: {theirs}"


WORD_FOR_WORD = """
t.ones(2, 3) @ t.ones(2, 3) | t.ones(2, 3) + t.ones(2, 4) | t.nn.Linear(4, 2)(t.ones(3, 5)) | t.ones(2, 3).view(4) | t.ones(2, 3).reshape(4, 2) | t.ones(3)[3] | t.ones(2)[0, 0] | t.ones(2, 3).sum(2) | t.ones(2, 2).item() | bool(t.ones(2))
t.cat([t.ones(2, 3), t.ones(3, 4)]) | t.stack([t.ones(2), t.ones(3)]) | t.arange(3).mean() | F.cross_entropy(t.ones(2, 3), t.tensor([0, 3])) | t.nn.Conv2d(3, 4, 3)(t.ones(1, 1, 8, 8)) | t.nn.BatchNorm2d(3)(t.ones(2, 3)) | t.ones(2, 3).T.view(6) | t.tensor([[1, 2], [3]])
(t.ones(2, requires_grad=True) * 2).backward() | F.cross_entropy(t.ones(2, 3), t.tensor([0, 1, 2])) | F.binary_cross_entropy_with_logits(t.ones(2, 1), t.ones(2)) | t.nn.Conv2d(3, 4, 3, groups=2) | t.nn.Linear(2, 2).foo | ~t.ones(2) | len(t.tensor(1)) | t.ones(2, 3)[t.ones(3, 2) > 0]
"""


@pytest.mark.parametrize("text", listed(WORD_FOR_WORD))
def test_word_for_word(text: str) -> None:
    ours, theirs = error_of(pocket, text), error_of(torch, text)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize(
    "text",
    [
        "t.ones(2).to('cuda')",
        "t.zeros(2, device='cuda')",
        "t.nn.Linear(1, 1).to('cuda')",
        "t.device('mps')",
        "t.tensor(1, device='cuda:0')",
        "t.Generator('cuda')",
    ],
)
def test_devices_that_are_not_there(text: str) -> None:
    error = error_of(pocket, text)
    assert isinstance(error, RuntimeError)
    assert "CPU only" in str(error)
    assert "Leave the device out" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        "t.zeros(10**7, 10**7)",
        "t.ones(2**20, 1).expand(2**20, 2**20).clone()",
        "t.rand(2**62)",
        "t.empty(2**40, 2**40)",
        "t.ones(10**6, 1) + t.ones(1, 10**8)",
        "t.arange(10**15)",
        "t.eye(10**8)",
        "t.ones(3).repeat(10**14)",
    ],
)
def test_huge_requests(text: str) -> None:
    """A Python exception that tells what was asked for; then all goes on."""
    error = error_of(pocket, text)
    assert isinstance(error, RuntimeError | MemoryError), error
    assert "bytes" in str(error)
    assert float(pocket.ones(3).sum()) == 3


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("t.sigmoidd(t.ones(1))", "sigmoid"),
        ("t.ones(1).sofmax(0)", "softmax"),
        ("t.nn.Linaer(1, 1)", "Linear"),
        ("F.crossentropy", "cross_entropy"),
        ("t.optim.Adamm", "Adam"),
        ("t.nn.Conv3d", "Conv2d"),
        ("t.fft", "a small part of PyTorch"),
        ("t.linalg.svdd", ""),
    ],
)
def test_names_that_are_not_there(text: str, near: str) -> None:
    error = error_of(pocket, text)
    assert isinstance(error, AttributeError)
    assert near in str(error)
