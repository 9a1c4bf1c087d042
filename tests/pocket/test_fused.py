"""Layers run as one give what they give one by one: results, gradients, statistics, errors."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from handson import pocket
from handson.pocket import nn
from handson.pocket.nn import calls, fused, plans

NETWORKS: dict[str, tuple[Callable[[], list[nn.Module]], tuple[int, ...]]] = {
    "convnetjs": (
        lambda: [
            nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(),
            nn.MaxPool2d(3), nn.Flatten(), nn.Linear(16, 10),
        ],
        (5, 1, 6, 6),
    ),
    "digits": (
        lambda: [
            nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6),
            nn.ReLU(), nn.Flatten(), nn.Linear(6, 10),
        ],
        (6, 1, 8, 8),
    ),
    "perceptron": (lambda: [nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 3)], (11, 4)),
    "of many dimensions": (lambda: [nn.Linear(4, 9, bias=False), nn.ReLU(), nn.Linear(9, 7), nn.ReLU()], (3, 2, 4)),
    "rectified first": (lambda: [nn.ReLU(), nn.Linear(4, 5), nn.Identity(), nn.ReLU(inplace=True), nn.Linear(5, 2)], (3, 4)),
    "flattened first": (lambda: [nn.Flatten(), nn.Linear(12, 5), nn.BatchNorm1d(5), nn.Linear(5, 2)], (4, 3, 4)),
    "strides and groups": (
        lambda: [
            nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2, bias=False), nn.ReLU(),
            nn.Conv2d(6, 4, (1, 2), dilation=2), nn.BatchNorm2d(4, affine=False), nn.MaxPool2d(2, 1, ceil_mode=True),
        ],
        (2, 4, 9, 9),
    ),
    "with a stranger in the middle": (
        lambda: [nn.Linear(4, 9), nn.ReLU(), nn.Linear(9, 7), nn.Tanh(), nn.Linear(7, 3), nn.ReLU(), nn.Linear(3, 3)],
        (11, 4),
    ),
}  # fmt: skip


def outcome(layers: list[nn.Module], x: pocket.Tensor, *, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The result, all gradients and all buffers after two steps, as numbers."""
    network = nn.Sequential(*copy.deepcopy(layers))
    seen = []
    with monkeypatch.context() as patched:
        run = fused._run
        patched.setattr(fused, "_run", lambda *given: seen.append(1) or run(*given))  # type: ignore[func-returns-value]
        if not at_once:
            patched.setattr(fused, "_known", lambda layer: None)
        told: list[Any] = []
        for _ in range(2):
            given = x.detach().requires_grad_(x.requires_grad)
            result = network(given)
            if result.requires_grad:
                (result * pocket.arange(float(result.numel())).reshape(result.shape)).mean().backward()
            told += [result.tolist(), given.grad if given.grad is None else given.grad.tolist()]
        told += [p.grad if p.grad is None else p.grad.tolist() for p in network.parameters()]
        told += [b.tolist() for b in network.buffers()]
    assert bool(seen) == at_once
    return told


def close(a: Any, b: Any) -> bool:
    if isinstance(a, list):
        return len(a) == len(b) and all(close(x, y) for x, y in zip(a, b, strict=True))
    return a == b or abs(a - b) <= 1e-5 * max(1, abs(a))


@pytest.mark.parametrize("training", [True, False], ids=["training", "eval"])
@pytest.mark.parametrize("wants_input", [False, True], ids=["parameters", "input too"])
@pytest.mark.parametrize("name", NETWORKS)
def test_at_once_is_what_one_by_one_is(
    name: str, wants_input: bool, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, shape = NETWORKS[name]
    pocket.manual_seed(1)
    layers = [layer.train(training) for layer in make()]
    x = pocket.randn(shape).requires_grad_(wants_input)
    whole = outcome(layers, x, at_once=True, monkeypatch=monkeypatch)
    assert close(outcome(layers, x, at_once=False, monkeypatch=monkeypatch), whole)
    for layer in layers[:3]:  # some do not learn
        layer.requires_grad_(False)
    some = outcome(layers, x, at_once=True, monkeypatch=monkeypatch)
    assert close(outcome(layers, x, at_once=False, monkeypatch=monkeypatch), some)
    assert close(some[0], whole[0])


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_record_memory_is_used_again_and_the_result_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, shape = NETWORKS[name]
    layers = [layer.eval() for layer in make()]
    x = pocket.randn(shape)
    with pocket.no_grad():
        assert close(
            outcome(layers, x, at_once=True, monkeypatch=monkeypatch),
            outcome(layers, x, at_once=False, monkeypatch=monkeypatch),
        )


def test_pooling_before_rectifying_changes_nothing_with_equal_negative_or_no_numbers() -> None:
    layers = nn.Conv2d(1, 1, 1, bias=False), nn.ReLU(), nn.MaxPool2d(2, stride=1)
    network = nn.Sequential(*layers)
    pocket.nn.init.ones_(layers[0].weight)
    x = pocket.tensor([[[[-1.0, -2.0, 3.0, 3.0], [-3.0, 0.0, 3.0, -1.0], [pocket.nan, 1.0, -5.0, pocket.inf]]]])
    told = []
    for run in (network, lambda given: layers[2](layers[1](layers[0](given)))):
        given = x.clone().requires_grad_()
        result = run(given)
        result.nan_to_num(0).sum().backward()
        told.append((result, given.grad))
    (at_once, its_gradient), (one_by_one, gradient) = told
    assert at_once.grad_fn.name == one_by_one.grad_fn.name
    assert pocket.allclose(at_once, one_by_one, equal_nan=True)
    assert pocket.allclose(its_gradient, gradient, equal_nan=True)


def perceptron() -> nn.Sequential:
    pocket.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2), nn.ReLU())


