"""The page itself, and what it is put together from: sections, tables, lists, notes.

Every function takes HTML where it says so, and text everywhere else, which it escapes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from importlib.resources import files

from rlcodec.report.words import text
from rlcodec.version import __version__


def page(title: str, summary: str, sections: Iterable[str]) -> str:
    """A whole document, which can load nothing and run nothing but its own script.

    Args:
        title: what it is about.
        summary: what it says, in a sentence or two: HTML.
        sections: as `section` makes them.
    """
    style, script = (_resource(name) for name in ("report.css", "report.js"))
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        # Or browsers ask for one
        '<link rel="icon" href="data:,">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<header>\n<h1>{text(title)}</h1>\n<p class="summary">{summary}</p>\n</header>\n<main>\n'
        + "\n".join(sections)
        + f"\n</main>\n<footer><p>Made by rlcodec {text(__version__)}.</p></footer>\n"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A part of the page under a heading; `parts` are HTML."""
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{text(title)}</h2>\n{body}\n</section>"


def paragraph(words: str) -> str:
    """A paragraph of text."""
    return f"<p>{text(words)}</p>"


def notes(lines: Sequence[str]) -> str:
    """A list of texts; nothing where there are none."""
    return "<ul>" + "".join(f"<li>{text(line)}</li>" for line in lines) + "</ul>" if lines else ""


def code(line: str) -> str:
    """A command, to be copied."""
    return f'<pre tabindex="0"><code>{text(line)}</code></pre>'


def facts(caption: str, pairs: Iterable[tuple[str, str]]) -> str:
    """A table of names and values, both texts."""
    rows = "".join(
        f'<tr><th scope="row">{text(name)}</th><td>{text(value)}</td></tr>' for name, value in pairs
    )
    return _table(caption, f"<tbody>{rows}</tbody>", "facts")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column names the rows; its `heads` are texts, its cells HTML."""
    head = "".join(f'<th scope="col">{text(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return _table(caption, f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>", "figures")


def folded(title: str, body: str) -> str:
    """HTML that shows once its title is opened."""
    return f"<details><summary>{text(title)}</summary>{body}</details>"


def _table(caption: str, body: str, kind: str) -> str:
    # Wider than a phone, a table scrolls by itself, with the keyboard too
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{text(caption)}">'
        f'<table class="{kind}"><caption><span>{text(caption)}</span></caption>{body}</table></div>'
    )


def _resource(name: str) -> str:
    return files("rlcodec.report").joinpath(name).read_text(encoding="utf-8")


def _digest(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
