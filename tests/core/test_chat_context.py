"""A conversation is a value."""

from __future__ import annotations

import pytest

from fallback_chat.core.chat_context import ChatContext, ChatMessage, Document, Image, Role, Text


def test_a_question_is_a_conversation_of_one_message() -> None:
    assert ChatContext.from_text("hi") == ChatContext((ChatMessage(Role.USER, (Text("hi"),)),))


@pytest.mark.parametrize(("system", "roles"), [("Be brief.", ["system", "user"]), ("", ["user"]), (None, ["user"])])
def test_a_system_prompt_goes_in_front_where_there_is_one(system: str | None, roles: list[str]) -> None:
    assert [message.role for message in ChatContext.from_text("hi", system=system).messages] == roles


def test_adding_gives_a_new_conversation_and_leaves_the_old_one() -> None:
    before = ChatContext.from_text("hi")

    after = before.add("assistant", "hello").add(Role.USER, (Text("a"), Image("image/png", b"\x89")))

    assert [(message.role, message.text) for message in after.messages] == [
        (Role.USER, "hi"),
        (Role.ASSISTANT, "hello"),
        (Role.USER, "a"),
    ]
    assert before == ChatContext.from_text("hi")


def test_a_role_that_nobody_has_is_an_error() -> None:
    with pytest.raises(ValueError, match="robot"):
        ChatContext().add("robot", "hi")


def test_the_text_of_a_message_is_all_its_text() -> None:
    message = ChatMessage(Role.USER, (Text("a"), Document("application/pdf", b"%PDF", "f.pdf"), Text("b")))

    assert message.text == "ab"


def test_system_messages_are_joined_and_kept_apart_from_the_turns() -> None:
    context = ChatContext().add("system", "One.").add("user", "hi").add("system", "").add("system", "Two.")

    assert context.system == "One.\n\nTwo."
    assert context.turns == ChatContext.from_text("hi").messages


@pytest.mark.parametrize("part", [Image("image/png", b"\x00\xff"), Document("application/pdf", b"\x00\xff", "f")])
def test_bytes_travel_as_base64(part: Image | Document) -> None:
    assert part.base64 == "AP8="
