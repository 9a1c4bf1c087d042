"""The live view of a training: it counts, ends in time, keeps what was logged, and draws well-formed pictures of it."""

from __future__ import annotations

import re
import sys
import types
import warnings
from typing import Any
from xml.etree import ElementTree

import pytest
import torch

from handson.lab import live as live_module
from handson.lab.curves import Curve, Panel, thin
from handson.lab.live import Live
from handson.lab.vegalite import VEGA_LITE_MIME


class Clock:
    """Stands still but for what a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.now / 2


class Notebook:
    """Keeps what would be shown: one list of bundles for each display."""

    def __init__(self) -> None:
        self.shown: list[list[dict[str, Any]]] = []

    def display(self, bundle: dict[str, Any], **options: Any) -> Any:
        assert options == {"raw": True, "display_id": True}
        views = [bundle]
        self.shown.append(views)
        return types.SimpleNamespace(update=lambda bundle, raw: views.append(bundle))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    monkeypatch.delenv("HANDSON_CHECK", raising=False)
    stopped = Clock()
    monkeypatch.setattr(live_module, "time", stopped)
    return stopped


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Notebook:
    page = Notebook()
    monkeypatch.setattr(live_module.front, "connected", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython.display", page)  # type: ignore[arg-type]
    return page


def parsed(html: str) -> ElementTree.Element:
    """The HTML as XML, which it is but for <img>."""
    return ElementTree.fromstring("<div>" + re.sub(r"<img ([^>]*)>", r"<img \1/>", html) + "</div>")


def test_it_counts_the_steps_and_keeps_what_was_logged(clock: Clock) -> None:
    live = Live(3)
    seen = []
    for step in live:
        clock.now += 2
        seen.append(step)
        live.log(loss=torch.tensor(3.0 - step, requires_grad=True), accuracy=step / 10)
    assert seen == [0, 1, 2]
    assert live.history == {"loss": [(1, 3), (2, 2), (3, 1)], "accuracy": [(1, 0), (2, 0.1), (3, 0.2)]}
    assert (live.steps_done, live.seconds, live.cpu_seconds) == (3, 6, 3)


@pytest.mark.usefixtures("clock")
def test_logging_a_tensor_with_a_gradient_warns_nobody() -> None:
    live = Live(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in live:
            live.log(loss=torch.ones((), requires_grad=True) * 2)


def test_it_stops_when_its_time_is_up_and_says_so(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(100, seconds=10)
    for _ in live:
        clock.now += 1
    assert 9 <= live.steps_done <= 10
    assert (
        f"Time is up: stopped after {live.steps_done}.0 s at step {live.steps_done} of 100" in capsys.readouterr().out
    )


def test_a_check_is_not_stopped_by_the_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDSON_CHECK", "1")
    live = Live(100, seconds=10)
    for _ in live:
        clock.now += 1
    assert live.steps_done == 100


def test_a_loop_that_is_left_says_where(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(100, x_label="epoch")
    for step in live:
        clock.now += 1
        if step == 4:
            break
    assert "Ended at epoch 4 of 100 after 5.0 s." in capsys.readouterr().out


def test_outside_a_notebook_it_prints_a_line_now_and_then(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    live = Live(20, title="A reader")
    for _ in live:
        clock.now += 0.5
        live.log(loss=0.25, accuracy=0.5)
    lines = capsys.readouterr().out.splitlines()
    assert 4 <= len(lines) <= 7
    assert lines[0].startswith("A reader · step ")
    assert "s left · loss 0.25 · accuracy 50 %" in lines[0]
    assert lines[-1] == "A reader · 20 steps in 10.0 s · loss 0.25 · accuracy 50 %"


def test_in_a_notebook_it_redraws_one_view_a_few_times_a_second(clock: Clock, notebook: Notebook) -> None:
    live = Live(1000)
    for _ in live:
        clock.now += 0.01
        live.log(loss=1.0)
    assert len(notebook.shown) == 1
    assert 35 <= len(notebook.shown[0]) <= 45
    assert all("text/plain" in view for view in notebook.shown[0])


def test_each_view_is_well_formed_and_the_last_one_is_a_figure_as_well(clock: Clock, notebook: Notebook) -> None:
    live = Live(50, title="<Loss> & more")
    for step in live:
        clock.now += 0.3
        live.log(train_loss=1 / (step + 1), accuracy=step / 50)
        if step % 10 == 9:
            live.log(test_loss=2 / (step + 1))
        live.image(torch.rand(28, 28), "a & b")
    views = notebook.shown[0]
    for view in views:
        parsed(view["text/html"])
    assert views[-1]["text/html"].count("<svg ") == 2
    assert ">train<" in views[-1]["text/html"]
    assert ">98 %<" in views[-1]["text/html"]
    assert "image-rendering:pixelated" in views[-1]["text/html"]
    assert [VEGA_LITE_MIME in view for view in views] == [False] * (len(views) - 1) + [True]


def test_the_bar_shows_how_much_is_done(clock: Clock, notebook: Notebook) -> None:
    for step in Live(10):
        clock.now += 0.3 + step * 0
    bars = [parsed(view["text/html"]).find(".//*[@role='progressbar']") for view in notebook.shown[0]]
    shares = [int(bar.attrib["aria-valuenow"]) for bar in bars if bar is not None]
    assert shares == sorted(shares)
    assert shares[0] == 0
    assert shares[-1] == 100


def test_a_function_for_the_picture_is_called_only_for_a_redraw(clock: Clock, notebook: Notebook) -> None:
    calls = []

    def paint() -> torch.Tensor:
        calls.append(clock.now)
        return torch.rand(4, 4, 3)

    live = Live(1000)
    for _ in live:
        clock.now += 0.01
        live.image(paint)
    assert len(calls) == len(live.frames) <= len(notebook.shown[0])
    assert live.frames[0].dtype == torch.uint8


def test_a_slow_picture_is_painted_less_often(clock: Clock, notebook: Notebook) -> None:
    def paint() -> torch.Tensor:
        clock.now += 0.2
        return torch.rand(4, 4, 3)

    live = Live(1000)
    for _ in live:
        clock.now += 0.01
        live.image(paint)
    assert len(live.frames) * 0.2 < 0.2 * live.seconds
    assert len(notebook.shown) == 1


def test_a_training_that_diverged_is_drawn_up_to_there(clock: Clock, notebook: Notebook) -> None:
    live = Live(20, log=True)
    for step in live:
        clock.now += 0.3
        live.log(loss=float("nan") if step > 10 else 0.0 if step == 3 else 1.0, accuracy=float("nan"))
    last = notebook.shown[0][-1]["text/html"]
    parsed(last)
    assert "nan" not in last
    assert "not a number" in last


@pytest.mark.usefixtures("clock")
def test_curves_of_one_quantity_make_a_figure() -> None:
    live = Live(3, title="A reader")
    for step in live:
        live.log(train_loss=step + 1, test_loss=step + 2, accuracy=0.5)
    assert ">train<" in live.figure().svg()
    assert "50 %" in live.figure("accuracy").alt
    with pytest.raises(ValueError, match="Nothing was logged as 'los'; logged were: loss, accuracy"):
        live.figure("los")
    with pytest.raises(ValueError, match="no values at all"):
        Live(3).figure()


@pytest.mark.usefixtures("clock")
def test_it_can_be_run_again_from_the_beginning() -> None:
    live = Live(2)
    for _ in range(2):
        for _ in live:
            live.log(loss=1)
    assert len(live.history["loss"]) == 2


def test_no_steps_are_told() -> None:
    with pytest.raises(ValueError, match="at least one step; 0"):
        Live(0)


def test_long_curves_are_thinned_by_means_and_keep_their_end() -> None:
    points = [(float(i), float(i % 2)) for i in range(10_000)]
    drawn = thin(points)
    assert len(drawn) <= 160
    assert drawn[-1] == points[-1]
    assert all(abs(y - 0.5) < 0.02 for _, y in drawn[:-2])
    assert thin(points[:100]) == points[:100]


def test_a_curve_alone_has_its_last_value_above_and_all_is_said_in_words() -> None:
    drawn = Panel("loss", 10, 340, 230).svg([Curve("", "#123456", [(1, 2), (10, 0.5)])])
    assert 'aria-label="loss, 0.5"' in drawn
    assert ">0.5</text>" in drawn
