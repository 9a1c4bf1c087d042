"""`torch.utils.data`: sets of examples, and batches of them. Everything happens in this process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from handson.pocket import creation, random, shapes
from handson.pocket.dtypes import int64
from handson.pocket.random import Generator
from handson.pocket.tensor import Tensor


class Dataset:
    """Examples by number: write `__getitem__` and `__len__`."""

    def __getitem__(self, index: Any) -> Any:
        raise NotImplementedError("Subclasses of Dataset should implement __getitem__.")

    def __len__(self) -> int:
        raise NotImplementedError("Subclasses of Dataset should implement __len__.")


class TensorDataset(Dataset):
    """Examples that are the rows of tensors."""

    def __init__(self, *tensors: Tensor) -> None:
        if any(t.shape[0] != tensors[0].shape[0] for t in tensors):
            raise AssertionError("Size mismatch between tensors")
        self.tensors = tensors

    def __getitem__(self, index: Any) -> tuple[Tensor, ...]:
        return tuple(t[index] for t in self.tensors)

    def __len__(self) -> int:
        return int(self.tensors[0].shape[0])


class Subset(Dataset):
    """Some of the examples."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[self.indices[index]]

    def __len__(self) -> int:
        return len(self.indices)


def random_split(dataset: Any, lengths: Sequence[float], generator: Generator | None = None) -> list[Subset]:
    """The examples dealt out at random, by numbers or shares."""
    if sum(lengths) <= 1 and any(isinstance(n, float) for n in lengths):
        sizes = [math.floor(len(dataset) * share) for share in lengths]
        for k in range(len(dataset) - sum(sizes)):
            sizes[k % len(sizes)] += 1
    else:
        sizes = [int(n) for n in lengths]
    if sum(sizes) != len(dataset):
        raise ValueError("Sum of input lengths does not equal the length of the input dataset!")
    order = random.randperm(len(dataset), generator=generator).tolist()
    starts = [sum(sizes[:k]) for k in range(len(sizes))]
    return [Subset(dataset, order[s : s + n]) for s, n in zip(starts, sizes, strict=True)]


def default_collate(batch: Sequence[Any]) -> Any:
    """Examples as one batch: tensors stacked, numbers as a tensor, tuples and dicts by their parts."""
    first = batch[0]
    if isinstance(first, Tensor):
        return shapes.stack(list(batch))
    if isinstance(first, int | float):
        return creation.tensor(list(batch))
    if isinstance(first, Mapping):
        return {key: default_collate([item[key] for item in batch]) for key in first}
    if isinstance(first, tuple | list):
        return [default_collate(list(part)) for part in zip(*batch, strict=True)]
    return list(batch)


class DataLoader:
    """The examples in batches, in a new order each time if shuffled. `num_workers` is accepted and stays without
    effect."""

    def __init__(
        self, dataset: Any, batch_size: int = 1, shuffle: bool = False, *, num_workers: int = 0,
        collate_fn: Callable[[Sequence[Any]], Any] | None = None, drop_last: bool = False,
        generator: Generator | None = None,
        pin_memory: bool = False,
    ) -> None:  # fmt: skip
        del num_workers, pin_memory
        self.dataset, self.batch_size, self.shuffle, self.drop_last = dataset, batch_size, shuffle, drop_last
        self.collate_fn, self.generator = collate_fn or default_collate, generator

    def __iter__(self) -> Iterator[Any]:
        count = len(self.dataset)
        if self.shuffle:
            generator = self.generator
            if generator is None:  # a generator of its own, seeded from the common one, as PyTorch does
                generator = Generator()
                generator.manual_seed(int(random.random_(creation.empty((), dtype=int64)).item()))
            order = random.randperm(count, generator=generator).tolist()
        else:
            order = list(range(count))
        for start in range(0, count, self.batch_size):
            part = order[start : start + self.batch_size]
            if len(part) == self.batch_size or not self.drop_last:
                yield self.collate_fn([self.dataset[k] for k in part])

    def __len__(self) -> int:
        count = len(self.dataset)
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)
