"""Protobuf messages from a short description of our own, through the protobuf library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = re.compile(r"(\d+) (\w+) (\w+)(\*?)(?:=(\S+))?")
_SCALARS = {
    "double": 1,
    "float": 2,
    "int64": 3,
    "uint64": 4,
    "int32": 5,
    "bool": 8,
    "string": 9,
    "bytes": 12,
    "uint32": 13,
}
_MESSAGE, _ENUM = 11, 14


def messages(
    package: str, described: Mapping[str, tuple[str, ...]], enums: Mapping[str, Mapping[str, int]]
) -> dict[str, type[Any]]:
    """Message classes by name.

    described: message → its fields, each "NUMBER NAME TYPE", with * behind the type if repeated, with =DEFAULT behind
    that. A type is a scalar of protobuf, or a message or enum described here. Fields that are not described are kept
    out: the text reader refuses them, the binary reader skips them.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    for name, values in enums.items():
        # In a message of its own: values of enums that stand side by side must differ.
        enum = file.message_type.add(name=f"{name}Values").enum_type.add(name=name)
        for value, code in values.items():
            enum.value.add(name=value, number=code)
    for name, fields in described.items():
        message = file.message_type.add(name=name)
        for field in fields:
            match = _FIELD.fullmatch(field)
            assert match, field
            number, label, kind, repeated, default = match.groups()
            entry = message.field.add(name=label, number=int(number), label=3 if repeated else 1)
            if kind in _SCALARS:
                entry.type = _SCALARS[kind]  # type: ignore[assignment]
                if repeated and kind not in ("string", "bytes"):
                    entry.options.packed = True
            else:
                entry.type = _ENUM if kind in enums else _MESSAGE  # type: ignore[assignment]
                entry.type_name = f".{package}.{kind}Values.{kind}" if kind in enums else f".{package}.{kind}"
            if default is not None:
                entry.default_value = default
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call, unused-ignore]
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in described
    }
