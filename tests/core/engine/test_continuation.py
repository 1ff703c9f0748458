"""What the next provider is asked that should continue an answer."""

from __future__ import annotations

from fallback_chat.core.chat_context import ChatContext, Role
from fallback_chat.core.engine.continuation import INSTRUCTION, continue_from

PARTIAL = "One, two, three, four, five, six, seven, eight"


def test_the_partial_answer_stays_in_the_conversation_marked_as_unfinished_and_its_end_is_quoted() -> None:
    context = continue_from(ChatContext.from_text("count to ten"), PARTIAL)

    assert [(message.role, message.text, message.complete) for message in context.messages] == [
        (Role.USER, "count to ten", True),
        (Role.ASSISTANT, PARTIAL, False),
        (Role.USER, INSTRUCTION.format(anchor="three, four, five, six, seven, eight"), True),
    ]
