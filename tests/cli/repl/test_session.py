"""The state of a conversation, turn by turn."""

from __future__ import annotations

from fallback_chat.cli.repl.draft import Draft
from fallback_chat.cli.repl.session import Attachment, Plan, Session, TurnResult, typed
from fallback_chat.core.answer import Answer
from fallback_chat.core.attempts import AttemptRecord, Outcome
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.config.settings import Prices
from fallback_chat.core.errors import APIError
from fallback_chat.core.llm import CompletionUsage, FinishReason

NOW = 1000.0


def answer(text: str = "Yes.", name: str = "a", *, whole: bool = True, usage: CompletionUsage | None = None) -> Answer:
    attempts = (AttemptRecord(name, "scripted", f"{name}-1", Outcome.OK, first_token=0.5, elapsed=1.0),)
    return Answer(
        text=text,
        finish_reason=FinishReason.STOP if whole else None,
        complete=whole,
        provider=name,
        kind="scripted",
        model=f"{name}-1",
        usage=usage,
        attempts=attempts,
    )


def turn(session: Session, question: str = "Is it?", given: Answer | None = None, **how: object) -> Plan:
    plan = session.plan(question, NOW)
    given = given or answer()
    session.settle(TurnResult(plan, given, given.attempts, **how))  # type: ignore[arg-type]
    return plan


def said(session: Session) -> list[tuple[str, str, bool]]:
    return [(message.role.value, message.text, message.complete) for message in session.context.messages]


def test_a_question_goes_out_behind_what_was_said_and_below_the_system_prompt() -> None:
    session = Session()
    turn(session)
    session.system = "Be brief."
    plan = session.plan("And now?", NOW)
    assert [(message.role, message.text) for message in plan.context.messages] == [
        (Role.SYSTEM, "Be brief."),
        (Role.USER, "Is it?"),
        (Role.ASSISTANT, "Yes."),
        (Role.USER, "And now?"),
    ]


def test_a_turn_without_an_answer_leaves_only_a_draft() -> None:
    session = Session()
    turn(session, given=answer("", whole=False), error=APIError("down"))
    assert (said(session), session.draft) == ([], Draft.pasted("Is it?"))


def test_a_stopped_answer_stays_and_is_marked() -> None:
    session = Session()
    turn(session, given=answer("Y", whole=False), stopped=True)
    assert said(session) == [("user", "Is it?", True), ("assistant", "Y", False)]


def test_an_answer_that_broke_off_stays_marked_even_when_its_provider_said_stop() -> None:
    session = Session()
    turn(session, error=APIError("cut"))
    assert said(session)[-1] == ("assistant", "Yes.", False)


def test_undo_takes_question_and_answer_back() -> None:
    session = Session()
    turn(session, "One?")
    turn(session, "Two?")
    question = session.undo()
    assert question is not None
    assert typed(question) == "Two?"
    assert [text for _, text, _ in said(session)] == ["One?", "Yes."]
    session.undo()
    assert session.undo() is None


def test_an_attachment_goes_along_once_and_only_when_it_was_answered() -> None:
    session = Session()
    session.attachments.append(Attachment("a.py", Text("x = 1")))
    failed = turn(session, given=answer("", whole=False), error=APIError("down"))
    again = turn(session, "Is it?")
    third = session.plan("More?", NOW)
    whole = "Is it?\n\na.py:\n```\nx = 1\n```"
    assert [failed.question.text, again.question.text, third.question.text] == [whole, whole, "More?"]
    assert typed(again.question) == "Is it?"


def test_who_is_asked_follows_pin_use_stickiness_and_skip_in_this_order() -> None:
    session = Session(sticky=True)
    turn(session, given=answer(name="b"))
    session.skip("c", NOW + 10)
    assert _whom(session) == ("b", None, {"c"})
    session.use = "c"
    assert _whom(session) == ("c", None, set())
    session.pinned = "a"
    assert _whom(session) == (None, "a", set())
    session.pinned = session.use = None
    session.skip("b")
    assert _whom(session) == (None, None, {"b", "c"})


def _whom(session: Session) -> tuple[str | None, str | None, set[str]]:
    plan = session.plan("?", NOW)
    return plan.start_with, plan.only, set(plan.without)


def test_a_skip_ends_with_its_time_and_use_with_its_turn() -> None:
    session = Session()
    session.skip("a", NOW + 10)
    session.use = "b"
    turn(session)
    assert session.plan("?", NOW + 11).without == frozenset()
    assert session.plan("?", NOW).start_with is None


def test_tokens_are_those_that_the_provider_counted_else_a_rough_count() -> None:
    session = Session()
    turn(session, "x" * 36)
    assert session.context_tokens == 10
    turn(session, given=answer(usage=CompletionUsage(input=700, output=50, cached=400)))
    assert (session.context_tokens, session.tokens) == (750, 750)
    assert session.cost({"a": Prices(input=1.0, output=2.0)}) == 0.0008
    assert session.cost({"a": Prices(input=1.0, output=2.0, cached=0.1)}) == 0.00044
    assert session.cost({"b": Prices(input=1.0, output=2.0)}) is None


def test_what_a_provider_says_it_charged_counts_where_no_price_is_configured() -> None:
    session = Session()
    turn(session, given=answer(usage=CompletionUsage(input=700, cost=0.25)))
    turn(session, given=answer(usage=CompletionUsage(input=700, cost=0.5)))
    turn(session, given=answer(name="b", usage=CompletionUsage(input=700)))
    assert session.cost({}) == 0.75
    assert session.cost({"a": Prices(input=1000.0)}) == 1.4
    assert session.cost({"b": Prices(input=1000.0)}) == 1.45


def test_a_new_conversation_keeps_whom_to_ask() -> None:
    session = Session()
    session.pinned = "a"
    turn(session)
    session.new()
    assert (said(session), session.pinned, session.last, session.tallies) == ([], "a", None, {})


def test_a_question_without_text_was_not_typed() -> None:
    assert typed(ChatMessage(Role.USER)) == ""


def test_a_new_conversation_has_nothing_attached() -> None:
    session = Session()
    session.attachments.append(Attachment("a.txt", Text("a")))
    session.new()
    assert session.attachments == []
