"""The words that end an answer, however a server spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.llm import FinishReason
from fallback_chat.providers.wire.finish import Broken, ending_of

ENDINGS = {
    FinishReason.STOP: [
        "stop",
        "STOP",
        "eos",
        "end_turn",
        "FinishReason.STOP",
        "FINISH_REASON_STOP",
        "endTurn",
        "stop: eos",
        *(
            "eos_token_id",
            "eos_found",
            "<|endoftext|>",
            "END_OF_TURN",
            "stop_word",
            "stop_token_ids",
            "stopped",
            "matched_stop",
        ),
        "StopSequenceHit",
    ],
    FinishReason.TOOL_CALLS: ["tool_calls", "tool_use", "function_call", "toolUse", "stop_reason: tool_use"],
    FinishReason.LENGTH: [
        *(
            "length",
            "max_tokens",
            "MAX_TOKENS",
            "model_length",
            "max_output_tokens",
            "length: MAX_TOKENS",
            "token_limit",
        ),
        *("CONTINUATION", "max-new-tokens", "max_output"),
    ],
    FinishReason.CONTENT_FILTER: [
        *(
            "content_filter",
            "sensitive",
            "SAFETY",
            "RECITATION",
            "PROHIBITED_CONTENT",
            "SPII",
            "MODEL_ARMOR",
            "ESCALATION",
        ),
        *(
            "guardrail_intervened",
            "guardrail-intervened",
            "content_filter: SAFETY",
            "content_filtered",
            "blocked",
            "IMAGE_SAFETY",
        ),
        *("IMAGE_OTHER", "moderation_blocked", "policy_violation", "function_call_filter: OTHER", "ERROR_TOXIC"),
        *("censored", "risk_control", "flagged", "copyright", "JAILBREAK"),
    ],
    FinishReason.REFUSAL: ["refusal", "REFUSAL", "refused", "declined"],
    FinishReason.PAUSE: ["pause_turn", "paused", "compaction"],
    FinishReason.CONTEXT_EXCEEDED: ["model_context_window_exceeded", "context_length_exceeded"],
    FinishReason.OTHER: [
        "OTHER",
        "NO_IMAGE",
        "max_messages",
        "steered",
        "load",
        "unknown",
        "what?",
        "",
        "[]",
        "user_stop",
    ],
}
BROKEN = {
    "api_error": [
        *("error", "ERROR", "abort", "aborted", "network_error", "MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"),
        *(
            "function_call_filter: MALFORMED_FUNCTION_CALL",
            "function_call_filter: UNEXPECTED_TOOL_CALL",
            "TOO_MANY_TOOL_CALLS",
        ),
        *(
            "MISSING_THOUGHT_SIGNATURE",
            "MALFORMED_RESPONSE",
            "cancelled",
            "user_cancelled",
            "connectionLost",
            "upstream_failed",
            *(
                "disconnected",
                "killed",
                "server_shutdown",
                "preempted",
                "stream_closed",
                "stop_error",
                "user_stop_aborted",
            ),
        ),
    ],
    "timeout_error": ["timeout", "timed_out", "time_limit", "DEADLINE_EXCEEDED"],
    "rate_limit_error": ["rate_limit", "RateLimited", "rate_limit_exceeded"],
    "overloaded_error": ["insufficient_system_resource", "server_overloaded", "capacity"],
    "permission_denied": ["PUP_LIMITED_DISABLED"],
}


@pytest.mark.parametrize(("word", "reason"), [(word, reason) for reason in ENDINGS for word in ENDINGS[reason]])
def test_a_word_is_known_in_every_spelling(word: str, reason: FinishReason) -> None:
    assert ending_of(word) is reason


@pytest.mark.parametrize(("word", "kind"), [(word, kind) for kind in BROKEN for word in BROKEN[kind]])
def test_a_word_for_failure_is_the_type_of_an_error(word: str, kind: str) -> None:
    assert ending_of(word) == Broken(kind)


@pytest.mark.parametrize(
    "word", ["FINISH_REASON_UNSPECIFIED", "null", "None", "unspecified", "not_finished", "generating"]
)
def test_a_word_for_nothing_ends_nothing(word: str) -> None:
    assert ending_of(word) is None


@given(st.text(max_size=200))
def test_any_word_says_something(word: str) -> None:
    assert ending_of(word) is None or isinstance(ending_of(word), FinishReason | Broken)
