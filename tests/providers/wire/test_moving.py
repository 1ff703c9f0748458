"""A conversation goes on with any other provider: what each made is rendered for every other."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from fallback_chat.core.chat_context import (
    ChatContext,
    ChatMessage,
    Image,
    Role,
    Text,
    ToolCall,
    ToolResult,
    VendorExtra,
)
from tests.providers.vectors import body_reader, families, origin_of
from tests.providers.wire.test_requests import body_of

PNG = Image("image/png", b"\x89PNG")
THOUGHTS = "private thoughts"
SIGNATURE = "U0lHTkFUVVJF"
ARGUMENTS = {"port": "Gull Bay"}


def sse(*events: Any) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events)


def chat(call_id: str) -> bytes:
    call = {"index": 0, "id": call_id, "function": {"name": "tide", "arguments": json.dumps(ARGUMENTS)}}
    delta = {"content": "Looking.", "reasoning_content": THOUGHTS, "tool_calls": [call]}
    return sse({"choices": [{"delta": delta, "finish_reason": "tool_calls"}]})


ANSWERS = {
    "openai-chat": chat("call_abcdefghijklmnop"),
    "mistral": chat("D681PevKs"),
    "openai-responses": sse(
        {"type": "response.reasoning_summary_text.delta", "delta": THOUGHTS},
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": SIGNATURE},
        },
        {"type": "response.output_text.delta", "delta": "Looking."},
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {"type": "function_call", "call_id": "call_1", "name": "tide"},
        },
        {"type": "response.function_call_arguments.delta", "output_index": 1, "delta": json.dumps(ARGUMENTS)},
        {"type": "response.completed", "response": {"status": "completed"}},
    ),
    "anthropic": sse(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": THOUGHTS}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNATURE}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "Looking."}},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "toolu_01", "name": "tide", "input": {}},
        },
        {
            "type": "content_block_delta",
            "index": 2,
            "delta": {"type": "input_json_delta", "partial_json": json.dumps(ARGUMENTS)},
        },
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ),
    "gemini": sse(
        {"candidates": [{"content": {"parts": [{"text": THOUGHTS, "thought": True}, {"text": "Looking."}]}}]},
        {
            "candidates": [
                {
                    "content": {
                        "parts": [{"functionCall": {"name": "tide", "args": ARGUMENTS}, "thoughtSignature": SIGNATURE}]
                    },
                    "finishReason": "STOP",
                }
            ]
        },
    ),
    "ollama": json.dumps(
        {
            "message": {
                "content": "Looking.",
                "thinking": THOUGHTS,
                "tool_calls": [{"function": {"name": "tide", "arguments": ARGUMENTS}}],
            },
            "done": True,
            "done_reason": "stop",
        }
    ).encode(),
}
"""Each family's answer with reasoning, text and a call, with all the state that it wants back."""


def answer_of(family: str) -> ChatMessage:
    body = body_reader(family)
    body.feed(ANSWERS[family])
    body.end()
    assert body.error is None
    deltas = [chunk.delta for chunk in body.ready if chunk.delta]
    return ChatMessage(
        Role.ASSISTANT,
        (Text("".join(delta.content or "" for delta in deltas)),),
        tool_calls=tuple(call for delta in deltas for call in delta.tool_calls),
        reasoning="".join(delta.reasoning or "" for delta in deltas),
        extras=tuple(extra for delta in deltas for extra in delta.extras),
    )


def conversation(family: str) -> ChatContext:
    answer = answer_of(family)
    return (
        ChatContext()
        .add(Role.SYSTEM, "Be brief.")
        .add(Role.USER, (Text("What is on this chart?"), PNG))
        .add_message(answer)
        .add_message(ChatMessage(Role.TOOL, tool_results=(ToolResult(answer.tool_calls[0].id, "06:10"),)))
    )


Said = list[tuple[Any, ...]]
Event = dict[str, Any]


def of_chat(body: Any) -> Said:
    said: Said = []
    for each in body["messages"]:
        if each["role"] == "tool":
            said.append(("tool", each["tool_call_id"], each["content"]))
        elif each["role"] == "assistant":
            calls = [
                (call["id"], call["function"]["name"], json.loads(call["function"]["arguments"]))
                for call in each.get("tool_calls", [])
            ]
            said.append(("assistant", each["content"], calls))
        else:
            said.append(
                (each["role"], *(part["type"] for part in each["content"]))
                if isinstance(each["content"], list)
                else (each["role"], each["content"])
            )
    return said


