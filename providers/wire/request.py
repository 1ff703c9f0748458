"""The common parts of all requests: address, headers, the user's own keys, and safe JSON."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from fallback_chat._version import __version__
from fallback_chat.core.config.services import by_kind
from fallback_chat.providers.wire.dialect import join_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.providers.wire.dialect import ChatRequest


_NUL_ESCAPE: Final = re.compile(r"((?<!\\)(?:\\\\)*)\\u0000")


def url_of(settings: ProviderSettings, path: str) -> str:
    """Return the URL of `path` at an entry's server, by default the vendor of the format."""
    service = by_kind(settings.kind)
    return join_url(settings.base_url or (service.base_url if service else ""), path)


def json_headers(settings: ProviderSettings, accept: str, auth: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a request; those of fallback.toml replace ours of the same name.

    It asks for `identity` because some proxies collect a whole answer in order to compress it.
    """
    own = {
        "accept": accept,
        "accept-encoding": "identity",
        "content-type": "application/json",
        "user-agent": f"fallback-chat/{__version__}",
        **auth,
    }
    return tuple((own | {name.lower(): value for name, value in settings.headers}).items())


def with_extras(body: dict[str, Any], request: ChatRequest) -> dict[str, Any]:
    """Return `body` with `extra_body` merged in last, as this server accepts it.

    Rejected keys are left out, and so are objects that become empty.
    """
    kept: dict[str, Any] = {}
    for key, value in body.items():
        name = request.renamed.get(key, key)
        if isinstance(value, dict) and value:
            value = {k: v for k, v in value.items() if f"{name}.{k}" not in request.dropped}  # noqa: PLW2901
            if not value:
                continue
        if name not in request.dropped:
            kept[name] = value
    return merge(merge(kept, request.settings.extra_body), request.extra)


def merge(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `extra` into `body`; objects are merged key by key, everything else is replaced."""
    merged = dict(body)
    for key, value in extra.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def repair(text: str) -> str:
    """Join surrogate pairs and replace lone surrogates, which UTF-8 lacks, by U+FFFD."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def encode_json(body: Any) -> bytes:
    """Return `body` as compact JSON in UTF-8, without lone surrogates and NUL.

    Both arrive in pasted text. The first cannot be encoded, the second breaks servers that keep
    text in PostgreSQL.
    """
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text:
        text = _NUL_ESCAPE.sub("\\1\ufffd", text)
    return repair(text).encode()
