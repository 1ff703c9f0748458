"""Reasoning in raw tags is reasoning, and an answer about tags is an answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.providers.wire.think import ThinkSplitter


def split(pieces: list[str], *, whole: bool = True) -> tuple[str, str]:
    splitter = ThinkSplitter()
    found = [splitter.feed(piece) for piece in pieces]
    return "".join(content for content, _ in found) + splitter.flush(whole=whole), "".join(
        reasoning for _, reasoning in found
    )


SPLIT = {
    "Hello.": ("Hello.", ""),
    "  Hello.": ("  Hello.", ""),
    "<think>Hm.</think>Hello.": ("Hello.", "Hm."),
    "\n<think>\nHm.\n</think>\n\nHello. <think>": ("Hello. <think>", "\nHm.\n"),
    "<think>\n\n</think>\n\nHello.": ("Hello.", "\n\n"),
    "<think>a </thin b</think>c": ("c", "a </thin b"),
    "Use <think>tags</think>.": ("Use <think>tags</think>.", ""),
    "<thinki": ("<thinki", ""),
    "<thinking>Hm.</think></thinking>Hello.": ("Hello.", "Hm.</think>"),
    "<thought>Hm.</thought>\n\nHello.": ("Hello.", "Hm."),
    "<seed:think>Hm.</seed:think>Hello.": ("Hello.", "Hm."),
    "[THINK]Hm.[/THINK]Hello.": ("Hello.", "Hm."),
    "[/THINK]Hello.": ("Hello.", ""),
    "[THIS] is it": ("[THIS] is it", ""),
    "◁think▷Hm.◁/think▷Hello.": ("Hello.", "Hm."),
    "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.": ("Hello.", "Hm."),
    "<thinking>": ("<thinking>", ""),
    "<thi": ("<thi", ""),
    "": ("", ""),
    "<think>a</think>": ("", "a"),
    "</think>Hello.": ("Hello.", ""),
    "\n</think>\n\nHello.": ("Hello.", ""),
    "</thin": ("</thin", ""),
}


@pytest.mark.parametrize("text", SPLIT)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_only_a_tag_at_the_very_beginning_is_reasoning(text: str, size: int) -> None:
    assert split([text[start : start + size] for start in range(0, len(text), size)]) == SPLIT[text]


@pytest.mark.parametrize(("whole", "content"), [(True, "<think> is a tag.</thi"), (False, "")])
def test_a_tag_that_is_never_closed_is_content_if_the_answer_is_whole(whole: bool, content: str) -> None:
    assert split(["<think> is", " a tag.", "</thi"], whole=whole) == (content, " is a tag.")


def test_blanks_are_not_held_back_for_ever() -> None:
    splitter = ThinkSplitter()
    assert "".join(splitter.feed(" ")[0] for _ in range(100)) == " " * 100


@given(st.lists(st.sampled_from(["<", "think>", "<think>", "</think>", "</", " ", "a", "\n"]), max_size=12))
def test_how_the_text_is_cut_makes_no_difference(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert split(pieces) == split([text]) == split(list(text))
