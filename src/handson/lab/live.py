"""A training that shows itself: curves, a picture, a bar with the time left; and that ends near its time.

The view is HTML with an SVG made here, replaced as a whole a few times a second. (Vega-Lite embeds itself anew on every
update and flickers; the last view carries the Vega-Lite description as well.)
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from html import escape
from typing import Any

from handson.lab import front, style
from handson.lab.curves import TIME_IS_UP, Curve, Panel, Point, thin
from handson.lab.figure import Figure, plot
from handson.lab.png import Pixels, as_bytes, pixels
from handson.lab.session import being_checked
from handson.lab.style import number
from handson.lab.vegalite import VEGA_LITE_MIME

_PAUSE = 0.25
_TEXT_PAUSE = 2.0
"""Seconds between two redraws, in a notebook and outside."""
_LONGEST_PAUSE = 1.5
_OWN_SHARE = 0.025
_PICTURE_SHARE = 0.15
"""Of the training's time, what redrawing may take, and what the lesson's own function for the picture may; where that
would mean pauses above the longest, they take more."""
_SIZES = {1: (560, 260), 2: (340, 230)}
"""Of a panel, where it stands alone and where it has others or a picture beside it."""


class Live:
    """A loop of training steps that can be watched:

        live = lab.Live(900, seconds=10)
        for step in live:
            ...
            live.log(loss=loss, accuracy=accuracy)

    It counts 0 … steps-1, and stops by itself when `seconds` (by the clock) are over, saying so. Values whose names end
    in the same word share a panel (`train_loss`, `test_loss`); an accuracy is written in percent; `log` makes the other
    axes logarithmic. Afterwards: `.history` {name: [(x, y), …]}, `.seconds`, `.cpu_seconds` (of this process, all
    threads), `.steps_done`, `.frames` (the pictures drawn, uint8), `.figure()`.
    While `handson check` runs a lesson, the clock stops nothing: the check holds the training to CPU seconds.
    """

    def __init__(
        self, steps: int, seconds: float | None = None, *, title: str = "", y_label: str = "", x_label: str = "step",
        log: bool = False,
    ) -> None:  # fmt: skip
        """`x_label` is what is counted; `y_label` names the axis where one quantity is logged."""
        if steps < 1:
            raise ValueError(f"A training has at least one step; {steps} were asked for.")
        self.steps = steps
        self.limit = seconds
        self.title, self.y_label, self.x_label, self.log_scale = title, y_label, x_label, log
        self._reset()

    def _reset(self) -> None:
        self.history: dict[str, list[Point]] = {}
        self.frames: list[Any] = []
        self.seconds = self.cpu_seconds = 0.0
        self.steps_done = 0
        self._step = 0
        self._picture: Any = None
        self._picture_is_new = False
        self._caption = ""
        self._encoded: Pixels | None = None
        self._shown: front.Shown | None = None
        self._due = 0.0
        self._drawing = 0.0
        self._state = "running"

    def __iter__(self) -> Iterator[int]:
        """Begin the training anew, and count its steps."""
        self._reset()
        in_time = self.limit is None or being_checked()
        clock, cpu = time.perf_counter(), time.process_time()
        self._due = clock  # the bar at once, the rest as it comes
        try:
            for step in range(self.steps):
                now = time.perf_counter()
                self.seconds = now - clock
                if not in_time and self.limit is not None and step and self.seconds * (1 + 0.5 / step) > self.limit:
                    self._state = "time"
                    break
                if now >= self._due:
                    self._draw()
                self._step = step
                yield step
                self.steps_done = step + 1
            else:
                self._state = "done"
        finally:
            self.seconds, self.cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
            if self._state == "running":
                self._state = "left"
            self._draw()

    def log(self, **values: Any) -> None:
        """Add a point to each named curve at the present step; values are numbers or tensors with one element."""
        for name, value in values.items():
            value = value.detach() if hasattr(value, "detach") else value
            self.history.setdefault(name, []).append((float(self._step + 1), float(value)))

    def image(self, picture: Any, caption: str = "") -> None:
        """Show a picture beside the curves: a tensor as for `show`, or a function that returns one.

        A function is called only when the view is about to be redrawn, so it may take 0.1 s and be given at each step.
        """
        self._picture, self._picture_is_new, self._caption = picture, True, caption

    def figure(self, quantity: str | None = None) -> Figure:
        """The curves of one quantity, such as "loss" (the first one logged if not given), as a figure.

        Raises ValueError where nothing was logged, or nothing of that name.
        """
        grouped = self._quantities()
        if not grouped or (quantity is not None and quantity not in grouped):
            raise ValueError(
                f"Nothing was logged as {quantity!r}; logged were: {', '.join(grouped) or 'no values at all'}."
            )
        quantity = quantity or next(iter(grouped))
        curves = {_short(name, grouped[quantity]): thin(self.history[name]) for name in grouped[quantity]}
        return plot(
            curves, x_label=self.x_label, y_label=self._label(quantity), title=self.title,
            log=self._is_log(quantity), percent=_is_share(quantity),
        )  # fmt: skip

    def _draw(self) -> None:
        began = time.perf_counter()
        paint = self._update_picture()
        if front.connected():
            self._display()
        elif self._state != "running" or self.steps_done:
            print(self._line())
        now = time.perf_counter()
        own = now - began - paint
        first = not self.steps_done  # loads what it needs, which says nothing of the next ones
        wanted = _PAUSE if first else max(_PAUSE, own / _OWN_SHARE, paint / _PICTURE_SHARE)
        self._due = now + (min(wanted, _LONGEST_PAUSE) if front.connected() else max(wanted, _TEXT_PAUSE))
        self._drawing += own

    def _update_picture(self) -> float:
        """Take the newest picture, by calling its function if it is one; returns the seconds that took."""
        if not self._picture_is_new:
            return 0.0
        began = time.perf_counter()
        picture = self._picture() if callable(self._picture) else self._picture
        took = time.perf_counter() - began
        self._picture_is_new = False
        self._encoded = pixels(picture)
        self.frames.append(as_bytes(picture.detach()) if hasattr(picture, "detach") else picture)
        return took

    def _display(self) -> None:
        bundle: dict[str, Any] = {"text/html": self._html(), "text/plain": self._line()}
        if self._state != "running" and self.history:
            with contextlib.suppress(ValueError):  # nothing finite, or too many curves: the HTML shows what there is
                bundle[VEGA_LITE_MIME] = self.figure().spec
        if self._shown is None:
            self._shown = front.display(bundle)
        else:
            self._shown.update(bundle)

    # What is said

    def _status(self) -> str:
        done, steps = self.steps_done, self.steps
        took = f"{self.seconds:.1f} s"
        if self._state == "done":
            return f"{steps:,} {self._noun(steps)} in {took}"
        if self._state == "time":
            reached = f"{self.x_label} {done:,} of {steps:,}"
            return f"{TIME_IS_UP} after {took} at {reached}, with what was learned so far."
        if self._state == "left":
            return f"Ended at {self.x_label} {done:,} of {steps:,} after {took}."
        return f"{self.x_label} {done:,} of {steps:,} · {self._time_left()}"

    def _noun(self, count: int) -> str:
        return self.x_label if count == 1 else self.x_label + "s"

    def _time_left(self) -> str:
        if self.steps_done < 2 or self.seconds < 0.3:
            return "starting"
        left = self.seconds / self.steps_done * (self.steps - self.steps_done)
        if self.limit is not None and not being_checked():
            left = min(left, self.limit - self.seconds)
        return f"about {max(1, round(left))} s left" if left < 100 else f"about {round(left / 60)} min left"

    def _line(self) -> str:
        values = [
            f"{_words(name)} {number(points[-1][1], percent=_is_share(name))}" for name, points in self.history.items()
        ]
        return " · ".join([*([self.title] if self.title else []), self._status(), *values])

    # What is drawn

    def _html(self) -> str:
        title = f'<div style="font-size:{style.TITLE}px;font-weight:600;margin-bottom:10px">{escape(self.title)}</div>'
        grouped = self._quantities()
        width, height = _SIZES[1 if len(grouped) == 1 and self._encoded is None else 2]
        parts = [
            f'<div style="flex:0 1 {width}px;min-width:min(100%,280px)">{self._panel(k, width, height)}</div>'
            for k in range(len(grouped))
        ]
        if self._encoded is not None:
            parts.append(self._picture_html(self._encoded))
        return (
            f'<div style="font-family:{style.FONT};max-width:{style.WIDTH + 60}px;margin:6px 0">'
            f"{title if self.title else ''}"
            f'<div style="display:flex;flex-wrap:wrap;gap:8px 28px;align-items:flex-start">{"".join(parts)}</div>'
            f"{self._bar()}</div>"
        )

    def _quantities(self) -> dict[str, list[str]]:
        """The names logged, by what they measure: their last word."""
        grouped: dict[str, list[str]] = {}
        for name in self.history:
            grouped.setdefault(name.rsplit("_", 1)[-1], []).append(name)
        return grouped

    def _panel(self, index: int, width: int, height: int) -> str:
        quantity, names = [*self._quantities().items()][index]
        alone = len(names) == 1
        curves = [
            Curve(_short(name, names), style.PALETTE[(index if alone else k) % len(style.PALETTE)], thin(points))
            for k, (name, points) in enumerate((name, self.history[name]) for name in names)
        ]
        panel = Panel(
            self._label(quantity), self._x_end(), width, height, log=self._is_log(quantity), percent=_is_share(quantity)
        )
        return panel.svg(curves)

    def _label(self, quantity: str) -> str:
        return self.y_label if self.y_label and len(self._quantities()) == 1 else quantity

    def _is_log(self, quantity: str) -> bool:
        return self.log_scale and not _is_share(quantity)

    def _x_end(self) -> float:
        """Where the x axis ends: at the last step, or, once stopped, where that was."""
        return float(self.steps if self._state in ("running", "done") else max(self.steps_done, 2))

    def _picture_html(self, picture: Pixels) -> str:
        small = picture.width <= 100
        width = picture.width * max(1, 200 // picture.width) if small else max(200, min(picture.width, 320))
        drawn = ";image-rendering:pixelated" if small else ""
        caption = (
            f'<figcaption style="margin-top:6px;font-size:{style.SMALL + 1}px;opacity:0.85;text-align:center">'
            f"{escape(self._caption)}</figcaption>"
            if self._caption else ""
        )  # fmt: skip
        return (
            f'<figure style="margin:0;width:{width}px;max-width:100%"><img src="{picture.data_url(1)}" '
            f'alt="{escape(self._caption or "the picture so far")}" width="{width}" '
            f'style="display:block;width:100%;height:auto;aspect-ratio:{picture.width}/{picture.height};margin:0;'
            f'border-radius:4px{drawn}">{caption}</figure>'
        )

    def _bar(self) -> str:
        share = self.steps_done / self.steps
        if self.limit is not None and self._state == "running" and not being_checked():
            share = max(share, min(1.0, self.seconds / self.limit))
        fill = style.GREEN if self._state == "done" else style.ORANGE if self._state != "running" else style.BLUE
        return (
            f'<div style="position:relative;height:5px;border-radius:3px;overflow:hidden;margin:12px 0 7px" '
            f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}" '
            f'aria-label="{escape(self._status())}">'
            f'<div style="position:absolute;inset:0;background:{style.INK};opacity:{style.FAINT}"></div>'
            f'<div style="position:absolute;inset:0 auto 0 0;width:{share * 100:.1f}%;background:{fill}"></div></div>'
            f'<div style="font-size:{style.SMALL + 1}px;line-height:20px;font-variant-numeric:tabular-nums;'
            f'opacity:0.85">'
            f"{escape(self._status())}</div>"
        )


def _is_share(name: str) -> bool:
    """Whether a quantity is written in percent."""
    return name.endswith("accuracy")


def _short(name: str, beside: list[str]) -> str:
    """What tells a curve from those beside it: `train` of `train_loss`; nothing where it is alone."""
    return "" if len(beside) == 1 else _words(name.rsplit("_", 1)[0])


def _words(name: str) -> str:
    return name.replace("_", " ")
