"""Random numbers: PyTorch's generator, so that a seed gives the same weights, batches and noise as there.

Uniform numbers, whole numbers and permutations are the same to the last bit; normal ones to rounding.
"""

from __future__ import annotations

import contextlib
import ctypes
import operator
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

from handson.pocket import dtypes
from handson.pocket.autograd import recorded
from handson.pocket.creation import empty, empty_like
from handson.pocket.dtypes import bool_, dtype, float32, float64, int32, int64, uint8
from handson.pocket.inplace import allow_in_place, overwritten
from handson.pocket.kernels import C
from handson.pocket.shapes import as_shape, expand
from handson.pocket.tensor import Tensor, contiguous, convert_into, copied, device, from_bytes, new

_WORDS = 624
_PLACE = 4 * _WORDS
"""Where a state (c/random.h) says which of its words comes next, in bytes."""


class Generator:
    """A source of random numbers with a state of its own."""

    def __init__(self, device: Any = "cpu") -> None:
        globals()["device"](device)
        self._twister = ctypes.create_string_buffer(int(C.twister_size()))
        self._seed = 0
        self.manual_seed(67280421310721)

    @property
    def device(self) -> Any:
        """Always cpu."""
        return device("cpu")

    @property
    def _state(self) -> int:
        return ctypes.addressof(self._twister)

    def manual_seed(self, seed: int) -> Generator:
        """Begin anew from this seed."""
        if not -(2**63) <= seed < 2**64:
            raise ValueError(f"Overflow when unpacking long long: {seed} is no seed; it needs 64 bits at most.")
        self._seed = seed % 2**64
        C.seed(self._state, self._seed)
        return self

    def initial_seed(self) -> int:
        """The seed it began with."""
        return self._seed

    def seed(self) -> int:
        """Begin anew from a seed that differs each time; returns it."""
        value = time.time_ns() % 2**53
        self.manual_seed(value)
        return value

    def get_state(self) -> Tensor:
        """The state, as bytes to be given to `set_state`."""
        return from_bytes(self._twister.raw, (len(self._twister.raw),), uint8)

    def set_state(self, new_state: Tensor) -> None:
        """Go on from a state that `get_state` gave."""
        content = bytes(new_state)
        if len(content) != len(self._twister.raw):
            raise RuntimeError("RNG state is wrong size")
        if not 0 <= int.from_bytes(content[_PLACE : _PLACE + 4], sys.byteorder, signed=True) <= _WORDS:
            raise RuntimeError("Invalid mt19937 state")
        ctypes.memmove(self._twister, content, len(content))


default_generator = Generator()


def manual_seed(seed: int) -> Generator:
    """Begin the default generator anew from this seed."""
    return default_generator.manual_seed(int(seed))


def initial_seed() -> int:
    """The seed the default generator began with."""
    return default_generator.initial_seed()


def seed() -> int:
    """Begin the default generator anew from a seed that differs each time."""
    return default_generator.seed()


def get_rng_state() -> Tensor:
    """The default generator's state."""
    return default_generator.get_state()


def set_rng_state(new_state: Tensor) -> None:
    """Go on with the default generator from a state."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(devices: Any = None, enabled: bool = True) -> Iterator[None]:  # noqa: ARG001
    """The default generator is afterwards as it was before."""
    state = get_rng_state()
    try:
        yield
    finally:
        if enabled:
            set_rng_state(state)


def _state(generator: Generator | None) -> int:
    return (generator or default_generator)._state


def _into(self: Tensor, draw: Any) -> Tensor:
    """Fill a tensor, of any strides, by `draw(contiguous one)`."""
    allow_in_place(self)
    target = self if self.is_contiguous() else new(self.shape, self.dtype)
    if self.numel():
        draw(target)
    if target is not self:
        convert_into(self, target)
    self._storage.version += 1
    if recorded(self):
        overwritten(self)
    return self


def _floating(self: Tensor, name: str) -> None:
    if not self.dtype.is_floating_point:
        raise NotImplementedError(f"\"{name}\" not implemented for '{self.dtype.title}'")


def uniform_(self: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Even between a and b, in place."""
    _floating(self, "check_uniform_bounds")
    if a > b:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
    return _into(
        self, lambda t: C.uniform(t.dtype.code, _state(generator), t.numel(), t.data_ptr(), float(a), float(b))
    )


