"""Finish reasons in every vendor's spelling: one table for all wire formats.

A word stands for a finish, for a failure (an error type known to `failures/codes.py`), or for
nothing: some servers send a word for "not finished" in every chunk. An unknown word proves nothing:
it is `OTHER`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from fallback_chat.core.llm import FinishReason


class Broken(NamedTuple):
    """The answer was aborted."""

    type: str
    """The type of the error, as an error event would name it."""


Ending = FinishReason | Broken | None

_F = FinishReason
_LONGEST: Final = 100
"""Characters; anything longer is a sentence."""

WORDS: Final[dict[str, Ending]] = (
    dict.fromkeys(("null", "none", "unspecified", "not_finished", "not_finish", "generating", "continue"), None)
    | dict.fromkeys(
        ("stop", "eos", "eos_token", "end", "end_turn", "stop_sequence", "stop_token", "complete", "completed"), _F.STOP
    )
    | dict.fromkeys(("finish", "finished", "done", "success", "normal"), _F.STOP)
    | dict.fromkeys(("tool_calls", "tool_call", "tool_use", "function_call", "function_calls"), _F.TOOL_CALLS)
    | dict.fromkeys(("length", "model_length", "max_output", "continuation", "truncated", "cutoff"), _F.LENGTH)
    | dict.fromkeys(("spii", "language", "model_armor", "recitation", "blocklist", "escalation"), _F.CONTENT_FILTER)
    | dict.fromkeys(("pause", "paused", "pause_turn", "compaction"), _F.PAUSE)
    | {"refusal": _F.REFUSAL, "model_context_window_exceeded": _F.CONTEXT_EXCEEDED}
    | {"error_toxic": _F.CONTENT_FILTER, "error_limit": _F.LENGTH}  # Cohere
    | {"pup_limited_disabled": Broken("permission_denied")}  # Google
    | {"insufficient_system_resource": Broken("overloaded_error")}  # DeepSeek
)
"""Whole words, in lower case, with `_` between their parts."""

_KINDS_OF_WORDS: Final[tuple[tuple[str, Ending], ...]] = (
    ("rate_?limit|too_many_requests", Broken("rate_limit_error")),
    ("overload|capacity|unavailable", Broken("overloaded_error")),
    ("time_?d?_?out|time_?limit|deadline", Broken("timeout_error")),
    ("permission|forbidden|unauthori[sz]ed", Broken("permission_denied")),
    (
        (
            "error|fail|abort|network|connect|malformed|unexpected|missing|too_many|invalid|cancel|interrupt|exception"
            "|crash|kill|terminat|closed|evict|preempt|shut_?(?:ting_?)?down|out_of_memory"
        ),
        Broken("api_error"),
    ),
    ("refus|declin", _F.REFUSAL),
    (
        (
            "filter|safe|sensitive|censor|moderat|guardrail|block|polic|prohibit|harm|toxic|violat|flagged|jailbreak"
            "|copyright|risk|^image_|recitation"
        ),
        _F.CONTENT_FILTER,
    ),
    (
        "^eos|^stop_?(?:word|str|tok|seq)|^(?:matched_|hit_)?stop(?:ped)?$|end_?of_?(?:text|turn|seq)|im_end|succe",
        _F.STOP,
    ),
    ("context", _F.CONTEXT_EXCEEDED),
    ("length|token|limit", _F.LENGTH),
)
"""The subjects of words missing in the table; the first pattern found decides."""

_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_BETWEEN: Final = re.compile(r"[^a-z0-9:]+")
_PREFIX: Final = re.compile(r"^(?:finish|stop)_reason[_:]+")


def ending_of(word: str) -> Ending:
    """Return the meaning of `word`, in any case and with any prefix.

    Examples are "FinishReason.STOP" and "filter: SAFETY".
    """
    name = _PREFIX.sub("", _BETWEEN.sub("_", _HUMP.sub("_", word.strip()[:_LONGEST]).lower()))
    for part in (name, *reversed(name.split(":"))):
        if (known := part.strip("_")) in WORDS:
            return WORDS[known]
    return next((ending for pattern, ending in _KINDS_OF_WORDS if re.search(pattern, name)), FinishReason.OTHER)
