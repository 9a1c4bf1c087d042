"""Losses."""

from __future__ import annotations

import ctypes
import math
import warnings
from typing import Any

from handson.pocket import elementwise, reductions, shapes
from handson.pocket.autograd import Node, recorded
from handson.pocket.dtypes import int64
from handson.pocket.nn.activations import log_softmax, logsigmoid
from handson.pocket.nn.calls import address, d, declare_both, fits, floating, i, p, typed
from handson.pocket.nn.norms import cosine_similarity, pairwise_distance
from handson.pocket.tensor import Tensor, contiguous, filled, new, new_like, numel

declare_both(
    nll_forward=(i, (i, i, i, p, p, p, i, p, p)),
    nll_backward=(None, (i, i, i, p, p, i, p, i, d, p)),
    cross_entropy_forward=(i, (i, i, i, p, p, p, i, d, p, p, p)),
    cross_entropy_backward=(None, (i, i, i, p, p, p, i, d, p, i, d, p)),
)

_Totals = ctypes.c_double * 2
"""The sum of the losses, and of the weights they were taken with."""


def _reduced(loss: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return reductions.mean(loss)
    if reduction == "sum":
        return reductions.sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{reduction} is not a valid value for reduction")


def _same_size(input: Tensor, target: Tensor) -> None:
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """How surprised softmax(input) is by the classes: (N, C, …) and (N, …) numbers, or probabilities (N, C, …)."""
    del size_average, reduce
    if not isinstance(target, Tensor):
        raise TypeError(f"cross_entropy_loss(): argument 'target' must be Tensor, not {type(target).__name__}")
    dim = 0 if input.ndim == 1 else 1
    if target.shape == input.shape and target.dtype.is_floating_point:
        chances = target * (1 - label_smoothing) + label_smoothing / input.shape[dim] if label_smoothing else target
        terms = log_softmax(input, dim) * chances
        if weight is not None:
            _weight_fits(weight, input, dim)
            terms = terms * shapes.reshape(weight, *(-1 if k == dim else 1 for k in range(input.ndim)))
        loss = -reductions.sum(terms, dim)
        if reduction == "mean":
            result: Tensor = reductions.sum(loss) / (numel(input.shape) // input.shape[dim])
            return result
        return _reduced(loss, reduction)
    return _of_classes("cross_entropy", input, target, weight, ignore_index, reduction, label_smoothing)


def nll_loss(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Tensor:  # fmt: skip
    """Minus the log-probabilities of the classes: (N, C, …) and (N, …) numbers."""
    del size_average, reduce
    return _of_classes("nll", input, target, weight, ignore_index, reduction, 0.0)


def _weight_fits(weight: Tensor | None, input: Tensor, dim: int) -> None:
    classes = input.shape[dim]
    fits(
        "weight", weight, (classes,), input.dtype,
        f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of "
        "shape: {got}",
    )  # fmt: skip


def _of_classes(
    name: str, input: Tensor, target: Tensor, weight: Tensor | None, ignored: int, reduction: str, smoothing: float
) -> Tensor:
    """cross_entropy or nll of class numbers, in one pass over the scores."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    floating(f"{name}_loss", input)
    if target.dtype is not int64:
        raise RuntimeError(f"expected scalar type Long but found {target.dtype.title}")
    if input.ndim == 1:
        loss = _of_classes(
            name, shapes.unsqueeze(input, 0), shapes.reshape(target, 1), weight, ignored, reduction, smoothing
        )
        return shapes.reshape(loss, ()) if reduction == "none" else loss
    if input.shape[0] != target.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size ({target.shape[0]})."
        )
    if (input.shape[0], *input.shape[2:]) != tuple(target.shape):
        raise RuntimeError(f"Expected target size {[input.shape[0], *input.shape[2:]]}, got {list(target.shape)}")
    if weight is not None:
        _weight_fits(weight, input, 1)
    x, labels = contiguous(input.detach()), contiguous(target.detach())
    w = None if weight is None else contiguous(weight.detach())
    entropy = name == "cross_entropy"
    losses, totals = new(labels.shape, x.dtype), _Totals()
    logs = new_like(x) if entropy else x
    sizes, of_labels = (x.shape[0], x.shape[1], numel(x.shape[2:])), (labels.data_ptr(), address(w), ignored)
    smooth = (float(smoothing),) if entropy else ()
    after = (logs.data_ptr(),) if entropy else ()
    wrong = typed(f"{name}_forward", x.dtype)(
        *sizes, x.data_ptr(), *of_labels, *smooth, *after, losses.data_ptr(), ctypes.addressof(totals)
    )
    if wrong >= 0:
        raise IndexError(f"Target {labels.numbers()[wrong]} is out of bounds.")
    total, weights = totals
    scale = 1.0
    if reduction == "none":
        out = losses
    elif reduction == "sum":
        out = filled((), total, x.dtype)
    else:
        out = filled((), total / weights if weights else math.nan, x.dtype)
        scale = 1 / weights if weights else math.nan
    if recorded(input):

        def back(g: Tensor) -> tuple[Tensor]:
            g, gx = contiguous(g), new_like(x)
            first = (logs.data_ptr(),) if entropy else ()
            typed(f"{name}_backward", x.dtype)(
                *sizes, *first, *of_labels, *smooth, g.data_ptr(), int(reduction == "none"), scale, gx.data_ptr()
            )
            return (gx,)

        title = "CrossEntropyBackward0" if entropy else "NllLossBackward0"
        # What is saved also stays where `of_labels` says that it is.
        out._record(Node(title, (input,), back, (labels,) if w is None else (labels, w)))
    return out


def mse_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """The squared difference."""
    del size_average, reduce
    _same_size(input, target)
    return _reduced(elementwise.square(input - target), reduction)


def l1_loss(
    input: Tensor, target: Tensor, size_average: Any = None, reduce: Any = None, reduction: str = "mean"
) -> Tensor:
    """The absolute difference."""
    del size_average, reduce
    _same_size(input, target)
    return _reduced(elementwise.abs(input - target), reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """Squared where the difference is small, absolute where it is large."""
    apart = elementwise.abs(input - target)
    if not beta:
        return _reduced(apart, reduction)
    return _reduced(elementwise.where(apart < beta, apart * apart * (0.5 / beta), apart - 0.5 * beta), reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """`smooth_l1_loss` times delta."""
    apart = elementwise.abs(input - target)
    return _reduced(elementwise.where(apart < delta, apart * apart * 0.5, (apart - 0.5 * delta) * delta), reduction)


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """How surprised a probability is by 0 or 1; logs are held above -100."""
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is "
            f"deprecated. Please ensure "
            "they have the same size."
        )
    logs = elementwise.clamp(elementwise.log(input), min=-100.0)
    others = elementwise.clamp(elementwise.log1p(-input), min=-100.0)
    loss = -(target * logs + (1 - target) * others)
    return _reduced(loss if weight is None else loss * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: Any = None, reduce: Any = None,
    reduction: str = "mean", pos_weight: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """How surprised sigmoid(input) is by 0 or 1."""
    del size_average, reduce
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    if pos_weight is None:
        loss = (1 - target) * input - logsigmoid(input)
    else:
        loss = (1 - target) * input - logsigmoid(input) * ((pos_weight - 1) * target + 1)
    return _reduced(loss if weight is None else loss * weight, reduction)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """target · (log target - input)."""
    if log_target:
        loss = elementwise.exp(target) * (target - input)
    else:
        safe = elementwise.where(target > 0, target, 1.0)
        loss = elementwise.where(target > 0, target * (elementwise.log(safe) - input), 0.0 * input)
    if reduction == "batchmean":
        result: Tensor = reductions.sum(loss) / input.shape[0]
        return result
    return _reduced(loss, reduction)


def cosine_embedding_loss(
    input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0, reduction: str = "mean"
) -> Tensor:
    """1 - cosine for what belongs together, the cosine above the margin for what does not."""
    cosine = cosine_similarity(input1, input2)
    apart = elementwise.clamp(cosine - margin, min=0.0)
    return _reduced(elementwise.where(target > 0, 1 - cosine, apart), reduction)


def triplet_margin_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, margin: float = 1.0, p: float = 2, reduction: str = "mean"
) -> Tensor:
    """How much nearer the negative is than the positive, by a margin."""
    near, far = pairwise_distance(anchor, positive, p), pairwise_distance(anchor, negative, p)
    return _reduced(elementwise.clamp(near - far + margin, min=0.0), reduction)
