"""A conversation as Markdown and as JSON, compared whole."""

from __future__ import annotations

import json

from fallback_chat.core.chat_context import ChatMessage, Document, Image, Role, Text, ToolCall
from fallback_chat.core.conversations.export import to_json, to_markdown
from fallback_chat.core.conversations.records import AnswerRecord, Conversation, SessionId, StoredTurn, Summary, TurnId
from fallback_chat.core.llm import CompletionUsage, FinishReason
from tests.core.conversations.fakes import answer, question

NOW = 1_700_000_000.0
ATTACHED = ChatMessage(
    Role.USER, (Text("look:"), Image("image/png", b"\x89P"), Document("application/pdf", b"%PDF", "a.pdf"))
)


def conversation(*turns: StoredTurn) -> Conversation:
    return Conversation(Summary(SessionId("abc"), "A title", NOW, NOW + 60, len(turns)), turns)


def turn(asked: ChatMessage, answered: AnswerRecord, *, ended: float | None = NOW + 9) -> StoredTurn:
    return StoredTurn(TurnId(1), NOW, asked, answered, ended)


def test_markdown_says_who_speaks_and_what_is_not_whole() -> None:
    document = to_markdown(
        conversation(
            turn(ATTACHED, answer("# One\n\n```py\nx = 1\n```\n")),
            turn(question("two"), answer("half", complete=False, error={"kind": "stalled", "message": "it stalled"})),
            turn(question("three"), AnswerRecord(error={"kind": "connection", "message": "nobody there"})),
            turn(question("four"), AnswerRecord(refusal="I will not.", finish_reason=FinishReason.REFUSAL)),
            turn(question("five"), AnswerRecord(text="par"), ended=None),
        )
    )

    assert (
        document
        == """\
# A title

*2023-11-14T22:13:20+00:00, conversation abc*

## You

look:

*[attached: image/png]*

*[attached: a.pdf]*

## primary/m

# One

```py
x = 1
```

## You

two

## primary/m

half

*[incomplete: it stalled]*

## You

three

## Answer

*[no answer: nobody there]*

## You

four

## Answer

I will not.

*[refused]*

## You

five

## Answer

par

*[incomplete: the program ended, or is still waiting]*
"""
    )


def test_json_has_everything_under_the_names_of_the_answer_object() -> None:
    record = answer(
        "é",
        reasoning="hm",
        kind="openai",
        tool_calls=(ToolCall("c1", "f", "{}"),),
        usage=CompletionUsage(input=1),
        attempts=({"provider": "primary"},),
        first_token=0.25,
        elapsed=1.5,
    )

    document = to_json(conversation(turn(ATTACHED, record), turn(question("q"), AnswerRecord(), ended=None)))

    assert "é" in document
    assert json.loads(document) == {
        "schema": "fallback-chat.session/1",
        "id": "abc",
        "title": "A title",
        "created": "2023-11-14T22:13:20+00:00",
        "updated": "2023-11-14T22:14:20+00:00",
        "forked_from": None,
        "turns": [
            {
                "asked": "2023-11-14T22:13:20+00:00",
                "ended": "2023-11-14T22:13:29+00:00",
                "question": [
                    {"type": "text", "text": "look:"},
                    {"type": "image", "media_type": "image/png", "data": "iVA="},
                    {"type": "document", "media_type": "application/pdf", "filename": "a.pdf", "data": "JVBERg=="},
                ],
                "answer": {
                    "text": "é",
                    "reasoning": "hm",
                    "refusal": None,
                    "tool_calls": [{"id": "c1", "name": "f", "arguments": "{}"}],
                    "finish_reason": "stop",
                    "complete": True,
                    "provider": "primary",
                    "kind": "openai",
                    "model": "m",
                    "usage": {
                        "input": 1,
                        "output": None,
                        "total": None,
                        "cached": None,
                        "cache_write": None,
                        "reasoning": None,
                    },
                    "attempts": [{"provider": "primary"}],
                    "first_token_ms": 250.0,
                    "elapsed_ms": 1500.0,
                    "error": None,
                },
            },
            {
                "asked": "2023-11-14T22:13:20+00:00",
                "ended": None,
                "question": [{"type": "text", "text": "q"}],
                "answer": {
                    "text": "",
                    "reasoning": None,
                    "refusal": None,
                    "tool_calls": [],
                    "finish_reason": None,
                    "complete": False,
                    "provider": None,
                    "kind": None,
                    "model": None,
                    "usage": None,
                    "attempts": [],
                    "first_token_ms": None,
                    "elapsed_ms": None,
                    "error": None,
                },
            },
        ],
    }