def of_responses(body: Any) -> Said:
    said: Said = [("system", body["instructions"])]
    for each in body["input"]:
        match each.get("type"):
            case "function_call":
                text = said.pop()[1]
                said.append(("assistant", text, [(each["call_id"], each["name"], json.loads(each["arguments"]))]))
            case "function_call_output":
                said.append(("tool", each["call_id"], each["output"]))
            case "reasoning":
                assert each["encrypted_content"] == SIGNATURE
            case _ if each["role"] == "assistant":
                said.append(("assistant", each["content"], []))
            case _:
                said.append(
                    (each["role"], *("text" if "text" in part["type"] else "image_url" for part in each["content"]))
                )
    return said


def of_anthropic(body: Any) -> Said:
    said: Said = [("system", body["system"])]
    for each in body["messages"]:
        blocks = each["content"]
        if blocks[0]["type"] == "tool_result":
            said += [("tool", block["tool_use_id"], block["content"]) for block in blocks]
        elif each["role"] == "assistant":
            blocks = [block for block in blocks if block["type"] != "thinking"]
            calls = [(block["id"], block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"]
            said.append(("assistant", blocks[0]["text"], calls))
        else:
            said.append((each["role"], *("image_url" if block["type"] == "image" else "text" for block in blocks)))
    return said


def of_gemini(body: Any) -> Said:
    said: Said = [("system", body["systemInstruction"]["parts"][0]["text"])]
    for each in body["contents"]:
        parts = each["parts"]
        if "functionResponse" in parts[0]:
            said += [("tool", "the id", part["functionResponse"]["response"]["output"]) for part in parts]
        elif each["role"] == "model":
            calls = [("the id", part["functionCall"]["name"], part["functionCall"]["args"]) for part in parts[1:]]
            said.append(("assistant", parts[0]["text"], calls))
        else:
            said.append((each["role"], *("text" if "text" in part else "image_url" for part in parts)))
    return said


def of_ollama(body: Any) -> Said:
    said: Said = []
    for each in body["messages"]:
        if each["role"] == "tool":
            assert each["tool_name"] == "tide"
            said.append(("tool", "the id", each["content"]))
        elif each["role"] == "assistant":
            calls = [("the id", call["function"]["name"], call["function"]["arguments"]) for call in each["tool_calls"]]
            said.append(("assistant", each["content"], calls))
        elif each["role"] == "user":
            said.append(("user", "text", "image_url") if each["images"] else ("user", each["content"]))
        else:
            said.append((each["role"], each["content"]))
    return said


READ = {
    "openai-chat": of_chat,
    "mistral": of_chat,
    "openai-responses": of_responses,
    "anthropic": of_anthropic,
    "gemini": of_gemini,
    "ollama": of_ollama,
}


@pytest.mark.parametrize(
    ("source", "target"), list(product(families("conversation begun with any other kind"), repeat=2))
)
def test_a_tool_loop_goes_on_with_any_other_provider(source: str, target: str) -> None:
    body = body_of(target, chat_ctx=conversation(source))
    said = READ[target](body)
    (call_id, _, _) = said[2][2][0]
    assert said == [
        ("system", "Be brief."),
        ("user", "text", "image_url"),
        ("assistant", "Looking.", [(call_id, "tide", ARGUMENTS)]),
        ("tool", call_id, "06:10"),
    ]
    assert re.fullmatch(r"[A-Za-z0-9]{9}" if target == "mistral" else r"[A-Za-z0-9_ -]{1,64}", call_id)
    text = json.dumps(body)
    own = source == target
    assert (SIGNATURE in text) == (own and source in ("openai-responses", "anthropic", "gemini"))
    assert (THOUGHTS in text) == (own and source == "anthropic")
    assert ("skip_thought_signature_validator" in text) == (target == "gemini" and not own)


@pytest.mark.parametrize("origin", ["another account", ""])
@pytest.mark.parametrize("family", ["openai-responses", "anthropic", "gemini"])
def test_another_account_does_not_get_the_state(family: str, origin: str) -> None:
    said = READ[family](body_of(family, chat_ctx=conversation(family)))
    body = body_of(family, chat_ctx=conversation(family), origin=origin)
    assert SIGNATURE not in json.dumps(body)
    assert READ[family](body) == said


@pytest.mark.parametrize("family", ["openai-responses", "anthropic", "gemini"])
def test_state_of_unknown_origin_goes_nowhere(family: str) -> None:
    answer = answer_of(family)
    answer = replace(answer, extras=tuple(VendorExtra(one.kind, one.model, one.data) for one in answer.extras))
    context = ChatContext.from_text("hi").add_message(replace(answer, tool_calls=()))
    assert SIGNATURE not in json.dumps(body_of(family, chat_ctx=context, origin=""))


@pytest.mark.parametrize("family", ["openai-responses", "anthropic", "gemini"])
def test_state_of_an_answer_that_was_edited_stays_here(family: str) -> None:
    context = conversation(family)
    edited = tuple(
        replace(one, content=(Text("Something else."),)) if one.role is Role.ASSISTANT else one
        for one in context.messages
    )
    assert SIGNATURE not in json.dumps(body_of(family, chat_ctx=ChatContext(edited)))


def test_a_signature_goes_back_to_where_it_came_from() -> None:
    (part,) = body_of("gemini", chat_ctx=conversation("gemini"))["contents"][1]["parts"][1:]
    assert part == {"functionCall": {"name": "tide", "args": ARGUMENTS}, "thoughtSignature": SIGNATURE}
    (thinking, *_) = body_of("anthropic", chat_ctx=conversation("anthropic"))["messages"][1]["content"]
    assert thinking == {"type": "thinking", "thinking": THOUGHTS, "signature": SIGNATURE}


def test_geminis_own_ids_go_back_to_it() -> None:
    state = [
        {"text": "x", "thoughtSignature": "t"},
        {"functionCall": {"id": "fc-1"}, "thoughtSignature": "s"},
        {"functionCall": {}},
        {"text": "", "thoughtSignature": "u"},
    ]
    calls = (ToolCall("fc-1", "a", "{}"), ToolCall("made_up", "b", "{}"))
    context = (
        ChatContext.from_text("hi")
        .add_message(
            ChatMessage(
                Role.ASSISTANT,
                (Text("x"),),
                tool_calls=calls,
                extras=(VendorExtra("gemini", "MODEL", state, origin_of("gemini")),),
            )
        )
        .add_message(ChatMessage(Role.TOOL, tool_results=(ToolResult("made_up", "2"), ToolResult("fc-1", "1"))))
    )
    _, said, results = body_of("gemini", chat_ctx=context)["contents"]
    assert said["parts"] == [
        {"text": "x", "thoughtSignature": "t"},
        {"functionCall": {"id": "fc-1", "name": "a", "args": {}}, "thoughtSignature": "s"},
        {"functionCall": {"name": "b", "args": {}}},
        {"text": "", "thoughtSignature": "u"},
    ]
    assert [part["functionResponse"] for part in results["parts"]] == [
        {"id": "fc-1", "name": "a", "response": {"output": "1"}},
        {"name": "b", "response": {"output": "2"}},
    ]


THOUGHT = {"type": "reasoning.text", "index": 0, "format": "v1"}
PIECES: dict[str, tuple[list[Event], Any]] = {
    # The pieces of one block have its type and its index; the last signature counts.
    "openrouter": (
        [
            {"reasoning": "Let", "reasoning_details": [THOUGHT | {"text": "Let"}]},
            {
                "reasoning": " me",
                "reasoning_details": [
                    THOUGHT | {"text": " me"},
                    {"type": "reasoning.encrypted", "index": 1, "data": "D"},
                ],
            },
            {"reasoning_details": [THOUGHT | {"signature": "S1"}]},
            {
                "reasoning_details": [
                    THOUGHT | {"signature": "S2", "text": None},
                    {"type": "reasoning.summary", "index": 2, "summary": "a"},
                ]
            },
            {"reasoning_details": [{"type": "reasoning.summary", "index": 2, "summary": "b"}]},
        ],
        {
            "reasoning_details": [
                THOUGHT | {"text": "Let me", "signature": "S2"},
                {"type": "reasoning.encrypted", "index": 1, "data": "D"},
                {"type": "reasoning.summary", "index": 2, "summary": "ab"},
            ]
        },
    ),
    "deepseek": ([{"reasoning_content": "a"}, {"reasoning_content": "b"}], {"reasoning_content": f"ab{THOUGHTS}"}),
    "moonshot": ([{"reasoning_content": "a"}], {"reasoning_content": f"a{THOUGHTS}"}),
    "mistral": (
        [
            {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "h"}]}]},
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "m"}], "closed": True, "signature": "S"}
                ]
            },
            {"content": "Hi. "},
        ],
        {
            "content": [
                {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True, "signature": "S"},
                {"type": "text", "text": "Hi. Looking."},
            ]
        },
    ),
}


