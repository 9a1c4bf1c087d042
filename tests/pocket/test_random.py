"""The same seed gives the same numbers as PyTorch; what does not is held against its distribution."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch

import handson.pocket as pocket
from tests.pocket.agreement import agree, as_torch, computed, listed, same

SAME = """
t.rand(7) | t.rand(20) | t.rand(3, 1000) | t.rand(2, 0) | t.rand(5, dtype=t.float64) | t.rand((2, 3)) | t.randn(7) | t.randn(15) | t.randn(16) | t.randn(17) | t.randn(100, 33) | t.randn(31, dtype=t.float64)
t.randn(5, dtype=t.float64) | t.randn(()) | t.randint(10, (20,)) | t.randint(-5, 5, (3, 4)) | t.randint(0, 2**40, (10,)) | t.randint(2**28 - 1, (10,)) | t.randint(-3, 2**32 - 3, (10,)) | t.randint(3, (4,), dtype=t.int32) | t.randint(0, 1, (2,)) | t.randint(5, 5, (2,)) | t.randint(low=2, high=9, size=(5,))
t.randperm(1) | t.randperm(10) | t.randperm(1000) | t.randperm(0) | t.randperm(-1) | t.rand_like(t.zeros(2, 3)) | t.randn_like(t.zeros(20)) | t.randint_like(t.zeros(5, dtype=t.int64), 9) | t.zeros(30).uniform_(-2, 3) | t.zeros(30).uniform_(3, -2)
t.zeros(40).normal_(1, 2) | t.zeros(9, dtype=t.float64).normal_() | t.zeros(3).normal_(0, -1) | t.zeros(10).random_(3, 9) | t.zeros(10, dtype=t.int64).random_(100) | t.zeros(2, dtype=t.int64).uniform_()
t.normal(0.0, 1.0, (20,)) | t.normal(2.0, 0.5, size=(3, 3)) | (t.rand(3), t.randn(3), t.randperm(4), t.rand(2)) | (t.randn(20), t.randn(3), t.randn(1)) | t.rand(4, generator=t.Generator().manual_seed(5)) | t.randperm(9, generator=t.Generator().manual_seed(2**60))
t.nn.init.uniform_(t.empty(5, 6)) | t.nn.init.normal_(t.empty(50), 1, 2) | t.nn.init.xavier_uniform_(t.empty(4, 6)) | t.nn.init.xavier_normal_(t.empty(4, 6), gain=2.0) | t.nn.init.kaiming_uniform_(t.empty(4, 6, 3, 3), a=0.5) | t.nn.init.kaiming_normal_(t.empty(8, 4), mode="fan_out", nonlinearity="relu")
t.nn.init.zeros_(t.empty(3)) | t.nn.init.ones_(t.empty(3)) | t.nn.init.constant_(t.empty(3), 0.3) | t.nn.init.eye_(t.empty(3, 4)) | t.nn.init.trunc_normal_(t.empty(100)) | t.nn.init.calculate_gain("relu") | t.nn.init.calculate_gain("leaky_relu", 0.2) | t.nn.init.xavier_uniform_(t.empty(3)) | t.nn.init.calculate_gain("no")
"""


@pytest.mark.parametrize("text", listed(SAME))
def test_the_same_numbers(text: str) -> None:
    for seed in (0, 1, 12345):

        def compute(t: Any, seed: int = seed) -> Any:
            t.manual_seed(seed)
            return computed(text)(t)

        agree(compute, tolerance=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "nn.Linear(5, 7)", "nn.Linear(40, 3, bias=False)", "nn.Conv2d(3, 8, 3)", "nn.Conv2d(4, 8, 3, groups=2)", "nn.Conv1d(2, 3, 5)", "nn.ConvTranspose2d(3, 4, 2)", "nn.Embedding(9, 4)",
        "nn.Embedding(9, 4, padding_idx=2)", "nn.GRU(3, 5)", "nn.GRU(3, 5, num_layers=2)", "nn.LSTM(3, 5)", "nn.GRUCell(3, 4)", "nn.LSTMCell(3, 4)", "nn.Bilinear(2, 3, 4)", "nn.BatchNorm2d(4)", "nn.LayerNorm(4)", "nn.GroupNorm(2, 4)", "nn.PReLU()",
        "nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))",
    ],
)  # fmt: skip
def test_layers_begin_with_the_same_weights(text: str) -> None:
    states = []
    for t in (pocket, torch):
        t.manual_seed(3)
        states.append(eval(text, {"nn": t.nn}).state_dict())
    assert list(states[0]) == list(states[1])
    for name, value in states[1].items():
        torch.testing.assert_close(as_torch(states[0][name]), value, rtol=1e-6, atol=1e-7)


def test_generators_and_their_states() -> None:
    for t in (pocket, torch):
        g = t.Generator()
        assert g.manual_seed(7) is g
        assert g.initial_seed() == 7
        first = t.rand(3, generator=g).tolist()
        state = g.get_state()
        second = t.rand(3, generator=g).tolist()
        g.set_state(state)
        assert t.rand(3, generator=g).tolist() == second != first
        t.manual_seed(11)
        assert t.initial_seed() == 11
        state = t.get_rng_state()
        values = t.randn(5).tolist()
        t.set_rng_state(state)
        assert t.randn(5).tolist() == values
        with t.random.fork_rng():
            t.rand(1)
        assert isinstance(t.seed(), int)
    with pytest.raises(RuntimeError, match="wrong size"):
        pocket.Generator().set_state(pocket.zeros(3, dtype=pocket.uint8))


def test_a_long_sequence_of_calls() -> None:
    """Odd and even lengths leave the generator where PyTorch's is."""
    for t in (pocket, torch):
        t.manual_seed(5)
    for length in (1, 2, 15, 16, 17, 1, 3, 33, 624, 625, 1):
        same(pocket.randn(length), torch.randn(length), tolerance=1e-5)
        same(pocket.rand(length), torch.rand(length))
        same(pocket.randperm(length), torch.randperm(length))


