"""What the next provider is asked that should continue an answer."""

from __future__ import annotations

from fallback_chat.core.attempts import Segment
from fallback_chat.core.chat_context import ChatContext, Role
from fallback_chat.core.engine.continuation import INSTRUCTION, Transcript, continue_from
from tests.core.scripted import ScriptedLLM, text

PARTIAL = "One, two, three, four, five, six, seven, eight"


def test_the_partial_answer_stays_in_the_conversation_marked_as_unfinished_and_its_end_is_quoted() -> None:
    context = continue_from(ChatContext.from_text("count to ten"), PARTIAL)

    assert [(message.role, message.text, message.complete) for message in context.messages] == [
        (Role.USER, "count to ten", True),
        (Role.ASSISTANT, PARTIAL, False),
        (Role.USER, INSTRUCTION.format(anchor="three, four, five, six, seven, eight"), True),
    ]


def test_after_a_restart_the_parts_are_counted_from_the_new_beginning() -> None:
    a, b = ScriptedLLM("a"), ScriptedLLM("b")
    it = Transcript()
    it.take(text("thrown away"))
    it.keep(a)
    it.discard()
    it.take(text("12"))
    it.keep(b)
    it.take(text("345"))

    assert it.segments(a) == (Segment("b", "b-1", 0, 2), Segment("a", "a-1", 2, 5))