@pytest.mark.parametrize("preset", PIECES)
def test_reasoning_goes_back_within_a_tool_loop(preset: str) -> None:
    pieces, whole = PIECES[preset]
    family = "mistral" if preset == "mistral" else "openai-chat"
    body = body_reader(family, preset=preset)
    for delta in pieces:
        body.feed(sse({"choices": [{"delta": delta}]}))
    body.feed(chat("c1"))
    (extra,) = [extra for chunk in body.ready if chunk.delta for extra in chunk.delta.extras]
    assert extra == VendorExtra("openai", "MODEL", whole, origin_of(family))
    said = "".join((chunk.delta and chunk.delta.content) or "" for chunk in body.ready)
    answer = ChatMessage(Role.ASSISTANT, (Text(said),), (ToolCall("c1", "tide", "{}"),), extras=(extra,))
    loop = ChatContext.from_text("hi").add_message(answer)
    loop = loop.add_message(ChatMessage(Role.TOOL, tool_results=(ToolResult("c1", "x"),)))
    settings = {"preset": preset}
    (key,) = whole
    sent = body_of(family, chat_ctx=loop, settings=settings)["messages"][1]
    assert {key: sent[key]} == whole
    later = body_of(family, chat_ctx=loop.add(Role.USER, "next"), settings=settings)["messages"][1]
    # Two servers refuse every request of a conversation in which the reasoning of a call is missing.
    kept = whole if preset in ("deepseek", "moonshot") else {"content": said}
    assert {name: later.get(name) for name in (key, *kept)} == {key: None} | kept


