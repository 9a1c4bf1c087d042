"""A batch that is shared out to other processes gives what one process gives."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import handson.pocket as torch
from handson.pocket import nn, parallel
from handson.pocket.nn import functional as F


@pytest.fixture(scope="module")
def processes() -> Iterator[list[parallel.Process]]:
    started = [parallel.Process(), parallel.Process()]
    yield started
    for process in started:
        process.close()


@pytest.fixture
def shared_out(processes: list[parallel.Process]) -> Iterator[None]:
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


@pytest.mark.usefixtures("shared_out")
def test_what_a_worker_cannot_know_stays_here() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(4, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x) * 2

    batch = (torch.randn(64, 4),)
    assert not parallel.wanted(Own(), batch, {})
    assert not parallel.wanted(nn.Linear(4, 3), (torch.randn(8, 4),), {}), "a small batch"
    with torch.no_grad():
        assert not parallel.wanted(nn.Linear(4, 3), batch, {}), "nothing to learn"
    assert parallel.wanted(nn.Linear(4, 3), batch, {})


@pytest.mark.usefixtures("shared_out")
def test_an_error_over_there_is_told_here() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        nn.Sequential(nn.Linear(4, 3))(torch.randn(64, 5))
    assert nn.Linear(4, 3)(torch.randn(64, 4)).shape == (64, 3), "and the next call finds the workers in order"


def test_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_WORKERS", "1")
    parallel.from_environment()
    assert parallel.count() == 1
    monkeypatch.setenv("HANDSON_WORKERS", "many")
    with pytest.raises(ValueError, match="from 1 to 64, not 'many'"):
        parallel.from_environment()
