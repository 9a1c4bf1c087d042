"""pocket's own files: what was saved comes back, and nothing else can be in one."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

import handson.pocket as pocket
from handson.pocket.tensor import rebuilt


def saved(value: Any) -> bytes:
    memory = io.BytesIO()
    pocket.save(value, memory)
    return memory.getvalue()


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    t = pocket.arange(6).reshape(2, 3).T
    plain = [1, 2.5, float("inf"), None, True, "a", b"bc", (1, (2,)), {3}, {4: "x"}, pocket.float64, t.shape]
    pocket.save({"plain": plain, "tensors": OrderedDict(a=t, b=t)}, tmp_path / "file")
    again = pocket.load(tmp_path / "file")
    assert again["plain"] == plain
    assert [type(v) for v in again["plain"]] == [type(v) for v in plain]
    a, b = again["tensors"].values()
    assert a is b
    assert type(again["tensors"]) is OrderedDict
    assert a.tolist() == t.tolist()
    assert a.dtype is t.dtype
    assert not a.requires_grad


def test_states_of_a_network_and_its_optimizer() -> None:
    network = pocket.nn.Linear(2, 3)
    optimizer = pocket.optim.Adam(network.parameters())
    network(pocket.ones(1, 2)).sum().backward()
    optimizer.step()
    again = pocket.load(io.BytesIO(saved({"network": network.state_dict(), "optimizer": optimizer.state_dict()})))
    assert repr(pocket.nn.Linear(2, 3).load_state_dict(again["network"])) == "<All keys matched successfully>"
    optimizer.load_state_dict(again["optimizer"])
    optimizer.step()
    parameter = pocket.load(io.BytesIO(saved(network.weight)))
    assert isinstance(parameter, pocket.nn.Parameter)
    assert parameter.requires_grad


def test_what_has_no_place_in_a_file() -> None:
    with pytest.raises(TypeError, match=r"not handson\.pocket\.nn\.layers\.Linear.*state_dict"):
        saved(pocket.nn.Linear(2, 2))
    with pytest.raises(TypeError, match=r"not builtins\.object"):
        saved([object()])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"[2, 2]", b"[-2,2]"), (b"[2, 2]", b"[2, 9]"), (b"[2, 2]", b"[2,.5]"), (b"[2, 2]", b"[1, 2]"),
        (b"float32", b"float99"), (b'{"tensor"', b'{"ten_or"'), (b'"tensor": 0', b'"tensor": 9'), (b"{", b"["),
    ],
)  # fmt: skip
def test_a_damaged_file(old: bytes, new: bytes) -> None:
    content = saved(pocket.ones(2, 2))
    assert old in content
    with pytest.raises(RuntimeError, match="is damaged"):
        pocket.load(io.BytesIO(content.replace(old, new, 1)))


def test_a_file_cut_short() -> None:
    content = saved(pocket.ones(2, 2))
    for length in range(17, len(content)):
        with pytest.raises(RuntimeError, match="is damaged"):
            pocket.load(io.BytesIO(content[:length]))
    with pytest.raises(RuntimeError, match="not a file that handson"):
        pocket.load(io.BytesIO(b"handson.pocket 1\n" + pickle.dumps(1)))


def test_no_pickle_sets_the_parts_of_a_tensor() -> None:
    assert pickle.loads(pickle.dumps(pocket.ones(2))).tolist() == [1.0, 1.0]
    assert pickle.loads(pickle.dumps(pocket.float32)) is pocket.float32
    with pytest.raises(TypeError, match="made anew from its bytes"):
        pocket.ones(2).__setstate__((None, {"_offset": 10**9}))
    with pytest.raises(TypeError, match="not to be changed"):
        pocket.float32.__setstate__((None, {"itemsize": 99}))
    for content, shape in [(b"", (4,)), (bytes(16), (-4,)), (bytes(17), (4,))]:
        with pytest.raises(ValueError, match="bytes"):
            rebuilt(pocket.Tensor, content, shape, pocket.float32, False)
