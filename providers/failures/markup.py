"""The text of a web page: gateways and proxies answer with HTML or XML instead of JSON."""

from __future__ import annotations

import re
from typing import Final

_PAGE: Final = re.compile(
    r"<(?:!doctype\s*html|html|head|body|\?xml)\b|\A\s*<(?:title|center|h1|p|pre|div)\b", re.IGNORECASE
)
_TITLE: Final = re.compile(r"<title[^>]{0,200}>([^<]{1,300})", re.IGNORECASE)
_LIMIT: Final = 16 * 1024
"""Characters of a page that are read."""
_UNREAD: Final = frozenset({"script", "style", "svg", "noscript", "title"})
_SAYS_NOTHING: Final = frozenset({"", "error", "document", "untitled"})


def holds_page(text: str) -> bool:
    """Whether `text` is or contains a page."""
    return _PAGE.search(text) is not None


def without_markup(text: str) -> str:
    """Return `text` with the page in it replaced by its title, or else by its text.

    A page extends to the end: it may have been cut, and nothing worth keeping follows one.
    """
    start = _PAGE.search(text)
    if start is None:
        return text
    page = text[start.start() :][:_LIMIT]
    title = _TITLE.search(page)
    words = _plain(title[1]) if title else ""
    if words.lower() in _SAYS_NOTHING:
        words = _plain(_between_tags(page))
    kind = "an XML document" if page[:5].lower() == "<?xml" else "a web page"
    before = text[: start.start()]
    return f"{before}{kind}: {words}" if words else f"{before}{kind}"


def _between_tags(page: str) -> str:
    """Return the text between the tags of `page`, without scripts and styles."""
    words: list[str] = []
    skipped = ""
    for piece in page.split("<"):
        tag, _, text = piece.partition(">")
        name = tag.split(maxsplit=1)[0].lower() if tag and not tag[0].isspace() else ""
        if skipped:
            skipped = "" if name == f"/{skipped}" else skipped
        elif name in _UNREAD:
            skipped = name
        if not skipped:
            words.append(text)
    return " ".join(words)


def _plain(text: str) -> str:
    from html import unescape  # 1 ms, only paid for a page

    return " ".join(unescape(text).split())
