"""Kind `guide`: answers questions about fallback-chat from the bundled manual, offline.

There is no language model. It is the chain of a machine with neither a key nor a model server, so
that the first command gives a useful answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from fallback_chat.core.chat_context import Role
from fallback_chat.core.llm import LLM, ChatChunk, ChoiceDelta, FinishReason, LLMStream
from fallback_chat.providers.guide.manual import bundled, terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fallback_chat.core.chat_context import ChatContext, Tool
    from fallback_chat.core.config.settings import ProviderSettings
    from fallback_chat.core.llm import ChatOptions
    from fallback_chat.providers.guide.manual import Section

INTRODUCTION: Final = (
    "(The built-in guide of fallback-chat: no language model, offline. It looks things up in the manual.)"
)
GREETING: Final = "built-in guide"
"""The search for a question without searchable words, such as `hi`."""
MORE: Final = frozenset(
    {"more", "tell me more", "show more", "go on", "continue", "next", "and", "what else", "anything else"}
)

NOTHING: Final = """\
The manual says nothing about that, and a guide without a language model cannot answer anything else.

For other questions, connect a provider. One key in the environment is enough:

```sh
export OPENAI_API_KEY=…      # or ANTHROPIC_API_KEY, GEMINI_API_KEY, GROQ_API_KEY, MISTRAL_API_KEY, …
fallback-chat config init    # writes a fallback.toml from what it finds
```

A model on your own machine needs no key: start Ollama and ask again. About fallback-chat itself you can ask me, for instance,
“how do I add a second provider?”"""
NO_MORE: Final = "That is all that the manual says about it."


def create(settings: ProviderSettings, *, api_key: str | None, http: object) -> LLM:
    """Create the guide; it needs neither key nor network."""
    del api_key, http
    return Guide(settings)


class Guide(LLM):
    """Answers with a section of the manual."""

    def __init__(self, settings: ProviderSettings) -> None:
        self._settings = settings

    @property
    def label(self) -> str:
        """The name in fallback.toml."""
        return self._settings.name

    @property
    def kind(self) -> str:
        """Always `guide`."""
        return "guide"

    @property
    def model(self) -> str:
        """The name in fallback.toml: the guide has one manual and no model."""
        return self._settings.model

    def chat(
        self,
        *,
        chat_ctx: ChatContext,
        tools: Sequence[Tool] = (),
        tool_choice: str | None = None,
        parallel_tool_calls: bool | None = None,
        options: ChatOptions | None = None,
        **extra: Any,
    ) -> LLMStream:
        """Answer the user's last question; a bare "more" continues with the one before it."""
        del tools, tool_choice, parallel_tool_calls, options, extra
        return GuideStream(answer([m.text for m in chat_ctx.messages if m.role is Role.USER]), model=self.model)


class GuideStream(LLMStream):
    """A text, streamed word by word."""

    def __init__(self, text: str, *, model: str) -> None:
        self._chunks = _chunks(text, model)

    async def __anext__(self) -> ChatChunk:
        """Return the next word, then the finish."""
        for chunk in self._chunks:
            return chunk
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Drop the rest."""
        self._chunks = iter(())


def _chunks(text: str, model: str) -> Iterator[ChatChunk]:
    for word in re.findall(r"\s*\S+", text):
        yield ChatChunk(delta=ChoiceDelta(content=word), model=model)
    yield ChatChunk(finish_reason=FinishReason.STOP, finish_raw="stop", model=model)


def answer(questions: Sequence[str]) -> str:
    """Return the text that answers the last of the user's `questions`."""
    return f"{INTRODUCTION}\n\n{_body(questions)}"


def _body(questions: Sequence[str]) -> str:
    asked = [" ".join(re.findall(r"\w+", question.lower())) for question in questions]
    pages = 0
    while len(asked) > 1 and asked[-1] in MORE:
        asked.pop()
        pages += 1
    question = asked[-1] if asked else ""
    found = bundled().search(question if terms(question) else GREETING)
    if not found:
        return NOTHING
    return _page(found[pages], found[pages + 1 :]) if pages < len(found) else NO_MORE


def _page(section: Section, related: Sequence[Section]) -> str:
    lines = [f"## {section.title}", section.body, f"From {section.place}."]
    if related:
        lines[-1] += " See also (in the chat, say `more`): " + "; ".join(each.place for each in related) + "."
    return "\n\n".join(lines)
