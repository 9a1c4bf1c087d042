"""Figures that a lesson reports: shown to the learner in a line, read by `handson check` from the output."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from handson.lab import front, room

FIGURES_MIME = "application/vnd.handson.figures+json"


def report(**figures: float) -> None:
    """Report measured figures by name, e.g. `lab.report(accuracy=0.991)`.

    A name that begins with `cpu_seconds` is a time in CPU-seconds of this machine. The names are those of the
    contract's targets.
    """
    plain = {name: float(value) for name, value in figures.items()}
    room.tell("figures", {"figures": plain})
    emit(FIGURES_MIME, plain, " · ".join(_said(name, value) for name, value in plain.items()))


def _said(name: str, value: float) -> str:
    """`accuracy_softmax`, 0.9031 → accuracy (softmax) 90.3 %: the unit is in the name."""
    words = name.split("_")
    if "accuracy" in words:
        unit, number = {"accuracy"}, f"{value:.1%}".replace("%", " %")
    elif "db" in words:
        unit, number = {"db"}, f"{value:.1f} dB"
    elif "seconds" in words:
        unit, number = {"cpu", "seconds"}, f"{value:.1f} {'CPU-seconds' if 'cpu' in words else 'seconds'}"
    else:
        unit, number = set(), f"{value:,.0f}" if value == round(value) else f"{value:,.3g}"
    rest = " ".join(word for word in words if word not in unit)
    if "accuracy" in words:
        return f"accuracy{f' ({rest})' if rest else ''} {number}"
    return f"{rest} {number}".strip()


def emit(mime: str, content: Mapping[str, Any], text: str, *, color: str | None = None) -> None:
    """Show `text` in the notebook and put `content` beside it for programs that read the output."""
    if not front.connected():
        print(text)
        return
    style = f' style="color:{color};font-weight:600"' if color else ""
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text)).replace("\n", "<br>")
    front.display({mime: json.loads(json.dumps(content)), "text/html": f"<p{style}>{html}</p>", "text/plain": text})
