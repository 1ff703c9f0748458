"""Reasoning whose opening tag was a part of the prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.lone_tag import split_reasoning


@pytest.mark.parametrize("gap", ["\n", "\n\n", " \n", "\r\n\r\n"])
def test_what_stands_before_a_lone_closing_tag_is_reasoning(gap: str) -> None:
    assert split_reasoning(f"They ask 17*23.\nI compute.</think>{gap}391") == ("They ask 17*23.\nI compute.", "391")


@pytest.mark.parametrize(
    "text",
    [
        "391",
        "Write </think> to close it.",
        "The tag is `</think>`",
        "It ends with </think>\n",
        "It ends with </think>",
        "<think>\nhm\n</think>\nsaid",
        "```\nhm\n</think>\n```\nsaid",
        "a</think>\nb</think>\nc",
    ],
)
def test_an_answer_about_tags_is_an_answer(text: str) -> None:
    assert split_reasoning(text) == ("", text)


@given(st.lists(st.sampled_from(["<think>", "</think>", "\n", " ", "a", "```"]), max_size=12))
def test_nothing_of_a_text_is_lost_but_the_tag_and_blanks(pieces: list[str]) -> None:
    text = "".join(pieces)
    reasoning, answer = split_reasoning(text)
    assert answer == text or "".join(text.split()) == "".join(f"{reasoning}</think>{answer}".split())
