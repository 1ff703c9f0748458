"""JSON that every server accepts, whatever was pasted into the conversation."""

from __future__ import annotations

import json
import re
from typing import Any, Final

_NUL_ESCAPE: Final = re.compile(r"((?<!\\)(?:\\\\)*)\\u0000")


def repair(text: str) -> str:
    """Join surrogate pairs and replace lone ones by U+FFFD; a Python string may hold them, UTF-8 may not."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def encode_json(body: Any) -> bytes:
    """Give `body` as compact JSON in UTF-8, without lone surrogates and NUL.

    Both come in with pasted text. The first cannot be encoded, the second breaks servers that keep text in PostgreSQL.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text:
        text = _NUL_ESCAPE.sub("\\1\ufffd", text)
    return repair(text).encode()