def normal_(self: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None) -> Tensor:
    """Normal with this mean and standard deviation, in place."""
    _floating(self, "normal_kernel_cpu")
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _into(
        self, lambda t: C.normal(t.dtype.code, _state(generator), t.numel(), t.data_ptr(), float(mean), float(std))
    )


def bernoulli_(self: Tensor, p: Any = 0.5, *, generator: Generator | None = None) -> Tensor:
    """1 with probability p, else 0, in place. (Other numbers than PyTorch's for the same seed.)"""
    chances = p if isinstance(p, Tensor) else empty(1, dtype=float64).fill_(p)
    return _drawn(self, chances, generator)


def _drawn(self: Tensor, chances: Tensor, generator: Generator | None) -> Tensor:
    exact = copied(chances.detach(), float64)
    if exact.numel() != 1:
        exact = contiguous(expand(exact, self.shape))
    if not bool(((exact >= 0) & (exact <= 1)).all()):
        raise RuntimeError("bernoulli: expected all probabilities to be from 0 to 1")
    step = 0 if exact.numel() == 1 else 1

    def draw(target: Tensor) -> None:
        drawn = new(target.shape, bool_)
        C.bernoulli(_state(generator), drawn.numel(), drawn.data_ptr(), exact.data_ptr(), step)
        convert_into(target, drawn)

    return _into(self, draw)


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """1 with the probability that stands at its place. (Other numbers than PyTorch's for the same seed.)"""
    return _drawn(empty_like(input), input, generator)


def random_(self: Tensor, *bounds: int, generator: Generator | None = None) -> Tensor:
    """Whole numbers, in place: random_(), random_(to) or random_(from, to), to itself excluded.

    RuntimeError where the dtype does not hold the bounds; floats, which would round some numbers, warn. ValueError
    beyond 64 bits."""
    low = _of_64_bits(bounds[0]) if len(bounds) > 1 else 0
    end = _of_64_bits(bounds[-1]) if bounds else _RANDOM_ENDS[self.dtype]
    if low >= end:
        raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={end}")
    _held_by(self.dtype, "from", low)
    _held_by(self.dtype, "to - 1", end - 1)

    def draw(target: Tensor) -> None:
        drawn = new(target.shape, int64)
        C.integers(_state(generator), drawn.numel(), drawn.data_ptr(), low, end - low)
        convert_into(target, drawn)

    return _into(self, draw)


_RANDOM_ENDS = {bool_: 2, uint8: 2**8, int32: 2**31, int64: 2**63, float32: 2**24 + 1, float64: 2**53 + 1}
"""Before which `random_` ends by itself: every whole number that the dtype holds exactly."""
_NAMES_IN_C = {bool_: "bool", uint8: "unsigned char", int32: "int", int64: "long", float32: "float", float64: "double"}


def _of_64_bits(bound: Any) -> int:
    number = operator.index(bound)
    if not -(2**63) <= number < 2**63:
        raise ValueError(f"Overflow when unpacking long long: {number} needs more than 64 bits.")
    return number


def _held_by(kind: dtype, name: str, bound: int) -> None:
    """RuntimeError where a bound of `random_` is none of this dtype's numbers, a warning where a float may round."""
    most = _RANDOM_ENDS[kind] - 1
    if kind.is_floating_point:
        if abs(bound) > most:
            digits = most.bit_length() - 1
            warnings.warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations "
                f"{_NAMES_IN_C[kind]} can support discrete uniform distribution only within this range.",
                stacklevel=3,
            )
    elif not (0 if kind in (bool_, uint8) else -most - 1) <= bound <= most:
        raise RuntimeError(f"{name} is out of bounds for {_NAMES_IN_C[kind]}")


