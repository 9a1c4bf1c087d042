"""The one place that shows things: in Jupyter, on the lesson page, or nowhere (a plain script prints).

The page runs Python in a worker and hears of everything by messages, each a JSON text. From Python to the page:

    {"type": "display", "id": "d1", "bundle": {mime: data}, "metadata": {}}     a new output of the running cell
    {"type": "update", "id": "d1", "bundle": {mime: data}, "metadata": {}}      in place of what it showed
    {"type": "widget-message", "id": "w1", "content": {…}, "buffers": [base64 …]}
    {"type": "file", "name": …, "mime": …, "data": base64}                      a file that the lesson saved
    {"type": "keep", "path": …, "data": base64}                                 a file for the next Python, too

A widget is a display of WIDGET_MIME (see `handson.lab.widgets`). A file may carry `"as": {"name", "mime", "width"}`,
the form that was asked for and that Python cannot write there (a drawing, SVG, as PNG; a photo as JPEG): the page draws
it `width` pixels wide and offers that one. A page that does not know the key offers the file as it is.
From the page to Python, through `receive`: {"type": "widget-message", …} as above.
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Protocol

WIDGET_MIME = "application/vnd.handson.widget+json"

DRIVE = Path("/drive")
"""Where JupyterLite puts its files, if the browser lets Python have them (by a service worker: localhost and https)."""

Bundle = Mapping[str, Any]
"""What is shown, in several forms: MIME type → text, or plain data for JSON; binary ones as base64."""
Receiver = Callable[[dict[str, Any], list[bytes]], None]

_numbers = itertools.count(1)
_OURS = secrets.token_hex(4)
"""In every id: the page still shows what an earlier Python called by its own."""
_send: Callable[[str], None] | None = None
_receivers: dict[str, Receiver] = {}


class Shown(Protocol):
    """An output that can be replaced."""

    def update(self, bundle: Bundle) -> None:
        """Show `bundle` in its place."""


class WidgetGoneError(Exception):
    """A field on the page belongs to a Python that has ended."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def use_page(send: Callable[[str], None]) -> None:
    """Show everything on the lesson page from now on; `send` posts one message to it."""
    global _send
    _send = send


def on_page() -> bool:
    """Whether this code runs in the lesson page."""
    return _send is not None


def in_browser() -> bool:
    """Whether Python itself is in a browser: on the lesson page, or in JupyterLite. There is no terminal there."""
    return on_page() or sys.platform == "emscripten"


def connected() -> bool:
    """Whether somebody looks: the page, or a kernel with a notebook (or `handson check`) in front of it."""
    return on_page() or _in_kernel()


def display(bundle: Bundle) -> Shown:
    """Show `bundle` as an output of the running cell."""
    if on_page():
        shown = _OnPage(f"d{_OURS}-{next(_numbers)}")
        shown.post("display", bundle)
        return shown
    from IPython.display import display as display_in_kernel

    handle: Shown = _InKernel(display_in_kernel(dict(bundle), raw=True, display_id=True))
    return handle


def show(value: Any) -> None:
    """Show any object by the forms it offers: `_ipython_display_`, `_repr_mimebundle_`, `_repr_html_` … or its repr."""
    if not on_page():
        from IPython.display import display as display_in_kernel

        display_in_kernel(value)
    elif hasattr(value, "_ipython_display_"):
        value._ipython_display_()
    else:
        display(_forms(value))


def hand_over(name: str, mime: str, content: bytes, wanted: Mapping[str, Any] | None = None) -> None:
    """Give the page a file that the lesson saved, to be offered as a download; elsewhere it is in the folder already.

    JupyterLite sees its folder only where it has a service worker (DRIVE); without one, the file is shown as a link.
    wanted: {"name", "mime", "width"} of the form to be made of it (see above), where it is not that already.
    """
    if on_page():
        message = {"type": "file", "name": name, "mime": mime, "data": base64.b64encode(content).decode("ascii")}
        _post({**message, "as": dict(wanted)} if wanted else message)
    elif in_browser() and connected() and not DRIVE.is_dir():
        link = f"data:{mime};base64,{base64.b64encode(content).decode('ascii')}"
        html = f'<a download="{escape(name)}" href="{link}">Save {escape(name)}</a>'
        display({"text/html": html, "text/plain": f"{name}: {len(content):,} bytes"})


def keep(path: Path, content: bytes) -> None:
    """Have the page write a file of the learner's anew when Python has to be restarted; elsewhere disks keep it."""
    if on_page():
        _post({"type": "keep", "path": path.absolute().as_posix(), "data": base64.b64encode(content).decode("ascii")})


def listen(receiver: Receiver) -> str:
    """A new widget's id; `receiver(content, buffers)` is called for each message that the page sends to it."""
    name = f"w{_OURS}-{next(_numbers)}"
    _receivers[name] = receiver
    return name


def tell_widget(name: str, content: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
    """Send a message to a widget on the page."""
    encoded = [base64.b64encode(buffer).decode("ascii") for buffer in buffers]
    _post({"type": "widget-message", "id": name, "content": dict(content), "buffers": encoded})


def receive(text: str) -> None:
    """Take a message from the page. Raises ValueError for one that is none, WidgetGoneError for a widget that is not
    there."""
    message = json.loads(text)
    if not isinstance(message, dict) or message.get("type") != "widget-message":
        raise ValueError(f"The page sends messages of the type 'widget-message'; this is {text[:80]!r}.")
    if message["id"] not in _receivers:
        raise WidgetGoneError("Python was restarted. Run this cell again.")
    buffers = [base64.b64decode(buffer) for buffer in message.get("buffers", ())]
    _receivers[message["id"]](message.get("content", {}), buffers)


class _OnPage:
    def __init__(self, name: str) -> None:
        self._name = name

    def post(self, kind: str, bundle: Bundle) -> None:
        _post({"type": kind, "id": self._name, "bundle": dict(bundle), "metadata": {}})

    def update(self, bundle: Bundle) -> None:
        self.post("update", bundle)


class _InKernel:
    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def update(self, bundle: Bundle) -> None:
        self._handle.update(dict(bundle), raw=True)


def _in_kernel() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    return shell is not None and hasattr(shell, "kernel")


def _post(message: Mapping[str, Any]) -> None:
    if _send is None:
        raise RuntimeError("There is no page to send to: its bootstrap calls handson.lab.front.use_page(send) first.")
    sys.stdout.flush()  # what was printed before stands before
    try:
        text = json.dumps(message, allow_nan=False)
    except ValueError:  # JavaScript's JSON has no nan and no infinity
        text = json.dumps(_finite(message))
    _send(text)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    return [_finite(inner) for inner in value] if isinstance(value, (list, tuple)) else value


_FORMS = {"_repr_html_": "text/html", "_repr_svg_": "image/svg+xml", "_repr_markdown_": "text/markdown"}


def _forms(value: Any) -> dict[str, Any]:
    """An object's bundle by the protocol of IPython's display (https://ipython.readthedocs.io, "Rich display")."""
    bundle = {"text/plain": repr(value)}
    if hasattr(value, "_repr_mimebundle_"):
        return {**bundle, **value._repr_mimebundle_()}
    return {**bundle, **{mime: getattr(value, name)() for name, mime in _FORMS.items() if hasattr(value, name)}}
