"""The status row: its words and how it fits a width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.cli.repl.status import (
    Status,
    StatusEntry,
    Tone,
    columns,
    compose,
    status_word,
)
from fallback_chat.cli.words.health import OF_REASON as HEALTH_WORDS
from fallback_chat.cli.words.health import STATES, countdown
from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.events import State

NOW = 100.0
ENTRIES = (
    StatusEntry("anthropic", "sonnet", "ok", Tone.GOOD),
    StatusEntry("openai", "gpt", "rate limited 0:42", Tone.WAITING),
    StatusEntry("local", "llama", "bad key", Tone.BAD),
)
FULL = Status(ENTRIES, context=0.18, tokens=1234, cost="$0.004", flags=("pinned",), hint="? help")


def row(status: Status, width: int) -> str:
    return "".join(piece.text for piece in compose(status, width))


def test_everything_is_shown_where_there_is_room() -> None:
    assert row(FULL, 110) == (
        "▸anthropic sonnet · openai rate limited 0:42 · local bad key │ ctx 18% │ 1.2k tok $0.004 │ pinned │ ? help"
    )


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (99, "▸anthropic sonnet · openai rate limited 0:42 · local bad key │ ctx 18% │ 1.2k tok $0.004 │ pinned"),
        (88, "▸anthropic sonnet · openai rate limited 0:42 · local bad key │ ctx 18% │ 1.2k tok $0.004"),
        (71, "▸anthropic sonnet · openai rate limited 0:42 · local bad key │ ctx 18%"),
        (59, "▸anthropic (1/3) 18% pinned"),
        (20, "▸anthropic (1/3) 18%"),
        (10, "▸anthropic"),
        (5, "▸ant…"),
    ],
)
def test_segments_are_dropped_from_the_right(width: int, shown: str) -> None:
    assert row(FULL, width) == shown


def test_what_the_active_one_does_stands_beside_it() -> None:
    status = Status(ENTRIES, 1, activity="3 s 45 tok/s", hint="")
    assert row(status, 80) == "▸openai gpt 3 s 45 tok/s · anthropic ok · local bad key"
    assert row(status, 40) == "▸openai 3 s 45 tok/s"


@pytest.mark.parametrize(
    ("width", "shown"),
    [(40, "▸openai rate limited 0:42 (2/3)"), (30, "▸openai rate limited 0:42"), (20, "▸openai rate limite…")],
)
def test_a_narrow_row_keeps_the_state_of_the_next_one(width: int, shown: str) -> None:
    assert row(Status(ENTRIES, 1), width) == shown


@given(
    st.lists(st.tuples(st.text(max_size=30), st.text(max_size=30)), min_size=1, max_size=9),
    st.integers(1, 200),
)
def test_no_name_makes_the_row_wider_than_the_terminal(names: list[tuple[str, str]], width: int) -> None:
    entries = tuple(StatusEntry(name, model, "ok", Tone.GOOD) for name, model in names)
    assert columns(compose(Status(entries, context=0.5, flags=("vi",)), width)) <= width


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (Health(), "ok"),
        (Health(State.OPEN, "rate_limited", NOW, NOW + 42), "rate limited 0:42"),
        (Health(State.OPEN, "server_error", NOW, NOW + 61), "down 1:01"),
        (Health(State.OPEN, "server_error", 0.0, NOW), "retrying"),
        (Health(State.HALF_OPEN, None, NOW, NOW + 9), "trying"),
        (Health(State.BLOCKED, "auth", NOW), "bad key"),
        (Health(State.BLOCKED, "permission", NOW), "access denied"),
        (Health(State.BLOCKED, "model_not_found", NOW), "no such model"),
        (Health(State.BLOCKED, "quota_exhausted", NOW, NOW + 7200), "no quota 2 h"),
        (Health(State.DISABLED, None, NOW), "off"),
    ],
)
def test_every_state_has_a_word(health: Health, word: str) -> None:
    assert status_word(health, NOW)[0] == word


def test_skipped_and_slow_are_words_of_the_chat() -> None:
    assert status_word(Health(), NOW, skipped=True)[0] == "skipped"
    assert status_word(Health(), NOW, slow=True)[0] == "slow"


def test_a_time_that_runs_down_is_short() -> None:
    assert [countdown(seconds) for seconds in (0.2, 41.1, 60, 725, 3600)] == ["0:01", "0:42", "1:00", "12:05", "1 h"]


def test_every_state_is_in_the_vocabulary() -> None:
    words = {*HEALTH_WORDS.values(), "ok", "off", "trying", "retrying", "skipped", "slow", "down", "offline"}
    assert words == {word for word, *_ in STATES}
