from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from handson.lab import front
from handson.lab.exercises import NotYet
from handson.page import session as module
from handson.page.session import Session


class Page:
    """A session with a page that remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.session = Session(lambda text: self.messages.append(json.loads(text)))
        front.use_page(self.session.post)

    def run(self, code: str, number: int = 1) -> dict[str, str] | None:
        failed = asyncio.run(self.session.run(code, number))
        return json.loads(failed) if failed else None

    def printed(self, name: str = "stdout") -> str:
        return "".join(m["text"] for m in self.messages if m["type"] == "stream" and m["name"] == name)

    def shown(self) -> list[dict[str, Any]]:
        return [message["bundle"] for message in self.messages if message["type"] == "display"]


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(front, "_send", None)
    return Page()


def test_the_value_of_the_last_line_is_shown_and_none_is_not(page: Page) -> None:
    page.run("2 + 3")
    page.run("None")
    page.run("4;")
    page.run("")
    page.run("x = 5")
    assert page.shown() == [{"text/plain": "5"}]


def test_cells_share_one_namespace_that_is_main(page: Page) -> None:
    page.run("x = 20\nclass Net: pass")
    assert page.run("import __main__\n(__main__.x + 1, Net.__module__)", 2) is None
    assert page.shown() == [{"text/plain": "(21, '__main__')"}]


def test_rich_values_are_shown_in_their_forms(page: Page) -> None:
    page.run("class Bold:\n    def __repr__(self): return 'b'\n    def _repr_html_(self): return '<b>b</b>'\nBold()")
    assert page.shown() == [{"text/plain": "b", "text/html": "<b>b</b>"}]


def test_what_is_printed_comes_in_order_with_what_is_shown(page: Page) -> None:
    page.run("from handson.lab import front\nprint('before')\nfront.display({'text/plain': 'shown'})\nprint('after')")
    kinds = [m.get("text") or m["bundle"]["text/plain"] for m in page.messages]
    assert kinds == ["before\n", "shown", "after\n"]


def test_stderr_is_a_stream_of_its_own(page: Page) -> None:
    page.run("import sys, warnings\nprint('trouble', file=sys.stderr)")
    assert page.printed("stderr") == "trouble\n"
    assert page.printed() == ""


def test_a_cell_that_prints_without_end_is_cut_off_and_says_so(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_LETTERS", 1000)
    page.run("for i in range(5000): print('line', i)")
    assert len(page.printed()) < 1200
    assert "this cell printed more than 1,000 letters; the rest is not shown" in page.printed()
    page.run("print('the next cell prints again')")
    assert page.printed().endswith("the next cell prints again\n")


def test_await_stands_at_the_top_of_a_cell(page: Page) -> None:
    assert page.run("import asyncio\nvalue = await asyncio.sleep(0, 7)\nawait asyncio.sleep(0, value + 1)") is None
    assert page.shown() == [{"text/plain": "8"}]


def test_a_traceback_shows_the_lines_of_the_cells_and_hides_those_of_libraries(page: Page) -> None:
    page.run("def half(text):\n    import json\n    return json.loads(text)", 3)
    failed = page.run("half('{')", 4)
    assert failed is not None
    assert failed["ename"] == "JSONDecodeError"
    assert 'File "<cell 3>", line 3, in half' in failed["traceback"]
    assert "return json.loads(text)" in failed["traceback"]
    assert 'File "<cell 4>", line 1' in failed["traceback"]
    assert "decoder.py" not in failed["traceback"]
    assert "decoder.py" in failed["full"]
    assert "session.py" not in failed["full"]


def test_a_mistake_in_the_syntax_points_to_its_place(page: Page) -> None:
    failed = page.run("x = 1\ny = (2\n", 7)
    assert failed is not None
    assert failed["ename"] == "SyntaxError"
    assert 'File "<cell 7>", line 2' in failed["traceback"]
    assert "y = (2" in failed["traceback"]


def test_an_exception_that_teaches_is_shown_in_its_own_words(page: Page) -> None:
    failed = page.run("from handson import lab\nraise lab.NotYet('The sign is wrong.')")
    assert failed == {
        "ename": NotYet.__name__,
        "evalue": "The sign is wrong.",
        "traceback": "Not yet. The sign is wrong.",
        "full": "",
    }


@pytest.mark.parametrize("code", ["raise SystemExit", "import sys; sys.exit(3)", "raise KeyboardInterrupt"])
def test_a_cell_that_ends_python_ends_only_itself(page: Page, code: str) -> None:
    assert page.run(code) is not None
    assert page.run("1") is None


def test_stop_is_heard_where_a_cell_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BREATH_SECONDS", 0.0)
    heard: list[str] = []

    def breathe() -> None:
        if len(heard) > 3:
            raise KeyboardInterrupt("stopped")

    session = Session(heard.append, breathe)
    failed = asyncio.run(session.run("kept = 1\nwhile True: print('x' * 5000)", 1))
    assert failed is not None
    assert json.loads(failed)["ename"] == "KeyboardInterrupt"
    assert session.namespace["kept"] == 1


def test_nothing_that_handson_imports_from_the_future_is_the_cells(page: Page) -> None:
    page.run("class Point:\n    x: int = 0\nPoint.__annotations__['x'] is int")
    assert page.shown() == [{"text/plain": "True"}]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("4  # not this;", True),
        ("'a;'", True),
        ("4 ;  # yes", False),
        ("(4);", False),
        ("'ä' ;", False),
        ("1\r\n4;", False),
    ],
)
def test_only_a_semicolon_behind_the_last_line_hides_its_value(page: Page, code: str, shown: bool) -> None:
    page.run(code)
    assert bool(page.shown()) == shown


def test_what_a_widget_prints_and_where_it_fails_comes_to_the_page(page: Page) -> None:
    page.run("from handson.lab import front\ndef heard(content, buffers):\n    print('heard')\n    1 / 0", 2)
    page.run("name = front.listen(heard)")
    page.session.receive(json.dumps({"type": "widget-message", "id": page.session.namespace["name"], "content": {}}))
    assert page.printed() == "heard\n"
    assert 'File "<cell 2>", line 4, in heard' in page.printed("stderr")
    assert page.printed("stderr").endswith("ZeroDivisionError: division by zero\n")


def test_a_message_for_a_widget_that_is_gone_is_said_and_harms_nothing(page: Page) -> None:
    page.session.receive(json.dumps({"type": "widget-message", "id": "w99", "content": {}}))
    assert page.printed("stderr").strip() == "Python was restarted. Run this cell again."


def test_a_package_that_a_page_lacks_is_told_with_the_way_out() -> None:
    error = ModuleNotFoundError("No module named 'numpy'", name="numpy")
    assert "torch.tensor(…) holds numbers here" in module.described(error)["traceback"]
    assert "handson kit site --with numpy" in module.described(error)["traceback"]
    assert "holds numbers" not in module.described(ModuleNotFoundError("x", name="nosuch"))["traceback"]


def test_input_says_that_there_is_nobody_to_ask() -> None:
    with pytest.raises(RuntimeError, match="write the value into the cell"):
        module._no_input("your name? ")
