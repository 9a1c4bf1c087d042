"""What changes parameters along their gradients; each step is one call of the C source for all of a group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from handson.pocket.autograd import enable_grad, no_grad
from handson.pocket.creation import full_like, zeros_like
from handson.pocket.dtypes import dtype
from handson.pocket.kernels import whole_numbers
from handson.pocket.nn.calls import d, declare_both, floating, i, p, typed
from handson.pocket.tensor import Tensor, contiguous, convert_into

declare_both(
    sgd=(None, (i, p, i, d, d, d, d, i, i)),
    adam=(None, (i, p, i, d, d, d, d, d, i, i)),
    rmsprop=(None, (i, p, d, d, d, d, d, i)),
    adagrad=(None, (i, p, i, d, d, d, d, i)),
)

Group = dict[str, Any]


class Optimizer:
    """Groups of parameters, each with its settings, and what is kept for each parameter."""

    _kept: tuple[str, ...] = ()
    """The names of the tensors that are kept, as C is given them."""

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(
                f"params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                f"{type(params).__name__}"
            )
        self.defaults = defaults
        self.state: dict[Tensor, dict[str, Any]] = {}
        self.param_groups: list[Group] = []
        given = list(params)
        if not given:
            raise ValueError("optimizer got an empty parameter list")
        for group in given if isinstance(given[0], Mapping) else [{"params": given}]:
            self.add_param_group(dict(group))

    def add_param_group(self, param_group: Group) -> None:
        """One more group of parameters; settings it lacks are those of the optimizer."""
        params = param_group["params"]
        tensors = [params] if isinstance(params, Tensor) else [p[1] if isinstance(p, tuple) else p for p in params]
        known = {id(p) for group in self.param_groups for p in group["params"]}
        for tensor in tensors:
            if not isinstance(tensor, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {type(tensor).__name__}"
                )
            if not tensor.is_leaf:
                raise ValueError("can't optimize a non-leaf Tensor")
            if id(tensor) in known:
                raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append({**self.defaults, **param_group, "params": tensors})

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for group in self.param_groups:
            for tensor in group["params"]:
                if set_to_none or tensor.grad is None:
                    tensor.grad = None
                else:
                    tensor.grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Change each parameter that has a gradient."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                self._step_of(group)
        return loss

    def _step_of(self, group: Group) -> None:
        """One step of the parameters of a group that have a gradient: a call of C for each dtype and age."""
        tables: dict[tuple[dtype, int], list[int]] = {}
        copies: list[Tensor] = []  # what C reads and writes in place of tensors with gaps; kept until it has
        spread: list[tuple[Tensor, Tensor]] = []
        for parameter in group["params"]:
            if (gradient := parameter._grad) is None:
                continue
            floating("optimizer_step", parameter)
            values, gradient = contiguous(parameter), contiguous(gradient)
            if values is not parameter:
                spread.append((parameter, values))
            copies.append(gradient)
            _belongs("grad", gradient, values)
            if (state := self.state.get(parameter)) is None:
                state = self.state[parameter] = {}
            age = self._prepare(values, state, group)
            table = tables.setdefault((values.dtype, age), [])
            table += (values.numel(), values.data_ptr(), gradient.data_ptr())
            for name in self._kept:
                if (t := state.get(name)) is None:
                    table.append(0)
                else:
                    _belongs(name, t, values)
                    table.append(t.data_ptr())
            parameter._storage.version += 1
        for (kind, age), table in tables.items():
            rows = len(table) // (3 + len(self._kept))
            self._change(kind, rows, whole_numbers(table), age, group)
        for parameter, values in spread:
            convert_into(parameter, values)

    def _prepare(self, parameter: Tensor, state: dict[str, Any], group: Group) -> int:
        """Make what is to be kept for a parameter, where it is not yet there. Returns its age: parameters of one age
        are changed in one call."""
        raise NotImplementedError

    def _change(self, kind: dtype, rows: int, table: Any, age: int, group: Group) -> None:
        """Call C with so many rows: the count of numbers, then the addresses of parameter, gradient, kept tensors."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        """Settings and state, parameters by number."""
        numbers = {id(p): k for k, p in enumerate(p for group in self.param_groups for p in group["params"])}
        return {
            "state": {numbers[id(p)]: dict(state) for p, state in self.state.items()},
            "param_groups": [
                {**group, "params": [numbers[id(p)] for p in group["params"]]} for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        tensors = [p for group in self.param_groups for p in group["params"]]
        if len(state_dict["param_groups"]) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        for group, saved in zip(self.param_groups, state_dict["param_groups"], strict=True):
            if len(saved["params"]) != len(group["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
                )
            group.update({name: value for name, value in saved.items() if name != "params"})
        self.state = {
            tensors[k]: {n: v.clone() if isinstance(v, Tensor) else v for n, v in state.items()}
            for k, state in state_dict["state"].items()
        }

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for k, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {k}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])


def _belongs(name: str, t: Tensor, parameter: Tensor) -> None:
    """RuntimeError unless C may read and write it beside the parameter."""
    alike = t._shape == parameter._shape and t._dtype is parameter._dtype
    if alike and (t._strides == parameter._strides or t.is_contiguous()):
        return
    raise RuntimeError(
        f"{name} of shape {list(t.shape)} and dtype {t.dtype.name} does not belong to a parameter of shape "
        f"{list(parameter.shape)} and dtype {parameter.dtype.name}"
    )


def _not_negative(**values: float) -> None:
    names = {
        "lr": "learning rate",
        "weight_decay": "weight_decay value",
        "eps": "epsilon value",
        "momentum": "momentum value",
    }
    for name, value in values.items():
        if value < 0:
            raise ValueError(f"Invalid {names.get(name, name)}: {value}")


def _betas(betas: tuple[float, float]) -> None:
    for k, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {k}: {beta}")


class SGD(Optimizer):
    """Down the gradient, with momentum if wanted."""

    _kept = ("momentum_buffer",)

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, momentum: float = 0, dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        _not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {"lr": lr, "momentum": momentum, "dampening": dampening, "weight_decay": weight_decay, "nesterov": nesterov,
             "maximize": maximize},
        )  # fmt: skip

    def _prepare(self, parameter: Tensor, state: dict[str, Any], group: Group) -> int:
        first = 0
        if group["momentum"] and state.get("momentum_buffer") is None:
            state["momentum_buffer"], first = zeros_like(parameter), 1
        return first

    def _change(self, kind: dtype, rows: int, table: Any, age: int, group: Group) -> None:
        typed("sgd", kind)(
            rows, table, age, group["lr"], group["momentum"], group["dampening"], group["weight_decay"],
            group["nesterov"], group["maximize"],
        )  # fmt: skip


class Adam(Optimizer):
    """D. Kingma, J. Ba, Adam: a method for stochastic optimization (2015)."""

    _kept = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    _decoupled = False

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        _not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
        _betas(betas)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def _prepare(self, parameter: Tensor, state: dict[str, Any], group: Group) -> int:
        if not state:
            state.update(step=0, exp_avg=zeros_like(parameter), exp_avg_sq=zeros_like(parameter))
            if group["amsgrad"]:
                state["max_exp_avg_sq"] = zeros_like(parameter)
        state["step"] += 1
        age: int = state["step"]
        return age

    def _change(self, kind: dtype, rows: int, table: Any, age: int, group: Group) -> None:
        typed("adam", kind)(
            rows, table, age, group["lr"], *group["betas"], group["eps"], group["weight_decay"], self._decoupled,
            group["maximize"],
        )  # fmt: skip


class AdamW(Adam):
    """I. Loshchilov, F. Hutter, Decoupled weight decay regularization (2019)."""

    _decoupled = True

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 1e-2, amsgrad: bool = False, *, maximize: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


class RMSprop(Optimizer):
    """G. Hinton, Neural networks for machine learning, lecture 6e (2012)."""

    _kept = ("square_avg", "grad_avg", "momentum_buffer")

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
        momentum: float = 0, centered: bool = False,
    ) -> None:  # fmt: skip
        _not_negative(lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "alpha": alpha,
                "eps": eps,
                "centered": centered,
                "weight_decay": weight_decay,
            },
        )

    def _prepare(self, parameter: Tensor, state: dict[str, Any], group: Group) -> int:
        if not state:
            state["square_avg"] = zeros_like(parameter)
            if group["momentum"]:
                state["momentum_buffer"] = zeros_like(parameter)
            if group["centered"]:
                state["grad_avg"] = zeros_like(parameter)
        return 0

    def _change(self, kind: dtype, rows: int, table: Any, age: int, group: Group) -> None:  # noqa: ARG002
        typed("rmsprop", kind)(
            rows, table, group["lr"], group["alpha"], group["eps"], group["weight_decay"], group["momentum"], 0
        )


class Adagrad(Optimizer):
    """J. Duchi, E. Hazan, Y. Singer, Adaptive subgradient methods (2011)."""

    _kept = ("sum",)

    def __init__(
        self, params: Iterable[Any], lr: float = 1e-2, lr_decay: float = 0, weight_decay: float = 0,
        initial_accumulator_value: float = 0, eps: float = 1e-10,
    ) -> None:  # fmt: skip
        _not_negative(lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, eps=eps)
        super().__init__(
            params,
            {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay,
             "initial_accumulator_value": initial_accumulator_value},
        )  # fmt: skip

    def _prepare(self, parameter: Tensor, state: dict[str, Any], group: Group) -> int:
        if not state:
            state.update(step=0, sum=full_like(parameter, group["initial_accumulator_value"]))
        state["step"] += 1
        age: int = state["step"]
        return age

    def _change(self, kind: dtype, rows: int, table: Any, age: int, group: Group) -> None:
        typed("adagrad", kind)(rows, table, age, group["lr"], group["lr_decay"], group["eps"], group["weight_decay"], 0)
