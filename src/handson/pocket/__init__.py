"""PyTorch's shape in the pocket: a small deep-learning library over one C source, native and in the browser.

`import handson.pocket as torch`, or `handson.pocket.install()` and then `import torch`. It has the names, signatures,
defaults and error messages of PyTorch for what the lessons use (docs/pocket.md lists all of it), and needs nothing
beyond Python.
"""

from __future__ import annotations

import math
import sys
from typing import Any

from handson.pocket import (
    autograd,
    creation,
    cuda,
    dtypes,
    elementwise,
    func,
    gathering,
    indexing,
    linalg,
    linear,
    methods,
    nn,
    optim,
    printing,
    random,
    reductions,
    replica,
    serialization,
    shapes,
    utils,
)
from handson.pocket import (
    tensor as _tensor,
)

methods.attach()

__version__ = "pocket"

_NAMES: dict[Any, str] = {
    _tensor: "Tensor Size device memory_format",
    autograd: "no_grad enable_grad inference_mode set_grad_enabled is_grad_enabled",
    creation: (
        "tensor as_tensor asarray from_numpy frombuffer empty zeros ones full arange linspace logspace eye "
        "scalar_tensor empty_like zeros_like ones_like full_like"
    ),
    dtypes: "dtype uint8 int32 int64 float32 float64 finfo iinfo promote_types get_default_dtype set_default_dtype",
    elementwise: (
        "neg abs sign square sqrt rsqrt reciprocal exp log sin cos tan tanh sigmoid relu floor ceil trunc erf "
        "expm1 log1p atan asin acos sinh cosh log2 log10 isnan isfinite isinf logical_not absolute negative "
        "bitwise_not round frac add sub mul div floor_divide remainder fmod pow atan2 maximum minimum eq ne lt le "
        "gt ge bitwise_and bitwise_or bitwise_xor logical_and logical_or logical_xor where clamp clamp_min "
        "clamp_max nan_to_num lerp logit hypot clone masked_fill"
    ),
    gathering: "gather take_along_dim scatter scatter_add index_add",
    indexing: "nonzero argwhere masked_select index_select take masked_scatter searchsorted bucketize",
    linear: "matmul mm bmm mv dot outer addmm baddbmm tensordot einsum cdist cross trace",
    methods: "equal isclose allclose preserve_format contiguous_format channels_last",
    printing: "set_printoptions",
    random: (
        "Generator default_generator manual_seed initial_seed seed get_rng_state set_rng_state rand randn randint "
        "randperm rand_like randn_like randint_like normal bernoulli multinomial"
    ),
    reductions: (
        "sum mean nansum prod var std std_mean var_mean amax amin max min argmax argmin aminmax any all "
        "count_nonzero norm logsumexp cumsum cumprod diff argsort sort topk kthvalue median quantile unique "
        "bincount histc"
    ),
    serialization: "save load",
    shapes: (
        "reshape flatten unflatten squeeze unsqueeze permute transpose t movedim broadcast_to broadcast_tensors "
        "narrow select diagonal diag tril triu cat concat concatenate stack vstack hstack split chunk unbind tile "
        "repeat_interleave flip roll meshgrid cartesian_prod"
    ),
}  # fmt: skip

for _module, _text in _NAMES.items():
    for _name in _text.split():
        globals()[_name] = getattr(_module, _name)

bool = dtypes.bool_
int, long = dtypes.int32, dtypes.int64
float, double = dtypes.float32, dtypes.float64
clip, swapaxes = elementwise.clamp, shapes.transpose
multiply, subtract, divide, true_divide = elementwise.mul, elementwise.sub, elementwise.div, elementwise.div
softmax, log_softmax = nn.functional.softmax, nn.functional.log_softmax
inverse = linalg.inv
strided = "torch.strided"
pi, inf, nan, e = math.pi, math.inf, math.nan, math.e


def is_tensor(obj: Any) -> Any:
    """Whether it is a tensor."""
    return isinstance(obj, _tensor.Tensor)


def is_floating_point(input: Any) -> Any:
    """Whether a tensor's numbers are floats."""
    return input.dtype.is_floating_point


def numel(input: Any) -> Any:
    """The number of elements."""
    return input.numel()


def get_num_threads() -> Any:
    """How many threads one operation uses: 1."""
    return 1


def set_num_threads(_: Any) -> None:
    """Accepted, and without effect: one operation uses one thread."""


def use_deterministic_algorithms(*_: Any, **__: Any) -> None:
    """Accepted: everything here gives the same result each time."""


def install() -> None:
    """Let `import torch` mean this library, in this process. RuntimeError if PyTorch has been imported already, since
    two kinds of tensors would meet."""
    found = sys.modules.get("torch")
    me = sys.modules[__name__]
    if found is me:
        return
    if found is not None:
        raise RuntimeError("PyTorch has been imported already; handson.pocket can take its place only before that.")
    replica.from_environment()
    sys.modules["torch"] = me
    parts = {
        "autograd": autograd, "cuda": cuda, "func": func, "linalg": linalg, "nn": nn, "nn.functional": nn.functional,
        "nn.init": nn.init,
        "nn.parameter": nn.parameter, "nn.utils": nn.utils, "optim": optim, "optim.lr_scheduler": optim.lr_scheduler,
        "random": random, "utils": utils, "utils.checkpoint": utils.checkpoint, "utils.data": utils.data,
    }  # fmt: skip
    for name, module in parts.items():
        sys.modules[f"torch.{name}"] = module


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    raise AttributeError(_tensor.lacking("torch", name, (n for n in globals() if not n.startswith("_"))))
