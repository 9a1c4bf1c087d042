"""What the widgets share: their code for the browser, and messages with bytes.

In Jupyter they are anywidget's, which is loaded only here; on the lesson page they go through `handson.lab.front`. The
code for the browser is the same.
"""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from handson.lab import front
from handson.lab.pillow import pillow
from handson.lab.png import Pixels


def missing() -> str:
    """Why widgets cannot be shown here, or nothing."""
    if not front.on_page() and importlib.util.find_spec("anywidget") is None:
        return "The field needs anywidget, which is not installed here (pip install anywidget)."
    return ""


def widget(
    script: str, receive: Callable[[Any, dict[str, Any], list[Any]], None], *, after: tuple[str, ...] = (), **state: Any
) -> Any:
    """A widget drawn by `static/<script>.js`, styled by `static/<script>.css`.

    after: scripts whose functions this one uses; a widget's code is one file to the browser, so they are put before it.

    receive(widget, content, buffers) is called for each message from the browser; the script starts from `state`.
    """
    code = "\n".join(_static(f"{part}.js") for part in (*after, script))
    made = PageWidget if front.on_page() else _jupyter_widget
    shown = made(script, code, _static(f"{script}.css"), state)
    shown.on_msg(receive)
    return shown


class PageWidget:
    """A widget on the lesson page, with what is used of anywidget's interface: `state`, `on_msg`, `send`.

    Shown, it is a bundle of `front.WIDGET_MIME`: {"id", "esm" (an ES module as anywidget takes it), "css", "state"}.
    """

    def __init__(self, name: str, code: str, look: str, state: Mapping[str, Any]) -> None:
        """`code` and `look` are the JavaScript and the CSS; `name` says what it is."""
        self.name, self.state = name, dict(state)
        self._code, self._look = code, look
        self._receivers: list[Callable[[Any, dict[str, Any], list[Any]], None]] = []
        self.id = front.listen(self._received)

    def on_msg(self, receive: Callable[[Any, dict[str, Any], list[Any]], None]) -> None:
        """Call receive(widget, content, buffers) for each message from the browser."""
        self._receivers.append(receive)

    def send(self, content: Mapping[str, Any], buffers: list[bytes] | None = None) -> None:
        """Send a message to its code in the browser."""
        front.tell_widget(self.id, content, buffers or [])

    def _received(self, content: dict[str, Any], buffers: list[bytes]) -> None:
        for receive in self._receivers:
            receive(self, content, buffers)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        described = {"id": self.id, "esm": self._code, "css": self._look, "state": self.state}
        return {front.WIDGET_MIME: described, "text/plain": f"A field: {self.name}."}


def _jupyter_widget(name: str, code: str, look: str, state: Mapping[str, Any]) -> Any:
    import anywidget
    import traitlets

    # anywidget keeps one style sheet for each class name, so each script has a class of its own.
    members = {"_esm": code, "_css": look, "state": traitlets.Dict().tag(sync=True)}
    return type(f"Handson{name.title()}", (anywidget.AnyWidget,), members)(state=dict(state))


def drop_zone(save: Callable[[str, bytes], Path], what: str = "photo") -> Any:
    """A field to drop a photo on, or a painting: `what` the field asks for.

    save(name, content) keeps it; what it raises is shown in the field.
    """

    def receive(shown: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            path = save(str(content.get("name", "photo")), _file(content, buffers))
        except Exception as error:
            shown.send({"trouble": str(error)})
            return
        shown.send({"saved": f"{path.parent.name}/{path.name}"})

    return widget("photo", receive, after=("reduced",), what=what, pixels=pillow() is None)


def drop_zones(savers: Mapping[str, Callable[[str, bytes], Path]]) -> Any:
    """A field for each kind of photo that takes several at once; `savers` by kind keep them, as in `drop_zone`."""

    def receive(shown: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = str(content.get("kind", ""))
        try:
            if kind not in savers:
                raise ValueError(f"There is no field for {kind!r}; there are: {', '.join(savers)}.")
            path = savers[kind](str(content.get("name", "photo")), _file(content, buffers))
        except Exception as error:
            shown.send({"kind": kind, "trouble": str(error)})
            return
        shown.send({"kind": kind, "saved": f"{path.parent.name}/{path.name}"})

    return widget("photos", receive, after=("reduced",), kinds=list(savers), pixels=pillow() is None)


def _file(content: Mapping[str, Any], buffers: list[Any]) -> bytes:
    """The photo in a message as a file: as it came; or, where the browser read it (RGB, row by row), as a PNG."""
    data = bytes(buffers[0])
    if "width" not in content:
        return data
    width, height = int(content["width"]), int(content["height"])
    if width < 1 or height < 1 or len(data) != 3 * width * height:
        raise ValueError(f"The browser sent {len(data):,} bytes for {width} × {height} pixels; drop the photo again.")
    return Pixels(width, height, 3, data).png(1)


def _static(name: str) -> str:
    return (importlib.resources.files("handson.lab") / "static" / name).read_text(encoding="utf-8")
