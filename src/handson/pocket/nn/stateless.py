"""The layers that learn nothing: activations, shapes, padding, pooling and dropout. Each holds the arguments of a
function of `functional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from handson.pocket import shapes
from handson.pocket.nn import functional as F
from handson.pocket.nn.activations import written
from handson.pocket.nn.calls import Pair
from handson.pocket.nn.module import Module
from handson.pocket.tensor import Tensor


class _Stateless(Module):
    """A layer that is a function with arguments; `_shown` are those its repr gives by name, `_first` by position."""

    _shown: tuple[str, ...] = ()
    _first: tuple[str, ...] = ()

    def extra_repr(self) -> str:
        """Its arguments."""
        return ", ".join(
            [str(getattr(self, name)) for name in self._first]
            + [f"{name}={getattr(self, name)}" for name in self._shown]
        )


class Identity(_Stateless):
    """What comes in."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        """The input itself."""
        return input


class _Activation(_Stateless):
    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def extra_repr(self) -> str:
        """Whether it works in place."""
        return "inplace=True" if self.inplace else ""


class ReLU(_Activation):
    """What is below 0 becomes 0."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.relu(input, self.inplace)


class ReLU6(_Activation):
    """Between 0 and 6."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.relu6(input, self.inplace)


class SiLU(_Activation):
    """x · sigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return written(input, F.silu(input), self.inplace)


class SELU(_Activation):
    """ELU that keeps the variance."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.selu(input, self.inplace)


class Mish(_Activation):
    """x · tanh(softplus(x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.mish(input, self.inplace)


class Hardswish(_Activation):
    """x · hardsigmoid(x)."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.hardswish(input, self.inplace)


class Hardsigmoid(_Activation):
    """clamp(x + 3, 0, 6) / 6."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.hardsigmoid(input, self.inplace)


class Sigmoid(_Stateless):
    """1 / (1 + exp(-x))."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.sigmoid(input)


class Tanh(_Stateless):
    """tanh."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.tanh(input)


class LogSigmoid(_Stateless):
    """log of sigmoid."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.logsigmoid(input)


class LeakyReLU(_Stateless):
    """What is below 0 becomes small."""

    _shown = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope, self.inplace = negative_slope, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.leaky_relu(input, self.negative_slope, self.inplace)


class ELU(_Stateless):
    """exp(x) - 1 below 0."""

    _shown = ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.alpha, self.inplace = alpha, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.elu(input, self.alpha, self.inplace)


class GELU(_Stateless):
    """x times the probability that a normal number is smaller."""

    _shown = ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def extra_repr(self) -> str:
        """Which formula."""
        return f"approximate={self.approximate!r}"

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.gelu(input, self.approximate)


class Softplus(_Stateless):
    """log(1 + exp(x))."""

    _shown = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        super().__init__()
        self.beta, self.threshold = beta, threshold

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.softplus(input, self.beta, self.threshold)


class Hardtanh(_Stateless):
    """Between two limits."""

    _shown = ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__()
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)


class Softmax(_Stateless):
    """exp(x), made to add up to 1 along `dim`."""

    _shown = ("dim",)

    def __init__(self, dim: int | None = None) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.softmax(input, self.dim)


class LogSoftmax(Softmax):
    """log of softmax."""

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.log_softmax(input, self.dim)


# Shapes


class Flatten(_Stateless):
    """Dimensions as one."""

    _shown = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """(N, …) → (N, all)."""
        return shapes.flatten(input, self.start_dim, self.end_dim)


class Unflatten(_Stateless):
    """One dimension as several."""

    _shown = ("dim", "unflattened_size")

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """(N, all) → (N, …)."""
        return shapes.unflatten(input, self.dim, self.unflattened_size)


class PixelShuffle(_Stateless):
    """Channels become places."""

    _shown = ("upscale_factor",)

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """(N, C · r², H, W) → (N, C, H · r, W · r)."""
        return F.pixel_shuffle(input, self.upscale_factor)


class Upsample(_Stateless):
    """Another size."""

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
    ) -> None:
        super().__init__()
        self.size, self.mode, self.align_corners = size, mode, align_corners
        self.scale_factor = float(scale_factor) if isinstance(scale_factor, int) else scale_factor

    def extra_repr(self) -> str:
        """The size or the factor, and the mode."""
        what = f"scale_factor={self.scale_factor}" if self.scale_factor is not None else f"size={self.size}"
        return f"{what}, mode={self.mode!r}"

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.interpolate(input, self.size, self.scale_factor, self.mode, self.align_corners)


class _Pad(_Stateless):
    _sides = 4
    _mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float = 0.0) -> None:
        super().__init__()
        self.padding = (padding,) * self._sides if isinstance(padding, int) else tuple(padding)
        self.value = value

    def extra_repr(self) -> str:
        """How much."""
        return f"{self.padding}"

    def forward(self, input: Tensor) -> Tensor:
        """More at the ends."""
        return F.pad(input, self.padding, self._mode, self.value)


class ConstantPad2d(_Pad):
    """A number around."""

    def __init__(self, padding: int | Sequence[int], value: float) -> None:
        super().__init__(padding, value)

    def extra_repr(self) -> str:
        """How much of what."""
        return f"padding={self.padding}, value={self.value}"


class ZeroPad2d(_Pad):
    """Zeros around."""

    def __init__(self, padding: int | Sequence[int]) -> None:
        super().__init__(padding)


class ReflectionPad2d(ZeroPad2d):
    """A mirror around."""

    _mode = "reflect"


class ReplicationPad2d(ZeroPad2d):
    """The edge around."""

    _mode = "replicate"


# Pooling


class MaxPool2d(_Stateless):
    """The largest value of each window."""

    _shown = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")

    def __init__(
        self, kernel_size: Pair, stride: Any = None, padding: Pair = 0, dilation: Pair = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation, self.return_indices, self.ceil_mode = padding, dilation, return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.max_pool2d(
            input, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )


class MaxPool1d(_Stateless):
    """The largest value of each window along a line."""

    def __init__(self, kernel_size: int, stride: int | None = None, padding: int = 0) -> None:
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride or kernel_size, padding

    def extra_repr(self) -> str:
        """Its sizes."""
        sizes = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
        return f"{sizes}, dilation=1, ceil_mode=False"

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) → (N, C, L')."""
        return F.max_pool1d(input, self.kernel_size, self.stride, self.padding)


class AvgPool2d(_Stateless):
    """The mean of each window."""

    _shown = ("kernel_size", "stride", "padding")

    def __init__(
        self, kernel_size: Pair, stride: Any = None, padding: Pair = 0, ceil_mode: bool = False,
        count_include_pad: bool = True, divisor_override: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode, self.count_include_pad = padding, ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, H', W')."""
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AdaptiveAvgPool2d(_Stateless):
    """Means of so many windows as the result has places."""

    _shown = ("output_size",)

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, *output_size)."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveMaxPool2d(AdaptiveAvgPool2d):
    """The largest values of so many windows as the result has places."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, C, *output_size)."""
        return F.adaptive_max_pool2d(input, self.output_size)


# Norms and dropout


class LocalResponseNorm(_Stateless):
    """Each value divided by what its neighbours in other channels say."""

    _first, _shown = ("size",), ("alpha", "beta", "k")

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, …) → the same shape."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)


class Dropout(_Stateless):
    """In training, elements become 0 with probability p."""

    _shown = ("p", "inplace")

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout2d(Dropout):
    """In training, whole channels become 0."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        return F.dropout2d(input, self.p, self.training, self.inplace)
