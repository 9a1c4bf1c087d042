"""A batch that is shared out to other processes gives what one process gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import handson.pocket as torch
from handson.pocket import nn, parallel, replica
from handson.pocket.nn import functional as F


@pytest.fixture(scope="module")
def processes() -> Iterator[list[replica.Process]]:
    started = [replica.Process(), replica.Process()]
    yield started
    for process in started:
        process.close()


@pytest.fixture
def shared_out(processes: list[replica.Process], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(parallel._Watch, "TRIED", 10**9)  # always
    parallel.use(list(processes))
    yield
    parallel.stop()


def network() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 5))


def losses(steps: int = 12) -> tuple[list[float], torch.Tensor]:
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    dice = torch.Generator().manual_seed(1)
    found = []
    for _ in range(steps):
        images = torch.randn(65, 1, 8, 8, generator=dice)
        labels = torch.randint(0, 5, (65,), generator=dice)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    return found, model[0].weight.detach()


@pytest.mark.usefixtures("shared_out")
def test_the_losses_are_those_of_one_process() -> None:
    shared, weight = losses()
    parallel.stop()
    alone, weight_alone = losses()
    assert shared == pytest.approx(alone, rel=1e-4)
    assert torch.allclose(weight, weight_alone, atol=1e-4)


@pytest.mark.usefixtures("shared_out")
def test_the_work_is_really_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []
    inner = nn.Flatten.forward
    monkeypatch.setattr(nn.Flatten, "forward", lambda self, x: (rows.append(x.shape[0]), inner(self, x))[1])
    model = network()
    assert model(torch.randn(65, 1, 8, 8)).shape == (65, 5)
    assert rows == [23], "of 65 rows, two workers take 21 each"


@pytest.mark.usefixtures("shared_out")
def test_gradients_of_the_batch_come_back() -> None:
    model, images = network(), torch.randn(40, 1, 8, 8).requires_grad_()
    model(images).square().sum().backward()
    shared = images.grad
    parallel.stop()
    again = images.detach().requires_grad_()
    model(again).square().sum().backward()
    assert torch.allclose(shared, again.grad, atol=1e-5)


def rows_here(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each linear layer gets in this process."""
    rows: list[int] = []
    inner = nn.Linear.forward
    monkeypatch.setattr(nn.Linear, "forward", lambda self, x: (rows.append(x.shape[0]), inner(self, x))[1])
    return rows


def small() -> nn.Sequential:
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3))


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x) * 2


@pytest.mark.usefixtures("shared_out")
def test_what_a_worker_cannot_do_right_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, batch = rows_here(monkeypatch), torch.randn(64, 4)
    Own()(batch)
    assert rows.pop() == 64, "a class of the lesson, and what it calls"
    nn.Sequential(nn.Linear(4, 3))(torch.randn(8, 4))
    assert rows.pop() == 8, "a small batch"
    with torch.no_grad():
        small()(batch)
    assert rows == [64, 64], "nothing to learn"
    nn.Sequential(nn.Linear(4, 3), nn.Flatten(0))(batch)
    assert rows.pop() == 64, "a layer that does not treat rows by themselves"
    hooked = nn.Sequential(nn.Linear(4, 3))
    hooked[0].register_forward_hook(lambda *_: None)
    hooked(batch)
    assert rows.pop() == 64, "a hook"
    assert nn.GRU(4, 3)(torch.randn(40, 2, 4))[0].shape == (40, 2, 3)
    nn.Sequential(nn.Linear(4, 3))(batch)
    assert rows.pop() == 22


