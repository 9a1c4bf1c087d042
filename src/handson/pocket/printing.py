"""A tensor as text, in PyTorch's form: four digits, one scale for all, the middle of large ones left out."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from handson.pocket import dtypes
from handson.pocket.tensor import Tensor

_settings: dict[str, Any] = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}


def set_printoptions(
    precision: int | None = None, threshold: float | None = None, edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None, sci_mode: bool | None = None,
) -> None:  # fmt: skip
    """Digits, the number of elements from which on the middle is left out, and so on."""
    if profile is not None:
        presets = {"default": (4, 1000, 3, 80), "short": (2, 1000, 2, 80), "full": (4, math.inf, 3, 80)}
        _settings.update(zip(("precision", "threshold", "edgeitems", "linewidth"), presets[profile], strict=True))
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    _settings.update({name: value for name, value in given.items() if value is not None})
    _settings["sci_mode"] = sci_mode


@contextlib.contextmanager
def printoptions(**named: Any) -> Iterator[None]:
    """`set_printoptions` until the end of the `with`."""
    before = dict(_settings)
    try:
        set_printoptions(**named)
        yield
    finally:
        _settings.update(before)


class _Numbers:
    """How the numbers of one tensor are written: all of one width."""

    def __init__(self, values: list[Any], kind: dtypes.dtype) -> None:
        self.floating = kind.is_floating_point
        self.scientific, self.whole = False, True
        if self.floating:
            sizes = [abs(v) for v in values if math.isfinite(v) and v != 0]
            if sizes:
                low, high = min(sizes), max(sizes)
                self.whole = all(v == math.ceil(v) for v in sizes)
                wide = high / low > 1000.0 or high > 1.0e8
                self.scientific = wide or (not self.whole and low < 1.0e-4)
            if _settings["sci_mode"] is not None:
                self.scientific = _settings["sci_mode"]
            finite = [v for v in values if math.isfinite(v) and v != 0]
            self.width = max((len(self._one(v)) for v in finite), default=1)
        else:
            self.width = max((len(str(v)) for v in values), default=1)

    def _one(self, value: float) -> str:
        if self.scientific:
            return f"{value:.{_settings['precision']}e}"
        if self.whole:
            text = f"{value:.0f}"
            return text + "." if math.isfinite(value) else text
        return f"{value:.{_settings['precision']}f}"

    def __call__(self, value: Any) -> str:
        return (self._one(value) if self.floating else str(value)).rjust(self.width)


def text(t: Tensor) -> str:
    """What `repr` shows."""
    prefix = "tensor("
    shown = t.detach()
    suffixes = []
    default = (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
    if not t.numel():
        body = "[" * max(1, t.ndim) + "]" * max(1, t.ndim) if t.shape == (0,) else "[]"
        if t.ndim != 1:
            suffixes.append(f"size={tuple(t.shape)}")
        if t.dtype is not dtypes.get_default_dtype():
            suffixes.append(f"dtype={t.dtype!r}")
    else:
        summarised = t.numel() > _settings["threshold"]
        numbers = _Numbers(_shown_values(shown, summarised), t.dtype)
        body = _rows(shown, numbers, len(prefix), summarised)
        if t.dtype not in default:
            suffixes.append(f"dtype={t.dtype!r}")
    if t.grad_fn is not None:
        suffixes.append(f"grad_fn=<{t.grad_fn.name}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    out = prefix + body
    last = len(out) - out.rfind("\n") + 1
    for suffix in suffixes:
        if last + len(suffix) + 2 > _settings["linewidth"]:
            out += ",\n" + " " * len(prefix) + suffix
            last = len(prefix) + len(suffix)
        else:
            out += ", " + suffix
            last += len(suffix) + 2
    return out + ")"


def _shown_values(t: Tensor, summarised: bool) -> list[Any]:
    if not summarised or not t.ndim:
        return t.numbers()
    edge = _settings["edgeitems"]
    if t.shape[0] > 2 * edge:
        parts = [t[k] for k in (*range(edge), *range(t.shape[0] - edge, t.shape[0]))]
    else:
        parts = [t[k] for k in range(t.shape[0])]
    return [value for part in parts for value in _shown_values(part, summarised)]


def _rows(t: Tensor, numbers: _Numbers, indent: int, summarised: bool) -> str:
    if not t.ndim:
        return numbers(t.item())
    edge = _settings["edgeitems"]
    cut = summarised and t.shape[0] > 2 * edge
    if t.ndim == 1:
        per_line = max(1, (_settings["linewidth"] - indent) // (numbers.width + 2))
        if cut:
            words = [numbers(v) for v in t[:edge].numbers()] + [" ..."] + [numbers(v) for v in t[-edge:].numbers()]
        else:
            words = [numbers(v) for v in t.numbers()]
        lines = [", ".join(words[k : k + per_line]) for k in range(0, len(words), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    if cut:
        parts = [_rows(t[k], numbers, indent + 1, summarised) for k in range(edge)]
        parts += ["..."] + [_rows(t[k], numbers, indent + 1, summarised) for k in range(t.shape[0] - edge, t.shape[0])]
    else:
        parts = [_rows(t[k], numbers, indent + 1, summarised) for k in range(t.shape[0])]
    return "[" + ("," + "\n" * (t.ndim - 1) + " " * (indent + 1)).join(parts) + "]"
