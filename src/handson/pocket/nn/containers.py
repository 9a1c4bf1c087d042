"""Modules that hold others, and lists of parameters."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handson.pocket.nn import fused
from handson.pocket.nn.module import Module
from handson.pocket.tensor import Parameter, Tensor


class Sequential(Module):
    """One module after the other."""

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in named:
            self.add_module(str(name), _module(module))

    def forward(self, input: Any) -> Any:
        """Through all of them."""
        return fused.through(list(self._modules.values()), input)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(OrderedDict(list(self._modules.items())[index]))
        return list(self._modules.values())[_within(index, len(self))]

    def __setitem__(self, index: int, module: Module) -> None:
        key = list(self._modules)[_within(index, len(self))]
        self._modules[key] = _child(key, module)

    def __delitem__(self, index: Any) -> None:
        _renumber(self, _without(list(self._modules.values()), index))

    def append(self, module: Module) -> Sequential:
        """One more at the end."""
        self.add_module(str(len(self)), _module(module))
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """One more, there."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        parts = list(self._modules.values())
        parts.insert(index, module)
        _renumber(self, parts)
        return self

    def pop(self, key: int) -> Module:
        """Take one out."""
        taken: Module = self[key]
        del self[key]
        return taken

    def extend(self, sequential: Iterable[Module]) -> Sequential:
        """More at the end."""
        for module in list(sequential):
            self.append(module)
        return self

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")
        return Sequential(*self, *other)


def _within(index: Any, length: int) -> int:
    at = operator.index(index)
    if not -length <= at < length:
        raise IndexError(f"index {at} is out of range")
    return at % length


def _module(module: Any) -> Any:
    """What may be added: a module, or None."""
    if module is not None and not isinstance(module, Module):
        raise TypeError(f"{type(module).__name__} is not a Module subclass")
    return module


def _child(key: str, module: Any) -> Any:
    """What may take another's place: a module, or None."""
    if module is not None and not isinstance(module, Module):
        raise TypeError(
            f"cannot assign '{type(module).__name__}' as child module '{key}' (torch.nn.Module or None expected)"
        )
    return module


def _without(parts: list[Any], index: Any) -> list[Any]:
    del parts[index if isinstance(index, slice) else _within(index, len(parts))]
    return parts


def _renumber(holder: Module, parts: list[Any]) -> None:
    """Let it hold these, by numbers from 0."""
    holder._modules.clear()
    holder._modules.update({str(k): part for k, part in enumerate(parts)})


def _iterable(owner: str, given: Any, of: str = "") -> Any:
    if not isinstance(given, Iterable) or isinstance(given, Tensor):
        raise TypeError(f"{owner} should be called with an iterable{of}, but got {type(given).__name__}")
    return given


class _List(Module):
    """Modules or parameters in a list; `_held` is the dict they are in."""

    _held = "_modules"

    def __init__(self, held: Iterable[Any] = ()) -> None:
        super().__init__()
        for one in held:
            self.append(one)

    def append(self, one: Any) -> Any:
        """One more at the end."""
        raise NotImplementedError

    def _all(self) -> list[Any]:
        return list(self.__dict__[self._held].values())

    def __len__(self) -> int:
        return len(self.__dict__[self._held])

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._all()[index])
        return self._all()[_within(index, len(self))]


class ModuleList(_List):
    """Modules in a list."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__(modules)

    def __setitem__(self, index: int, module: Module) -> None:
        key = str(_within(index, len(self)))
        self._modules[key] = _child(key, module)

    def __delitem__(self, index: Any) -> None:
        _renumber(self, _without(self._all(), index))

    def append(self, module: Module) -> ModuleList:
        """One more at the end."""
        self.add_module(str(len(self)), _module(module))
        return self

    def insert(self, index: int, module: Module) -> None:
        """One more, there, as a list does it."""
        parts = self._all()
        parts.insert(index, _module(module))
        _renumber(self, parts)

    def pop(self, key: int) -> Module:
        """Take one out."""
        taken: Module = self[key]
        del self[key]
        return taken

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """More at the end."""
        for module in list(_iterable("ModuleList.extend", modules)):
            self.append(module)
        return self

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        return ModuleList([*self, *other])


class ModuleDict(Module):
    """Modules by name."""

    def __init__(self, modules: Mapping[str, Module] | Iterable[tuple[str, Module]] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def update(self, modules: Mapping[str, Module] | ModuleDict | Iterable[tuple[str, Module]]) -> None:
        """Take over these, from a mapping or from pairs of names and modules."""
        _iterable("ModuleDict.update", modules, " of key/value pairs")
        pairs: list[Any] = list(modules.items() if isinstance(modules, Mapping | ModuleDict) else modules)
        for k, pair in enumerate(pairs):
            if len(pair) != 2:
                raise ValueError(f"ModuleDict update sequence element #{k} has length {len(pair)}; 2 is required")
        for name, module in pairs:
            self.add_module(name, _module(module))

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, _module(module))

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def pop(self, key: str) -> Module:
        """Take one out."""
        return self._modules.pop(key)  # type: ignore[return-value]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: str) -> bool:
        return key in self._modules

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._modules.keys()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and modules."""
        return self._modules.items()

    def values(self) -> Iterable[Any]:
        """The modules."""
        return self._modules.values()


class ParameterList(_List):
    """Parameters in a list."""

    _held = "_parameters"

    def __init__(self, values: Iterable[Tensor] = ()) -> None:
        super().__init__(values)

    def __setitem__(self, index: int, value: Tensor) -> None:
        self._parameters[str(_within(index, len(self)))] = value if isinstance(value, Parameter) else Parameter(value)

    def append(self, value: Tensor) -> ParameterList:
        """One more at the end."""
        self.register_parameter(str(len(self)), value if isinstance(value, Parameter) else Parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """More at the end."""
        for value in list(_iterable("ParameterList.extend", values)):
            self.append(value)
        return self

    def __iadd__(self, values: Iterable[Tensor]) -> ParameterList:
        return self.extend(values)

    def extra_repr(self) -> str:
        """Each parameter's dtype and shape."""
        return "\n".join(
            f"({name}): Parameter containing: [torch.{value.dtype.name} of size {'x'.join(map(str, value.shape))}]"
            for name, value in self._parameters.items()
            if value is not None
        )


class ParameterDict(Module):
    """Parameters by name."""

    def __init__(self, parameters: Mapping[str, Tensor] | None = None) -> None:
        super().__init__()
        for name, value in (parameters or {}).items():
            self[name] = value

    def __getitem__(self, key: str) -> Parameter:
        return self._parameters[key]  # type: ignore[return-value]

    def __setitem__(self, key: str, value: Tensor) -> None:
        self.register_parameter(key, value if isinstance(value, Parameter) else Parameter(value))

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: str) -> bool:
        return key in self._parameters

    def items(self) -> Iterable[tuple[str, Any]]:
        """Names and parameters."""
        return self._parameters.items()

    def keys(self) -> Iterable[str]:
        """The names."""
        return self._parameters.keys()

    def values(self) -> Iterable[Any]:
        """The parameters."""
        return self._parameters.values()