def test_one_way_back_is_all_there_is_unless_the_graph_is_kept() -> None:
    network, x = perceptron(), pocket.randn(5, 3)
    loss = network(x).sum()
    loss.backward(retain_graph=True)
    first = network[0].weight.grad.clone()
    loss.backward()
    assert pocket.allclose(network[0].weight.grad, 2 * first)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_two_passes_do_not_share_what_they_keep() -> None:
    network = perceptron()
    x, y = pocket.randn(5, 3), pocket.randn(5, 3)
    together = network(x).sum() + network(y).sum()
    together.backward()
    both = network[0].weight.grad.clone()
    network.zero_grad()
    network(x).sum().backward()
    network(y).sum().backward()
    assert pocket.allclose(network[0].weight.grad, both, atol=1e-6)


@pytest.mark.parametrize("what", ["a weight", "the input", "the result"])
def test_what_the_way_back_needs_may_not_change_meanwhile(what: str) -> None:
    network, x = perceptron(), pocket.randn(5, 3)
    result = network(x)
    loss = result.sum()
    with pocket.no_grad():
        {"a weight": network[2].weight, "the input": x, "the result": result}[what].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_the_way_back_reads_the_weights_of_the_way_there() -> None:
    network, x = perceptron(), pocket.randn(5, 3)
    network(x).sum().backward()
    expected = network[0].weight.grad.clone()
    network.zero_grad()
    loss = network(x).sum()
    network[2].weight.data = pocket.zeros(2, 4)
    loss.backward()
    assert pocket.equal(network[0].weight.grad, expected)


def test_a_layer_with_a_hook_is_called() -> None:
    network, seen = perceptron(), []
    plain = network(pocket.ones(1, 3))
    handle = network[1].register_forward_hook(lambda layer, given, result: seen.append(result.shape))
    assert pocket.allclose(network(pocket.ones(1, 3)), plain)
    assert seen == [(1, 4)]
    handle.remove()
    network(pocket.ones(1, 3))
    assert len(seen) == 1


def test_a_class_of_ones_own_is_called() -> None:
    class Doubled(nn.Linear):
        def forward(self, input: pocket.Tensor) -> pocket.Tensor:
            return super().forward(input) * 2

    network = nn.Sequential(nn.Linear(3, 4), Doubled(4, 4), nn.Linear(4, 2))
    x = pocket.ones(1, 3)
    assert pocket.allclose(network(x), network[2](network[1](network[0](x))))


def test_a_forward_that_somebody_has_put_in_its_place_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    network = perceptron()
    monkeypatch.setattr(nn.ReLU, "forward", lambda layer, x: -x)
    x = pocket.ones(1, 3)
    assert pocket.allclose(network(x), -network[2](-network[0](x)))
    network[1].forward = lambda x: x
    assert pocket.allclose(network(x), -network[2](network[0](x)))


