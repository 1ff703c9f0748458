"""Telling apparent secrets from ordinary words by their shape alone."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

MARK: Final = "[redacted]"
"""The replacement for a secret."""
_PREFIXES: Final = (
    "sk-", "sk_", "pk-", "rk_", "gsk_", "csk-", "xai-", "pplx-", "nvapi-", "hf_", "r8_", "fw_", "tgp_", "co_",
    "AIza", "ya29", "AKIA", "ASIA", "eyJ", "ghp_", "gho_", "ghu_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-",
)  # fmt: skip
"""Prefixes by which services mark their keys and tokens."""
_SHORTEST: Final = 16
"""Characters; no service issues shorter keys."""
_LONGEST_PHRASE: Final = 20
"""Characters; from here on, even a row of words is not a placeholder such as `sk-no-key-required`.
"""
_TOKEN: Final = re.compile(rf"eyJ[\w-]+(?:\.[\w-]+)+|[A-Za-z0-9_+=~-]{{{_SHORTEST},}}")
_MARKED: Final = re.compile(rf"(?:.*[^A-Za-z0-9])?(?:{'|'.join(map(re.escape, _PREFIXES))})")
_RUN: Final = re.compile(rf"[A-Za-z0-9]{{{_SHORTEST},}}")
_HEX: Final = re.compile(
    r"(?=.*[0-9])(?=.*[a-f])[0-9a-f]{32,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE
)
_PHRASE: Final = re.compile(r"(?:(?:[A-Z]?[a-z]+|[A-Z]+)(?:[-_.:/ ]+|\Z))*|[0-9]{1,7}")
_PLACEHOLDER: Final = re.compile(
    r"\b(?:no|not|none|fake|dummy|test|example|empty|placeholder|your|x+)\b", re.IGNORECASE
)
_MIXED: Final = 0.25
"""Share of neighbouring characters of different classes (capital, lower case, digit).

A name made of several words stays below it.
"""


def is_ordinary(text: str) -> bool:
    """Whether `text` is no secret: a word, a number, a short phrase or a placeholder for a key."""
    longest = _LONGEST_PHRASE if re.search("[-_.:/ ]", text) else _SHORTEST
    if len(text) >= longest or _PHRASE.fullmatch(text) is None:
        return False
    return not text.startswith(_PREFIXES) or _PLACEHOLDER.search(text) is not None


def is_marked(text: str) -> bool:
    """Whether `text`, or a part of it, begins like the keys of a known service."""
    return len(text) >= _SHORTEST and not is_ordinary(text) and _MARKED.match(text) is not None


def looks_secret(text: str) -> bool:
    """Whether `text` is marked as a key, or as irregular as only random characters are."""
    return is_marked(text) or _HEX.search(text) is not None or any(map(_is_irregular, _RUN.findall(text)))


def marked_in(text: str) -> list[str]:
    """Return the pieces of `text` that are marked as keys."""
    return [token for token in _TOKEN.findall(text) if is_marked(token)]


def secrets_in(text: str) -> list[str]:
    """Return the pieces of `text` that look like secrets."""
    return [token for token in _TOKEN.findall(text) if looks_secret(token)]


def masked(text: str) -> str:
    """Return `text` with every apparent secret replaced by `[redacted]`."""
    return _TOKEN.sub(lambda match: MARK if looks_secret(match[0]) else match[0], text)


def _is_irregular(run: str) -> bool:
    sorts = [char.isdigit() or (2 if char.isupper() else 3) for char in run]
    changes = sum(one != next_ for one, next_ in pairwise(sorts))
    return changes > _MIXED * len(run) and len(re.findall("[0-9]+", run)) > 1
