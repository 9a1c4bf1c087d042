"""What the widgets share: their code for the browser, and messages with bytes. anywidget is loaded only here."""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def missing() -> str:
    """Why widgets cannot be shown here, or nothing."""
    if importlib.util.find_spec("anywidget") is None:
        return "The field needs anywidget, which is not installed here (pip install anywidget)."
    return ""


def widget(
    script: str, receive: Callable[[Any, dict[str, Any], list[Any]], None], *, after: tuple[str, ...] = (), **state: Any
) -> Any:
    """A widget drawn by `static/<script>.js`, styled by `static/<script>.css`.

    after: scripts whose functions this one uses; a widget's code is one file to the browser, so they are put before it.

    receive(widget, content, buffers) is called for each message from the browser; the script starts from `state`.
    """
    import anywidget
    import traitlets

    # anywidget keeps one style sheet for each class name, so each script has a class of its own.
    members = {
        "_esm": "\n".join(_static(f"{part}.js") for part in (*after, script)),
        "_css": _static(f"{script}.css"),
        "state": traitlets.Dict().tag(sync=True),
    }
    shown = type(f"Handson{script.title()}", (anywidget.AnyWidget,), members)(state=state)
    shown.on_msg(receive)
    return shown


def drop_zone(save: Callable[[str, bytes], Path], what: str = "photo") -> Any:
    """A field to drop a photo on, or a painting: `what` the field asks for.

    save(name, content) keeps it; what it raises is shown in the field.
    """

    def receive(shown: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            path = save(str(content.get("name", "photo")), bytes(buffers[0]))
        except Exception as error:
            shown.send({"trouble": str(error)})
            return
        shown.send({"saved": f"{path.parent.name}/{path.name}"})

    return widget("photo", receive, after=("reduced",), what=what)


def drop_zones(savers: Mapping[str, Callable[[str, bytes], Path]]) -> Any:
    """A field for each kind of photo that takes several at once; `savers` by kind keep them, as in `drop_zone`."""

    def receive(shown: Any, content: dict[str, Any], buffers: list[Any]) -> None:
        kind = str(content.get("kind", ""))
        try:
            if kind not in savers:
                raise ValueError(f"There is no field for {kind!r}; there are: {', '.join(savers)}.")
            path = savers[kind](str(content.get("name", "photo")), bytes(buffers[0]))
        except Exception as error:
            shown.send({"kind": kind, "trouble": str(error)})
            return
        shown.send({"kind": kind, "saved": f"{path.parent.name}/{path.name}"})

    return widget("photos", receive, after=("reduced",), kinds=list(savers))


def _static(name: str) -> str:
    return (importlib.resources.files("handson.lab") / "static" / name).read_text(encoding="utf-8")
