"""A rough count of tokens, without any model's tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fallback_chat.core.chat_context import Text

if TYPE_CHECKING:
    from fallback_chat.core.chat_context import ChatContext

CHARACTERS_PER_TOKEN: Final = 4
"""English prose; code and other languages take more tokens, so the estimate errs on the low side."""
PER_MESSAGE: Final = 4
PER_ATTACHMENT: Final = 250
"""A small picture; large ones and documents take more."""


def estimate_tokens(context: ChatContext) -> int:
    """Give about how many tokens a conversation takes; rather too few than too many."""
    characters = attachments = 0
    for message in context.messages:
        for part in message.content:
            if isinstance(part, Text):
                characters += len(part.text)
            else:
                attachments += 1
        characters += sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
        characters += sum(len(result.output) for result in message.tool_results)
    return characters // CHARACTERS_PER_TOKEN + PER_MESSAGE * len(context.messages) + PER_ATTACHMENT * attachments
