"""Whole answers instead of streams, in every format: the same answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fallback_chat.core.chat_context import ToolCall
from fallback_chat.core.errors import ErrorKind
from tests.providers.kinds import CARRIED, SAMPLES
from tests.providers.vectors import FAMILIES, body_reader, families

pytestmark = pytest.mark.parametrize("family", families("whole answer where a stream was asked"))


def test_a_document_is_read_like_a_stream(family: str) -> None:
    kind, _ = FAMILIES[family]
    thinks, calls = (kind in CARRIED[feature] for feature in ("reasoning", "tool calls"))
    body = body_reader(family)
    body.feed(json.dumps(SAMPLES[kind].document).encode())
    body.end()
    deltas = [chunk.delta for chunk in body.ready if chunk.delta]
    usage = [chunk.usage for chunk in body.ready if chunk.usage][-1]
    assert body.error is None
    assert "".join(delta.content or "" for delta in deltas) == "Hi"
    assert "".join(delta.reasoning or "" for delta in deltas) == ("hm" if thinks else "")
    assert [call for delta in deltas for call in delta.tool_calls] == [ToolCall("c", "t", '{"a":1}')] * calls
    assert [chunk.finish_reason for chunk in body.ready if chunk.finish_reason] == ["tool_calls" if calls else "stop"]
    assert (usage.input, usage.output) == (1, 2)


@pytest.mark.parametrize("wrapped", [False, True])
def test_a_document_that_reports_an_error_is_one(family: str, wrapped: bool) -> None:
    error: Any = {"error": {"message": "The model is overloaded.", "code": 503}}
    body = body_reader(family)
    body.feed(json.dumps([error] if wrapped else error).encode())
    body.end()
    assert body.error is not None
    assert (body.error.kind, body.error.message) == (ErrorKind.OVERLOADED, "The model is overloaded.")


@pytest.mark.parametrize(
    "document", ["{}", '{"ok": true}', '{"choices": [], "output": null, "content": 3, "candidates": 0}']
)
def test_a_document_that_is_no_answer_is_not_taken_for_one(family: str, document: str) -> None:
    body = body_reader(family)
    body.feed(document.encode())
    body.end()
    assert body.error is not None
    assert body.error.kind in (ErrorKind.SERVER_ERROR, ErrorKind.EMPTY)
