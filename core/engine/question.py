"""The request of a turn, which is the same for each of its providers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from fallback_chat.core.chat_context import ChatContext, Tool
from fallback_chat.core.checks import check_type, several
from fallback_chat.core.engine.composite import Composite
from fallback_chat.core.llm import ChatOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fallback_chat.core.llm import LLM, LLMStream

CHOICES: Final = ("auto", "none", "required")
"""Values of `tool_choice` that name no tool."""


class Question(NamedTuple):
    """A conversation to be answered, and the wishes for the answer."""

    chat_ctx: ChatContext
    wishes: Mapping[str, Any]
    """More arguments of `LLM.chat`; without those that say nothing, which not every LLM knows."""
    can_discard: bool
    """Whether text that was shown can be taken back."""

    @classmethod
    def checked(  # noqa: PLR0913 - the arguments of every LLM
        cls,
        chat_ctx: ChatContext,
        *,
        can_discard: bool,
        tools: Sequence[Tool] | None,
        tool_choice: str | None,
        parallel_tool_calls: bool | None,
        options: ChatOptions | None,
        extra: dict[str, Any],
    ) -> Self:
        """Return the question. Raises TypeError or ValueError, naming the argument."""
        check_type("chat_ctx", chat_ctx, ChatContext)
        check_type("tool_choice", tool_choice, str, none=True)
        check_type("parallel_tool_calls", parallel_tool_calls, bool, none=True)
        check_type("options", options, ChatOptions, none=True)
        check_type("can_discard", can_discard, bool)
        wishes: dict[str, Any] = {
            "tools": () if tools is None else several("tools", tools, Tool),
            "tool_choice": tool_choice,
            "parallel_tool_calls": parallel_tool_calls,
            "options": options,
        }
        if tool_choice is not None and tool_choice not in {*CHOICES, *(tool.name for tool in wishes["tools"])}:
            raise ValueError(f"tool_choice must be one of {', '.join(map(repr, CHOICES))} or the name of a given tool")
        said = {name: value for name, value in wishes.items() if value not in (None, ())}
        return cls(chat_ctx, said | extra, can_discard)

    def put_to(self, llm: LLM, partial: str) -> LLMStream:
        """Ask `llm`, to continue `partial` if there is any."""
        context = self.chat_ctx
        if partial:
            from fallback_chat.core.engine.continuation import continue_from

            context = continue_from(context, partial)
        if not self.can_discard and isinstance(llm, Composite):
            return llm.chat(chat_ctx=context, can_discard=False, **self.wishes)
        return llm.chat(chat_ctx=context, **self.wishes)
