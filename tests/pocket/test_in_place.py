"""Changes in place: a gradient that would be lost is refused, overlapping memory too, and where PyTorch takes it the
result is PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import handson.pocket as pocket
from tests.pocket.agreement import listed, same

BOTH = pytest.mark.parametrize("t", [pocket, torch], ids=["pocket", "torch"])


def outcome(t: Any, text: str) -> Any:
    """What a function of a library gives, or the error that it raises."""
    names = {"t": t, "n": t.nn, "F": t.nn.functional}
    try:
        *statements, last = text.split("; ")
        for statement in statements:
            exec(statement, names)
        return eval(last, names) if not last.startswith("del ") else exec(last, names)
    except Exception as error:
        return error


LOST = """
out[0].copy_(W) | out[0].add_(W) | out[0].mul_(W) | out[0].sub_(W, alpha=2) | out[0].div_(W) | out[0].scatter_(0, t.tensor([0, 1]), W) | out[0].scatter_add_(0, t.tensor([0, 1]), W) | out[0].index_add_(0, t.tensor([0, 1]), W)
out[0].lerp_(W, 0.5) | out[0].fill_(W[0]) | out[0].masked_fill_(t.tensor([True, False]), W[0]) | out[0].pow_(W) | out[0].addcmul_(W, W) | out[0].clamp_(min=W) | out[0].__setitem__(0, W[0]) | out.view(-1)[:2].copy_(W) | out.T.copy_(W.view(2, 1)) | out.view(6).add_(W[0]) | out.unbind()[0].copy_(W)
out.chunk(3)[0].copy_(W) | out.squeeze().add_(W) | out.unsqueeze(0).add_(W) | out.permute(1, 0).add_(W[0]) | out.diagonal().add_(W) | out.narrow(0, 0, 1).add_(W) | out[None].add_(W)
"""


@pytest.mark.parametrize("text", listed(LOST))
def test_a_gradient_that_would_be_lost_is_refused(text: str) -> None:
    """(PyTorch records it, by the view's base, so that `out` gets a gradient.)"""
    t = pocket
    w, out = t.ones(2, requires_grad=True), t.ones(3, 2)
    names = {"t": t, "W": w, "out": out}
    with pytest.raises(RuntimeError, match="cannot record a change in place of a view"):
        eval(text, names)
    assert out.tolist() == [[1.0, 1.0]] * 3
    with t.no_grad():
        eval(text, names)
    eval(text, {**names, "W": w.detach()})
    assert not out.requires_grad


RECORDED = """
w = t.ones(2, requires_grad=True); out = t.zeros(3, 2); [out.__setitem__(k, w * k) for k in range(3)]; (out.sum() + (w * w).sum()).backward(); w.grad
w = t.ones(2, requires_grad=True); out = t.zeros(3, 2); [out.__setitem__(k, out[k] + w * k) for k in range(3)]; (out.sum() + (w * w).sum()).backward(); w.grad
w = t.ones(2, requires_grad=True); out = t.zeros(6).reshape(3, 2); out[1] = w * 3; (out * out).sum().backward(); w.grad
w = t.ones(2, requires_grad=True); out = t.zeros(6).view(3, 2)[1:]; out.add_(w); out.mul_(w); out.sum().backward(); w.grad
w = t.ones(2, requires_grad=True); out = (w * 3).view(1, 2); out.mul_(w); out.sum().backward(); w.grad
w = t.ones(2, requires_grad=True); out = t.zeros(3, 2); out.copy_(w); out.sum().backward(); w.grad
w = t.ones(2, requires_grad=True); out = t.zeros(3, 2); d = out[0].detach(); d.copy_(w); (d.sum() * 2).backward(); (w.grad, out)
w = t.ones(3, requires_grad=True); y = w.detach(); y.copy_(w); (y * 2).sum().backward(); w.grad
w = t.ones(3, requires_grad=True); y = t.zeros(3, dtype=t.int64); y.copy_(w)
w = t.ones(3, 3, requires_grad=True); y = w * 2; y.copy_(y); y.sum().backward(); w.grad
w = t.ones(3, 3, requires_grad=True); y = w * 2; y.copy_(y.view(3, 3)); y.sum().backward(); w.grad
w = t.ones(3, 3, requires_grad=True); y = w * 2; y.copy_(y[:, 0:1]); y.sum().backward(); w.grad
w = t.ones(3, 3, requires_grad=True); y = w * 2; y.copy_(y.detach()); y.sum().backward(); w.grad
w = t.tensor(2.0, requires_grad=True); y = t.zeros(3); y.fill_(w); ((y * y).sum() + w).backward(); w.grad
w = t.tensor(2.0, requires_grad=True); v = t.ones(3, requires_grad=True); y = v * 2; y.fill_(w * w); (y.sum() + v.sum()).backward(); (w.grad, v.grad)
"""


@pytest.mark.parametrize("text", RECORDED.strip().splitlines())
def test_what_is_recorded_has_pytorchs_gradient(text: str) -> None:
    ours, theirs = outcome(pocket, text), outcome(torch, text)
    assert not isinstance(theirs, Exception), theirs
    assert not isinstance(ours, Exception), ours
    same(ours, theirs)


REFUSED = """
x = t.arange(2000.0); x[1:].add_(x[:-1]) | x = t.arange(6.0); x[1:].copy_(x[:-1]) | x = t.arange(6.0); x.sub_(x[0]) | x = t.arange(6.0); x.div_(x[-1:]) | x = t.arange(6); x[1:].copy_(x[:-1])
x = t.arange(9.0).reshape(3, 3); x.__iadd__(x.T) | x = t.arange(9.0).reshape(3, 3); x.mul_(x[1]) | x = t.arange(9.0).reshape(3, 3); x.lerp_(x.T, 0.5) | x = t.arange(9.0).reshape(3, 3); x.clamp_(min=x.T) | x = t.arange(9.0).reshape(3, 3); x.add_(x.T, alpha=2) | x = t.arange(9.0).reshape(3, 3); x.pow_(x.T)
x = t.arange(9.0).reshape(3, 3); x.scatter_(0, t.zeros(3, 3).long(), x.T) | x = t.arange(9.0).reshape(3, 3); x.scatter_add_(0, t.zeros(3, 3).long(), x) | x = t.arange(9.0).reshape(3, 3); x.index_add_(0, t.tensor([0, 1, 2]), x.T)
y = t.ones(3, 3, requires_grad=True) * 2; y.copy_(y.t()) | y = t.ones(3, 3, requires_grad=True) * 2; y.copy_(y[0]) | y = t.ones(3, 3, requires_grad=True) * 2; y.add_(y.t())
x = t.zeros(1).expand(3); x.add_(1) | x = t.zeros(1).expand(3); x.copy_(t.ones(3)) | x = t.zeros(1).expand(3); x.exp_() | x = t.zeros(1).expand(3); x.lerp_(t.ones(3), 0.5) | x = t.zeros(2, 1).expand(2, 3); x.clamp_(1)
x = t.zeros(1).expand(3); x.scatter_(0, t.tensor([0, 1]), t.ones(2)) | x = t.zeros(1).expand(3); x.scatter_add_(0, t.tensor([0, 1]), t.ones(2)) | x = t.zeros(1).expand(3); x.index_add_(0, t.tensor([0, 1]), t.ones(2)) | x = t.zeros(1).expand(3); x.__setitem__(slice(None), t.ones(3))
"""


@pytest.mark.parametrize("text", listed(REFUSED))
def test_overlapping_memory_is_refused_in_pytorchs_words(text: str) -> None:
    ours, theirs = outcome(pocket, text), outcome(torch, text)
    assert isinstance(theirs, RuntimeError), theirs
    assert isinstance(ours, RuntimeError), ours
    assert str(ours) == str(theirs)


TAKEN = """
x = t.arange(6.0); x[:3].add_(x[3:]); x | x = t.arange(6.0); x[::2].mul_(x[1::2]); x | x = t.arange(6.0); x.add_(x) | x = t.arange(6.0); x.add_(x.view(6)) | x = t.arange(6.0); x[:].add_(x); x | x = t.arange(6.0); x[::2].add_(x[::2]); x
x = t.arange(9.0).reshape(3, 3); x[1:].mul_(x[0]); x | x = t.arange(9.0).reshape(3, 3); x[:, 0].copy_(x[:, 1]); x | x = t.zeros(3, 1).expand(3, 1); x.add_(1) | x = t.zeros(0).expand(3, 0); x.add_(1) | x = t.zeros(1).expand(3); x.fill_(1) | x = t.zeros(1).expand(3); x.zero_() | x = t.zeros(1).expand(3); x[0] = 1; x
x = t.arange(3.0); x.pow_(x) | x = t.arange(6.0).reshape(2, 3); x.copy_(x.view(2, 3))
y = t.zeros(3); y.fill_(t.ones(1)) | y = t.zeros(3); y.fill_(t.ones(2)) | y = t.zeros(3); y.fill_(t.tensor(2.5)) | y = t.zeros(3); y.scatter_(0, t.tensor([0, 1], dtype=t.int32), t.ones(2)) | y = t.zeros(3); y.scatter_add_(0, t.tensor([1, 1], dtype=t.int32), t.ones(2)) | y = t.zeros(3); y.scatter_add_(0, t.tensor([1, 1], dtype=t.uint8), t.ones(2))
y = t.zeros(3); y.index_add_(0, t.tensor(1), t.ones(1)) | y = t.zeros(3); y.index_add_(0, t.tensor(1), t.ones(())) | y = t.zeros(()); y.index_add_(0, t.tensor(0), t.ones(())) | y = t.zeros(()); y.index_add_(0, t.tensor([0]), t.ones(())) | y = t.zeros(3, 2); y.index_add_(0, t.tensor(1), t.ones(1, 2))
y = t.zeros(3, 2); y.index_add_(0, t.tensor(1), t.ones(2)) | y = t.zeros(3, 2); y.index_add_(0, t.tensor([[1]]), t.ones(1, 2)) | y = t.zeros(3, 2); y.index_add_(0, t.tensor([1.0]), t.ones(1, 2))
y = t.zeros(3); y.scatter_(0, t.tensor([0, 1])) | y = t.zeros(3); y.scatter(0, t.tensor([0, 1])) | y = t.zeros(3); y.scatter_(0, t.tensor([0, 1]), value=2) | y = t.zeros(3); y.scatter_(0, t.tensor([0, 1]), value=t.tensor(2.0))
F.gelu(t.ones(2), approximate="foo") | t.nn.GELU(approximate="foo")(t.ones(2)) | F.gelu(t.ones(2), approximate="tanh")
"""


@pytest.mark.parametrize("text", listed(TAKEN))
def test_the_same_result_or_the_same_error(text: str) -> None:
    ours, theirs = outcome(pocket, text), outcome(torch, text)
    if not isinstance(theirs, Exception):
        assert not isinstance(ours, Exception), ours
        same(ours, theirs)
        return
    assert isinstance(ours, type(theirs)), ours
    assert isinstance(theirs, TypeError) or str(ours) == str(theirs)


@pytest.mark.parametrize("text", ["x[:, 1:].add_(x[:, :-1])", "x.sub_(x[:, 0:1])", "x[:, 1:].copy_(x[:, :-1])"])
def test_overlap_that_pytorch_does_not_see_reads_what_was(text: str) -> None:
    """PyTorch reads what it has just written; here the numbers are those of a clone."""
    results = []
    for written in (text, text.replace("(x", "(before")):
        x = pocket.arange(12.0).reshape(3, 4)
        eval(written, {"x": x, "before": x.clone()})
        results.append(x.tolist())
    assert results[0] == results[1]


@BOTH
def test_ways_out_of_the_record_go_on(t: Any) -> None:
    layer, w = t.nn.Linear(3, 2), t.ones(3, requires_grad=True)
    layer.weight.data[0].copy_(w.detach())
    layer.weight.data[1] = w.detach()
    layer.weight.data.copy_(t.ones(2, 3))
    with t.no_grad():
        layer.weight[0].copy_(w * 2)
        layer.weight[:, 1].mul_(w[0])
        layer.bias.view(1, 2).copy_(t.zeros(1, 2))
    t.nn.init.constant_(layer.bias[:1].detach(), 4.0)
    assert layer.weight.tolist() == [[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]
    assert layer.bias.tolist() == [4.0, 0.0]
    layer.load_state_dict({"weight": t.arange(12.0).reshape(3, 4)[1:, :3], "bias": t.ones(1).expand(2)})
    assert layer.weight.tolist() == [[4.0, 5.0, 6.0], [8.0, 9.0, 10.0]]
    optimizer = t.optim.SGD(layer.parameters(), lr=1.0, momentum=0.9)
    layer(w).sum().backward()
    optimizer.step()
    assert layer.bias.tolist() == [0.0, 0.0]


CONTAINERS = """
s = n.Sequential(n.ReLU()); s.__setitem__(0, 3) | s = n.ModuleList([n.ReLU()]); s.__setitem__(0, 3) | s = n.ModuleList([n.ReLU()]); s.__setitem__(1, n.ReLU()) | s = n.Sequential(n.ReLU()); s.__setitem__(0, None); s | s = n.Sequential(n.ReLU()); s.append(3) | n.Sequential(3)
s = n.Sequential(n.ReLU()); s.insert(5, n.Tanh()) | s = n.Sequential(n.ReLU()); s.insert(-2, n.Tanh()) | s = n.Sequential(n.ReLU()); s.insert(-1, n.Tanh()) | s = n.Sequential(n.ReLU()); s.insert(1, n.Tanh()) | s = n.Sequential(n.ReLU()); s.insert(5, 3)
s = n.Sequential(n.ReLU(), n.Tanh()); (s.pop(0), s) | s = n.Sequential(n.ReLU(), n.Tanh()); (s.pop(-1), s) | s = n.Sequential(n.ReLU(), n.Tanh()); s.pop(7) | s = n.Sequential(n.ReLU(), n.Tanh()); del s[0]; s | s = n.Sequential(n.ReLU(), n.Tanh()); del s[5]; s | s = n.Sequential(n.ReLU(), n.Tanh()); del s[:1]; s
s = n.Sequential(n.ReLU()); s += n.Sequential(n.Tanh()); s | n.Sequential(n.ReLU()) + n.Sequential(n.Tanh()) | n.Sequential(n.ReLU()) + [n.Tanh()] | s = n.Sequential(n.ReLU()); s.extend([3])
s = n.ModuleList([n.ReLU(), n.Tanh()]); s.insert(1, n.SiLU()); s | s = n.ModuleList([n.ReLU()]); s.insert(9, n.SiLU()); s | s = n.ModuleList([n.ReLU(), n.Tanh(), n.SiLU()]); del s[0]; s | s = n.ModuleList([n.ReLU(), n.Tanh(), n.SiLU()]); del s[-1]; s | s = n.ModuleList([n.ReLU(), n.Tanh(), n.SiLU()]); del s[1:]; s | s = n.ModuleList([n.ReLU()]); del s[5]
s = n.ModuleList([n.ReLU()]); s += [n.Tanh()]; s | n.ModuleList([n.ReLU()]) + [n.Tanh()] | s = n.ModuleList([n.ReLU()]); s.extend(3) | s = n.ModuleList([n.ReLU()]); s.extend([3]) | s = n.ModuleList([n.ReLU(), n.Tanh()]); (s.pop(0), s)
s = n.ParameterList([t.ones(1)]); s.extend([t.ones(2)]); list(s) | s = n.ParameterList([t.ones(1)]); s += [t.ones(2)]; list(s) | s = n.ParameterList([t.ones(1)]); s.extend(3) | s = n.ParameterList([t.ones(1)]); s.extend(t.ones(2))
s = n.ModuleDict({"a": n.ReLU(), "b": n.Tanh()}); del s["a"]; s | s = n.ModuleDict({"a": n.ReLU()}); del s["x"] | n.ModuleDict([("a", n.ReLU()), ["b", n.Tanh()]]) | n.ModuleDict([("a", n.ReLU(), 1)]) | n.ModuleDict(["a"]) | n.ModuleDict(3) | n.ModuleDict({"a": 3})
s = n.ModuleDict({"a": n.ReLU()}); (s.pop("a"), s) | s = n.ModuleDict({"a": n.ReLU()}); s.update(n.ModuleDict({"b": n.Tanh()})); s
"""


@pytest.mark.parametrize("text", listed(CONTAINERS))
def test_containers_hold_the_same(text: str) -> None:
    ours, theirs = outcome(pocket, text), outcome(torch, text)
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), ours
        assert str(ours).partition("<class")[0] == str(theirs).partition("<class")[0]
    else:
        assert repr(ours) == repr(theirs)
