"""Recording and the way back: PyTorch's rules, and memory that is given back."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
import torch

import handson.pocket as pocket
from handson.pocket import storage
from tests.pocket.agreement import agree, example

BOTH = pytest.mark.parametrize("t", [pocket, torch], ids=["pocket", "torch"])
"""The same statements on both: what is asserted of pocket is so of PyTorch."""


@BOTH
def test_gradients_add_up(t: Any) -> None:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    (3 * x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]
    x.grad = None
    (x * x * x).sum().backward()
    assert x.grad.tolist() == [3.0, 12.0]


@BOTH
def test_one_tensor_used_often(t: Any) -> None:
    x = t.tensor(2.0, requires_grad=True)
    y = x * x
    z = y * y + y * x + x
    z.backward()
    assert float(x.grad) == 4 * 8 + 3 * 4 + 1


@BOTH
def test_backward_twice(t: Any) -> None:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


@BOTH
def test_what_has_no_gradient(t: Any) -> None:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="does not require grad and does not have a grad_fn"):
        t.tensor(1.0).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(t.ones(3))
    with pytest.raises(RuntimeError):
        t.tensor([1]).requires_grad_()
    assert (x * 2).detach().requires_grad is False
    assert x.detach().data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="requires grad"):
        x.add_(1)


@BOTH
def test_recording_switched_off(t: Any) -> None:
    x = t.ones(2, requires_grad=True)
    with t.no_grad():
        y = x * 2
        assert not t.is_grad_enabled()
        with t.enable_grad():
            assert (x * 2).requires_grad
        x.mul_(3)
    assert not y.requires_grad
    assert x.tolist() == [3.0, 3.0]

    @t.no_grad()
    def double(v: Any) -> Any:
        return v * 2

    assert not double(x).requires_grad
    with t.inference_mode():
        assert not (x * 2).requires_grad
    t.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    t.set_grad_enabled(True)
    with t.set_grad_enabled(False):
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad
    with pytest.raises(ValueError, match="here"), t.no_grad():
        raise ValueError("here")
    assert t.is_grad_enabled()


@BOTH
def test_grad_of_some(t: Any) -> None:
    x, y, z = (t.tensor([v], requires_grad=True) for v in (1.0, 2.0, 3.0))
    out = (x * y).sum()
    assert [g.tolist() for g in t.autograd.grad(out, [x, y], retain_graph=True)] == [[2.0], [1.0]]
    assert x.grad is None
    with pytest.raises(RuntimeError, match="appears to not have been used in the graph"):
        t.autograd.grad(out, [z], retain_graph=True)
    assert t.autograd.grad(out, [x, z], allow_unused=True)[1] is None
    a = x * 2
    assert t.autograd.grad((a * a).sum(), a)[0].tolist() == [4.0]
    assert t.autograd.grad(x * 3, x, grad_outputs=t.tensor([2.0]))[0].tolist() == [6.0]


@BOTH
def test_hooks_and_kept_gradients(t: Any) -> None:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    handle = y.register_hook(lambda g: g * 10)
    seen: list[Any] = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (y * y).sum().backward()
    assert seen == [[180.0, 360.0]]
    assert x.grad.tolist() == [180.0, 360.0]
    assert y.grad is not None
    handle.remove()
    x.grad = None
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    with pytest.raises(RuntimeError):
        t.ones(1).register_hook(lambda g: g)


@BOTH
def test_values_that_backward_needs_may_not_change(t: Any) -> None:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    for change in (
        lambda y: y.add_(1),
        lambda y: y.__setitem__(0, 5.0),
        lambda y: y.zero_(),
        lambda y: y[:1].detach().add_(1),
        lambda y: y.copy_(t.ones(2)),
    ):
        y = x * 1
        z = y.exp() * y
        change(y)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()
    y = x * 1
    z = y + 1  # needs no values
    y.mul_(2)
    z.sum().backward()


@BOTH
def test_a_function_of_ones_own(t: Any) -> None:
    class Cube(t.autograd.Function):  # type: ignore[misc,name-defined]
        @staticmethod
        def forward(ctx: Any, x: Any, factor: float) -> Any:
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x**3 * factor

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (x,) = ctx.saved_tensors
            return g * 3 * x * x * ctx.factor, None

    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = Cube.apply(x, 2.0)
    y.sum().backward()
    assert y.tolist() == [2.0, 16.0]
    assert x.grad.tolist() == [6.0, 24.0]
    assert not Cube.apply(t.ones(2), 1.0).requires_grad


@BOTH
def test_checkpoint(t: Any) -> None:
    from importlib import import_module

    checkpoint = (
        pocket.utils.checkpoint.checkpoint if t is pocket else import_module("torch.utils.checkpoint").checkpoint
    )
    t.manual_seed(0)
    layer = t.nn.Linear(3, 3)
    results = []
    for way in (False, True):
        x = t.ones(2, 3, requires_grad=True)
        layer.zero_grad()
        y = checkpoint(lambda v: layer(v).tanh(), x, use_reentrant=False) if way else layer(x).tanh()
        y.sum().backward()
        results.append((x.grad.tolist(), layer.weight.grad.tolist()))
    assert results[0] == results[1]


@BOTH
def test_functional_call(t: Any) -> None:
    layer = t.nn.Linear(2, 1)
    w = t.tensor([[2.0, 3.0]], requires_grad=True)
    out = t.func.functional_call(layer, {"weight": w, "bias": t.zeros(1)}, (t.ones(1, 2),))
    out.sum().backward()
    assert out.tolist() == [[5.0]]
    assert w.grad.tolist() == [[1.0, 1.0]]
    assert layer.weight.grad is None


def test_gradients_of_gradients_are_refused_by_name() -> None:
    x = pocket.ones(1, requires_grad=True)
    with pytest.raises(NotImplementedError, match="gradients of gradients"):
        x.exp().sum().backward(create_graph=True)
    with pytest.raises(NotImplementedError, match="gradients of gradients"):
        pocket.autograd.grad(x.exp().sum(), x, create_graph=True)


def test_a_chain_of_20000_operations() -> None:
    x = pocket.ones(1, requires_grad=True)
    y = x
    for _ in range(20_000):
        y = y * 1.0
    y.sum().backward()
    assert float(x.grad) == 1
    del y
    long = x
    for _ in range(20_000):
        long = long + 1
    del long  # never went back: taken apart without recursion
    gc.collect()


def test_memory_is_free_after_backward() -> None:
    """Without the garbage collector: nothing recorded holds itself."""
    gc.disable()
    try:
        x = pocket.ones(1000, requires_grad=True)
        middle = (x * 2).exp()
        nodes = weakref.ref(middle._node)
        loss = middle.log().sum()
        gone = weakref.ref(middle)
        del middle
        loss.backward()
        del loss
        assert gone() is None
        assert nodes() is None
        net = pocket.nn.Sequential(
            pocket.nn.Conv2d(1, 2, 3),
            pocket.nn.BatchNorm2d(2),
            pocket.nn.ReLU(),
            pocket.nn.Flatten(),
            pocket.nn.Linear(72, 3),
        )
        loss = pocket.nn.functional.cross_entropy(net(pocket.ones(4, 1, 8, 8)), pocket.tensor([0, 1, 2, 0]))
        gone_net = weakref.ref(net)
        loss.backward()
        del net, loss
        assert gone_net() is None
    finally:
        gc.enable()


def test_what_lies_idle_is_bounded() -> None:
    for size in range(1, 400, 7):
        pocket.zeros(size, 10_000)
    assert storage._idle_bytes <= storage._MOST_IDLE
    storage.give_back()
    assert storage._idle_bytes == 0


def test_mixed_dtypes_in_one_graph() -> None:
    for text in (
        "x.double() * y.double()",
        "x * y.double()",
        "t.cat([x, y.double()])",
        "(x.double() * 2).float() + y",
        "t.stack([x, y]).double().mean()",
        "x.to(t.float64).sum() * y",
    ):

        def compute(t: Any, x: Any, y: Any, text: str = text) -> Any:
            return eval(text, {"t": t, "x": x * 1, "y": y * 1})

        agree(compute, example((3,)), example((3,), seed=1))


@BOTH
def test_leaves_and_flags(t: Any) -> None:
    x = t.ones(2, requires_grad=True)
    assert x.is_leaf
    assert x.grad_fn is None
    y = x * 2
    assert not y.is_leaf
    assert y.grad_fn is not None
    assert not y.detach_().requires_grad
    with pytest.raises(RuntimeError, match="can only change requires_grad flags of leaf variables"):
        (x * 2).requires_grad_(False)
    x.data = t.zeros(2)
    assert x.tolist() == [0.0, 0.0]
    assert x.requires_grad


@pytest.mark.parametrize("name", ["div", "pow", "atan2", "remainder", "fmod", "maximum", "minimum"])
def test_a_change_of_what_the_own_gradient_reads_is_noticed(name: str) -> None:
    b = pocket.ones(2, requires_grad=True)
    y = getattr(pocket, name)(pocket.full((2,), 3.0), b)
    with pocket.no_grad():
        b.mul_(10)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


@BOTH
def test_what_no_gradient_reads_may_change(t: Any) -> None:
    x, b = t.full((2,), 3.0, requires_grad=True), t.full((2,), 2.0, requires_grad=True)
    for y, expected in [(x * t.ones(2), 1.0), (x / t.full((2,), 2.0), 0.5), (x % 2.0, 1.0)]:
        x.grad = None
        with t.no_grad():
            x.add_(1)
        y.sum().backward()
        assert x.grad.tolist() == [expected] * 2
    y = b / t.full((2,), 4.0)
    with t.no_grad():
        b.add_(1)
    y.sum().backward()
    assert b.grad.tolist() == [0.25] * 2


INDEXED = {
    "index": lambda x, i, j: x[i],
    "gather": lambda x, i, j: x.gather(0, j),
    "scatter": lambda x, i, j: (x * 1).scatter(0, j, x * 1),
    "put": lambda x, i, j: _put(x * 1, i),
}


def _put(z: Any, i: Any) -> Any:
    z[i] = 5.0
    return z


@BOTH
@pytest.mark.parametrize("name", INDEXED)
def test_a_change_of_the_index_is_noticed(t: Any, name: str) -> None:
    x = t.arange(6.0).reshape(3, 2).requires_grad_()
    i, j = t.tensor([0, 1]), t.tensor([[0, 1]])
    y = INDEXED[name](x, i, j)
    i.add_(1)
    j.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_results_hold_no_circles() -> None:
    x = pocket.full((3,), 0.5, requires_grad=True)
    gc.collect()
    gc.disable()
    try:
        for name in [
            "relu",
            "tanh",
            "sigmoid",
            "exp",
            "sqrt",
            "norm",
            "neg",
            "sin",
            "rsqrt",
            "reciprocal",
            "tan",
            "expm1",
            "abs",
            "prod",
            "amax",
            "std",
        ]:
            result = weakref.ref(getattr(pocket, name)(x))
            assert result() is None, name
    finally:
        gc.enable()


@BOTH
def test_gradients_of_one_input_asked_for_twice(t: Any) -> None:
    x = t.tensor(3.0, requires_grad=True)
    assert [float(g) for g in t.autograd.grad(x * x, [x, x])] == [6.0, 6.0]


@BOTH
def test_modes_as_decorators_and_entered_twice(t: Any) -> None:
    def state() -> bool:
        return bool(t.is_grad_enabled())

    t.set_grad_enabled(False)
    assert not t.is_grad_enabled()
    t.set_grad_enabled(True)
    wrapped = [t.no_grad(state), t.no_grad()(state), t.inference_mode(state), t.inference_mode()(state)]
    assert [f() for f in wrapped] == [False] * 4
    assert [t.enable_grad()(state)(), t.inference_mode(False)(state)(), t.is_grad_enabled()] == [True] * 3
    assert t.set_grad_enabled(False)(state)() is False
    assert t.is_grad_enabled()
    mode = t.no_grad()
    with mode:
        with t.enable_grad():
            assert t.is_grad_enabled()
        assert not t.is_grad_enabled()
    assert t.is_grad_enabled()
    with t.set_grad_enabled(False):
        assert not t.is_grad_enabled()
    assert t.is_grad_enabled()


def test_one_mode_entered_inside_itself() -> None:
    mode = pocket.no_grad()
    with mode:
        with mode:
            pass
        assert not pocket.is_grad_enabled()
    assert pocket.is_grad_enabled()


def test_each_thread_records_by_itself() -> None:
    began, seen = threading.Event(), []

    def without() -> None:
        with pocket.no_grad():
            began.set()
            seen.append(pocket.is_grad_enabled())
            ended.wait(10)

    ended = threading.Event()
    other = threading.Thread(target=without)
    other.start()
    began.wait(10)
    assert pocket.is_grad_enabled()
    ended.set()
    other.join()
    assert seen == [False]
    assert pocket.is_grad_enabled()
