"""`ask --dry-run`: the providers in order, and about how many tokens would be sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.render.lines import say
from fallback_chat.cli.sinks.answer_object import dump
from fallback_chat.cli.words.health import state_word
from fallback_chat.core.answer_json import redacted
from fallback_chat.core.config.keys import key_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fallback_chat.cli.sinks.base import Sink
    from fallback_chat.core.chat_context import ChatContext
    from fallback_chat.core.llm import LLM
    from fallback_chat.wiring import OpenChain

DRY_RUN_SCHEMA: Final = "fallback-chat.dry-run/1"


async def dry_run(  # noqa: PLR0913 - the outside world is passed in
    chain: OpenChain, context: ChatContext, sink: Sink, env: Mapping[str, str], *, now: float, as_json: bool
) -> int:
    """Print the chain as of `now`, in wall-clock seconds. No network."""
    adapter = chain.adapter
    await adapter.refresh_health()
    tokens = context.estimated_tokens
    sources = {one.name: one.key for one in chain.settings.providers}

    def row(llm: LLM) -> dict[str, object]:
        health = adapter.health(llm)
        return {
            "provider": llm.label,
            "kind": llm.kind,
            "model": llm.model,
            "state": state_word(health, now),
            "key_state": key_state(sources[llm.label], env),
            "context_window": llm.context_window,
            "fits": llm.context_window is None or tokens <= llm.context_window,
        }

    rows = [row(llm) for llm in adapter.llms]
    redact = sink.redactor.redact
    if as_json:
        sink.out.write(dump(redacted({"schema": DRY_RUN_SCHEMA, "tokens": tokens, "providers": rows}, redact)))
    else:
        lines = [f"about {tokens} tokens would go to the first of these that answers:"]
        for number, one in enumerate(rows, start=1):
            note = "" if one["fits"] else f", its window of {one['context_window']} tokens is too small"
            key = f", key {one['key_state']}" if one["key_state"] in ("not found", "unusable") else ""
            lines.append(f"{number}. {one['provider']} ({one['kind']}, {one['model']}): {_known(one)}{key}{note}")
        for line in lines:
            say(sink.out, redact(line))
    sink.out.flush()
    return ExitCode.OK


def _known(row: Mapping[str, object]) -> object:
    """Return the state in words that claim no more than is on record."""
    return "no failure on record" if row["state"] == "ok" else row["state"]
