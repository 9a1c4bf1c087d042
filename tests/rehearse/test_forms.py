"""What a browser reads out of a page."""

from __future__ import annotations

from handson.rehearse.forms import read_page

JOIN = """<!doctype html><html><head><link rel="stylesheet" href="/room.css"><script src="join.js" defer></script></head>
<body><p id="wrong">Not <b>that</b> code.</p>
<form method="post" action="/hub/join" id="join"><input type="hidden" name="_xsrf" value="t&amp;k"><br>
<input id="code" name="code" value="">
<label><input type="radio" name="door" value="seat" checked><span>A seat</span></label>
<label><input type="radio" name="door" value="page"><span>The page</span></label></form>
<form action="away"><input name="come_back"></form>
<p class="big-code" translate="no">7-ABCD</p><section data-xsrf="x" id="place" data-next="/user/seat-1/lab"></section>
<script id="jupyter-config-data" type="application/json">{"baseUrl": "/user/seat-1/"}</script></body></html>"""


def test_a_form_is_sent_as_it_stands_with_the_choice_that_is_checked() -> None:
    form = read_page(JOIN, "http://room:8000/hub/join?next=").form_with("code")
    assert form is not None
    assert (form.action, form.method) == ("http://room:8000/hub/join", "post")
    assert form.fields == {"_xsrf": "t&k", "code": "", "door": "seat"}


def test_each_form_has_its_own_fields() -> None:
    page = read_page(JOIN, "http://room/hub/join")
    other = page.form_with("come_back")
    assert other is not None
    assert other.action == "http://room/hub/away"
    assert page.form_with("forget") is None


def test_texts_attributes_and_settings_are_found() -> None:
    page = read_page(JOIN, "http://room/hub/join")
    assert page.text_by_id["wrong"] == "Not that code."
    assert page.classes["big-code"] == "7-ABCD"
    assert page.by_id["place"]["data-next"] == "/user/seat-1/lab"
    assert page.xsrf() == "x"
    assert page.lab_settings() == {"baseUrl": "/user/seat-1/"}
    assert page.linked == ["http://room/room.css", "http://room/hub/join.js"]


def test_a_page_without_any_of_it_has_nothing() -> None:
    page = read_page("<p>Hello", "http://room/")
    assert (page.forms, page.xsrf(), page.lab_settings(), page.linked) == ([], "", None, [])
