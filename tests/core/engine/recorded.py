"""Every scripted fault under every policy, and the story that each turn tells: text, attempts, events, error.

`python -m tests.core.engine.recorded` writes the stories anew. Read the difference before you commit it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.engine.settings import AttemptSettings, OnRefusal, OnStreamFailure
from fallback_chat.core.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    ErrorDetails,
    ErrorKind,
)
from fallback_chat.core.llm import FinishReason
from tests.core.chain import chain_of, states, turn_with
from tests.core.scripted import (
    FRAGMENT,
    ROLE,
    SILENCE,
    STOP,
    FakeClock,
    Pause,
    ScriptedLLM,
    Step,
    call,
    finish,
    text,
    thought,
)
from tests.fake_time import AutojumpLoop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.core.events import Event
    from tests.core.chain import Turn

STORIES: Final = Path(__file__).parents[2] / "data/engine/stories.txt"

RESET = APIStreamError("connection reset")


def status(code: int, kind: ErrorKind, retry_after: float | None = None) -> APIStatusError:
    return APIStatusError(f"HTTP {code}", kind=kind, details=ErrorDetails(status=code, retry_after=retry_after))


FAULTS: Final[dict[str, list[Step]]] = {
    "healthy": [ROLE, "Hel", "lo", STOP],
    "refused connection": [APIConnectionError("connection refused")],
    "401": [status(401, ErrorKind.AUTH)],
    "402": [status(402, ErrorKind.QUOTA_EXHAUSTED)],
    "403": [status(403, ErrorKind.PERMISSION)],
    "404": [status(404, ErrorKind.MODEL_NOT_FOUND)],
    "400": [status(400, ErrorKind.BAD_REQUEST)],
    "400, unsupported": [status(400, ErrorKind.UNSUPPORTED)],
    "413": [status(413, ErrorKind.TOO_LARGE)],
    "429": [status(429, ErrorKind.RATE_LIMITED)],
    "429, retry in 1 s": [status(429, ErrorKind.RATE_LIMITED, 1.0)],
    "429, retry in 20 s": [status(429, ErrorKind.RATE_LIMITED, 20.0)],
    "429, retry in a day": [status(429, ErrorKind.RATE_LIMITED, 86_400.0)],
    "500": [status(500, ErrorKind.SERVER_ERROR)],
    "503": [status(503, ErrorKind.OVERLOADED)],
    "silence": [SILENCE],
    "role, then silence": [ROLE, SILENCE],
    "thoughts, then silence": [thought("hm"), SILENCE],
    "thoughts for ever": [thought("hm"), Pause(20)] * 20,
    "nothing at all": [],
    "stop without text": [ROLE, STOP],
    "blanks and stop": [text("  \n"), STOP],
    "length without text": [thought("hm"), finish(FinishReason.LENGTH)],
    "filter without text": [finish(FinishReason.CONTENT_FILTER)],
    "filter after text": ["I may", finish(FinishReason.CONTENT_FILTER)],
    "window full": [finish(FinishReason.CONTEXT_EXCEEDED)],
    "no finish": ["Once", " upon"],
    "reset after text": [ROLE, "Once", " upon", RESET],
    "silence after text": ["Once", SILENCE],
    "error after the finish": ["Once", STOP, RESET],
    "silence after the finish": ["Once", STOP, SILENCE],
    "tool call": [FRAGMENT, call(), finish(FinishReason.TOOL_CALLS)],
    "tool call, cut": [FRAGMENT, call(), RESET],
    "tool call, broken arguments": [call("{"), finish(FinishReason.TOOL_CALLS)],
    "text, then a tool call": ["Let me see.", call(), finish(FinishReason.TOOL_CALLS)],
    "a bug": [KeyError("choices")],
}

POLICIES: Final = {
    **{str(policy): AttemptSettings(on_stream_failure=policy) for policy in OnStreamFailure if policy != "ask"},
    "refusal: next": AttemptSettings(on_refusal=OnRefusal.NEXT),
}

SECONDS: Final[dict[str, list[Step]]] = {
    "a healthy second": [ROLE, "Good", " day", STOP],
    "a dead second": [APIConnectionError("connection refused")],
}


async def stories_of(fault: str) -> str:
    """Play one fault under every policy; policies that tell the same story share it."""
    told: list[str] = []
    for second in (*SECONDS, None):
        same: dict[str, list[str]] = {}
        for name, settings in POLICIES.items():
            same.setdefault(await story(fault, second, settings), []).append(name)
        told += [f"{fault} | {second or 'nobody else'} | {', '.join(names)}\n{body}\n" for body, names in same.items()]
    return "\n".join(told)


async def story(fault: str, second: str | None, settings: AttemptSettings) -> str:
    llms = [ScriptedLLM("a", FAULTS[fault]), *([ScriptedLLM("b", SECONDS[second])] if second else [])]
    chain = chain_of(*llms, clock=FakeClock(), settings=settings)
    turn = await turn_with(chain)
    return "\n".join([*lines(turn), f"  states    {' '.join(states(chain))}"])


def lines(turn: Turn) -> Iterator[str]:
    yield f"  shown     {turn.text!r}"
    for provider, outcome, kind in turn.record:
        yield f"  attempt   {provider} {outcome} {kind or ''}".rstrip()
    for event in turn.events:
        yield f"  event     {told(event)}"
    yield f"  elapsed   {turn.elapsed:.2f}"
    if turn.error is not None:
        yield f"  error     {said(turn.error)}"


def told(event: Event) -> str:
    fields = {name: getattr(event, name) for name in event.__match_args__}
    return type(event).__name__ + "(" + ", ".join(f"{name}={short(value)}" for name, value in fields.items()) + ")"


def short(value: object) -> str:
    if isinstance(value, AllProvidersFailed):
        return f"all failed, {value.kind}"
    if isinstance(value, APIError):
        return str(value.kind)
    return f"{value:.2f}" if isinstance(value, float) else repr(value)


def said(error: BaseException) -> str:
    kind = error.kind if isinstance(error, APIError) else ""
    text = error.headline if isinstance(error, AllProvidersFailed) else str(error)
    return f"{type(error).__name__} {kind}: {text}"


def record(fault: str) -> str:
    with asyncio.Runner(loop_factory=AutojumpLoop) as runner:
        return runner.run(stories_of(fault))


def recorded() -> dict[str, str]:
    """Return what was recorded for each fault."""
    found: dict[str, list[str]] = {}
    for one in STORIES.read_text("utf-8").split("\n\n"):
        found.setdefault(one.partition(" | ")[0], []).append(one.strip("\n") + "\n")
    return {fault: "\n".join(told) for fault, told in found.items()}


if __name__ == "__main__":
    STORIES.parent.mkdir(parents=True, exist_ok=True)
    STORIES.write_text("\n".join(map(record, FAULTS)), "utf-8")
