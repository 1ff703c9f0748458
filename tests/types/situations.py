"""What is asked of a server, one situation after the other: between them they make use of everything that a request can hold."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from fallback_chat.core.chat_context import (
    ChatContext,
    ChatMessage,
    Document,
    Image,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from fallback_chat.core.errors import APIError
from fallback_chat.core.llm import ChatOptions
from fallback_chat.providers.wire.dialect import ChatRequest
from tests.providers.vectors import dialect_of, families, origin_of, settings_of
from tests.providers.wire.test_moving import conversation as tool_loop
from tests.providers.wire.test_requests import conversation as recorded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.types.vendors import Server

PNG = Image("image/png", b"\x89PNG")
PDF = Document("application/pdf", b"%PDF", "a.pdf")
TOOL = Tool("tide", "The tide of a port.", {"type": "object", "properties": {"port": {"type": "string"}}})
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")


def said(*turns: tuple[str, str]) -> ChatContext:
    """Return a conversation of texts."""
    context = ChatContext()
    for role, text in turns:
        context = context.add(role, text)
    return context


HELLO = said(("user", "hi"))
CALLS = ChatMessage(
    Role.ASSISTANT, tool_calls=(ToolCall("call/1 ü", "tide", '{"port": "x"}'), ToolCall("c", "tide", "no"))
)
LOOSE = HELLO.add_message(CALLS)
CONTEXTS: dict[str, ChatContext] = {
    "a question": HELLO,
    "a system prompt": said(("system", "Be brief."), ("user", "hi")),
    "several turns": said(("user", "hi"), ("assistant", "Hello."), ("user", "and now?")),
    "two questions in a row": said(("user", "hi"), ("user", "still there?")),
    "the model first": said(("assistant", "Hello."), ("user", "hi")),
    "blanks": said(("user", " "), ("user", "hi"), ("assistant", "\n"), ("user", "x")),
    "a picture": HELLO.add_message(ChatMessage(Role.USER, (Text("What is this?"), PNG))),
    "a lone picture": ChatContext((ChatMessage(Role.USER, (PNG,)),)),
    "a PDF": HELLO.add_message(ChatMessage(Role.USER, (Text("Sum it up."), PDF))),
    "a broken answer": HELLO.add_message(ChatMessage(Role.ASSISTANT, (Text("Half "),), complete=False)).add(
        "user", "go on"
    ),
    "calls without results": LOOSE.add("user", "never mind"),
    "an error as a result": LOOSE.add_message(
        ChatMessage(Role.TOOL, tool_results=(ToolResult("c", "no", is_error=True), ToolResult("call/1 ü", "06:10")))
    ),
    "the recorded conversation": recorded(),
}
WISHES: dict[str, dict[str, Any]] = {
    "a cap": {"max_tokens": 100},
    "a small cap": {"max_tokens": 1},
    "a temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "stop words": {"stop": ("END", "FIN")},
    "a seed": {"seed": 7},
    "no stream": {"stream": False},
    **{f"effort {effort}": {"reasoning_effort": effort} for effort in EFFORTS},
}
CHOICES: dict[str, dict[str, Any]] = {
    "a tool": {},
    "any tool": {"tool_choice": "required"},
    "no tool": {"tool_choice": "none"},
    "this tool": {"tool_choice": "tide"},
    "one at a time": {"parallel_tool_calls": False},
    "this tool, one at a time": {"tool_choice": "tide", "parallel_tool_calls": False},
}


def situations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Return each situation, as what a request is made of."""
    yield from ((name, {"chat_ctx": context}) for name, context in CONTEXTS.items())
    yield from ((name, {"chat_ctx": HELLO, "options": ChatOptions(**wish)}) for name, wish in WISHES.items())
    yield from ((name, {"chat_ctx": HELLO, "tools": (TOOL,), **choice}) for name, choice in CHOICES.items())
    for family, own in itertools.product(families("tool calls"), (True, False)):
        whose = "its own" if own else "another's"
        more = {"chat_ctx": tool_loop(family), "tools": (TOOL,), "origin": origin_of(family) if own else "elsewhere"}
        yield f"a tool loop of {family}, {whose}", more


def request_of(server: Server, more: dict[str, Any]) -> ChatRequest:
    """Return the request of a situation."""
    settings = settings_of(server.family, preset=server.preset, model=server.model, base_url="")
    given: dict[str, Any] = {"api_key": "k", "origin": origin_of(server.family)} | more
    return ChatRequest(settings=settings, **given)


def body_of(server: Server, more: dict[str, Any]) -> bytes | None:
    """Return what is sent in a situation, or None where the server cannot be asked that."""
    try:
        return dialect_of(server.family).build_request(request_of(server, more)).body
    except APIError:
        return None
