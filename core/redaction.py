"""Keeping known secrets out of text by their value, in whole texts and in streams.

Only given values are searched for. Invisible characters do not hide them: a key must not appear
once a terminal, or code that cleans text for one, drops those characters.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

from fallback_chat.core.characters import Characters
from fallback_chat.core.lookalikes import MARK

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MIN_LENGTH: Final = 4
"""Characters; shorter secrets would blot out ordinary words."""
_HIDDEN: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Control characters, and those that Unicode calls default ignorable: soft hyphen, joiners, bidi
marks, fillers, selectors, tags."""
_INVISIBLE: Final = Characters(_HIDDEN)
_VISIBLE: Final = re.compile(f"[^{_HIDDEN}]+")
_GAP: Final = f"[{_HIDDEN}]*"
_PERCENT: Final = re.compile("%[0-9A-F]{2}")


def _in_json(characters: str, form: str) -> dict[int, str]:
    return str.maketrans({'"': '\\"', "\\": "\\\\", **{char: form.format(ord(char)) for char in characters}})


def _in_html(apostrophe: str) -> dict[int, str]:
    return str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": apostrophe})


_ESCAPES: Final = (
    _in_json("/", r"\{:c}"),  # PHP
    _in_json("&<>", r"\u{:04x}"),  # Go
    _in_json("&<>'", r"\u{:04x}"),  # Flask
    _in_json("\"&'+<>`", r"\u{:04X}"),  # .NET
    *map(_in_html, ("'", "&#39;", "&#x27;", "&#039;", "&apos;")),
)
"""The characters that servers escape although JSON does not ask for it, and those in web pages."""


class Redactor:
    """Replaces every known secret, also in its JSON and URL spellings, by `[redacted]`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._forms: list[str] = []
        self._pattern: re.Pattern[str] | None = None
        self.beginning: re.Pattern[str] | None = None
        """Matches where a secret may begin; None if there are no secrets."""
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Add secrets to redact from now on."""
        forms = {*self._forms, *(form for secret in secrets if len(secret) >= MIN_LENGTH for form in _forms(secret))}
        if len(forms) > len(self._forms):
            # The longest first: one secret may begin with another.
            self._forms = sorted(forms, key=lambda form: (-len(form), form))
            self._pattern = re.compile("|".join(map(re.escape, self._forms)))
            self.beginning = re.compile("|".join(sorted({_beginning(form) for form in forms})))

    def redact(self, text: str) -> str:
        """Return `text` with its secrets redacted."""
        if self._pattern is None or not self._is_suspicious(text):
            return text
        seen = visible(text)
        spans = [match.span() for match in self._pattern.finditer(seen)]
        return _without(text, seen, spans) if spans else text

    def _is_suspicious(self, text: str) -> bool:
        """Return whether `text` may hold a secret: cheap, since an answer may be 16 MiB long."""
        if text.isascii() and not _INVISIBLE.occur_in(text):
            return any(form in text for form in self._forms)
        return self.beginning is not None and self.beginning.search(text) is not None

    def split(self, seen: str) -> tuple[list[tuple[int, int]], int]:
        """Return the spans of secrets in visible text, and where the part to hold back begins.

        The part held back may turn out to be the beginning of a secret.
        """
        assert self._pattern is not None
        spans: list[tuple[int, int]] = []
        position = 0
        while True:
            found = self._pattern.search(seen, position)
            held = self._open_end(seen, position, found.start() if found else len(seen) - 1)
            if held is not None or found is None:
                return spans, len(seen) if held is None else held
            spans.append(found.span())
            position = found.end()

    def _open_end(self, seen: str, low: int, high: int) -> int | None:
        """Return the first place from `low` to `high` where an open-ended secret begins."""
        assert self.beginning is not None
        start = max(low, len(seen) - len(self._forms[0]) + 1)
        for match in self.beginning.finditer(seen, start):
            if match.start() > high:
                break
            rest = seen[match.start() :]
            for form in self._forms:
                if len(form) > len(rest) and form.startswith(rest):
                    return match.start()
        return None


