"""What the status row says while an answer is awaited."""

from __future__ import annotations

from fallback_chat.cli.repl.progress import Progress
from fallback_chat.core.engine.settings import OnStreamFailure
from fallback_chat.core.errors import APIError
from fallback_chat.core.events import AttemptFailed, AttemptLate, AttemptStarted, Waiting
from tests.core.scripted import ScriptedLLM, text, thought

A, B = ScriptedLLM("a", []), ScriptedLLM("b", [])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def started() -> tuple[Progress, Clock]:
    clock = Clock()
    progress = Progress(clock)
    progress.event(AttemptStarted(A, 1))
    return progress, clock


def test_waiting_thinking_and_writing_are_told_apart() -> None:
    progress, clock = started()
    clock.now += 2
    assert (progress.provider, progress.activity()) == ("a", "waiting 2 s")
    progress.chunk(thought("hm"))
    assert progress.activity() == "thinks 2 s"
    progress.chunk(text("x" * 400))
    clock.now += 2
    progress.chunk(text("x" * 400))
    assert progress.activity() == "4 s 100 tok/s"


def test_who_thinks_without_having_answered_does_not_stall() -> None:
    progress, clock = started()
    progress.thought_ago = lambda: 0.1
    clock.now += 9
    assert (progress.activity(), progress.stalls) == ("thinks 9 s", False)
    progress.thought_ago = lambda: 5.0
    progress.left = lambda: 8.0
    assert (progress.activity(), progress.stalls) == ("no tokens 5 s — next in 8 s", True)


def test_a_stall_counts_down_to_the_next_provider() -> None:
    progress, clock = started()
    progress.left = lambda: 8.2
    clock.now += 3
    assert (progress.activity(), progress.stalls) == ("waiting 3 s", False)
    clock.now += 9
    assert (progress.activity(), progress.stalls) == ("no tokens 12 s — next in 9 s", True)


def test_a_stall_in_the_middle_of_an_answer_tells_what_the_policy_does() -> None:
    progress, clock = started()
    progress.left = lambda: 8.0
    progress.chunk(text("some"))
    clock.now += 5
    assert progress.activity() == "no tokens 5 s — gives up in 8 s"
    progress.on_stream_failure = OnStreamFailure.RESTART
    assert progress.activity() == "no tokens 5 s — next in 8 s"


def test_with_nobody_left_there_is_no_way_out() -> None:
    progress, clock = started()
    progress.can_switch = lambda: False
    progress.left = lambda: 8.0
    clock.now += 5
    assert (progress.activity(), progress.way_out("Ctrl-N")) == ("no tokens 5 s — gives up in 8 s", "")


def test_a_retry_of_the_same_provider_is_counted_down() -> None:
    progress, clock = started()
    progress.event(AttemptFailed(A, APIError("busy"), 0.1, A, 3.0))
    clock.now += 1
    assert progress.activity() == "asked again in 0:02"


def test_a_narrow_row_says_how_long_it_takes_and_no_more() -> None:
    progress, clock = started()
    clock.now += 2
    assert progress.activity(brief=True) == "waiting 2 s"
    progress.left = lambda: 115.0
    clock.now += 3
    assert progress.activity(brief=True) == "no tokens 5 s"
    progress.chunk(text("x" * 400))
    clock.now += 2
    assert progress.activity(brief=True) == "7 s"
    progress.event(AttemptFailed(A, APIError("busy"), 0.1, A, 19.0))
    assert progress.activity(brief=True) == "again in 0:19"


def test_a_chain_that_waits_shows_the_provider_it_waits_for() -> None:
    progress, clock = started()
    progress.event(Waiting(40.0, 1040.0, B))
    clock.now += 1
    assert (progress.provider, progress.activity(), progress.way_out("Ctrl-N")) == (
        "b",
        "no provider available · b in 0:39",
        "Ctrl-C to stop",
    )
    assert progress.activity(brief=True) == "in 0:39"


def test_the_next_provider_begins_from_nothing() -> None:
    progress, clock = started()
    progress.chunk(text("some"))
    progress.event(AttemptFailed(A, APIError("cut"), 0.1, B))
    clock.now += 5
    progress.event(AttemptStarted(B, 2))
    assert (progress.provider, progress.activity()) == ("b", "waiting 0 s")


def test_one_that_is_late_is_named_until_somebody_answers() -> None:
    progress, clock = started()
    clock.now += 10
    progress.event(AttemptLate(A, B, 10.0))
    progress.event(AttemptStarted(B, 2))
    clock.now += 2
    assert (progress.provider, progress.activity()) == ("b", "waiting 2 s; a is late")
    progress.speaker = lambda: "a"
    progress.chunk(text("x"))
    assert (progress.provider, progress.activity()) == ("a", "2 s")


def test_one_that_was_late_and_has_failed_is_not_named() -> None:
    progress, _ = started()
    progress.event(AttemptLate(A, B, 10.0))
    progress.event(AttemptStarted(B, 2))
    progress.event(AttemptFailed(A, APIError("gone"), 11.0, B))
    assert progress.activity() == "waiting 0 s"