def test_chances() -> None:
    pocket.manual_seed(0)
    drawn = pocket.bernoulli(pocket.full((20000,), 0.3))
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert abs(float(drawn.mean()) - 0.3) < 0.015
    assert abs(float(pocket.zeros(20000).bernoulli_(0.8).mean()) - 0.8) < 0.015
    weights = pocket.tensor([1.0, 0.0, 3.0, 4.0])
    counts = pocket.bincount(pocket.multinomial(weights, 20000, replacement=True), minlength=4)
    for count, weight in zip(counts.tolist(), weights.tolist(), strict=True):
        assert abs(count / 20000 - weight / 8) < 0.015
    for row in pocket.multinomial(pocket.ones(50, 6), 6).tolist():
        assert sorted(row) == list(range(6))
    for k in range(200):  # what has no weight is never drawn
        assert 1 not in pocket.multinomial(weights, 3).tolist(), k
    kept = pocket.nn.functional.dropout(pocket.ones(20000), 0.25)
    assert abs(float(kept.mean()) - 1) < 0.02
    assert set(kept.unique().tolist()) == {0.0, float(pocket.tensor(1 / 0.75))}


def test_weights_that_cannot_be_drawn_from() -> None:
    for text in (
        "t.multinomial(t.tensor([0.0, 0.0]), 1)",
        "t.multinomial(t.tensor([1.0, -1.0]), 1)",
        "t.multinomial(t.tensor([1.0, float('nan')]), 1)",
        "t.multinomial(t.ones(2), 3)",
        "t.bernoulli(t.tensor([1.5]))",
    ):
        agree(computed(text))


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_random_in_pytorchs_range(kind: str) -> None:
    drawn = []
    for t in (pocket, torch):
        t.manual_seed(3)
        drawn.append(t.empty(200, dtype=getattr(t, kind)).random_())
    ours, theirs = drawn
    assert ours.tolist() == theirs.tolist()


BOUNDS = [-(2**k) - j for k in (63, 53, 31, 24, 0) for j in (1, 0, -1)] + [
    2**k + j for k in (1, 8, 24, 31, 53, 63) for j in (-1, 0, 1)
]


@pytest.mark.parametrize("kind", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_bounds_that_the_dtype_does_not_hold(kind: str) -> None:
    """The same errors and warnings for every pair of bounds, and without any elements as well."""
    kept = 0
    for bounds in [(end,) for end in BOUNDS] + [(low, end) for low in BOUNDS for end in BOUNDS]:
        said = []
        for t in (pocket, torch):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    t.zeros(0, dtype=getattr(t, kind)).random_(*bounds)
                    error = ""
                except RuntimeError as raised:
                    error = str(raised).splitlines()[0]
                except ValueError:
                    error = "beyond 64 bits"
            said.append([error, *(str(warning.message).partition(". This")[0].rstrip(".") for warning in caught)])
        if (
            "'from' casted" in said[1][0]
        ):  # PyTorch moves the bounds that a float rounds, and none may be left between them
            assert "Due to precision limitations" in said[0][1]
            continue
        assert said[0] == said[1], bounds
        kept += said[0] == [""]
    assert 0 < kept < len(BOUNDS) ** 2


def test_bounds_are_named_as_in_pytorch() -> None:
    for text, sentence in {
        "t.zeros(3, dtype=t.uint8).random_(0, 1000)": "to - 1 is out of bounds for unsigned char",
        "t.randint(-1, 5, (3,), dtype=t.uint8)": "from is out of bounds for unsigned char",
        "t.randint(3, (3,), dtype=t.bool)": "to - 1 is out of bounds for bool",
        "t.zeros(3, dtype=t.int32).random_(2**31 + 1)": "to - 1 is out of bounds for int",
    }.items():
        for t in (pocket, torch):
            with pytest.raises(RuntimeError) as raised:
                computed(text)(t)
            assert str(raised.value).splitlines()[0] == sentence
    with pytest.raises(TypeError):
        pocket.zeros(3).random_(0.0, 3)
    whole = pocket.zeros(200, dtype=pocket.int64).random_(-(2**63), 2**63 - 1)
    assert int(whole.min()) < -(2**62) < 2**62 < int(whole.max())


@pytest.mark.parametrize("t", [pocket, torch], ids=["pocket", "torch"])
@pytest.mark.parametrize("name", ["random_", "bernoulli_", "uniform_", "normal_"])
def test_noise_over_what_requires_grad(t: Any, name: str) -> None:
    x = t.ones(3, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"):
        getattr(x, name)()
    y = x * 2
    getattr(y, name)()
    (y.sum() + x.sum()).backward()
    assert x.grad.tolist() == [1.0] * 3