@pytest.mark.usefixtures("shared_out")
def test_what_is_frozen_and_what_does_not_train_is_so_over_there() -> None:
    model, batch = small(), torch.randn(66, 4)

    def gradients() -> list[list[float] | None]:
        model.zero_grad()
        model(batch).square().sum().backward()
        return [None if p.grad is None else p.grad.flatten().tolist() for p in model.parameters()]

    model[1].eval()
    gradients()
    model[0].requires_grad_(False)
    shared, shared_out = gradients(), model(batch)
    parallel.stop()
    alone = gradients()
    assert [g is None for g in shared] == [g is None for g in alone] == [True, True, *[False] * 4]
    for a, b in zip(shared[2:], alone[2:], strict=True):
        assert a == pytest.approx(b, rel=1e-3, abs=1e-4)
    assert torch.allclose(shared_out, model(batch), atol=1e-5)


@pytest.mark.usefixtures("shared_out")
def test_backward_may_come_late_and_twice() -> None:
    model = nn.Sequential(nn.Linear(4, 3))
    outs = [model(torch.randn(40, 4)) for _ in range(parallel.MOST_OPEN + 4)]
    sum(out.sum() for out in outs).backward()
    shared = model[0].bias.grad.clone()
    assert shared.tolist() == [40.0 * len(outs)] * 3
    out = model(torch.randn(40, 4)).sum()
    out.backward(retain_graph=True)
    out.backward()
    assert model[0].bias.grad.tolist() == [40.0 * (len(outs) + 2)] * 3


@pytest.mark.usefixtures("shared_out")
def test_an_error_over_there_is_told_here_and_leaves_the_workers_in_order() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        nn.Sequential(nn.Linear(4, 3))(torch.randn(64, 5))
    model, batch = nn.Sequential(nn.Linear(4, 3)), torch.randn(64, 4)
    out = model(batch)
    broken = model(batch).sum()
    broken.register_hook(lambda gradient: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        broken.backward()
    assert torch.allclose(model(batch), out)


def test_a_worker_that_ends_is_done_without() -> None:
    process = replica.Process()
    parallel.use([process])
    model, batch = nn.Sequential(nn.Linear(4, 3)), torch.randn(64, 4)
    out = model(batch)
    process._process.kill()
    process._process.wait()
    with pytest.warns(UserWarning, match="goes on alone"):
        out.sum().backward()
    assert model[0].bias.grad.tolist() == [64.0] * 3, "its share of the gradient was computed here"
    assert parallel.count() == 1
    assert model(batch).shape == (64, 3)
    process.close()


@pytest.mark.parametrize(("shared", "alone"), [(1.2, 2.0), (2.5, 2.0)])
def test_training_goes_on_as_it_was_quicker(shared: float, alone: float) -> None:
    watch = parallel._Watch()
    went = []
    for _ in range(2 * watch.TRIED + watch.KEPT + 1):
        went.append(watch.shares())
        watch.took(went[-1], shared if went[-1] else alone)
    tried = [True] * watch.TRIED + [False] * watch.TRIED
    assert went == [*tried, *[shared < alone] * watch.KEPT, True], "and then both are tried again"


def test_rows_worth_the_time_of_a_message_stay_here() -> None:
    slow, quick = replica.Process.__new__(replica.Process), replica.Process.__new__(replica.Process)
    slow.under_way = 0.0007
    pace = parallel._Pace()
    assert pace.lengths(1, 256, [slow]) == [128, 128], "nothing was measured yet"
    pace.took(1, [128, 128], 0.009)
    pace.took(1, [128, 128], 0.02)
    assert pace.lengths(1, 256, [slow]) == [136, 120], "0.7 ms are ten rows; a busy moment does not count"
    assert pace.lengths(2, 256, [slow]) == [128, 128], "another network"
    assert pace.lengths(1, 256, [quick]) == [128, 128]
    pace.took(3, [128, 128], 1e-6)
    assert pace.lengths(3, 256, [slow]) == [160, 96], "a worker always has something to do"


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_WORKERS", "1")
    replica.from_environment()
    assert parallel.count() == 1
    monkeypatch.setenv("HANDSON_WORKERS", "many")
    with pytest.raises(ValueError, match="from 1 to 64, not 'many'"):
        replica.from_environment()
