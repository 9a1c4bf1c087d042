"""The base of all layers: parameters, buffers, parts, hooks and states, as PyTorch's `nn.Module`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from handson.pocket.autograd import no_grad
from handson.pocket.dtypes import dtype, float32, float64
from handson.pocket.tensor import Parameter, RemovableHandle, Tensor, copied, lacking


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` did not find, and what it had no use for."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"_IncompatibleKeys(missing_keys={self.missing_keys!r}, unexpected_keys={self.unexpected_keys!r})"


class Module:
    """A layer or a network: assign parameters and other modules as attributes, write `forward`, call it."""

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        for name, value in {
            "training": True, "_parameters": {}, "_buffers": {}, "_modules": {}, "_hooks": [], "_pre_hooks": [],
            "_not_saved": set(),
        }.items():  # fmt: skip
            object.__setattr__(self, name, value)

    def forward(self, *args: Any, **named: Any) -> Any:
        """To be written by the subclass."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **named: Any) -> Any:
        """`called`; shared out to workers where there are some (`handson.pocket.parallel`)."""
        if parallel.outermost():
            return parallel.call(self, args, named)
        return self.called(*args, **named)

    def called(self, *args: Any, **named: Any) -> Any:
        """The hooks, and `forward` between them. (Not PyTorch's.)"""
        for before in list(self._pre_hooks):
            changed = before(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        result = self.forward(*args, **named)
        for hook in list(self._hooks):
            changed = hook(self, args, result)
            result = result if changed is None else changed
        return result

    def register_forward_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, inputs, result)` after each call; what it returns replaces the result."""
        self._hooks.append(hook)
        return RemovableHandle(self._hooks, hook)

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, inputs)` before each call; what it returns replaces the inputs."""
        self._pre_hooks.append(hook)
        return RemovableHandle(self._pre_hooks, hook)

    # Attributes

    def __setattr__(self, name: str, value: Any) -> None:
        kinds = ("_parameters", "_buffers", "_modules")
        mine = self.__dict__
        if isinstance(value, Parameter | Module) and "_parameters" not in mine:
            what = "parameters" if isinstance(value, Parameter) else "module"
            raise AttributeError(f"cannot assign {what} before Module.__init__() call")
        if isinstance(value, Parameter):
            self._forget(name)
            mine["_parameters"][name] = value
        elif isinstance(value, Module):
            self._forget(name)
            mine["_modules"][name] = value
        elif any(name in mine.get(kind, ()) for kind in kinds):
            kind = next(kind for kind in kinds if name in mine[kind])
            if value is not None and not (kind == "_buffers" and isinstance(value, Tensor)):
                wanted = {"_parameters": "torch.nn.Parameter or None", "_buffers": "torch.Tensor or None"}.get(
                    kind, "torch.nn.Module or None"
                )
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' object to {kind[1:-1]} '{name}' ({wanted} expected)"
                )
            mine[kind][name] = value
        else:
            object.__setattr__(self, name, value)

    def _forget(self, name: str) -> None:
        self.__dict__.pop(name, None)
        for kind in ("_parameters", "_buffers", "_modules"):
            self.__dict__[kind].pop(name, None)

    def __getattr__(self, name: str) -> Any:
        for kind in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(kind, {})
            if name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for kind in ("_parameters", "_buffers", "_modules"):
            if name in self.__dict__[kind]:
                del self.__dict__[kind][name]
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        own = [*super().__dir__(), *self._parameters, *self._buffers, *self._modules]
        return sorted(name for name in own if not name[:1].isdigit())

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter by name."""
        self._forget(name)
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that belongs to the state but is no parameter."""
        self._forget(name)
        self._buffers[name] = tensor
        if not persistent:
            self._not_saved.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a part by name."""
        self._forget(name)
        self._modules[name] = module

    register_module = add_module

    # Walks

    def named_modules(self, memo: set[Module] | None = None, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all parts of parts, each once, with their dotted names."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """This module and all parts of parts, each once."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The parts, with their names."""
        return ((name, module) for name, module in self._modules.items() if module is not None)

    def children(self) -> Iterator[Module]:
        """The parts."""
        return (module for _, module in self.named_children())

    def _named(self, kind: str, prefix: str, recurse: bool) -> Iterator[tuple[str, Any]]:
        seen: set[int] = set()
        for name, module in self.named_modules(prefix=prefix) if recurse else [(prefix, self)]:
            for own, value in module.__dict__[kind].items():
                if value is not None and id(value) not in seen:
                    seen.add(id(value))
                    yield f"{name}.{own}" if name else own, value

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """All parameters, each once, with their dotted names."""
        return self._named("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All parameters, each once."""
        return (value for _, value in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """All buffers, with their dotted names."""
        return self._named("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers."""
        return (value for _, value in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The part with this dotted name."""
        module = self
        for name in target.split(".") if target else []:
            if name not in module._modules:
                raise AttributeError(f"{type(module).__name__} has no attribute `{name}`")
            module = module._modules[name]  # type: ignore[assignment]
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with this dotted name."""
        path, _, name = target.rpartition(".")
        return self.get_submodule(path)._parameters[name]  # type: ignore[return-value]

    # Changes

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Call a function with each part, and with this module last."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def _convert(self, function: Callable[[Tensor], Tensor]) -> Module:
        with no_grad():
            for module in self.modules():
                for parameter in module._parameters.values():
                    if parameter is not None:
                        parameter.data = function(parameter.detach())
                        if parameter.grad is not None:
                            parameter.grad = function(parameter.grad)
                for name, buffer in module._buffers.items():
                    if buffer is not None:
                        module._buffers[name] = function(buffer)
        return self

    def to(self, *args: Any, **named: Any) -> Module:
        """In another floating dtype. The device is always the CPU, the order in memory always the usual one."""
        kinds = [value for value in (*args, *named.values()) if isinstance(value, dtype)]
        if kinds:
            return self._convert(lambda t: copied(t, kinds[0]) if t.dtype.is_floating_point else t)
        from handson.pocket.tensor import device

        for value in (*args, named.get("device")):
            if isinstance(value, str):
                device(value)
        return self

    def double(self) -> Module:
        """In float64."""
        return self.to(float64)

    def float(self) -> Module:
        """In float32."""
        return self.to(float32)

    def cpu(self) -> Module:
        """Where it is already."""
        return self

    def train(self, mode: bool = True) -> Module:
        """In training: dropout drops, batch norm takes the batch's statistics."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Not in training."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Whether gradients of the parameters are wanted."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad.zero_()

    # State

    def state_dict(self, prefix: str = "") -> OrderedDict[str, Tensor]:
        """All parameters and buffers by their dotted names: the tensors themselves, not copies."""
        state: OrderedDict[str, Tensor] = OrderedDict()
        for name, value in self._parameters.items():
            if value is not None:
                state[prefix + name] = value.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._not_saved:
                state[prefix + name] = buffer.detach()
        for name, module in self.named_children():
            state.update(module.state_dict(f"{prefix}{name}."))
        return state

    def load_state_dict(
        self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Take over the values of a state. RuntimeError where names (if strict) or shapes do not fit."""
        own = self.state_dict()
        missing = [name for name in own if name not in state_dict]
        unexpected = [name for name in state_dict if name not in own]
        errors = []
        if strict and missing:
            errors.append(f"Missing key(s) in state_dict: {', '.join(repr(n) for n in missing)}. ".replace("'", '"'))
        if strict and unexpected:
            errors.append(
                f"Unexpected key(s) in state_dict: {', '.join(repr(n) for n in unexpected)}. ".replace("'", '"')
            )
        with no_grad():
            for name, mine in own.items():
                if name not in state_dict:
                    continue
                given = state_dict[name]
                if given.shape != mine.shape:
                    errors.append(
                        f"size mismatch for {name}: copying a param with shape {given.shape} from checkpoint, the "
                        f"shape in current "
                        f"model is {mine.shape}."
                    )
                elif assign:
                    self._assign(name, given)
                else:
                    mine.copy_(given)
        if errors:
            raise RuntimeError(f"Error(s) in loading state_dict for {type(self).__name__}:\n\t" + "\n\t".join(errors))
        return IncompatibleKeys(missing, unexpected)

    def _assign(self, name: str, given: Tensor) -> None:
        path, _, last = name.rpartition(".")
        module = self.get_submodule(path)
        if last in module._parameters:
            module._parameters[last] = Parameter(given, requires_grad=module._parameters[last].requires_grad)  # type: ignore[union-attr]
        else:
            module._buffers[last] = given

    def extra_repr(self) -> str:
        """What stands in the parentheses when the module is shown."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        parts = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if not parts and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines + parts) + "\n)"

    def __hash__(self) -> int:
        return id(self)


def _indented(text: str) -> str:
    first, *rest = text.split("\n")
    return "\n".join([first, *(f"  {line}" for line in rest)])


def lacks(name: str, there: Any) -> AttributeError:
    """The error for a layer that is not here."""
    return AttributeError(lacking("torch.nn", name, there))


from handson.pocket import parallel  # noqa: E402  # it needs Module
