"""A conversation as Markdown and as JSON, compared whole."""

from __future__ import annotations

import json
from typing import Any

from fallback_chat.core.answer import Answer, AnswerError
from fallback_chat.core.attempts import AttemptRecord, Outcome, Segment
from fallback_chat.core.chat_context import ChatMessage, Document, Image, Role, Text, ToolCall
from fallback_chat.core.conversations.export import to_json, to_markdown
from fallback_chat.core.conversations.records import Conversation, SessionId, StoredTurn, Summary, TurnId
from fallback_chat.core.llm import CompletionUsage, FinishReason
from tests.core.conversations.fakes import answer, question

NOW = 1_700_000_000.0
ATTACHED = ChatMessage(
    Role.USER, (Text("look:"), Image("image/png", b"\x89P"), Document("application/pdf", b"%PDF", "a.pdf"))
)


def conversation(*turns: StoredTurn) -> Conversation:
    return Conversation(Summary(SessionId("abc"), "A title", NOW, NOW + 60, len(turns)), turns)


def turn(asked: ChatMessage, answered: Answer, *, ended: float | None = NOW + 9, **more: Any) -> StoredTurn:
    return StoredTurn(id=TurnId(1), asked=NOW, question=asked, answer=answered, ended=ended, **more)


def test_markdown_says_who_speaks_and_what_is_not_whole() -> None:
    document = to_markdown(
        conversation(
            turn(ATTACHED, answer("# One\n\n```py\nx = 1\n```\n")),
            turn(question("two"), answer("half", complete=False, error=AnswerError("stalled", "it stalled"))),
            turn(question("three"), Answer(error=AnswerError("connection", "nobody there"))),
            turn(question("four"), Answer(refusal="I will not.", finish_reason=FinishReason.REFUSAL)),
            turn(question("five"), Answer(text="par"), ended=None),
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
        served_model="m-large",
        attempts=(AttemptRecord("primary", "openai", "m", Outcome.OK, None, 0.25, 1.5),),
        segments=(Segment("backup", "n", 0, 0), Segment("primary", "m", 0, 1)),
        seam="clean",
    )

    first = turn(ATTACHED, record, first_token=0.25, elapsed=1.5)
    document = to_json(conversation(first, turn(question("q"), Answer(), ended=None)))

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
                    "finish_raw": None,
                    "finish_words": None,
                    "complete": True,
                    "provider": "primary",
                    "kind": "openai",
                    "model": "m",
                    "served_model": "m-large",
                    "usage": {
                        "input": 1,
                        "output": None,
                        "total": None,
                        "cached": None,
                        "cache_write": None,
                        "reasoning": None,
                        "cost": None,
                    },
                    "attempts": [
                        {
                            "provider": "primary",
                            "kind": "openai",
                            "model": "m",
                            "outcome": "ok",
                            "error": None,
                            "first_token_ms": 250.0,
                            "elapsed_ms": 1500.0,
                            "budget_ms": None,
                            "budget": None,
                            "round": 1,
                        }
                    ],
                    "segments": [
                        {"provider": "backup", "model": "n", "from": 0, "to": 0},
                        {"provider": "primary", "model": "m", "from": 0, "to": 1},
                    ],
                    "seam": "clean",
                    "first_token_ms": 250.0,
                    "elapsed_ms": 1500.0,
                    "error": None,
                },
                "unreadable": None,
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
                    "finish_raw": None,
                    "finish_words": None,
                    "complete": False,
                    "provider": None,
                    "kind": None,
                    "model": None,
                    "served_model": None,
                    "usage": None,
                    "attempts": [],
                    "segments": None,
                    "seam": None,
                    "first_token_ms": None,
                    "elapsed_ms": None,
                    "error": None,
                },
                "unreadable": None,
            },
        ],
    }


def test_json_keeps_what_a_newer_release_wrote_besides_at_any_depth() -> None:
    attempt = AttemptRecord("primary", "openai", "m", Outcome.OK)
    document = {
        "text": "other",
        "cost": 0.1,
        "attempts": [{"hedged": True}],
        "usage": {"audio": 3},
        "extras": ["state"],
    }
    stored = turn(question("q"), answer("a", attempts=(attempt,), usage=CompletionUsage(1)), document=document)

    value = json.loads(to_json(conversation(stored)))["turns"][0]["answer"]

    assert (value["text"], value["cost"]) == ("a", 0.1)
    assert (value["attempts"][0]["hedged"], value["attempts"][0]["outcome"]) == (True, "ok")
    assert (value["usage"]["audio"], value["usage"]["input"]) == (3, 1)
    assert "extras" not in value


def test_a_turn_that_cannot_be_read_is_marked_in_its_place() -> None:
    odd = StoredTurn(id=TurnId(2), asked=NOW, question=question("what?"), unreadable="attempts is not JSON")
    stored = conversation(turn(question("one"), answer("1")), odd, turn(question("three"), answer("3")))

    assert to_markdown(stored).split("\n\n")[2:] == [
        *("## You", "one", "## primary/m", "1"),
        *("## You", "what?", "## Answer", "*[this turn cannot be read: attempts is not JSON]*"),
        *("## You", "three", "## primary/m", "3\n"),
    ]
    assert [each["unreadable"] for each in json.loads(to_json(stored))["turns"]] == [None, "attempts is not JSON", None]
