"""What can be read out of a page without a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "link", "img", "input", "path", "line", "br"}
_ADDRESSES = {"src", "href", "action", "data", "poster", "srcset", "xlink:href"}


class Page(HTMLParser):
    """A document, taken apart.

    Attributes:
        elements: name and attributes of every element, in order.
        words: all text outside scripts and styles.
        scripts: what stands in script elements, by their type.
    """

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words = ""
        self.scripts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(document)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        if tag == "script":
            self.scripts.append((values.get("type", ""), ""))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "script":
            kind, content = self.scripts[-1]
            self.scripts[-1] = (kind, content + data)
        elif not self._open or self._open[-1] != "style":
            self.words += f"{data} "

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str]]:
        """The attributes of every element of a name, and of a class if one is given."""
        return [
            values
            for name, values in self.elements
            if name == tag and (kind is None or kind in values.get("class", "").split())
        ]

    def addresses(self) -> list[str]:
        """Everything that the document refers to."""
        return [
            value
            for _, values in self.elements
            for name, value in values.items()
            if name in _ADDRESSES
        ]


def read(path: Path) -> Page:
    """The page in a file, seen to be sound: whole, closed off, accessible in its basics."""
    document = path.read_text(encoding="utf-8")
    assert document.startswith("<!doctype html>")
    page = Page(document)
    assert all(each.startswith("data:") for each in page.addresses())
    style = re.search(r"<style>(.*?)</style>", document, re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import|https?:", style[1])
    policy = next(
        each["content"]
        for each in page.all("meta")
        if each.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    # The policy forbids both: nothing may depend on them
    assert not any(
        name == "style" or name.startswith("on") for _, each in page.elements for name in each
    )
    assert [name for name, _ in page.elements].count("h1") == 1
    assert all(each.get("alt") for each in page.all("img"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert all(each.get("scope") for each in page.all("th"))
    assert all(each.get("aria-label") for each in page.all("div", "plot"))
    labels, inputs = page.all("label"), page.all("input")
    assert len(labels) == len(inputs) + len(page.all("select"))
    return page
