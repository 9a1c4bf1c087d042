"""The fields of ONNX files that the zoo needs (onnx.ai: the Open Neural Network Exchange's format, 2017-2025).

Numbers as published in its description. What an image classifier has no use for (functions, training, sparse tensors)
is listed where a file that carries it must be refused.
"""

from __future__ import annotations

from typing import Any

from handson.lab.zoo.schema import messages

_MESSAGES: dict[str, tuple[str, ...]] = {
    "Model": (
        "1 ir_version int64", "2 producer_name string", "3 producer_version string", "7 graph Graph",
        "8 opset_import Opset*", "14 metadata_props Entry*", "20 training_info Ignored*", "25 functions Ignored*",
    ),
    "Ignored": (),
    "Entry": ("1 key string", "2 value string"),
    "Opset": ("1 domain string", "2 version int64"),
    "Graph": (
        "1 node Node*", "2 name string", "5 initializer Tensor*", "11 input ValueInfo*", "12 output ValueInfo*",
        "14 quantization_annotation Ignored*", "15 sparse_initializer Ignored*",
    ),
    "Node": (
        "1 input string*", "2 output string*", "3 name string", "4 op_type string", "5 attribute Attribute*",
        "7 domain string",
    ),
    "Attribute": (
        "1 name string", "2 f float", "3 i int64", "4 s bytes", "5 t Tensor", "7 floats float*", "8 ints int64*",
        "20 type int32", "21 ref_attr_name string",
    ),
    # Packed numbers lie in the file as one run of bytes; declared as bytes they are taken over as they are.
    "Tensor": (
        "1 dims int64*", "2 data_type int32", "3 segment Ignored", "4 float_data bytes*", "5 int32_data int32*",
        "7 int64_data int64*", "8 name string", "9 raw_data bytes", "13 external_data Entry*", "14 data_location int32",
    ),
    "ValueInfo": ("1 name string", "2 type Type"),
    "Type": ("1 tensor_type TensorType",),
    "TensorType": ("1 elem_type int32", "2 shape Shape"),
    "Shape": ("1 dim Dimension*",),
    "Dimension": ("1 dim_value int64", "2 dim_param string"),
}  # fmt: skip

_classes = messages("handson.onnx", _MESSAGES, {})
Model: type[Any] = _classes["Model"]
"""A whole file."""
FLOAT, INT64, BOOL = 1, 7, 9
"""Types of numbers in a tensor."""
KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints"}
"""Type of an attribute → the field that holds it."""
EXTERNAL = 1
"""A tensor whose numbers lie in another file."""

MOST_STRUCTURE = 8_000_000
"""Bytes of a file that may be something else than the numbers of its weights; ResNet-152 has 0.3 MB."""
MOST_FIELDS = 200_000
_GRAPH, _INITIALIZER, _NUMBERS = 7, 5, (4, 9, 10)
_LENGTH, _FIXED = 2, {1: 8, 5: 4}
"""Wire types of protobuf: bytes with their length before them, and numbers of eight and four bytes."""


class Unbounded(Exception):  # noqa: N818  # becomes a ZooError with the file's name
    """Why a file is not handed to the protobuf library."""


def check_bounds(content: bytes) -> None:
    """Walks over the outer fields of a file, and raises Unbounded where reading all of it could fill the memory.

    A message of two bytes becomes an object of a hundred. So all that is no run of numbers is held to MOST_STRUCTURE.
    """
    structure = fields = 0
    open_ranges = [(0, len(content), "model")]
    while open_ranges:
        at, end, kind = open_ranges.pop()
        while at < end:
            number, wire, at = _key(content, at, end)
            if wire == _LENGTH:
                size, begin = _varint(content, at, end)
                after = begin + size
            elif wire == 0:
                begin, after = at, _varint(content, at, end)[1]
            elif wire in _FIXED:
                begin, after = at, at + _FIXED[wire]
            else:
                raise Unbounded("it is damaged, or no ONNX file")
            if after > end:
                raise Unbounded("it is damaged or cut off, or no ONNX file")
            fields += 1
            if kind == "model" and number == _GRAPH and wire == _LENGTH:
                open_ranges.append((begin, after, "graph"))
            elif kind == "graph" and number == _INITIALIZER and wire == _LENGTH:
                open_ranges.append((begin, after, "tensor"))
            elif not (kind == "tensor" and number in _NUMBERS and wire == _LENGTH):
                structure += after - begin
            if fields > MOST_FIELDS or structure > MOST_STRUCTURE:
                raise Unbounded(
                    f"beside the numbers of its weights, it holds more than {MOST_STRUCTURE:,} bytes "
                    f"or {MOST_FIELDS:,} fields"
                )
            at = after


def _key(content: bytes, at: int, end: int) -> tuple[int, int, int]:
    key, at = _varint(content, at, end)
    return key >> 3, key & 7, at


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number in groups of seven bits, the lowest first; and where the next field begins."""
    value = shift = 0
    while at < end and shift < 70:
        byte = content[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise Unbounded("it is damaged or cut off, or no ONNX file")
