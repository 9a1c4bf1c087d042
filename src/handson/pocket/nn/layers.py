"""The layers: each holds its parameters and calls `functional`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from handson.pocket import creation, shapes
from handson.pocket.dtypes import int64
from handson.pocket.nn import functional as F
from handson.pocket.nn import init
from handson.pocket.nn.activations import written
from handson.pocket.nn.calls import Pair
from handson.pocket.nn.module import Module
from handson.pocket.tensor import Parameter, Tensor


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


class PReLU(Module):
    """What is below 0 is multiplied by a learned number."""

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(creation.full((num_parameters,), init))

    def forward(self, input: Tensor) -> Tensor:
        """Of any shape; with several numbers, one per channel."""
        slope = self.weight if self.num_parameters == 1 else shapes.reshape(self.weight, -1, *(1,) * (input.ndim - 2))
        return F.relu(input) - slope * F.relu(-input)

    def extra_repr(self) -> str:
        """How many numbers."""
        return f"num_parameters={self.num_parameters}"


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


# Linear and convolution


def _begun(weight: Tensor, bias: Tensor | None) -> None:
    """PyTorch's beginning of linear and convolutional layers."""
    init.kaiming_uniform_(weight, a=math.sqrt(5))
    if bias is not None:
        fan_in, _ = init._fans(weight)
        bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
        init.uniform_(bias, -bound, bound)


