"""The next provider finishes what another began, and nothing is said twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.chat_context import ChatContext, Role
from fallback_chat.core.engine.continuation import INSTRUCTION, EchoTrimmer, continue_from


def trimmed(partial: str, pieces: list[str]) -> str:
    trimmer = EchoTrimmer(partial)
    return "".join([*map(trimmer.feed, pieces), trimmer.flush()])


def test_the_partial_answer_stays_in_the_conversation_marked_as_unfinished() -> None:
    context = continue_from(ChatContext.from_text("count to ten"), "one, two")
    assert [(message.role, message.text, message.complete) for message in context.messages] == [
        (Role.USER, "count to ten", True),
        (Role.ASSISTANT, "one, two", False),
        (Role.USER, INSTRUCTION, True),
    ]


@pytest.mark.parametrize(
    ("partial", "following", "shown"),
    [
        ("The tide turns at", " six.", " six."),
        ("The tide turns at", "turns at six.", " six."),
        ("The tide turns at", "The tide turns at six.", " six."),
        ("The tide\nturns at", "the tide turns  at six.", "the tide turns  at six."),
        ("The tide\nturns at", "tide turns  at six.", " six."),
        ("The cat", "at last", "at last"),
        ("Whole.", "Whole.", ""),
    ],
)
def test_what_the_next_provider_repeats_is_trimmed(partial: str, following: str, shown: str) -> None:
    assert trimmed(partial, [following]) == shown


@given(st.text(alphabet="ab c", max_size=40), st.text(alphabet="ab c", max_size=40), st.integers(1, 7))
def test_how_the_text_is_cut_makes_no_difference(partial: str, following: str, size: int) -> None:
    pieces = [following[start : start + size] for start in range(0, len(following), size)]
    assert trimmed(partial, pieces) == trimmed(partial, [following])


@given(st.text(alphabet="ab c", max_size=40), st.text(alphabet="ab c", max_size=40))
def test_only_the_beginning_is_ever_dropped(partial: str, following: str) -> None:
    assert following.endswith(trimmed(partial, [following]))


def test_text_that_repeats_nothing_passes_at_once() -> None:
    assert EchoTrimmer("The tide turns at").feed(" six") == " six"