def test_settings_may_change_between_two_steps() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 1, 3))
    assert network(pocket.ones(1, 1, 9, 9)).shape == (1, 1, 5, 5)
    network[0].stride = 2
    assert network(pocket.ones(1, 1, 9, 9)).shape == (1, 1, 2, 2)
    network[2] = nn.Conv2d(2, 5, 1)
    assert network(pocket.ones(1, 1, 9, 9)).shape == (1, 5, 4, 4)


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ([nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 2)], (2, 3)),
        ([nn.Conv2d(1, 2, 3), nn.Conv2d(3, 2, 3)], (1, 1, 8, 8)),
        ([nn.Conv2d(1, 2, 3), nn.MaxPool2d(9)], (1, 1, 8, 8)),
        ([nn.Conv2d(1, 2, 3), nn.Flatten(3, 1)], (1, 1, 8, 8)),
        ([nn.Linear(3, 4), nn.BatchNorm2d(4), nn.ReLU()], (2, 3)),
        ([nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU()], (1, 3)),
        ([nn.Linear(3, 4), nn.Linear(4, 4)], (2, 3, 0, 5)),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else "-".join(type(layer).__name__ for layer in value),
)
def test_what_does_not_fit_is_told_by_the_layer_itself(layers: list[nn.Module], shape: tuple[int, ...]) -> None:
    x = pocket.ones(shape)

    def by_hand(value: pocket.Tensor) -> pocket.Tensor:
        for layer in copy.deepcopy(layers):
            value = layer(value)
        return value

    with pytest.raises((RuntimeError, ValueError)) as one_by_one:
        by_hand(x)
    with pytest.raises(type(one_by_one.value)) as at_once:
        nn.Sequential(*layers)(x)
    assert str(at_once.value) == str(one_by_one.value)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0, 3)])
def test_an_empty_batch_goes_through(shape: tuple[int, ...]) -> None:
    network = perceptron()
    result = network(pocket.ones(shape))
    assert result.shape == (*shape[:-1], 2)
    result.sum().backward()
    assert pocket.equal(network[0].weight.grad, pocket.zeros(4, 3))


def test_an_input_that_is_not_contiguous_or_of_another_dtype() -> None:
    network, x = perceptron(), pocket.randn(3, 5)
    assert pocket.allclose(network(x.t()), network(x.t().contiguous()))
    double = copy.deepcopy(network).double()
    assert pocket.allclose(double(x.t().double()).float(), network(x.t()), atol=1e-5)
    with pytest.raises(RuntimeError, match="dtype"):
        network(x.t().double())


def test_where_memory_is_short_it_goes_layer_by_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = perceptron(), pocket.randn(5, 3)
    expected = network(x)

    def none_left(*_: Any) -> None:
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(fused, "_run", none_left)
    assert pocket.allclose(network(x), expected)


def test_a_plan_that_nobody_keeps_lives_as_long_as_its_way_back() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 2, 2))
    x = pocket.ones(1, 1, 9, 9)
    network(x).sum().backward()
    expected = network[0].weight.grad.clone()
    network.zero_grad()
    loss = network(x).sum()
    plans.plan_of.cache_clear()
    calls.descriptor.cache_clear()
    with pocket.no_grad():
        for width in range(10, 60):  # others take the memory of what was let go
            network(pocket.ones(1, 1, 9, width))
    loss.backward()
    assert pocket.equal(network[0].weight.grad, expected)


def test_a_parameter_that_is_no_parameter_any_more() -> None:
    layer = nn.Linear(2, 2)
    del layer.weight
    layer.weight = pocket.ones(2, 2)
    x = pocket.ones(1, 2)
    assert pocket.allclose(nn.Sequential(layer, nn.ReLU(), nn.Linear(2, 2))[:2](x), layer(x).relu())
    norm = nn.BatchNorm1d(2)
    del norm.running_mean
    norm.running_mean = None
    assert nn.Sequential(nn.Linear(2, 2), norm, nn.ReLU())(pocket.randn(4, 2)).shape == (4, 2)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (lambda: nn.BatchNorm2d(2, momentum=None), (2, 2, 6, 6)),
        (lambda: nn.BatchNorm2d(2, track_running_stats=False), (2, 2, 6, 6)),
        (lambda: nn.Conv2d(2, 2, 3, padding="same"), (2, 2, 6, 6)),
        (lambda: nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), (2, 2, 6, 6)),
    ],
    ids=["momentum", "statistics", "same", "reflect"],
)
def test_what_is_not_planned_goes_by_itself(layer: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    pocket.manual_seed(3)
    one, x = layer(), pocket.randn(shape)
    whole = nn.Sequential(nn.Conv2d(2, 2, 1), one, nn.ReLU(), nn.Conv2d(2, 2, 1))
    again = copy.deepcopy(whole)
    assert pocket.allclose(whole(x), again[3](again[2](again[1](again[0](x)))), atol=1e-6)


def test_settings_that_cannot_be_kept_go_by_themselves() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d([2, 2]), nn.Conv2d(1, 1, 1))
    x = pocket.randn(1, 1, 6, 6)
    assert pocket.allclose(network(x), network[2](network[1](network[0](x))), atol=1e-6)


def test_the_same_layer_twice() -> None:
    pocket.manual_seed(0)
    layer = nn.Linear(3, 3)
    network, x = nn.Sequential(layer, nn.ReLU(), layer), pocket.randn(4, 3)
    network(x).sum().backward()
    found, layer.weight.grad = layer.weight.grad, None
    layer(layer(x).relu()).sum().backward()
    assert pocket.allclose(found, layer.weight.grad, atol=1e-6)
