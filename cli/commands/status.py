"""`fallback-chat status`: provider health in the records that all processes share."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.cli.render.lines import say
from fallback_chat.cli.words.health import reason_word, state_word, tone
from fallback_chat.core.answer_json import rfc3339

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

    from fallback_chat.core.engine.shared_health import KnownProvider
    from fallback_chat.sharing import StoredHealth

STATUS_SCHEMA: Final = "fallback-chat.status/1"


def status(  # noqa: PLR0913 - time and streams are passed in
    stored: StoredHealth,
    now: float,
    out: TextIO,
    err: TextIO,
    *,
    everybody: bool = False,
    short: bool = False,
    as_json: bool = False,
) -> int:
    """Print the stored health of the chain that applies now, or of `everybody` on record.

    `short` is one line for a shell prompt.
    """
    providers = stored.providers if everybody else stored.of_chain()
    others = len(stored.providers) - len(providers)
    if as_json:
        found = {
            "schema": STATUS_SCHEMA,
            "backend": stored.backend,
            "place": stored.place,
            "providers": [_object(one) for one in providers],
        }
        out.write(json.dumps(found) + "\n")
    elif short:
        say(out, " · ".join(f"{one.name} {state_word(one.health, now)}" for one in providers))
    elif providers:
        _print(providers, now, out)
        say(out, f"shared in {stored.place}")
    else:
        whose = " of this chain" if others else ""
        say(err, f"nothing is recorded in {stored.place}: no provider{whose} has failed yet")
    if others and not (short or as_json):
        say(err, f"{others} more on record, with another name, key or model: fallback-chat status --all")
    return 0


def _object(provider: KnownProvider) -> dict[str, Any]:
    health = provider.health
    return {
        "name": provider.name,
        "kind": provider.kind,
        "model": provider.model,
        "state": health.state.value,
        "reason": health.reason,
        "since": rfc3339(health.since or None),
        "until": rfc3339(health.until),
        "opens": health.opens,
    }


def _print(providers: Sequence[KnownProvider], now: float, out: TextIO) -> None:
    from fallback_chat.cli.render.listing import write  # a shell prompt does without

    words = [state_word(one.health, now) for one in providers]
    entries = [
        (one.name, one.model, (word, tone(word)), reason_word(one.health, now))
        for one, word in zip(providers, words, strict=True)
    ]
    write(out, ("provider", "model", "state", "reason"), entries, color="auto")