def _finished(t: Tensor, requires_grad: bool) -> Tensor:
    return t.requires_grad_() if requires_grad else t


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Even between 0 and 1."""
    return _finished(uniform_(empty(*size, dtype=dtype, device=device), generator=generator), requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: dtype | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal with mean 0 and standard deviation 1."""
    return _finished(normal_(empty(*size, dtype=dtype, device=device), generator=generator), requires_grad)


def randint(
    *bounds: Any, size: Any = None, low: int | None = None, high: int | None = None, generator: Generator | None = None,
    dtype: dtype | None = None, device: Any = None,
) -> Tensor:  # fmt: skip
    """Whole numbers from low (0) to before high: randint(high, size) or randint(low, high, size)."""
    values = list(bounds)
    if size is None:
        size = values.pop()
    if low is not None:
        values.insert(0, low)
    if high is not None:
        values.append(high)
    start, end = (0, int(values[0])) if len(values) == 1 else (int(values[0]), int(values[1]))
    out = empty(as_shape(size), dtype=dtype or int64, device=device)
    return random_(out, start, end, generator=generator)


def randperm(n: int, *, generator: Generator | None = None, dtype: dtype | None = None, device: Any = None) -> Tensor:
    """The whole numbers before n in random order."""
    if n < 0:
        raise RuntimeError(f"n must be non-negative, got{n}")
    out = empty(n, dtype=int64, device=device)
    if n:
        C.permutation(_state(generator), n, out.data_ptr())
    return out if dtype in (None, int64) else copied(out, dtype)


def rand_like(input: Tensor, *, dtype: dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Even between 0 and 1, of another's shape."""
    return rand(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randn_like(input: Tensor, *, dtype: dtype | None = None, requires_grad: bool = False) -> Tensor:
    """Normal, of another's shape."""
    return randn(input.shape, dtype=dtype or input.dtype, requires_grad=requires_grad)


def randint_like(input: Tensor, *bounds: int, dtype: dtype | None = None) -> Tensor:
    """Whole numbers, of another's shape."""
    return randint(*bounds, input.shape, dtype=dtype or input.dtype)


def normal(mean: Any = 0.0, std: Any = 1.0, size: Any = None, *, generator: Generator | None = None) -> Tensor:
    """Normal with these means and standard deviations, numbers or tensors."""
    if size is not None:
        return normal_(empty(as_shape(size)), mean, std, generator=generator)
    from handson.pocket.elementwise import broadcast_shape

    shapes_of = [tuple(t.shape) if isinstance(t, Tensor) else () for t in (mean, std)]
    noise = randn(broadcast_shape(*shapes_of), generator=generator, dtype=dtypes.get_default_dtype())
    result: Tensor = noise * std + mean
    return result


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Indices drawn with these weights, per row. (Other numbers than PyTorch's for the same seed.)"""
    rows = contiguous(copied(input.detach(), float64).reshape(-1, input.shape[-1]))
    totals = rows.sum(1).tolist()
    if bool((rows < 0).any()) or not all(0 < total < float("inf") for total in totals):
        raise RuntimeError(
            "probability tensor contains either `inf`, `nan` or element < 0, or a row without any weight"
        )
    if not replacement and num_samples > input.shape[-1]:
        raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
    picks = []
    for _ in range(1 if replacement else num_samples):
        out = new((rows.shape[0], num_samples if replacement else 1), int64)
        C.multinomial(_state(generator), rows.shape[0], rows.shape[1], out.shape[1], rows.data_ptr(), out.data_ptr())
        if not replacement:
            rows.scatter_(1, out, 0.0)
        picks.append(out)
    from handson.pocket.shapes import cat

    result: Tensor = cat(picks, 1).reshape(*input.shape[:-1], num_samples)
    return result
