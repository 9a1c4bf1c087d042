"""ONNX files for tests, written with the format's own library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

onnx = pytest.importorskip("onnx", reason="onnx is not installed; it has no wheel for this Python")

Constants = dict[str, torch.Tensor]


def make(
    nodes: Sequence[Any],
    constants: Constants | None = None,
    *,
    shape: Sequence[int | str] = ("N", 3, 9, 8),
    opset: int = 13,
) -> Any:
    """A model with these nodes, from "in" to "out"."""
    helper = onnx.helper
    graph = helper.make_graph(
        list(nodes),
        "test",
        [helper.make_tensor_value_info("in", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(value.numpy(), name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 7 if opset <= 13 else 10
    return model


def write(path: Path, model: Any) -> Path:
    path.write_bytes(model.SerializeToString())
    return path


def node(kind: str, *inputs: str, output: str = "out", **attributes: Any) -> Any:
    """A node that takes "in", then `inputs`."""
    return onnx.helper.make_node(kind, ["in", *inputs], [output], name=f"the {kind}", **attributes)
