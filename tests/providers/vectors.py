"""The recorded bodies, and what this project makes of them, in the words of the vectors."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallback_chat.core.chat_context import ChatContext
from fallback_chat.core.config.services import by_url
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.providers import load
from fallback_chat.providers.failures.errors import ErrorReader
from fallback_chat.providers.http.body import BodyReader
from fallback_chat.providers.wire.dialect import ChatRequest
from tests.providers.kinds import CARRIED, SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fallback_chat.providers.wire.dialect import Dialect

VECTORS = Path(__file__).parents[1] / "data" / "vectors"
NOW = 1795392000.0
"""The clock of the vectors: 2026-11-23T00:00:00Z."""

FAMILIES = {sample.family: (kind, sample.base_url) for kind, sample in SAMPLES.items()} | {
    "mistral": ("openai", "https://api.mistral.ai/v1")
}
"""Kind and base URL of each family of the vectors."""


def families(feature: str) -> list[str]:
    """Return the families that carry a feature of docs/kinds.md."""
    return [family for family, (kind, _) in FAMILIES.items() if kind in CARRIED[feature]]


def settings_of(family: str, **more: Any) -> ProviderSettings:
    """Give an entry that speaks the family's wire format."""
    kind, base_url = FAMILIES[family]
    service = by_url(base_url)
    entry = {"name": "p", "kind": kind, "model": "MODEL", "base_url": base_url, "preset": service and service.name}
    return ProviderSettings(**(entry | more))


def origin_of(family: str) -> str:
    """Give the account that a family's answers come from."""
    return f"origin of {family}"


def dialect_of(family: str) -> Dialect:
    """Give the family's wire format."""
    return dialect_of_kind(FAMILIES[family][0])


def dialect_of_kind(kind: str) -> Dialect:
    """Return the wire format of a kind."""
    dialect: Dialect = load(kind).DIALECT  # type: ignore[attr-defined]
    return dialect


@cache
def stream_vectors() -> dict[str, dict[str, Any]]:
    """Give every stream vector of a known family, by its name."""
    read = (json.loads(path.read_bytes()) for path in sorted((VECTORS / "streams").glob("*.json")))
    return {vector["vector"]: vector for vector in read if vector["family"] in FAMILIES}


def body_reader(family: str, **more: Any) -> BodyReader:
    """Give what reads a body of the family."""
    dialect, settings = dialect_of(family), settings_of(family, **more)
    errors = ErrorReader(settings, None)
    return BodyReader(
        dialect.reader(ChatRequest(settings=settings, chat_ctx=ChatContext(), origin=origin_of(family))),
        ndjson=dialect.framing == "ndjson",
        kind=dialect.kind,
        classify=lambda event: errors.from_event(event, {}, now=NOW),
    )


def read(family: str, pieces: Iterable[bytes]) -> dict[str, Any]:
    """Read a body to its end and tell what it was, as the vectors do."""
    body = body_reader(family)
    for piece in pieces:
        body.feed(piece)
    body.end()
    deltas = [chunk.delta for chunk in body.ready if chunk.delta is not None]
    usages = [chunk.usage for chunk in body.ready if chunk.usage is not None]
    finishes = [(chunk.finish_reason, chunk.finish_raw) for chunk in body.ready if chunk.finish_reason is not None]
    finish, raw = finishes[-1] if finishes else (None, None)
    return {
        "text": "".join(delta.content or "" for delta in deltas),
        "reasoning": "".join(delta.reasoning or "" for delta in deltas),
        "refusal": "".join(delta.refusal or "" for delta in deltas),
        "tool_calls": [asdict(call) for delta in deltas for call in delta.tool_calls],
        "finish": finish.value if finish else None,
        "finish_raw": raw,
        "usage": _known(asdict(usages[-1])) if usages else None,
        "error": _known(body.error.body) if body.error and body.error.body else None,
        "complete": body.finished and body.error is None,
        "kind": body.error and body.error.kind.value,
        "output_started": body.output_started,
        "signatures": [text for delta in deltas for extra in delta.extras for text in _signatures(extra.data)],
    }


def expected(vector: dict[str, Any]) -> dict[str, Any]:
    """Give the vector's expectation in the same form.

    Where an answer fails there is no finish chunk, so `finish` is not compared there; a call without arguments comes as `{}`.
    """
    wanted = vector.get("expected_if_bare_json_understood") or vector["expected"]
    failed = wanted["error_class"]
    return {
        "text": wanted["text"],
        "reasoning": wanted["reasoning"],
        "refusal": wanted["refusal"],
        "tool_calls": [call | {"arguments": call["arguments"] or "{}"} for call in wanted["tool_calls"]],
        "finish": None if failed else wanted["finish"],
        "finish_raw": None if failed else wanted["finish_raw"],
        "usage": wanted["usage"],
        "error": wanted["error"] and _known(wanted["error"]),
        "complete": wanted["complete"],
        "kind": failed and failed["kind"],
        "output_started": wanted["output_started"],
        "signatures": wanted.get("signatures", []),
    }


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _signatures(data: Any) -> list[str]:
    """Find every signature in a vendor's state."""
    if isinstance(data, list):
        return [text for item in data for text in _signatures(item)]
    if not isinstance(data, dict):
        return []
    own = [data[key] for key in ("signature", "thoughtSignature") if isinstance(data.get(key), str)]
    return own + [text for value in data.values() for text in _signatures(value)]