class Watched:
    """Redacts whole texts, and remembers whether it had to."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.touched = False
        """Whether a secret was replaced."""

    def __call__(self, text: str) -> str:
        """Return `text` with its secrets redacted."""
        shown = self._redactor.redact(text)
        self.touched |= shown != text
        return shown


class RedactingStream:
    """Redacts text that arrives in pieces.

    A possible beginning of a secret is held back until it is decided.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self.touched = False
        """Whether a secret was replaced."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was held back: the text so far is void."""
        self._held: list[str] = []
        self._seen = ""
        """The visible part of the pieces held back."""

    def feed(self, text: str) -> str:
        """Add the next piece and return what can be shown."""
        beginning = self._redactor.beginning
        if not self._held and (beginning is None or beginning.search(text) is None):
            return text
        self._held.append(text)
        new = visible(text)
        if not new:
            return ""
        self._seen += new
        spans, end = self._redactor.split(self._seen)
        # Join pieces once some can be shown, not for each piece: a key may be spelled with
        # invisible gaps.
        return self._release(spans, end) if end else ""

    def flush(self) -> str:
        """Return what was held back, at the end of the stream."""
        held, self._held, self._seen = "".join(self._held), [], ""
        shown = self._redactor.redact(held)
        self.touched |= shown != held
        return shown

    def _release(self, spans: Sequence[tuple[int, int]], end: int) -> str:
        raw, seen = "".join(self._held), self._seen
        if end == len(seen):
            self._held, self._seen = [], ""
        else:
            (place,) = _places(raw, seen, [end])
            self._held, self._seen = [raw[place:]], seen[end:]
            raw, seen = raw[:place], seen[:end]
        if not spans:
            return raw
        self.touched = True
        return _without(raw, seen, spans)


def quoted(text: str) -> str:
    """Return foreign text in quotes, in one line.

    Escapes, as `repr` writes them, would hide a secret that has invisible characters in it.
    """
    return "'" + text.replace("\n", " ") + "'"


def visible(text: str) -> str:
    """Return the visible part of `text`, without characters that take no room."""
    return _INVISIBLE.pattern.sub("", text) if _INVISIBLE.occur_in(text) else text


def _without(raw: str, seen: str, spans: Sequence[tuple[int, int]]) -> str:
    """Return `raw` with `[redacted]` in place of each span of its visible part."""
    places = iter(_places(raw, seen, [place for start, end in spans for place in (start, end - 1)]))
    shown: list[str] = []
    position = 0
    for start, last in zip(places, places, strict=True):
        shown += raw[position:start], MARK
        position = last + 1
    return "".join((*shown, raw[position:]))


def _places(raw: str, seen: str, wanted: list[int]) -> list[int]:
    """Return the positions in `raw` of the given, ascending positions in `seen`."""
    if len(raw) == len(seen):
        return wanted
    places: list[int] = []
    before = 0
    for run in _VISIBLE.finditer(raw):
        while len(places) < len(wanted) and wanted[len(places)] - before < len(run[0]):
            places.append(run.start() + wanted[len(places)] - before)
        before += len(run[0])
    return places


def _forms(secret: str) -> set[str]:
    """Return the visible spellings in which a secret can appear in an error, a URL or a log."""
    in_urls = (quote(secret, safe=""), quote(secret), quote_plus(secret))
    spellings = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        *in_urls,
        *(_PERCENT.sub(lambda found: found[0].lower(), url) for url in in_urls),
        *(secret.translate(escapes) for escapes in _ESCAPES),
    }
    return {form for form in map(visible, spellings) if len(form) >= MIN_LENGTH}


def _beginning(form: str) -> str:
    """Return a pattern for a secret's first character, if the next two follow or the text ends.

    It consumes the first one alone, because another secret may begin at the second.
    """
    first, second, third = map(re.escape, form[:3])
    return rf"{first}(?={_GAP}(?:\Z|{second}{_GAP}(?:\Z|{third})))"