class Linear(Module):
    """x @ weight.T + bias."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        del device
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = Parameter(creation.empty(out_features, in_features, dtype=dtype))
        if bias:
            self.bias = Parameter(creation.empty(out_features, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Begin anew."""
        _begun(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        """(…, in_features) → (…, out_features)."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Its sizes."""
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bilinear(Module):
    """x1ᵀ A x2 + b."""

    def __init__(self, in1_features: int, in2_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = Parameter(creation.empty(out_features, in1_features, in2_features))
        bound = 1 / math.sqrt(in1_features)
        init.uniform_(self.weight, -bound, bound)
        if bias:
            self.bias = Parameter(creation.empty(out_features))
            init.uniform_(self.bias, -bound, bound)
        else:
            self.register_parameter("bias", None)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """(N, in1), (N, in2) → (N, out)."""
        return F.bilinear(input1, input2, self.weight, self.bias)


class _Conv(Module):
    _dims = 2
    _transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        del device
        super().__init__()
        if groups < 1:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(
                "padding_mode must be one of ['zeros', 'reflect', 'replicate', 'circular'], but got "
                f"padding_mode={padding_mode!r}"
            )
        if padding == "same" and self._sized(stride) != self._sized(1):
            raise ValueError("padding='same' is not supported for strided convolutions")
        self.in_channels, self.out_channels, self.groups, self.padding_mode = (
            in_channels,
            out_channels,
            groups,
            padding_mode,
        )
        self.kernel_size, self.stride = self._sized(kernel_size), self._sized(stride)
        self.padding = padding if isinstance(padding, str) else self._sized(padding)
        self.dilation, self.output_padding = self._sized(dilation), self._sized(0)
        if self._transposed:
            shape = (in_channels, out_channels // groups, *self.kernel_size)
        else:
            shape = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(creation.empty(shape, dtype=dtype))
        if bias:
            self.bias = Parameter(creation.empty(out_channels, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _sized(self, value: Any) -> tuple[int, ...]:
        return (value,) * self._dims if isinstance(value, int) else tuple(value)

    def reset_parameters(self) -> None:
        """Begin anew."""
        _begun(self.weight, self.bias)

    def _around(self, input: Tensor) -> tuple[Tensor, Any]:
        """The input padded by the mode, and what is left to pad with zeros."""
        if self.padding_mode == "zeros" or self.padding == "valid":
            return input, self.padding
        if self.padding == "same":
            total = [d * (k - 1) for k, d in zip(self.kernel_size, self.dilation, strict=True)]
            sides = [n for t in reversed(total) for n in (t // 2, t - t // 2)]
        else:
            sides = [n for p in reversed(self.padding) for n in (p, p)]  # type: ignore[misc]
        return F.pad(input, sides, self.padding_mode), 0

    def extra_repr(self) -> str:
        """Its sizes, and what is not as usual."""
        ones, zeros = self._sized(1), self._sized(0)
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != zeros else ""
        text += f", dilation={self.dilation}" if self.dilation != ones else ""
        text += f", output_padding={self.output_padding}" if self.output_padding != zeros else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        return text + (f", padding_mode={self.padding_mode}" if self.padding_mode != "zeros" else "")


class Conv2d(_Conv):
    """Cross-correlation of pictures."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, out_channels, H', W')."""
        padded, around = self._around(input)
        return F.conv2d(padded, self.weight, self.bias, self.stride, around, self.dilation, self.groups)


class Conv1d(_Conv):
    """Cross-correlation along a line."""

    _dims = 1

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, L) → (N, out_channels, L')."""
        padded, around = self._around(input)
        return F.conv1d(padded, self.weight, self.bias, self.stride, around, self.dilation, self.groups)


class ConvTranspose2d(_Conv):
    """The gradient of a convolution as a layer."""

    _transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Pair, stride: Pair = 1, padding: Pair = 0,
        output_padding: Pair = 0, groups: int = 1, bias: bool = True, dilation: Pair = 1,
    ) -> None:  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)
        self.output_padding = self._sized(output_padding)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → (N, out_channels, H', W')."""
        return F.conv_transpose2d(
            input,
            self.weight,
            self.bias,
            self.stride,
            cast(Pair, self.padding),
            cast(Pair, self.output_padding),
            self.groups,
            self.dilation,
        )


class Embedding(Module):
    """A table of vectors, by number."""

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Parameter(init.normal_(creation.empty(num_embeddings, embedding_dim)))
        if padding_idx is not None:
            self.weight.detach()[padding_idx] = 0.0

    def forward(self, input: Tensor) -> Tensor:
        """(…) numbers → (…, embedding_dim)."""
        return F.embedding(input, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Its sizes."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"


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


class _BatchNorm(Module):
    _dimensions: tuple[int, ...] = ()

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1, affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        if affine:
            self.weight = Parameter(creation.ones(num_features))
            self.bias = Parameter(creation.zeros(num_features))
        else:
            self.register_parameter("weight", None)
            self.register_parameter("bias", None)
        for name, value in {
            "running_mean": creation.zeros(num_features), "running_var": creation.ones(num_features),
            "num_batches_tracked": creation.tensor(0, dtype=int64),
        }.items():  # fmt: skip
            self.register_buffer(name, value if track_running_stats else None)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, …) → the same shape."""
        if input.ndim not in self._dimensions:
            wanted = " or ".join(f"{n}D" for n in self._dimensions)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")
        factor = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:
                factor = 1.0 / float(self.num_batches_tracked)
        use_batch = self.training or self.running_mean is None
        keep = not self.training or self.track_running_stats
        return F.batch_norm(
            input, self.running_mean if keep else None, self.running_var if keep else None, self.weight, self.bias,
            use_batch,
            factor, self.eps,
        )  # fmt: skip

    def extra_repr(self) -> str:
        """Its settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.affine}, track_running_stats={self.track_running_stats}"
        )


class BatchNorm2d(_BatchNorm):
    """Each channel of pictures with mean 0 and variance 1 over the batch."""

    _dimensions = (4,)


class BatchNorm1d(_BatchNorm):
    """Each feature with mean 0 and variance 1 over the batch."""

    _dimensions = (2, 3)


class LayerNorm(Module):
    """The last dimensions together with mean 0 and variance 1."""

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter(
            "weight", Parameter(creation.ones(self.normalized_shape)) if elementwise_affine else None
        )
        self.register_parameter(
            "bias", Parameter(creation.zeros(self.normalized_shape)) if elementwise_affine and bias else None
        )

    def forward(self, input: Tensor) -> Tensor:
        """(…, *normalized_shape) → the same shape."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Its settings."""
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """Groups of channels with mean 0 and variance 1."""

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self.register_parameter("weight", Parameter(creation.ones(num_channels)) if affine else None)
        self.register_parameter("bias", Parameter(creation.zeros(num_channels)) if affine else None)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, …) → the same shape."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        """Its settings."""
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, bias={self.affine}"


class InstanceNorm2d(Module):
    """Each channel of each picture with mean 0 and variance 1."""

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum, self.affine = num_features, eps, momentum, affine
        self.register_parameter("weight", Parameter(creation.ones(num_features)) if affine else None)
        self.register_parameter("bias", Parameter(creation.zeros(num_features)) if affine else None)

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) → the same shape."""
        return F.instance_norm(input, weight=self.weight, bias=self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        """Its settings."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.affine}, track_running_stats=False"
        )


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
