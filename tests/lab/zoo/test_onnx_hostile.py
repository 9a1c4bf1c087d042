"""Damaged and hostile ONNX files: a message that says why, in little memory and time."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from handson.lab.zoo import onnx_reader
from handson.lab.zoo.errors import ZooError
from handson.lab.zoo.onnx_layers import KNOWN
from handson.lab.zoo.onnx_reader import read_onnx
from tests.lab.zoo.made_up import made_up
from tests.lab.zoo.onnx_files import make, node, onnx, write

WEIGHT = made_up((4, 3, 3, 2), 5)
NORM = {name: torch.ones(3) for name in ("s", "b", "m", "v")}
TERABYTES = 2**40


def wired(kind: str, inputs: list[str], outputs: list[str], name: str = "") -> Any:
    return onnx.helper.make_node(kind, inputs, outputs, name=name)


def conv(**attributes: Any) -> Any:
    return make([node("Conv", "w", **attributes)], {"w": WEIGHT})


def changed(model: Any, change: Callable[[Any], object]) -> Any:
    change(model)
    return model


def weight_of(model: Any) -> Any:
    return model.graph.initializer[0]


HOSTILE: dict[str, tuple[Any, str]] = {
    # --- the wiring
    "a cycle": (
        make([wired("Add", ["in", "b"], ["a"], "one"), wired("Relu", ["a"], ["b"], "two"), wired("Relu", ["b"], ["out"])]),
        r"bad\.onnx: Node 'one' \(Add\) needs 'b', which comes later: a cycle\. Export it again, in evaluation mode",
    ),
    "an input that nothing makes": (
        make([wired("Add", ["in", "nowhere"], ["out"])]),
        r"Node 'out' \(Add\) needs 'nowhere', which nothing makes\.",
    ),
    "a value made twice": (
        make([wired("Relu", ["in"], ["a"], "one"), wired("Relu", ["a"], ["a"], "two")]),
        r"Node 'two' \(Relu\) makes 'a', which is there already\.",
    ),
    "the input made again": (make([wired("Relu", ["in"], ["in"])]), r"makes 'in', which is there already"),
    "two nodes of one name": (
        make([wired("Relu", ["in"], ["a"], "same"), wired("Relu", ["a"], ["out"], "same")]),
        r"bad\.onnx is not read: two nodes are called 'same'\.",
    ),
    "two weights of one name": (
        changed(conv(), lambda m: m.graph.initializer.append(weight_of(m))),
        r"two weights are called 'w'",
    ),
    "an output that no node makes": (make([wired("Relu", ["in"], ["other"])]), r"no node makes the output 'out'"),
    "the input as output": (
        changed(make([node("Relu")]), lambda m: setattr(m.graph.output[0], "name", "in")),
        r"no node makes the output 'in'",
    ),
    "two outputs": (
        changed(make([node("Relu")]), lambda m: m.graph.output.append(m.graph.output[0])),
        r"it has 2 outputs, not one",
    ),
    "two inputs": (
        changed(make([node("Relu")]), lambda m: m.graph.input.add(name="second")),
        r"it has 2 inputs, not one",
    ),
    "no node": (make([]), r"it holds no network"),
    "a dropout's mask in use": (
        make([wired("Dropout", ["in"], ["a", "mask"]), wired("Relu", ["mask"], ["out"])]),
        r"needs 'mask'",
    ),
    "a name without end": (
        make([wired("Relu", ["in"], ["out"], "x" * 5000)]),
        r"the name 'x{77}…' is too long",
    ),
    "a name that commands the terminal": (
        make([wired("\x1b[2J", ["in"], ["out"], "\x1b]0;gone\x07")]),
        r"Node '\\x1b\]0;gone\\x07' \(\\x1b\[2J\): the zoo does not know '\\x1b\[2J'; it knows Add,",
    ),
    # --- what the file says of itself
    "an opset before 2017": (make([node("Relu")], opset=6), r"its operators are of opset 6, and 7 to 26 are read"),
    "no opset": (changed(make([node("Relu")]), lambda m: m.ClearField("opset_import")), r"names 0 versions"),
    "functions": (
        changed(make([node("Relu")]), lambda m: m.functions.add(name="f")),
        r"it holds functions, which are not read",
    ),
    "training": (changed(make([node("Relu")]), lambda m: m.training_info.add()), r"it holds training_info"),
    "sparse weights": (
        changed(make([node("Relu")]), lambda m: m.graph.sparse_initializer.add()),
        r"it holds a sparse_initializer",
    ),
    "an input that is no picture": (make([node("Relu")], shape=("N", 10)), r"its input is no picture"),
    "an input of terabytes": (make([node("Relu")], shape=("N", 3, 90_000, 90_000)), r"its input has the shape \(3, 90000,"),
    "an endless side": (make([node("Relu")], shape=("N", 3, 2**62, 1)), r"its input has the shape \(3, 46116860184273879"),
    "no channels": (make([node("Relu")], shape=("N", "C", 8, 8)), r"its input has the shape \(0, 8, 8\)"),
    # --- operators
    "an unknown operator": (
        make([node("Einsum", equation="a->a")]),
        r"bad\.onnx: Node 'the Einsum' \(Einsum\): the zoo does not know 'Einsum'; it knows Add, AveragePool, Batch",
    ),
    "somebody's own operator": (make([node("Relu", domain="com.example")]), r"operators of 'com\.example'"),
    "an unknown attribute": (make([node("Relu", beta=1.0)]), r"Node 'the Relu' \(Relu\): the attribute 'beta' is not read"),
    "an attribute twice": (
        changed(conv(group=1), lambda m: m.graph.node[0].attribute.append(m.graph.node[0].attribute[0])),
        r"the attribute 'group' twice",
    ),
    "an attribute of another type": (conv(group=1.5), r"group 1\.5"),
    "a list for a number": (conv(strides=[1.5, 1.5]), r"strides \(1\.5, 1\.5\)"),
    "an attribute that is a network": (
        changed(make([node("Relu")]), lambda m: m.graph.node[0].attribute.add(name="body", type=5)),
        r"the attribute 'body' is of a type that is not read \(5\)",
    ),
    "a third input": (make([node("Relu", "w")], {"w": WEIGHT}), r"input 2 is not read"),
    "padding by size with a stride": (conv(auto_pad="SAME_UPPER", strides=[2, 2]), r"auto_pad with a stride"),
    "padding of gigabytes": (conv(pads=[2**40] * 4), r"pads \(1099511627776,"),
    "padding up to the limit": (conv(pads=[10**6] * 4), r"and makes 16,0\d\d,\d{3},\d{3},\d{3} numbers of a picture\. At most"),
    "negative padding": (conv(pads=[-1, 0, 0, 0]), r"pads \(-1, 0, 0, 0\)"),
    "no stride": (conv(strides=[0, 1]), r"strides \(0, 1\)"),
    "a picture smaller than the window": (conv(dilations=[100, 100]), r"Layer 'the Conv of bad\.onnx' cannot take \(3, 9, 8\)"),
    "groups that do not fit": (conv(group=2), r"weights \(4, 3, 3, 2\) in 2 groups for 3 channels"),
    "no groups": (conv(group=0), r"in 0 groups"),
    "training batch norm": (make([node("BatchNormalization", *NORM, training_mode=1)], NORM), r"training_mode"),
    "a variance below zero": (
        make([node("BatchNormalization", *NORM)], {**NORM, "v": -NORM["v"]}),
        r"a variance below zero",
    ),
    "dropout in training": (
        make([node("Dropout", "", "t")], {"t": torch.tensor(True)}),
        r"training_mode",
    ),
    "pictures mixed": (make([node("Concat", "in", axis=0)]), r"axis 0"),
    "reshaped across pictures": (make([node("Reshape", "s")], {"s": torch.tensor([1, 3, -1])}), r"a new shape \[1, 3, -1\]"),
    "shapes that do not fit": (
        make([wired("Flatten", ["in"], ["flat"]), wired("Gemm", ["flat", "w"], ["out"])], {"w": made_up((7, 5))}),
        r"a matrix for 7 numbers, given 216",
    ),
    # --- numbers
    "a shape of terabytes": (
        changed(conv(), lambda m: weight_of(m).dims.__setitem__(0, TERABYTES)),
        r"'w' says that it has 1099511627776 × 3 × 3 × 2 numbers, and has 72",
    ),
    "a negative shape": (
        changed(conv(), lambda m: weight_of(m).dims.__setitem__(slice(0, 2), [-4, -3])),
        r"'w' has the shape \[-4, -3, 3, 2\]",
    ),
    "more sizes than numbers": (changed(conv(), lambda m: weight_of(m).dims.extend([1] * 100)), r"'w' has the shape \[4, 3,"),
    "half a number": (
        changed(conv(), lambda m: setattr(weight_of(m), "raw_data", bytes(287))),
        r"'w' says that it has 4 × 3 × 3 × 2 numbers, and has 71",
    ),
    "half precision": (
        changed(conv(), lambda m: setattr(weight_of(m), "data_type", 10)),
        r"'w' holds numbers of a type that is not read \(10\)",
    ),
    "whole numbers as weights": (make([node("Conv", "w")], {"w": WEIGHT.long()}), r"input 2 is no float"),
    "numbers that are not finite": (make([node("Conv", "w")], {"w": WEIGHT / 0}), r"input 2 holds numbers that are not finite"),
    "numbers in another file": (
        changed(conv(), lambda m: weight_of(m).external_data.add(key="location", value="/etc/passwd")),
        r"the numbers of 'w' lie in another file, which is not read",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_wrong_is_said(tmp_path: Path, case: str) -> None:
    model, message = HOSTILE[case]
    path = write(tmp_path / "bad.onnx", model)
    before = time.process_time()
    with pytest.raises(ZooError, match=message) as caught:
        read_onnx(path)
    assert time.process_time() - before < 2
    assert len(str(caught.value)) < 800
    assert str(caught.value).isprintable()


def field(number: int, content: bytes) -> bytes:
    """A field of protobuf that holds bytes."""
    length, size = b"", len(content)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


@pytest.mark.parametrize(
    "content",
    [
        field(7, field(1, b"") * 3_000_000),
        field(7, field(1, field(5, b"") * 4_500_000)),
        field(7, field(5, field(13, b"") * 3_000_000)),
        field(7, field(5, b"\x08\x01" * 3_000_000)),
        field(7, b"") * 3_000_000,
        field(14, b"") * 3_000_000,
        field(15, bytes(9_000_000)),
    ],
    ids=["nodes", "attributes", "places of numbers", "sizes", "graphs", "notes", "unknown"],
)
def test_millions_of_tiny_parts_do_not_become_millions_of_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(onnx_reader, "Model", lambda: type("Unread", (), {"ParseFromString": pytest.fail})())
    path = tmp_path / "tiny.onnx"
    path.write_bytes(content)
    before = time.process_time()
    with pytest.raises(
        ZooError, match=r"tiny\.onnx is not read: beside the numbers of its weights, it holds more than"
    ):
        read_onnx(path)
    assert time.process_time() - before < 2


def test_more_nodes_than_any_network_has_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "many.onnx", make([wired("Relu", ["in"], ["a"])] * 20_001))
    with pytest.raises(ZooError, match=r"it has 20,001 nodes, and at most 20,000 are read"):
        read_onnx(path)


def test_one_weight_in_every_layer_counts_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_reader, "MOST_PARAMETERS", 200)
    names = ["in", "a", "b", "out"]
    nodes = [wired("Conv", [before, "w"], [after]) for before, after in itertools.pairwise(names)]
    path = write(tmp_path / "shared.onnx", make(nodes, {"w": made_up((3, 3, 3, 3))}))
    with pytest.raises(ZooError, match=r"with Node 'out' \(Conv\), the network has 243 parameters .* At most 200 and"):
        read_onnx(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"x\.onnx is not read: it holds no network"),
        (b"no such thing", r"x\.onnx is (not read: it is )?damaged"),
        (
            b"\x0a\xff\xff\xff\xff\x7f",
            r"x\.onnx is not read: it is damaged or cut off, or no ONNX file\. Fetch it again",
        ),
        (b"\xff" * 20, r"x\.onnx is not read: it is damaged"),
        (b"\x0b" * 500, r"x\.onnx is not read: it is damaged"),
    ],
)
def test_what_is_no_onnx_file_is_called_so(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.onnx"
    path.write_bytes(content)
    with pytest.raises(ZooError, match=message):
        read_onnx(path)


def test_a_file_that_is_not_there_or_too_large_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(
        ZooError, match=r"missing\.onnx cannot be read \(No such file or directory\)\. Check its path\."
    ):
        read_onnx(tmp_path / "missing.onnx")
    with (tmp_path / "large.onnx").open("wb") as stream:
        stream.truncate(TERABYTES)
    with pytest.raises(
        ZooError, match=r"large\.onnx has 1,099,511,627,776 bytes\. More than 1,608,000,000 are not read"
    ):
        read_onnx(tmp_path / "large.onnx")


# --- fuzzing ----------------------------------------------------------------------------------------------------------

WHOLE = make(
    [
        node("Conv", "w", "b", output="a", pads=[1, 1, 1, 1], strides=[2, 2]),
        wired("BatchNormalization", ["a", "n", "n", "n", "v"], ["c"]),
        wired("Relu", ["c"], ["d"]),
        onnx.helper.make_node("MaxPool", ["d"], ["e"], kernel_shape=[2, 2], ceil_mode=1),
        onnx.helper.make_node("Concat", ["e", "e"], ["f"], axis=1),
        wired("Mul", ["f", "k"], ["g"]),
        wired("Reshape", ["g", "s"], ["h"]),
        onnx.helper.make_node("Gemm", ["h", "m", "mb"], ["i"], transB=1),
        wired("Softmax", ["i"], ["out"]),
    ],
    {
        "w": WEIGHT,
        "b": torch.ones(4),
        "n": torch.ones(4),
        "v": torch.ones(4),
        "k": torch.tensor(2.0),
        "s": torch.tensor([0, -1]),
        "m": made_up((5, 72)),
        "mb": torch.ones(5),
    },
    shape=("N", 3, 8, 7),
)
CONTENT = WHOLE.SerializeToString()


def read_and_run(path: Path) -> None:
    """Reads the file and, if that is possible, runs it; nothing but a ZooError may come of it."""
    before = time.process_time()
    with suppress(ZooError):
        network = read_onnx(path)
        with torch.no_grad():
            network(torch.zeros(1, *network.input_shape))
    assert time.process_time() - before < 5


def test_the_file_that_is_damaged_below_is_whole(tmp_path: Path) -> None:
    network = read_onnx(write(tmp_path / "whole.onnx", WHOLE))
    assert network(made_up((3, 3, 8, 7))).shape == (3, 5)


@settings(max_examples=600, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(CONTENT) - 1), st.integers(0, 4), st.binary(max_size=4)), min_size=1, max_size=4
    ),
    kept=st.integers(0, 3 * len(CONTENT)),
)
def test_damaged_bytes_give_a_network_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, bytes]], kept: int
) -> None:
    damaged = bytearray(CONTENT)
    for at, removed, put in edits:
        damaged[at : at + removed] = put
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(damaged[:kept])
    read_and_run(path)


NAMES = st.sampled_from(["in", "out", "a", "c", "d", "h", "w", "n", "s", "k", "", "layer", "forward", "x.y"])
NUMBERS = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 7, 1000, 2**31, 2**62])
KINDS = st.sampled_from([*sorted(KNOWN), "Constant"])
ATTRIBUTES = st.sampled_from(
    ["axis", "pads", "strides", "dilations", "kernel_shape", "group", "alpha", "size", "value", "auto_pad", "axes", "ceil_mode"]
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_other_nodes_in_place_of_some_give_a_network_or_a_message(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    model = type(WHOLE).FromString(CONTENT)
    for _ in range(data.draw(st.integers(1, 3))):
        chosen = data.draw(st.sampled_from(list(model.graph.node)))
        match data.draw(st.integers(0, 5)):
            case 0:
                chosen.op_type = data.draw(KINDS)
            case 1 if chosen.input:
                chosen.input[data.draw(st.integers(0, len(chosen.input) - 1))] = data.draw(NAMES)
            case 2:
                chosen.input.append(data.draw(NAMES))
            case 3:
                value = data.draw(
                    st.one_of(
                        NUMBERS, st.floats(width=32), st.binary(max_size=9), st.lists(NUMBERS, min_size=1, max_size=5)
                    )
                )
                del chosen.attribute[:]
                chosen.attribute.append(onnx.helper.make_attribute(data.draw(ATTRIBUTES), value))
            case 4:
                weight = data.draw(st.sampled_from(list(model.graph.initializer)))
                weight.dims[:] = data.draw(st.lists(NUMBERS, max_size=5))
            case _:
                sides = model.graph.input[0].type.tensor_type.shape.dim
                sides[data.draw(st.integers(0, 3))].dim_value = data.draw(NUMBERS)
    read_and_run(write(tmp_path_factory.getbasetemp() / "other.onnx", model))