@pytest.mark.parametrize("preset", ["deepseek", "moonshot"])
def test_a_call_of_another_provider_goes_with_an_empty_reasoning(preset: str) -> None:
    sent = body_of(
        "openai-chat", chat_ctx=conversation("anthropic"), settings={"preset": preset, "model": "M"}, origin="o"
    )
    assert [one.get("reasoning_content") for one in sent["messages"]] == [None, None, "", None]
    plain = ChatContext.from_text("hi").add(Role.ASSISTANT, "Hello.").add(Role.USER, "next")
    sent = body_of("openai-chat", chat_ctx=plain, settings={"preset": preset})
    assert not any("reasoning_content" in one for one in sent["messages"])


def test_what_stood_beside_a_call_goes_back_beside_it() -> None:
    signed = {"google": {"thought_signature": "S"}}
    body = body_reader("openai-chat", preset=None)
    for number, extra in enumerate((signed, None)):
        call = {"index": number, "id": f"c{number}", "function": {"name": "tide", "arguments": "{}"}}
        body.feed(sse({"choices": [{"delta": {"tool_calls": [call | ({"extra_content": extra} if extra else {})]}}]}))
    body.feed(sse({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}))
    (last,) = [chunk.delta for chunk in body.ready if chunk.delta and chunk.delta.extras]
    answer = ChatMessage(Role.ASSISTANT, (), tuple(last.tool_calls), extras=tuple(last.extras))
    results = ChatMessage(Role.TOOL, tool_results=(ToolResult("c0", "1"), ToolResult("c1", "2")))
    context = ChatContext.from_text("hi").add_message(answer).add_message(results)
    for origin, wanted in ((origin_of("openai-chat"), [signed, None]), ("another", [None, None])):
        sent = body_of("openai-chat", chat_ctx=context, settings={"preset": None}, origin=origin)["messages"][1]
        assert [call.get("extra_content") for call in sent["tool_calls"]] == wanted
        assert sent.keys() == {"role", "content", "tool_calls"}
