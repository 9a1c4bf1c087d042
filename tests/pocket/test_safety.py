"""What would read or write beyond a tensor's memory is refused in Python, with the shapes, before C is called."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch

import handson.pocket as pocket
from tests.pocket.agreement import listed

REFUSED = """
t.nn.BatchNorm2d(4)(t.ones(2, 8, 2, 2)) | F.batch_norm(t.ones(2, 8), None, None, weight=t.ones(3), training=True) | F.batch_norm(t.ones(2, 8), t.zeros(8).double(), t.ones(8).double(), training=True)
F.layer_norm(t.ones(2, 8), (8,), weight=t.ones(1)) | F.layer_norm(t.ones(2, 8), (8,), bias=t.ones(1)) | F.layer_norm(t.ones(2, 8), (8,), weight=t.ones(8).double()) | F.layer_norm(t.ones(2, 8).int(), (8,))
t.nn.GroupNorm(2, 2)(t.ones(2, 8)) | F.group_norm(t.ones(2, 8), -1) | F.cross_entropy(t.ones(2, 8), t.tensor([1, 2]), weight=t.ones(1)) | F.cross_entropy(t.ones(2, 8), t.ones(2, 8), weight=t.ones(1)) | F.nll_loss(t.ones(2, 8), t.tensor([1, 2]), weight=t.ones(1))
t.nn.GRUCell(4, 5)(t.ones(1, 4), t.ones(20, 5)) | t.nn.GRUCell(4, 5)(t.ones(1, 4), t.ones(1, 6)) | t.nn.LSTMCell(4, 5)(t.ones(1, 4), (t.ones(2, 5), t.ones(2, 5)))
F.scaled_dot_product_attention(t.ones(2, 3, 4), t.ones(2, 5, 3), t.ones(2, 5, 4)) | F.scaled_dot_product_attention(t.ones(4), t.ones(4), t.ones(4)) | F.scaled_dot_product_attention(t.ones(3, 4), t.ones(5, 4).double(), t.ones(5, 4)) | F.scaled_dot_product_attention(t.ones(3, 4), t.ones(5, 4), t.ones(5, 4), attn_mask=t.zeros(2, 5))
F.conv2d(X, W, dilation=-1000) | F.conv2d(X, W, dilation=0) | F.conv2d(X, W, stride=0) | F.conv2d(X, W, padding=-1) | F.conv2d(X, W, groups=0) | F.conv2d(X, t.ones(1, 1, 0, 3)) | F.conv2d(X, W.double()) | F.conv2d(X, W, t.ones(1).double())
F.conv_transpose2d(X, W, stride=0) | F.conv_transpose2d(X, W.double()) | F.conv_transpose2d(X, W, padding=-1) | F.conv_transpose2d(X, W, output_padding=3) | F.conv_transpose2d(X, W, padding=20) | F.conv_transpose2d(X, W, bias=t.ones(3)) | F.conv_transpose2d(t.ones(1, 3, 8, 8), t.ones(3, 1, 3, 3), groups=2)
F.max_pool2d(X, 3, padding=-1) | F.max_pool2d(X, 3, dilation=-1) | F.max_pool2d(X, 0, 1) | F.avg_pool2d(X, 0, 1) | F.avg_pool2d(X, 2, padding=-1) | F.avg_pool2d(X, 2, divisor_override=0) | F.max_pool2d(X, 2, stride=0) | F.adaptive_avg_pool2d(X, -1) | F.adaptive_avg_pool2d(t.ones(1, 1, 0, 3), 2)
F.grid_sample(t.ones(1, 1, 0, 0), t.zeros(1, 2, 2, 2), align_corners=False) | F.local_response_norm(t.ones(2, 2), 2) | F.local_response_norm(X, 0) | F.embedding(t.tensor([1]), t.ones(3))
t.bincount(t.tensor([1, 2, 3]), weights=t.ones(1)) | t.empty(5).bernoulli_(t.tensor([0.5, 0.5])) | t.frombuffer(bytearray(16), dtype=t.uint8, offset=-8, count=4) | t.frombuffer(bytearray(16), dtype=t.uint8, offset=16)
setattr(t.ones(3), "grad", t.zeros(1)) | setattr(t.ones(3), "grad", t.zeros(3).double()) | setattr(t.ones(3), "grad", 3) | t.ones(2, requires_grad=True).mul(1).backward(t.ones(1))
"""


@pytest.mark.parametrize("text", listed(REFUSED))
@pytest.mark.filterwarnings("ignore")
def test_refused_as_pytorch_refuses_it(text: str) -> None:
    errors = []
    for t in (pocket, torch):
        names = {"t": t, "F": t.nn.functional, "X": t.ones(1, 1, 8, 8), "W": t.ones(1, 1, 3, 3)}
        with pytest.raises((RuntimeError, ValueError, TypeError, NotImplementedError)) as raised:
            eval(text, names)
        errors.append(raised.value)
    ours, theirs = errors
    assert isinstance(ours, type(theirs)) or isinstance(theirs, NotImplementedError), f"{ours!r}, PyTorch: {theirs!r}"
    first = str(theirs).partition("\n")[0]
    if "dimension 0" in first or "batch2" in first or "kT" in first:  # PyTorch's own way to the same end
        return
    missing = [n for n in re.findall(r"\d+", first) if n not in re.findall(r"\d+", str(ours))]
    assert not missing, f"{ours}\nPyTorch: {theirs}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("t.nn.BatchNorm2d(4)(t.ones(2, 8, 2, 2))", "running_mean should contain 8 elements not 4"),
        (
            "F.conv_transpose2d(t.ones(1, 1, 8, 8), t.ones(1, 1, 3, 3), stride=0)",
            "non-positive stride is not supported",
        ),
        ("F.avg_pool2d(t.ones(1, 1, 8, 8), 0, 1)", "kernel size should be greater than zero, but got kH: 0 kW: 0"),
        ("t.nn.GRUCell(4, 5)(t.ones(1, 4), t.ones(9, 5))", "Input batch size 1 doesn't match hidden0 batch size 9"),
    ],
)
def test_in_pytorchs_words(text: str, sentence: str) -> None:
    for t in (pocket, torch):
        with pytest.raises(RuntimeError, match=re.escape(sentence)):
            eval(text, {"t": t, "F": t.nn.functional})


def test_values_of_another_length_than_the_keys() -> None:
    """(PyTorch computes something of them.)"""
    q, k, v = pocket.ones(2, 3, 4), pocket.ones(2, 5, 4), pocket.ones(2, 6, 4)
    with pytest.raises(RuntimeError, match=r"\[2, 5, 4\], \[2, 6, 4\]"):
        pocket.nn.functional.scaled_dot_product_attention(q, k, v)


def test_a_mask_of_one_row_is_spread() -> None:
    results = []
    for t in (pocket, torch):
        q, k, v = (t.arange(n).reshape(-1, 4) / 10 for n in (12, 20, 20))
        mask = t.tensor([[0.0, 1.0, -1.0, 0.5, 2.0]])
        results.append(t.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask).tolist())
    for ours, theirs in zip(*results, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_running_statistics_with_gaps_in_memory() -> None:
    results = []
    for t in (pocket, torch):
        mean, var = t.zeros(3, 2)[:, 0], t.ones(3, 2)[:, 1]
        t.nn.functional.batch_norm(t.arange(12.0).reshape(4, 3), mean, var, training=True)
        results.append(mean.tolist() + var.tolist())
    assert results[0] == pytest.approx(results[1])


def test_more_dimensions_than_c_counts() -> None:
    many = pocket.ones((2,) * 20)
    apart = [*range(0, 20, 2), *range(1, 20, 2)]
    with pytest.raises(RuntimeError, match="16 dimensions at once"):
        many.permute(apart[::-1]).contiguous()
    with pytest.raises(RuntimeError, match="16 dimensions at once"):
        pocket.ones((2, 1) * 18).permute(*range(35, -1, -1)).contiguous()
    assert many.sum(tuple(range(0, 20, 2))).tolist() == pocket.full((2,) * 10, 1024.0).tolist()
    assert float(many.sum()) == 2**20


BOTH = pytest.mark.parametrize("t", [pocket, torch], ids=["pocket", "torch"])


def gradient_of(t: Any, returned: Any, *, by_hook: bool) -> Any:
    """The gradient of (2, 3) ones through a hook or an operation of one's own that returns this."""

    class Own(t.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:  # noqa: ARG004
            return x * 2

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:  # noqa: ARG004
            return returned

    x = t.ones(2, 3, requires_grad=True)
    y = x * 1
    if by_hook:
        y.register_hook(lambda _: returned)
        y.sum().backward()
    else:
        Own.apply(y).sum().backward()
    return x.grad


@BOTH
def test_own_backwards_are_held_to_the_shape(t: Any) -> None:
    refused = [
        (t.ones(1), "invalid gradient at index 0 - got [1] but expected shape compatible with [2, 3]"),
        ((t.ones(2, 3), t.ones(1)), "incorrect number of gradients (expected 1, got 2)"),
        ((), "incorrect number of gradients (expected 1, got 0)"),
        (3, "expected Variable or None (got int)"),
    ]
    for returned, sentence in refused:
        with pytest.raises(RuntimeError, match=re.escape(sentence)):
            gradient_of(t, returned, by_hook=False)
    assert gradient_of(t, t.ones(4, 2, 3), by_hook=False).tolist() == [[4.0] * 3] * 2
    assert gradient_of(t, t.ones(2, 3).double(), by_hook=False).dtype is t.float32
    assert gradient_of(t, (t.ones(2, 3), None), by_hook=False).tolist() == [[1.0] * 3] * 2


@BOTH
def test_hooks_are_held_to_the_shape(t: Any) -> None:
    for returned, sentence in [
        (t.ones(1), "has changed the size of value"), (t.ones(2, 3).double(), "has changed the type of value"),
    ]:  # fmt: skip
        with pytest.raises(RuntimeError, match=sentence):
            gradient_of(t, returned, by_hook=True)
    with pytest.raises(TypeError, match="hook returned 'int'"):
        gradient_of(t, 3, by_hook=True)


def test_a_step_with_what_belongs_to_another_parameter() -> None:
    small, large = pocket.nn.Linear(2, 2), pocket.nn.Linear(200, 200)
    optimizers = [pocket.optim.Adam(network.parameters()) for network in (small, large)]
    for network, optimizer, size in zip((small, large), optimizers, (2, 200), strict=True):
        network(pocket.ones(1, size)).sum().backward()
        if network is small:
            optimizer.step()
    optimizers[1].load_state_dict(optimizers[0].state_dict())
    with pytest.raises(RuntimeError, match=r"exp_avg of shape \[2, 2\].* parameter of shape \[200, 200\]"):
        optimizers[1].step()
    p = pocket.ones(3, requires_grad=True)
    p.sum().backward()
    p.data = pocket.ones(300)
    with pytest.raises(RuntimeError, match=r"grad of shape \[3\].* parameter of shape \[300\]"):
        pocket.optim.SGD([p], lr=0.1).step()


def test_data_replaced_between_forward_and_backward() -> None:
    p = pocket.ones(3, requires_grad=True)
    y = (p * 2).sum()
    p.data = pocket.ones(1)
    with pytest.raises(RuntimeError, match=r"shape \[3\] has reached a tensor of shape \[1\]"):
        y.backward()


def test_huge_windows() -> None:
    functional, x = pocket.nn.functional, pocket.ones(1, 1, 8, 8)
    one, nine = pocket.ones(1, 1, 1, 1, requires_grad=True), pocket.ones(1, 1, 3, 3, requires_grad=True)
    out = functional.conv2d(x, one, stride=2**62)
    out.sum().backward()
    assert out.tolist() == [[[[1.0]]]]
    assert one.grad is not None
    assert one.grad.tolist() == [[[[1.0]]]]
    for padding, sentence in [(2**30, "not enough memory"), (2**31 - 1, "not enough memory"), (2**40, "too large")]:
        with pytest.raises(RuntimeError, match=sentence):
            functional.conv2d(x, nine, stride=min(padding, 2**31), padding=padding)
    with pytest.raises(RuntimeError, match="too large"):
        functional.max_pool2d(x, 2**40, 1, 2**39)


def test_a_state_that_points_beyond_its_words() -> None:
    state = pocket.get_rng_state()
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        pocket.set_rng_state(pocket.full_like(state, 255))
    pocket.set_rng_state(state)


WITH_DOUBLES = """
y * d | d * y | y - d | y / d | d / (y + 3) | t.where(y > 0, y, d) | t.maximum(y, d) | y.abs() ** d | t.cat([y, d]) | t.lerp(y, d.float(), 0.5)
F.mse_loss(y, d) | F.l1_loss(y, d) | F.smooth_l1_loss(y, d) | F.binary_cross_entropy_with_logits(y, d) | F.kl_div(y, d.abs(), reduction="sum")
t.atan2(y, d) | y.clamp(min=d) | y.double() | y.sum(dtype=t.float64) | y.mean(dtype=t.float64) | y.softmax(1, dtype=t.float64) | y.cumsum(1, dtype=t.float64)
"""


@pytest.mark.parametrize("text", listed(WITH_DOUBLES))
def test_a_gradient_comes_in_the_dtype_of_the_result(text: str) -> None:
    """A float64 target, as NumPy makes it, after a network of float32."""
    torch.manual_seed(0)
    weights, given, target = torch.randn(6, 6), torch.randn(3, 6), torch.randn(3, 6).double() * 0.5
    found = []
    for t in (torch, pocket):
        w, x = (t.tensor(v.tolist(), requires_grad=True) for v in (weights, given))
        seen: list[Any] = []
        y = x @ w
        y.register_hook(lambda g, seen=seen: seen.append(g.dtype))
        value = eval(text, {"t": t, "F": t.nn.functional, "y": y, "d": t.tensor(target.tolist(), dtype=t.float64)})
        value.sum().backward()
        assert seen == [t.float32]
        found.append((w.grad.tolist(), x.grad.tolist()))
    for theirs, ours in zip(*found, strict=True):
        torch.testing.assert_close(torch.tensor(ours), torch.tensor(theirs), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["fused", "convolution", "batch norm", "pooling"])
def test_a_result_that_was_replaced_before_its_gradient_came(kind: str) -> None:
    layers = {
        "fused": [pocket.nn.Conv2d(1, 2, 3), pocket.nn.ReLU(), pocket.nn.Conv2d(2, 2, 3)],
        "convolution": [pocket.nn.Conv2d(1, 2, 3)],
        "batch norm": [pocket.nn.BatchNorm2d(1)],
        "pooling": [pocket.nn.MaxPool2d(2)],
    }
    y = pocket.nn.Sequential(*layers[kind])(pocket.ones(4, 1, 8, 8).requires_grad_())
    y.data = y.data[:2]
    with pytest.raises(RuntimeError, match=r"was replaced after the forward pass"):
        y.sum().backward()


@pytest.mark.parametrize(("name", "value"), [("shape", (4, 1)), ("dtype", pocket.float64)])
def test_what_describes_the_memory_cannot_be_assigned(name: str, value: Any) -> None:
    x = pocket.zeros(4)
    with pytest.raises(AttributeError, match=name):
        setattr(x, name, value)
    assert x.shape == (4,)
    assert x.dtype is pocket.float32


def test_threads_may_go_back_through_one_graph() -> None:
    network = pocket.nn.Sequential(pocket.nn.Linear(64, 64), pocket.nn.ReLU(), pocket.nn.Linear(64, 1))
    x = pocket.ones(32, 64).requires_grad_()
    y = network(x).sum()
    expected = pocket.autograd.grad(y, x, retain_graph=True)[0]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: pocket.autograd.grad(y, x, retain_graph=True)[0], range(40)))
    assert all(pocket.equal(one, expected) for one in found)
