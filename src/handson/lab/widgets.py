"""What the two widgets share: their code for the browser, and messages with bytes. anywidget is loaded only here."""

from __future__ import annotations

import importlib.resources
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any


def missing() -> str:
    """Why widgets cannot be shown here, or nothing."""
    if importlib.util.find_spec("anywidget") is None:
        return "The field needs anywidget, which is not installed here (pip install anywidget)."
    return ""


def widget(script: str, receive: Callable[[Any, dict[str, Any], list[Any]], None], **state: Any) -> Any:
    """A widget drawn by `static/<script>.js`, styled by `static/<script>.css`.

    receive(widget, content, buffers) is called for each message from the browser; the script starts from `state`.
    """
    import anywidget
    import traitlets

    # anywidget keeps one style sheet for each class name, so each script has a class of its own.
    members = {
        "_esm": _static(f"{script}.js"),
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

    return widget("photo", receive, what=what)


def _static(name: str) -> str:
    return (importlib.resources.files("handson.lab") / "static" / name).read_text(encoding="utf-8")
