"""The answer for machines: the object of `ask --json` and the events of `ask --jsonl`."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.cli.words.failures import sentence
from fallback_chat.core.answer import Answer
from fallback_chat.core.answer_json import answer_json, attempt_error, milliseconds, redacted, rfc3339
from fallback_chat.core.attempts import AllProvidersFailed
from fallback_chat.core.characters import Characters
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import (
    AttemptFailed,
    AttemptLate,
    AttemptStarted,
    FailedOver,
    Notice,
    StreamContinued,
    StreamRestarted,
    Waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fallback_chat.cli.sinks.base import Ending
    from fallback_chat.core.events import Event

ANSWER_SCHEMA: Final = "fallback-chat.answer/1"
EVENT_SCHEMA: Final = "fallback-chat.event/1"


_STEERING: Final = Characters("\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\U000e0000-\U000e007f")


def dump(value: Any) -> str:
    """Return `value` as one line of JSON.

    Anything that could steer a terminal or end a line, or is not a character, is escaped.
    """
    line = json.dumps(value, ensure_ascii=False)
    if _STEERING.occur_in(line):
        line = _STEERING.pattern.sub(lambda match: json.dumps(match[0])[1:-1], line)
    return line + "\n"


def _summary(error: APIError) -> str:
    """Return what failed; for a whole chain, with the attempt that decides its kind."""
    if not isinstance(error, AllProvidersFailed):
        return str(error)
    for attempt in error.attempts:
        if attempt.error is not None and attempt.error.kind is error.kind:
            return f"{error.headline}: {sentence(attempt.provider, attempt.error)}"
    return error.headline


def answer_object(ending: Ending, redact: Callable[[str], str]) -> dict[str, Any]:
    """Return the object of `ask --json`, whatever happened; every key is always present."""
    error = ending.error
    answer = (ending.answer or Answer()).ended_by(error, _summary(error) if isinstance(error, APIError) else None)
    of_the_run = {"refusal": _refusal(answer), "session": ending.session, "exit_code": int(ending.exit_code)}
    return {"schema": ANSWER_SCHEMA, **redacted(answer_json(answer) | of_the_run, redact)}


def _refusal(answer: Answer) -> str | None:
    """Return the words of a refusal: the model's own, or the server's about it."""
    return answer.refusal or (answer.finish_words if answer.refused else None) or None


class JsonLines:
    """Writes the events of one `ask --jsonl`, each line numbered, dated and flushed at once."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self.redact: Callable[[str], str] = str
        self._seq = 0

    def emit(self, type_: str, /, **fields: Any) -> None:
        """Write one event of type `type_`."""
        line = {"schema": EVENT_SCHEMA, **fields, "type": type_, "ts": round(time.time(), 3), "seq": self._seq}
        self._seq += 1
        self._write(dump(redacted(line, self.redact)))

    def engine_event(self, event: Event) -> None:
        """Write an event of the engine, if it concerns a reader of the answer."""
        match event:
            case AttemptStarted(llm, number):
                self.emit("attempt", provider=llm.label, kind=llm.kind, model=llm.model, n=number)
            case AttemptFailed(llm, error, elapsed):
                will = "stop" if event.next is None else "retry" if event.next is llm else "switch"
                self.emit(
                    "attempt_failed",
                    provider=llm.label,
                    error=attempt_error(error),
                    elapsed_ms=milliseconds(elapsed),
                    retry_in=event.retry_in,
                    will=will,
                )
            case AttemptLate(llm, following, elapsed):
                self.emit("late", provider=llm.label, next=following.label, elapsed_ms=milliseconds(elapsed))
            case Notice(llm, text):
                self.emit("notice", provider=llm.label, text=text)
            case Waiting(seconds, until, llm, error):
                reason = None if error is None else error.kind.value
                self.emit("waiting", provider=llm.label, seconds=round(seconds, 3), until=rfc3339(until), reason=reason)
            case FailedOver(from_llm, to_llm, reason):
                self.emit("switch", **{"from": from_llm.label, "to": to_llm.label, "reason": reason.kind.value})
            case StreamContinued(from_llm, to_llm, at):
                self.emit("continue", **{"from": from_llm.label, "to": to_llm.label, "at": at})
            case StreamRestarted(from_llm, to_llm, discarded):
                self.emit("discard", **{"from": from_llm.label, "to": to_llm.label, "characters": discarded})
            case _:
                pass
