"""Keeping known secrets out of text by their value, in whole texts and in streams."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterable

MARK: Final = "[redacted]"
MIN_LENGTH: Final = 4
"""Shorter secrets would blot out ordinary words."""


class Redactor:
    """Replaces every known secret, also as it looks in JSON or in a URL, by `[redacted]`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self.forms: list[str] = []
        self.pattern: re.Pattern[str] | None = None
        self.first: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Keep further secrets out, from now on."""
        forms = {*self.forms, *(form for secret in secrets if len(secret) >= MIN_LENGTH for form in _forms(secret))}
        # The longest first: of two secrets, one may begin with the other.
        self.forms = sorted(forms, key=lambda form: (-len(form), form))
        self.pattern = re.compile("|".join(map(re.escape, self.forms))) if forms else None
        self.first = re.compile("[" + re.escape("".join({form[0] for form in forms})) + "]") if forms else None

    def redact(self, text: str) -> str:
        """Give `text` without secrets."""
        return self.pattern.sub(MARK, text) if self.pattern else text


class RedactingStream:
    """Redacts a text that comes in pieces; what could be the beginning of a secret is held back until it is known."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next piece; give what can be shown."""
        pattern, first = self._redactor.pattern, self._redactor.first
        if pattern is None or first is None:
            return text
        if not self._held and first.search(text) is None:
            return text
        text = self._held + text
        shown: list[str] = []
        position = 0
        while True:
            found = pattern.search(text, position)
            held = self._beginning(text, position, found.start() if found else len(text) - 1)
            if held is not None or found is None:
                end = len(text) if held is None else held
                self._held = text[end:]
                return "".join((*shown, text[position:end]))
            shown += text[position : found.start()], MARK
            position = found.end()

    def flush(self) -> str:
        """Give what was held back, at the end of the stream."""
        held, self._held = self._held, ""
        return self._redactor.redact(held)

    def _beginning(self, text: str, low: int, high: int) -> int | None:
        """Find where the rest of `text` may be the beginning of a secret, from `low` to `high`; the earliest place."""
        assert self._redactor.first is not None
        start = max(low, len(text) - len(self._redactor.forms[0]) + 1)
        for match in self._redactor.first.finditer(text, start, high + 1):
            rest = text[match.start() :]
            if any(len(form) > len(rest) and form.startswith(rest) for form in self._redactor.forms):
                return match.start()
        return None


def _forms(secret: str) -> set[str]:
    """Give the spellings under which a secret can turn up in an error, a URL or a log."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
    }
