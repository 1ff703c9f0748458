"""Tool calls, put together from pieces."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.chat_context import ToolCall
from fallback_chat.providers.http.frames import FrameTooLargeError
from fallback_chat.providers.wire.tools import ToolCallAssembler
from tests.sampling import examples


def assembled(*pieces: dict[str, Any]) -> list[tuple[str, str, str]]:
    tools = ToolCallAssembler()
    for piece in pieces:
        tools.add(**piece)
    return [(call.id, call.name, call.arguments) for call in tools.release()]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        (
            [
                {"index": 0, "call_id": "a", "name": "x", "arguments": '{"p":'},
                {"index": 1, "call_id": "b", "name": "y"},
                {"index": 0, "arguments": "1}"},
                {"index": 1, "arguments": "{}"},
            ],
            [("a", "x", '{"p":1}'), ("b", "y", "{}")],
        ),
        # A new id under a known index.
        (
            [{"index": 0, "call_id": "a", "name": "x", "arguments": "{}"}, {"index": 0, "call_id": "b", "name": "y"}],
            [("a", "x", "{}"), ("b", "y", "{}")],
        ),
        # The id and the name again with every piece.
        (
            [
                {"index": 0, "call_id": "a", "name": "x", "arguments": "{"},
                {"index": 0, "call_id": "a", "name": "x", "arguments": "}"},
            ],
            [("a", "x", "{}")],
        ),
        # No index: by id, or on with the last one.
        (
            [
                {"call_id": "a", "name": "x", "arguments": "{"},
                {"arguments": "}"},
                {"call_id": "b", "name": "y"},
                {"call_id": "a"},
            ],
            [("a", "x", "{}"), ("b", "y", "{}")],
        ),
        # An id that comes late.
        ([{"index": 0, "name": "x"}, {"index": 0, "call_id": "a"}], [("a", "x", "{}")]),
        ([{"index": 0, "call_id": "a", "name": "x", "arguments": {"p": 1}}], [("a", "x", '{"p":1}')]),
        ([{"index": 0, "call_id": "a", "name": "x", "arguments": None}], [("a", "x", "{}")]),
        (
            [{"index": 0, "call_id": "a", "name": "x", "arguments": '"\ud83d'}, {"index": 0, "arguments": '\udef6"'}],
            [("a", "x", '"\U0001f6f6"')],
        ),
        # The id changes after the first piece.
        (
            [
                {"index": 0, "call_id": "a", "name": "x"},
                {"index": 0, "call_id": "b", "arguments": '{"p'},
                {"index": 0, "call_id": "b", "arguments": '":1}'},
            ],
            [("a", "x", '{"p":1}')],
        ),
        # One call after the other under one index, each begun without arguments.
        (
            [
                {"index": 0, "call_id": "a", "name": "x"},
                {"index": 0, "arguments": '{"p":1}'},
                {"index": 0, "call_id": "b", "name": "x"},
                {"index": 0, "arguments": '{"p":'},
                {"index": 0, "arguments": "2}"},
            ],
            [("a", "x", '{"p":1}'), ("b", "x", '{"p":2}')],
        ),
        # The index changes, too, or instead.
        (
            [
                {"index": 0, "call_id": "a", "name": "x"},
                {"index": 1, "call_id": "b", "arguments": '{"p":'},
                {"index": 2, "arguments": "1}"},
            ],
            [("a", "x", '{"p":1}')],
        ),
        # The id changes with every piece, and the name comes again.
        (
            [
                {"index": 0, "call_id": "a", "name": "x"},
                {"index": 0, "call_id": "b", "name": "x", "arguments": '{"p":1'},
                {"index": 0, "call_id": "c", "name": "x", "arguments": "}"},
            ],
            [("a", "x", '{"p":1}')],
        ),
        # What belongs nowhere else goes on with the call whose arguments are not whole.
        (
            [
                {"index": 0, "call_id": "a", "name": "x", "arguments": '{"p":1}'},
                {"index": 1, "call_id": "b", "name": "y", "arguments": '{"q"'},
                {"index": 7, "arguments": ":2}"},
            ],
            [("a", "x", '{"p":1}'), ("b", "y", '{"q":2}')],
        ),
        # The same call twice, from its beginning or at its end.
        (
            [{"index": 0, "call_id": "a", "name": "x", "arguments": '{"p":1}'}] * 2,
            [("a", "x", '{"p":1}')],
        ),
        (
            [
                {"index": 0, "call_id": "a", "name": "x", "arguments": '{"p":1}'},
                {"index": 0, "call_id": "a", "name": "x", "arguments": ""},
                {"index": 0, "arguments": ""},
            ],
            [("a", "x", '{"p":1}')],
        ),
        # Empty arguments that stand for those to come.
        (
            [
                {"index": 0, "call_id": "a", "name": "x", "arguments": "{}"},
                {"index": 0, "arguments": '{"p":'},
                {"index": 0, "arguments": "1}"},
            ],
            [("a", "x", '{"p":1}')],
        ),
        ([{"index": 0, "call_id": "a", "name": "x", "arguments": "null"}], [("a", "x", "{}")]),
        # Several servers number every call 0 and give none an id.
        (
            [
                {"index": 0, "call_id": "a", "name": "x"},
                {"index": 0, "call_id": "b", "name": "y", "arguments": "{}"},
            ],
            [("a", "x", "{}"), ("b", "y", "{}")],
        ),
        # A name that comes late.
        (
            [{"index": 0, "call_id": "a", "arguments": "{"}, {"index": 0, "name": "x", "arguments": "}"}],
            [("a", "x", "{}")],
        ),
    ],
)
def test_pieces_find_their_call(pieces: list[dict[str, Any]], calls: list[tuple[str, str, str]]) -> None:
    assert assembled(*pieces) == calls


def test_a_line_break_in_an_argument_need_not_be_escaped() -> None:
    assert assembled({"call_id": "a", "name": "x", "arguments": '{"code":"a\n\tb"}'}) == [
        ("a", "x", '{"code":"a\\n\\tb"}')
    ]


def test_whole_calls_without_id_and_index_stay_apart() -> None:
    calls = assembled({"name": "x", "arguments": '{"p":1}'}, {"name": "y", "arguments": '{"p":2}'})
    assert [call[1:] for call in calls] == [("x", '{"p":1}'), ("y", '{"p":2}')]


def test_a_whole_call_that_comes_again_is_one() -> None:
    tools = ToolCallAssembler()
    assert tools.whole(call_id="a", name="x", arguments={"p": 1, "q": 2})
    assert not tools.whole(call_id="a", name="x", arguments='{"q": 2, "p": 1}')
    assert not tools.whole(call_id="a", name="x", arguments={"p": 1, "q": 2})
    assert tools.whole(call_id="a", name="x", arguments={"p": 2})
    assert tools.whole(call_id="b", name="x", arguments={"p": 1, "q": 2})
    assert [(call.id, call.arguments) for call in tools.release()] == [
        ("a", '{"p":1,"q":2}'),
        ("a", '{"p":2}'),
        ("b", '{"p":1,"q":2}'),
    ]


def test_a_call_is_released_once() -> None:
    tools = ToolCallAssembler()
    tools.add(index=0, call_id="a", name="x", arguments="{}")
    assert [call.id for call in tools.release()] == ["a"]
    tools.add(index=1, call_id="b", name="y", arguments="{")
    assert tools.open
    tools.add(index=1, arguments="}")
    assert not tools.open
    assert [call.id for call in tools.release()] == ["b"]


def test_a_call_without_a_name_is_known() -> None:
    tools = ToolCallAssembler()
    assert not tools.nameless
    tools.add(index=0, arguments="{}")
    assert tools.nameless


def test_an_id_that_is_missing_is_made_up_and_never_twice() -> None:
    tools = ToolCallAssembler()
    tools.whole(name="x")
    tools.whole(name="x", arguments={"p": "é"})
    first, second = tools.release()
    assert (first.name, first.arguments, second.arguments) == ("x", "{}", '{"p":"é"}')
    assert len({first.id, second.id}) == 2


def test_the_final_text_replaces_the_pieces() -> None:
    tools = ToolCallAssembler()
    tools.add(index=1, call_id="a", name="x", arguments="{")
    assert not tools.whole(index=1, arguments="{}")
    assert tools.release() == (ToolCall("a", "x", "{}"),)


def test_endless_arguments_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fallback_chat.providers.wire.allowance.MOST", 100)
    with pytest.raises(FrameTooLargeError):
        assembled(*[{"index": 0, "call_id": "a", "arguments": "x" * 9}] * 20)


@examples(20, 1000)
@given(st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=3), min_size=1, max_size=4), st.data())
def test_interleaved_calls_come_out_whole(arguments: list[dict[str, int]], data: st.DataObject) -> None:
    texts = [json.dumps(value) for value in arguments]
    left = {index: list(text) for index, text in enumerate(texts)}
    pieces: list[dict[str, Any]] = [{"index": index, "call_id": f"c{index}", "name": "x"} for index in left]
    while left:
        index = data.draw(st.sampled_from(sorted(left)))
        pieces.append({"index": index, "arguments": left[index].pop(0)})
        if not left[index]:
            del left[index]
    assert assembled(*pieces) == [(f"c{index}", "x", text) for index, text in enumerate(texts)]
