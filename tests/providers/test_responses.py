"""OpenAI's Responses: what comes only at the end is read, what comes twice is read once, and items keep their order."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.chat_context import ChatContext, ChatMessage, Role, Text, ToolCall, ToolResult
from fallback_chat.core.llm import ChatOptions, FinishReason
from fallback_chat.providers.wire.read_responses import ResponsesReader
from tests.providers.test_features import completed, framed
from tests.providers.vectors import body_reader, read
from tests.providers.wire.test_requests import body_of, request_for

Event = dict[str, Any]
FAMILY = "openai-responses"


def event(name: str, index: int = 0, **fields: Any) -> Event:
    return {"type": f"response.{name}", "output_index": index, "item_id": f"i{index}"} | fields


def message(index: int, *parts: Event, **more: Any) -> Event:
    return {"id": f"i{index}", "type": "message", "role": "assistant", "content": list(parts)} | more


def text(said: str) -> Event:
    return {"type": "output_text", "text": said, "annotations": []}


def added(index: int, item: Event) -> Event:
    return event("output_item.added", index, item=item)


def finished(index: int, item: Event) -> Event:
    return event("output_item.done", index, item=item)


def delta(said: str, index: int = 0, part: int = 0, **more: Any) -> Event:
    return event("output_text.delta", index, content_index=part, delta=said, **more)


def said_by(*events: Event) -> dict[str, Any]:
    return read(FAMILY, framed(FAMILY, list(events)))


HI = message(0, text("Hi there"))
ONCE: dict[str, list[Event]] = {
    "text done": [event("output_text.done", content_index=0, text="Hi there"), completed()],
    "part done": [event("content_part.done", content_index=0, part=text("Hi there")), finished(0, HI), completed()],
    "item done": [finished(0, HI), completed()],
    "part alone": [event("content_part.done", content_index=0, part=text("Hi there")), completed()],
    "response done": [completed(output=[HI])],
    "response done, content as text": [completed(output=[{"type": "message", "content": "Hi there"}])],
    "response done, text beside it": [completed(output=[], output_text="Hi there")],
    "done by another name": [delta("Hi there"), {"type": "response.done", "response": {"status": "completed"}}],
    "deltas and every done": [
        added(0, message(0)),
        delta("Hi"),
        delta(" there"),
        event("output_text.done", content_index=0, text="Hi there"),
        event("content_part.done", content_index=0, part=text("Hi there")),
        finished(0, HI),
        completed(output=[HI]),
    ],
    "some deltas, the rest at the end": [
        delta("Hi"),
        event("output_text.done", content_index=0, text="Hi there"),
        completed(),
    ],
    "some deltas, the rest in the item": [added(0, message(0)), delta("Hi"), finished(0, HI), completed()],
    "some deltas, the rest in the response": [delta("Hi"), completed(output=[HI])],
    "two parts": [
        delta("Hi"),
        delta(" there", part=1),
        finished(0, message(0, text("Hi"), text(" there"))),
        completed(),
    ],
    "the second part at the end": [delta("Hi"), finished(0, message(0, text("Hi"), text(" there"))), completed()],
    "no index": [
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": "response.output_text.delta", "delta": " there"},
        {"type": "response.output_text.done", "text": "Hi there"},
        completed(output=[HI]),
    ],
    "another index in the response": [
        delta("Hi there"),
        completed(output=[{"type": "reasoning", "id": "r", "summary": []}, message(1, text("Hi there"))]),
    ],
    "another text in the response": [delta("Hi there"), completed(output=[message(0, text("Hi, there!"))])],
    "another id with every delta": [delta("Hi", item_id="a"), delta(" there", item_id="b"), completed()],
}


@pytest.mark.parametrize("form", ONCE)
def test_a_text_is_read_once_in_whatever_form_it_comes(form: str) -> None:
    result = said_by(*ONCE[form])
    assert (result["text"], result["finish"]) == ("Hi there", "stop")


NO = message(0, {"type": "refusal", "refusal": "No."})


@pytest.mark.parametrize(
    "events",
    [
        [event("refusal.done", content_index=0, refusal="No."), completed(output=[NO])],
        [
            event("refusal.delta", content_index=0, delta="N"),
            event("refusal.done", content_index=0, refusal="No."),
            completed(),
        ],
        [finished(0, NO), completed()],
        [completed(output=[NO])],
    ],
)
def test_a_refusal_is_read_once_in_whatever_form_it_comes(events: list[Event]) -> None:
    result = said_by(*events)
    assert (result["refusal"], result["text"], result["finish"]) == ("No.", "", "refusal")


THOUGHT = {"type": "reasoning", "id": "i0", "summary": [{"type": "summary_text", "text": "hm"}]}


@pytest.mark.parametrize(
    "events",
    [
        [event("reasoning_summary_text.done", summary_index=0, text="hm")],
        [finished(0, THOUGHT)],
        [event("reasoning_summary_text.delta", summary_index=0, delta="hm"), finished(0, THOUGHT)],
        [
            event("reasoning_text.delta", content_index=0, delta="h"),
            event("reasoning_text.done", content_index=0, text="hm"),
        ],
    ],
)
def test_reasoning_is_read_once_in_whatever_form_it_comes(events: list[Event]) -> None:
    result = said_by(*events, delta("Hi", 1), completed())
    assert (result["reasoning"], result["text"]) == ("hm", "Hi")


CALL = {"type": "function_call", "id": "i0", "call_id": "c1", "name": "one", "arguments": '{"p":1}'}


@pytest.mark.parametrize(
    "events",
    [
        [added(0, CALL | {"arguments": ""}), event("function_call_arguments.done", arguments='{"p":1}'), completed()],
        [finished(0, CALL), completed(output=[CALL])],
        [completed(output=[CALL])],
        [delta("Hi", 1), completed(output=[CALL])],
        [
            added(0, CALL | {"arguments": ""}),
            event("function_call_arguments.delta", delta='{"p"'),
            finished(0, CALL),
            completed(),
        ],
        [finished(0, CALL), completed(output=[CALL | {"call_id": "another"}])],
    ],
)
def test_a_call_is_read_once_in_whatever_form_it_comes(events: list[Event]) -> None:
    assert said_by(*events)["tool_calls"] == [{"id": "c1", "name": "one", "arguments": '{"p":1}'}]


def spoken(*events: Event) -> list[tuple[str, bool]]:
    """Give each piece of text, and whether it is commentary."""
    body = body_reader(FAMILY)
    for data in framed(FAMILY, list(events)):
        body.feed(data)
    return [(one.delta.content, one.delta.commentary) for one in body.ready if one.delta and one.delta.content]


@pytest.mark.parametrize(("first", "gap"), [("I look.", "\n\n"), ("I look.\n", "\n"), ("I look.\n\n", "")])
def test_two_messages_of_one_answer_are_two_paragraphs(first: str, gap: str) -> None:
    comment, final = {"phase": "commentary"}, {"phase": "final_answer"}
    assert spoken(
        added(0, message(0, **comment)),
        delta(first),
        finished(0, message(0, text(first), **comment)),
        added(1, message(1, **final)),
        delta("It is", 1),
        delta(" empty.", 1),
        completed(),
    ) == [(first, True), (f"{gap}It is", False), (" empty.", False)]


def test_messages_that_come_whole_are_paragraphs_too() -> None:
    output = [message(0, text("I look."), phase="commentary"), message(1, text("It is empty."))]
    assert spoken(completed(output=output)) == [("I look.", True), ("\n\nIt is empty.", False)]


@pytest.mark.parametrize(("status", "finish"), [("in_progress", "other"), ("queued", "other"), ("expired", "other")])
def test_a_response_that_has_not_ended_is_no_whole_answer(status: str, finish: str) -> None:
    answer = json.dumps({"status": status, "output": [HI]}).encode()
    result = read(FAMILY, [answer])
    assert (result["text"], result["finish"], result["finish_raw"]) == ("Hi there", finish, status)


@pytest.mark.parametrize(("status", "kind"), [("cancelled", "cancelled"), ("failed", "server_error")])
def test_a_response_that_was_given_up_is_a_failure(status: str, kind: str) -> None:
    answer = json.dumps({"status": status, "output": [HI]}).encode()
    assert (read(FAMILY, [answer])["kind"], said_by(delta("Hi"), completed(status))["kind"]) == (kind, kind)


@pytest.mark.parametrize("reason", ["max_messages", "steered", None])
def test_an_incomplete_response_says_why(reason: str | None) -> None:
    result = said_by(delta("Hi"), completed("incomplete", incomplete_details=reason and {"reason": reason}))
    assert (result["finish"], result["finish_raw"]) == ("other", reason or "incomplete")


@pytest.mark.parametrize(
    ("cap", "spent", "finish"),
    [
        (20, 20, FinishReason.LENGTH),
        (20, 19, FinishReason.STOP),
        (5, 16, FinishReason.LENGTH),
        (None, 99, FinishReason.STOP),
    ],
)
def test_an_answer_that_reaches_the_cap_is_cut_whatever_its_status_says(
    cap: int | None, spent: int, finish: FinishReason
) -> None:
    reader = ResponsesReader(request_for(FAMILY, options=ChatOptions(max_tokens=cap)))
    reader.read(delta("Hi"))
    assert reader.read(completed(usage={"output_tokens": spent}))[-1].finish_reason is finish


SEALED = {"type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": "sealed0", "status": "completed"}
OPEN = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "x"}}


def test_the_items_of_an_answer_go_back_in_their_order() -> None:
    call = CALL | {"id": "i4"}
    body = body_reader(FAMILY)
    for data in framed(
        FAMILY,
        [
            finished(0, SEALED),
            finished(1, message(1, text("I look."), phase="commentary")),
            finished(2, OPEN),
            finished(3, SEARCH),
            finished(4, call),
            completed(),
        ],
    ):
        body.feed(data)
    last = body.ready[-1].delta
    assert last is not None
    answer = ChatMessage(
        Role.ASSISTANT, (Text("I look."),), (ToolCall("c1", "one", '{"p":1}'),), extras=tuple(last.extras)
    )
    results = ChatMessage(Role.TOOL, tool_results=(ToolResult("c1", "7"),))
    sent = body_of(FAMILY, chat_ctx=ChatContext.from_text("hi").add_message(answer).add_message(results))["input"]
    assert sent == [
        {"role": "user", "content": "hi"},
        {"type": "reasoning", "id": "rs_0", "summary": [], "encrypted_content": "sealed0"},
        {"role": "assistant", "content": "I look.", "phase": "commentary"},
        OPEN,
        SEARCH,
        {"type": "function_call", "call_id": "c1", "name": "one", "arguments": '{"p":1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "7"},
    ]


@pytest.mark.parametrize("events", [[delta("Hi")], [finished(0, HI)], [finished(0, HI), finished(1, CALL)]])
def test_a_plain_answer_leaves_no_state(events: list[Event]) -> None:
    body = body_reader(FAMILY)
    for data in framed(FAMILY, [*events, completed()]):
        body.feed(data)
    assert [chunk.delta.extras for chunk in body.ready if chunk.delta and chunk.delta.extras] == []
