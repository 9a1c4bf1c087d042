"""What a browser reads out of a page: forms, attributes of elements, scripts, JupyterLab's settings. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin


@dataclass
class Form:
    """A form as it would be sent: its address, and its fields with what stands in them."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass
class Page:
    """What matters of a page."""

    forms: list[Form] = field(default_factory=list)
    by_id: dict[str, dict[str, str]] = field(default_factory=dict)
    """The attributes of every element that has an id."""
    linked: list[str] = field(default_factory=list)
    """Addresses of scripts and style sheets, absolute."""
    classes: dict[str, str] = field(default_factory=dict)
    """The text of the first element of each class."""
    text_by_id: dict[str, str] = field(default_factory=dict)

    def form_with(self, name: str) -> Form | None:
        """The first form that has the field `name`."""
        return next((form for form in self.forms if name in form.fields), None)

    def xsrf(self) -> str:
        """The token that the page's scripts send along; empty where there is none."""
        told = (attributes["data-xsrf"] for attributes in self.by_id.values() if "data-xsrf" in attributes)
        in_forms = (form.fields["_xsrf"] for form in self.forms if "_xsrf" in form.fields)
        return next(told, "") or next(in_forms, "")

    def lab_settings(self) -> dict[str, Any] | None:
        """JupyterLab's settings, if this is its page."""
        text = self.text_by_id.get("jupyter-config-data")
        settings = json.loads(text) if text else None
        return settings if isinstance(settings, dict) else None


def read_page(html: str, address: str) -> Page:
    """Read a page that came from `address`."""
    reader = _Reader(address)
    reader.feed(html)
    reader.close()
    return reader.page


class _Reader(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.page = Page()
        self._address = address
        self._form: Form | None = None
        self._kept: list[tuple[str, str, dict[str, str]]] = []  # tag, key, the dict that its text goes to

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.page.by_id.setdefault(found["id"], found)
            self._keep(tag, found["id"], self.page.text_by_id)
        for name in found.get("class", "").split():
            self._keep(tag, name, self.page.classes)
        if tag == "form":
            action = urljoin(self._address, found.get("action", ""))
            self._form = Form(action, found.get("method", "get").lower())
            self.page.forms.append(self._form)
        elif tag == "script" and "src" in found:
            self.page.linked.append(urljoin(self._address, found["src"]))
        elif tag == "link" and found.get("rel") == "stylesheet":
            self.page.linked.append(urljoin(self._address, found.get("href", "")))
        elif tag in ("input", "button", "textarea") and self._form is not None and "name" in found:
            self._field(found)

    def _field(self, found: dict[str, str]) -> None:
        assert self._form is not None
        if found.get("type") in ("radio", "checkbox") and "checked" not in found:
            return
        self._form.fields.setdefault(found["name"], found.get("value", ""))

    def _keep(self, tag: str, key: str, where: dict[str, str]) -> None:
        if key not in where and tag not in ("input", "link", "meta", "img", "br"):
            where[key] = ""
            self._kept.append((tag, key, where))

    def handle_data(self, data: str) -> None:
        for _, key, where in self._kept:
            where[key] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        while any(open_tag == tag for open_tag, *_ in self._kept):
            closed, *_ = self._kept.pop()
            if closed == tag:
                break
