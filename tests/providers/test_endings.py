"""When an answer is whole, in every wire format: what takes a finish back, what an unknown word proves, what a call needs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.errors import APIError
from tests.providers.asking import hello, llm, sends
from tests.providers.raw_server import raw_server
from tests.providers.test_features import block, choice, completed, ended, framed, function, part, said, stop_reason
from tests.providers.vectors import body_reader, read

Event = dict[str, Any]

SPEAKS: dict[str, Any] = {
    "openai-chat": lambda text: [choice(content=text)],
    "anthropic": lambda text: block(0, {"type": "text", "text": text}),
    "gemini": lambda text: [part(text=text)],
    "ollama": lambda text: [said(content=text)],
}
ENDS: dict[str, Any] = {
    "openai-chat": choice,
    "anthropic": stop_reason,
    "gemini": lambda word: {"candidates": [{"finishReason": word}]},
    "ollama": ended,
}
STOP = {"openai-chat": "stop", "anthropic": "end_turn", "gemini": "STOP", "ollama": "stop"}
LENGTH = {"openai-chat": "length", "anthropic": "max_tokens", "gemini": "MAX_TOKENS", "ollama": "length"}


def result_of(family: str, *events: Event) -> tuple[str, str | None, bool, str | None]:
    """Give the text of an answer, its finish, whether it is whole, and the kind of its failure."""
    result = read(family, framed(family, list(events)))
    return result["text"], result["finish"], result["complete"], result["kind"]


@pytest.mark.parametrize("family", ENDS)
def test_content_takes_a_finish_back_and_the_last_one_counts(family: str) -> None:
    speak, end, stop = SPEAKS[family], ENDS[family], STOP[family]
    early = [end(stop), *speak("one "), *speak("two "), end(stop), *speak("three"), end(LENGTH[family])]
    assert result_of(family, *early) == ("one two three", "length", True, None)


@pytest.mark.parametrize("family", ENDS)
def test_an_answer_that_went_on_after_its_finish_and_has_no_other_is_cut(family: str) -> None:
    speak, end = SPEAKS[family], ENDS[family]
    text, _, complete, kind = result_of(family, *speak("one "), end(STOP[family]), *speak("two"))
    assert (text, complete, kind) == ("one two", False, "truncated")


@pytest.mark.parametrize("family", ENDS)
def test_blanks_behind_the_finish_change_nothing(family: str) -> None:
    speak, end = SPEAKS[family], ENDS[family]
    assert result_of(family, *speak("one"), end(STOP[family]), *speak("\n"))[1:] == ("stop", True, None)


@pytest.mark.parametrize("family", ENDS)
def test_an_unknown_word_is_handed_on(family: str) -> None:
    result = read(family, framed(family, [*SPEAKS[family]("Hi"), ENDS[family]("steered")]))
    assert (result["text"], result["finish"], result["finish_raw"]) == ("Hi", "other", "steered")


@pytest.mark.parametrize("family", ENDS)
def test_a_word_for_failure_is_one(family: str) -> None:
    body = body_reader(family)
    for data in framed(family, [*SPEAKS[family]("Hi"), ENDS[family]("abort")]):
        body.feed(data)
    assert isinstance(body.error, APIError)
    assert str(body.error) == "the provider ended the answer with 'abort'"


CALLING: dict[str, list[Event]] = {
    "openai-chat": [choice(tool_calls=[function(0, "c1", "{}", "one")])],
    "openai-responses": [
        {"type": "response.output_item.done", "output_index": 0}
        | {"item": {"type": "function_call", "call_id": "c1", "name": "one", "arguments": "{}"}}
    ],
    "anthropic": block(0, {"type": "tool_use", "id": "c1", "name": "one", "input": {}}),
    "gemini": [part(functionCall={"id": "c1", "name": "one", "args": {}})],
    "ollama": [said(tool_calls=[{"id": "c1", "function": {"name": "one", "arguments": {}}}])],
}


def responses_end(word: str) -> Event:
    return completed("incomplete", incomplete_details={"reason": word})


@pytest.mark.parametrize("word", ["steered", "SAFETY", "max_tokens"])
@pytest.mark.parametrize("family", CALLING)
def test_a_call_of_an_answer_that_did_not_end_properly_is_not_handed_out(family: str, word: str) -> None:
    end = ENDS.get(family, responses_end)
    assert read(family, framed(family, [*CALLING[family], end(word)]))["tool_calls"] == []


def test_a_call_is_handed_out_whole_although_every_chunk_ends_the_answer() -> None:
    events = [
        choice("stop", tool_calls=[function(0, "c1", "", "one")]),
        choice("stop", tool_calls=[function(0, "", '{"p":')]),
        choice("stop", tool_calls=[function(0, "", "1}")]),
        choice("stop", tool_calls=[function(1, "c2", "{}", "two")]),
    ]
    body = body_reader("openai-chat")
    for data in framed("openai-chat", events):
        body.feed(data)
    body.feed(b"data: [DONE]\n\n")
    calls = [(call.id, call.arguments) for chunk in body.ready if chunk.delta for call in chunk.delta.tool_calls]
    assert (calls, body.finished, body.error) == ([("c1", '{"p":1}'), ("c2", "{}")], True, None)


def test_raw_reasoning_stays_reasoning_although_every_chunk_ends_the_answer() -> None:
    result = read(
        "openai-chat", framed("openai-chat", [choice("stop", content=t) for t in ("<think>", "h", "m</think>", "Hi")])
    )
    assert (result["reasoning"], result["text"], result["finish"]) == ("hm", "Hi", "stop")


@pytest.mark.parametrize("family", ["openai-chat", "gemini", "ollama"])
def test_a_call_without_a_name_is_a_failure(family: str) -> None:
    nameless = {
        "openai-chat": choice(tool_calls=[{"index": 0, "id": "c1", "function": {"arguments": "{}"}}]),
        "gemini": part(functionCall={"id": "c1", "name": "", "partialArgs": [], "args": {}}),
        "ollama": said(tool_calls=[{"function": {"arguments": {"p": 1}}}]),
    }[family]
    text, finish, complete, kind = result_of(family, nameless, ENDS[family](STOP[family]))
    # A part of Gemini without a name ends a call that came in pieces, and says nothing else.
    wanted = ("", "stop", True, None) if family == "gemini" else ("", None, False, "server_error")
    assert (text, finish, complete, kind) == wanted


WORDS_OF_UPSTREAMS = {
    ("stop", "stop"): "stop",
    ("stop", "completed"): "stop",
    ("stop", "something"): "stop",
    ("stop", "max_tokens"): "length",
    ("stop", "SAFETY"): "content_filter",
    ("length", "abort"): "length",
    ("tool_calls", "tool_use"): "tool_calls",
}


@pytest.mark.parametrize(("finish", "native"), WORDS_OF_UPSTREAMS)
def test_the_upstreams_own_word_is_believed_where_it_says_less(finish: str, native: str) -> None:
    last = choice(finish)
    last["choices"][0]["native_finish_reason"] = native
    result = read("openai-chat", framed("openai-chat", [choice(content="Hi"), last]))
    assert result["finish"] == WORDS_OF_UPSTREAMS[finish, native]


def test_the_upstreams_own_failure_is_one() -> None:
    last = choice("stop")
    last["choices"][0]["native_finish_reason"] = "network_error"
    assert result_of("openai-chat", choice(content="Hi"), last) == ("Hi", None, False, "server_error")


@pytest.mark.parametrize("finish", ["error", "stop", None])
def test_an_error_inside_a_choice_is_the_providers_word(finish: str | None) -> None:
    broken = choice(finish)
    broken["choices"][0]["error"] = {"code": 429, "message": "Rate limited upstream"}
    body = body_reader("openai-chat")
    for data in framed("openai-chat", [choice(content="Half"), broken]):
        body.feed(data)
    assert body.error is not None
    assert (str(body.error), body.error.kind.value) == ("Rate limited upstream", "rate_limited")


@pytest.mark.parametrize("events", [[choice(content="Hi")], [choice("FINISH_REASON_UNSPECIFIED", content="Hi")]])
def test_a_terminator_without_a_finish_proves_nothing(events: list[Event]) -> None:
    result = read("openai-chat", [*framed("openai-chat", events), b"data: [DONE]\n\n"])
    assert (result["text"], result["finish"], result["finish_raw"]) == ("Hi", "other", "[DONE] without finish_reason")


def test_a_terminator_without_a_finish_hands_no_call_out() -> None:
    events = framed("openai-chat", [choice(content="Hi"), *CALLING["openai-chat"]])
    result = read("openai-chat", [*events, b"data: [DONE]\n\n"])
    assert (result["tool_calls"], result["kind"]) == ([], "truncated")


@pytest.mark.parametrize("family", ["openai-chat", "gemini"])
def test_a_word_for_nothing_is_no_finish(family: str) -> None:
    words = {"openai-chat": "null", "gemini": "FINISH_REASON_UNSPECIFIED"}
    events = [*SPEAKS[family]("Hi"), ENDS[family](words[family])]
    assert result_of(family, *events) == ("Hi", None, False, "truncated")
    assert result_of(family, *events, ENDS[family](STOP[family])) == ("Hi", "stop", True, None)


def test_a_blocked_account_of_google_is_a_matter_of_permission() -> None:
    assert result_of("gemini", part(text="Hi"), ENDS["gemini"]("PUP_LIMITED_DISABLED"))[3] == "permission"


UNSHOWN: dict[str, tuple[list[Event], list[str]]] = {
    "openai-chat": ([choice(images=[{"type": "image_url"}]), choice(audio={"data": "AA"})], ["audio", "pictures"]),
    "openai-responses": (
        [
            {"type": "response.output_item.done", "output_index": 0}
            | {"item": {"type": "image_generation_call", "id": "i", "result": "AA"}},
            {"type": "response.audio.delta", "delta": "AA"},
        ],
        ["audio", "pictures"],
    ),
    "gemini": (
        [
            part(inlineData={"mimeType": "image/png", "data": "AA"}),
            part(inlineData={"mimeType": "audio/wav", "data": "AA"}),
        ],
        ["audio", "pictures"],
    ),
}


@pytest.mark.parametrize("family", UNSHOWN)
def test_what_cannot_be_shown_is_known(family: str) -> None:
    events, wanted = UNSHOWN[family]
    body = body_reader(family)
    for data in framed(family, events):
        body.feed(data)
    assert (sorted(body.unshown), body.output_started) == (wanted, False)


async def test_what_cannot_be_shown_is_told_at_the_end() -> None:
    picture = b'data: {"choices": [{"delta": {"content": "Here.", "images": [{}]}, "finish_reason": "stop"}]}\n\n'
    async with raw_server(sends(picture)) as server, llm(server.url) as one, hello(one) as stream:
        assert "".join([(chunk.delta and chunk.delta.content) or "" async for chunk in stream]) == "Here."
        assert stream.notices == ("sent pictures, which cannot be shown",)


MESSAGES: dict[str, tuple[list[Event], str, str]] = {
    "at once": ([{"message": {"content": "Hi there"}, "finish_reason": "stop"}], "Hi there", ""),
    "behind its deltas": (
        [
            {"delta": {"content": "Hi"}, "finish_reason": None},
            {"delta": {"content": " there"}, "finish_reason": None},
            {"delta": {}, "message": {"content": "Hi there"}, "finish_reason": "stop"},
        ],
        "Hi there",
        "",
    ),
    "with more than its deltas": (
        [
            {"delta": {"content": "Hi", "reasoning": "hm"}},
            {"message": {"content": "Hi there", "reasoning": "hm"}, "finish_reason": "stop"},
        ],
        "Hi there",
        "hm",
    ),
    "piece by piece": (
        [{"message": {"content": "Hi"}}, {"message": {"content": " there"}}, {"message": {}, "finish_reason": "stop"}],
        "Hi there",
        "",
    ),
}


@pytest.mark.parametrize("form", MESSAGES)
def test_a_message_in_place_of_a_delta_is_read_once(form: str) -> None:
    choices, text, reasoning = MESSAGES[form]
    result = read("openai-chat", framed("openai-chat", [{"choices": [{"index": 0} | each]} for each in choices]))
    assert (result["text"], result["reasoning"], result["finish"]) == (text, reasoning, "stop")


def test_a_message_behind_its_deltas_repeats_no_call() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "one", "arguments": '{"p": 1}'}}
    events = [
        choice(tool_calls=[function(0, "c1", '{"p"', "one")]),
        choice(tool_calls=[function(0, "", ":1}")]),
        {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]},
    ]
    result = read("openai-chat", framed("openai-chat", events))
    assert [(call["id"], call["name"]) for call in result["tool_calls"]] == [("c1", "one")]


def test_a_call_of_gemini_that_comes_again_is_one() -> None:
    call = {"id": "x1", "name": "one", "args": {"p": 1}}
    first = part(functionCall=call, thoughtSignature="S")
    result = read("gemini", framed("gemini", [first, part("STOP", functionCall=call)]))
    assert ([one["arguments"] for one in result["tool_calls"]], result["signatures"]) == (['{"p":1}'], ["S"])


PARTIAL: dict[str, tuple[list[Event], str | None]] = {
    "values in pieces": (
        [
            {"name": "one", "willContinue": True, "id": "f1"},
            {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}], "willContinue": True},
            {"partialArgs": [{"jsonPath": "$.city", "stringValue": "is"}], "willContinue": True},
            {
                "partialArgs": [
                    {"jsonPath": "$.days[0].n", "numberValue": 2},
                    {"jsonPath": "$['a b'].c", "boolValue": True},
                ]
            },
            {},
        ],
        '{"city":"Paris","days":[{"n":2}],"a b":{"c":true}}',
    ),
    "all at once": (
        [{"name": "one", "id": "f1", "partialArgs": [{"jsonPath": "$.x", "nullValue": "NULL_VALUE"}]}],
        '{"x":null}',
    ),
    "without arguments": ([{"name": "one", "id": "f1", "willContinue": True}, {}], "{}"),
    "never ended": (
        [
            {"name": "one", "willContinue": True},
            {"partialArgs": [{"jsonPath": "$.city", "stringValue": "Par", "willContinue": True}], "willContinue": True},
        ],
        None,
    ),
    "places that are none": (
        [
            {
                "name": "one",
                "partialArgs": [{"jsonPath": "city"}, {"jsonPath": "$[3]", "stringValue": "x"}, 1, {"jsonPath": 2}],
            }
        ],
        "{}",
    ),
}


@pytest.mark.parametrize("form", PARTIAL)
def test_arguments_of_gemini_may_come_value_by_value(form: str) -> None:
    calls, arguments = PARTIAL[form]
    events = [part(functionCall=call) for call in calls]
    result = read("gemini", framed("gemini", [*events, {"candidates": [{"finishReason": "STOP"}]}]))
    (call,) = result["tool_calls"]
    # One that never ended is no JSON, and so it is not run.
    assert (call["name"], call["arguments"]) == ("one", arguments if arguments is not None else "{")


DECLINED: dict[str, list[Event]] = {
    "anthropic": [
        {"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details": {"explanation": "About bombs."}}}
    ],
    "gemini": [{"promptFeedback": {"blockReason": "SAFETY", "blockReasonMessage": "About bombs."}}],
    "gemini answer": [{"candidates": [{"finishReason": "SAFETY", "finishMessage": "About bombs."}]}],
    "anthropic whole": [
        {"content": [], "stop_reason": "refusal", "stop_details": {"explanation": "About bombs.", "category": None}}
    ],
}


@pytest.mark.parametrize("case", DECLINED)
def test_a_server_that_says_why_it_ended_an_answer_is_quoted(case: str) -> None:
    family, _, form = case.partition(" ")
    body = body_reader(family)
    events = DECLINED[case]
    for piece in [json.dumps(events[0]).encode()] if form == "whole" else framed(family, events):
        body.feed(piece)
    body.end()
    assert [chunk.finish_words for chunk in body.ready if chunk.finish_reason is not None] == ["About bombs."]


def test_a_failed_end_is_told_in_the_servers_words() -> None:
    body = body_reader("gemini")
    event = {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL", "finishMessage": "print(x"}]}
    for piece in framed("gemini", [event]):
        body.feed(piece)
    body.end()
    assert body.error is not None
    assert body.error.message == "the provider ended the answer with 'MALFORMED_FUNCTION_CALL': print(x"
