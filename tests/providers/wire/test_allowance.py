"""What a reader keeps of an answer besides its text is bounded, whatever a server makes it keep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.core import json_text
from fallback_chat.providers.http import body as reading
from fallback_chat.providers.wire import allowance, tools
from fallback_chat.providers.wire.allowance import Allowance, weight
from fallback_chat.providers.wire.chat_state import ChatState
from fallback_chat.providers.wire.partial_args import PartialArguments
from tests.providers.vectors import body_reader, read

if TYPE_CHECKING:
    from collections.abc import Iterable


def messages(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "index": 0, **more}


def chat(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def part(**value: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": [value]}}]}


def call_at(number: int) -> dict[str, Any]:
    return {"index": number, "id": f"c{number}", "function": {"name": "f", "arguments": "{}"}}


def stream(events: Iterable[dict[str, Any]]) -> bytes:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def error_of(family: str, body: bytes) -> str:
    """What is wrong with a body, in words."""
    reader = body_reader("openai-chat", preset="openrouter") if family == "openrouter" else body_reader(family)
    reader.feed(body)
    reader.end()
    assert reader.error is not None
    return reader.error.message


BEGUN = messages("content_block_start", content_block={"type": "server_tool_use"})
# family, the first event, and the event that comes again and again, made from its number
FLOODS: dict[str, tuple[str, dict[str, Any], Any]] = {
    "pieces of a call": (
        "openai-chat",
        chat(tool_calls=[call_at(0)]),
        lambda _: chat(tool_calls=[{"index": 0, "function": {"arguments": "a"}}]),
    ),
    "calls": ("openai-chat", {}, lambda number: chat(tool_calls=[call_at(number)])),
    "reasoning details": (
        "openrouter",
        {},
        lambda number: chat(reasoning_details=[{"type": "x", "index": number, "data": "d" * 50}]),
    ),
    "sealed parts": ("gemini", {}, lambda _: part(thoughtSignature="s" * 50)),
    "parts of arguments": (
        "gemini",
        part(functionCall={"name": "f", "willContinue": True}),
        lambda _: part(functionCall={"willContinue": True, "partialArgs": [{"jsonPath": "$.a", "stringValue": "x"}]}),
    ),
    "places in arguments": (
        "gemini",
        part(functionCall={"name": "f", "willContinue": True}),
        lambda number: part(
            functionCall={
                "willContinue": True,
                "partialArgs": [{"jsonPath": f"$.a[{number}][9999]", "boolValue": True}],
            }
        ),
    ),
    "blocks": (
        "anthropic",
        {},
        lambda number: (
            messages("content_block_start", content_block={"type": "web_search_tool_result"}) | {"index": number}
        ),
    ),
    "pieces of a search": (
        "anthropic",
        BEGUN,
        lambda _: messages("content_block_delta", delta={"type": "input_json_delta", "partial_json": "x"}),
    ),
    "citations": (
        "anthropic",
        BEGUN,
        lambda _: messages("content_block_delta", delta={"type": "citations_delta", "citation": {"a": "b"}}),
    ),
    "signatures": (
        "anthropic",
        BEGUN,
        lambda _: messages("content_block_delta", delta={"type": "signature_delta", "signature": "s" * 100}),
    ),
    "items": (
        "openai-responses",
        {},
        lambda number: {
            "type": "response.output_item.done",
            "output_index": number,
            "item": {"type": "reasoning", "id": f"r{number}"},
        },
    ),
    "silent texts": (
        "openai-responses",
        {},
        lambda number: {"type": "response.output_text.delta", "output_index": 0, "content_index": number, "delta": ""},
    ),
    "arguments": (
        "openai-responses",
        {},
        lambda _: {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "a"},
    ),
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_server_that_makes_us_keep_things_without_end_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MOST", 100_000)
    family, first, again = FLOODS[name]
    events = [first, *map(again, range(2000))] if first else [*map(again, range(2000))]

    assert error_of(family, stream(events)) == "the provider sent calls or state larger than 32 MiB"


def test_text_is_not_charged_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MOST", 1000)
    body = stream([chat(content="word ")] * 500)
    assert read("openai-chat", [body])["text"] == "word " * 500


def test_a_value_weighs_about_what_it_takes() -> None:
    assert weight("x" * 1000) < 1200
    assert weight([{}] * 1000) > 64_000
    assert weight({str(number): None for number in range(1000)}) > 50_000


def test_reasoning_in_many_pieces_weighs_what_it_says() -> None:
    left = Allowance()
    state = ChatState("reasoning_details", left)
    for number in range(3000):
        state.add({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "word ", "format": None}]})
        assert len(state._pieces) <= 500, number

    assert state.message() == {
        "reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "word " * 3000, "format": None}]
    }


def test_parts_of_text_and_thought_stay_in_order_however_many_they_are() -> None:
    state = ChatState("content", Allowance())
    for _ in range(3):
        for piece in ("a", "b", [{"type": "thinking", "thinking": [{"type": "text", "text": "t"}]}]):
            for _ in range(700):
                state.add({"content": piece})

    text = {"type": "text", "text": "a" * 700 + "b" * 700}
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "t" * 700}]}
    assert state.message() == {"content": [text, thought] * 3}


def test_text_alone_is_no_state() -> None:
    state = ChatState("content", Allowance())
    for _ in range(1500):
        state.add({"content": "a"})
    assert state.message() == {}


def test_a_path_of_arguments_leads_down_so_far_only() -> None:
    found = PartialArguments(Allowance())
    found.add([{"jsonPath": "$" + "[0]" * 101, "stringValue": "x"}, {"jsonPath": "$" + ".a" * 101, "stringValue": "x"}])
    assert found.value == {}


def test_calls_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "MOST_CALLS", 3)
    body = stream(chat(tool_calls=[call_at(number)]) for number in range(4))
    assert error_of("openai-chat", body) == "the provider sent calls or state larger than 32 MiB"


@pytest.mark.parametrize("value", ["[]", "{}", '{"a":1}', "0"])
@pytest.mark.parametrize("family", ["openai-chat", "openai-responses", "anthropic", "gemini", "ollama"])
def test_a_document_of_nothing_but_values_is_not_parsed(
    family: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(text: str, *_: Any) -> None:
        pytest.fail(f"{len(text)} characters are parsed")

    bomb = f"[{','.join([value] * 600)}]".encode()
    monkeypatch.setattr(reading, "_scan", parse)
    monkeypatch.setattr(json, "loads", parse)
    monkeypatch.setattr(reading, "LARGE", 1000)
    monkeypatch.setattr(json_text, "LARGE", 1000)
    monkeypatch.setattr(json_text, "MOST_VALUES", 100)
    for body in (b'data: {"a":' + bomb + b"}\n\n", b'{"a":' + bomb + b"}\n"):
        assert error_of(family, body)


def test_nothing_of_such_a_document_is_parsed_to_see_what_it_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "LARGE", 1000)
    monkeypatch.setattr(json_text, "MOST_VALUES", 100)
    body = b'{"error":{"message":"busy"},"a":[' + b"{}," * 500 + b"{}]}"

    assert "busy" not in error_of("openai-chat", body).replace(body.decode()[:70], "")


def test_a_long_text_is_no_document_of_many_values() -> None:
    json_text.check_values(json.dumps({"content": "one, two, " * 120_000}))
    with pytest.raises(json_text.TooManyValuesError):
        json_text.check_values("[[]," * 300_000)


LONG = "n" * 10_000
NAMING: dict[str, list[dict[str, Any]]] = {
    "openai-chat": [{"id": LONG, "model": LONG, "choices": [{"delta": {"content": "hi"}, "finish_reason": LONG}]}],
    "openai-responses": [
        {"type": "response.created", "response": {"id": LONG, "model": LONG}},
        {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "hi"},
        {
            "type": "response.incomplete",
            "response": {"id": LONG, "model": LONG, "status": "incomplete", "incomplete_details": {"reason": LONG}},
        },
    ],
    "anthropic": [
        {"type": "message_start", "message": {"id": LONG, "model": LONG}},
        messages("content_block_start", content_block={"type": "text", "text": ""}),
        messages("content_block_delta", delta={"type": "text_delta", "text": "hi"}),
        {"type": "message_delta", "delta": {"stop_reason": LONG}},
        {"type": "message_stop"},
    ],
    "gemini": [
        {
            "responseId": LONG,
            "modelVersion": LONG,
            "candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": LONG}],
        }
    ],
}


@pytest.mark.parametrize("family", NAMING)
def test_of_names_ids_and_reasons_that_are_too_long_to_be_shown_the_length_is_kept(family: str) -> None:
    reader = body_reader(family)
    reader.feed(stream(NAMING[family]))
    reader.end()

    names = {name for chunk in reader.ready for name in (chunk.id, chunk.model, chunk.finish_raw) if name}
    text = "".join(chunk.delta.content or "" for chunk in reader.ready if chunk.delta)
    assert (text, names) == ("hi", {"(10,000 characters)"})
