"""`torch.save` and `torch.load`: pocket's own files. They hold tensors, modules' states and plain Python values."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

from handson.pocket import dtypes, tensor

_MAGIC = b"handson.pocket 1\n"
_ALLOWED: dict[tuple[str, str], Any] = {
    ("handson.pocket.tensor", "_rebuilt"): tensor._rebuilt,
    ("handson.pocket.tensor", "Tensor"): tensor.Tensor,
    ("handson.pocket.tensor", "Parameter"): tensor.Parameter,
    ("handson.pocket.tensor", "Size"): tensor.Size,
    ("handson.pocket.dtypes", "named"): dtypes.named,
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): set,
}


class _Careful(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"A file of handson.pocket holds tensors and plain values; this one asks for {module}.{name}."
            )
        return _ALLOWED[module, name]


def save(obj: Any, f: str | Path | BinaryIO) -> None:
    """Write tensors, a `state_dict()` or plain values that hold them to a file."""
    content = _MAGIC + pickle.dumps(obj, protocol=4)
    if isinstance(f, str | Path):
        Path(f).write_bytes(content)
    else:
        f.write(content)


def load(f: str | Path | BinaryIO, map_location: Any = None, *, weights_only: bool = True) -> Any:
    """Read what `save` wrote. Runs no code of the file. RuntimeError for files of PyTorch, whose format this is not."""
    del map_location, weights_only
    content = Path(f).read_bytes() if isinstance(f, str | Path) else f.read()
    if not content.startswith(_MAGIC):
        raise RuntimeError(
            "This is not a file that handson.pocket wrote. Files of PyTorch's torch.save need PyTorch; `handson zoo "
            "export` makes "
            "compact files of networks that both read."
        )
    return _Careful(io.BytesIO(content[len(_MAGIC) :])).load()
