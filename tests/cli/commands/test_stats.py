"""`stats`: figures from the stored conversations, of periods that end now."""

from __future__ import annotations

import io
import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from fallback_chat.cli.commands.stats import stats
from fallback_chat.core.answer import Answer
from fallback_chat.core.attempts import AttemptRecord, Outcome
from fallback_chat.core.chat_context import ChatMessage, Role, Text
from fallback_chat.core.config.settings import Prices
from fallback_chat.core.conversations.stats import DAY, ProviderStats, stats_of
from fallback_chat.core.conversations.store import History
from fallback_chat.core.errors import APIError, ErrorKind
from fallback_chat.core.llm import CompletionUsage
from fallback_chat.core.storage.connection import StorageError
from tests.core.conversations.fakes import SetClock

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program


def ok(name: str, first: float) -> AttemptRecord:
    return AttemptRecord(name, "openai", "m", Outcome.OK, first_token=first, elapsed=first + 1)


def failed(name: str, kind: ErrorKind) -> AttemptRecord:
    return AttemptRecord(name, "openai", "m", Outcome.FAILED, APIError("no", kind=kind), elapsed=1.0)


class Told:
    """Conversations that are stored at moments of a test's choice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = SetClock()

    def add(self, *attempts: AttemptRecord, ago: float = 0.0, usage: CompletionUsage | None = None) -> None:
        now = self.clock.now
        self.clock.now -= ago
        by = next((one.provider for one in attempts if one.outcome is Outcome.OK), None)
        answer = Answer(text="Yes.", complete=True, provider=by, model="m", usage=usage, attempts=attempts)
        with History.open(self.path, clock=self.clock, warn=pytest.fail) as history:
            turn = history.begin_turn(history.new_session(), ChatMessage(Role.USER, (Text("Is it?"),)))
            history.finish_turn(turn, answer)
        self.clock.now = now

    def shown(self, **options: Any) -> str:
        out, err = io.StringIO(), io.StringIO()
        prices = options.pop("prices", {})
        assert stats(self.path, prices, self.clock.now, out, err, **options) == 0
        return out.getvalue() + err.getvalue()


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path / "data" / "history.db")


def test_each_period_has_its_table(told: Told) -> None:
    told.add(ok("primary", 0.5), ago=8 * DAY)
    told.add(failed("primary", ErrorKind.AUTH), ok("backup", 2.0), ago=2 * DAY)
    told.add(ok("primary", 0.25), usage=CompletionUsage(1000, 500, 200))

    assert told.shown(prices={"primary": Prices(2.0, 10.0)}).splitlines() == [
        "the last conversation",
        "provider  answers  first words  slowest 5 %  tokens in  out    cost  failures",
        "primary         1       0.25 s       0.25 s       1000  500  $0.007  -",
        "",
        "the last 24 hours",
        "provider  answers  first words  slowest 5 %  tokens in  out    cost  failures",
        "primary         1       0.25 s       0.25 s       1000  500  $0.007  -",
        "",
        "the last 7 days",
        "provider  answers  first words  slowest 5 %  tokens in  out    cost  failures",
        "primary         1       0.25 s       0.25 s       1000  500  $0.007  bad key 1",
        "backup          1          2 s          2 s          0    0       -  -",
        "",
        "ever",
        "provider  answers  first words  slowest 5 %  tokens in  out    cost  failures",
        "primary         2        0.5 s        0.5 s       1000  500  $0.007  bad key 1",
        "backup          1          2 s          2 s          0    0       -  -",
    ]


def test_json_is_one_object(told: Told) -> None:
    told.add(
        failed("a", ErrorKind.TIMEOUT),
        failed("a", ErrorKind.TIMEOUT),
        ok("b", 1.5),
        usage=CompletionUsage(3, 4, cost=0.5),
    )

    periods = json.loads(told.shown(as_json=True))["periods"]

    assert list(periods) == ["session", "day", "week", "all"]
    assert periods["all"] == {
        "a": {
            "answers": 0,
            "first_content_ms": {"median": None, "p95": None},
            "failures": {"timeout": 2},
            "tokens": {"input": 0, "output": 0, "cached": 0},
            "cost": None,
        },
        "b": {
            "answers": 1,
            "first_content_ms": {"median": 1500, "p95": 1500},
            "failures": {},
            "tokens": {"input": 3, "output": 4, "cached": 0},
            "cost": 0.5,
        },
    }


def test_the_median_and_the_slowest_twentieth() -> None:
    one = ProviderStats(first_content=[float(number) for number in range(100, 0, -1)])

    assert (one.median, one.p95) == (51, 96)


@pytest.mark.parametrize(
    ("price", "cost"),
    [
        (Prices(2.0, 10.0), 7.0),
        (Prices(2.0, 10.0, cached=0.5), 6.7),
        (Prices(2.0, 10.0, cached=0.0), 6.6),
        (None, 0.25),
    ],
)
def test_each_token_is_paid_for_once(price: Prices | None, cost: float) -> None:
    million = 1_000_000
    one = ProviderStats(input=million, output=million // 2, cached=million // 5, charged=0.25)

    assert one.cost(price) == pytest.approx(cost)


def test_nothing_is_known_on_a_fresh_machine_and_nothing_is_made(told: Told) -> None:
    assert told.shown() == "nothing is recorded: no conversation is stored yet\n"
    assert not told.path.exists()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("attempts", "'nonsense'"), ("attempts", "'[1, null, {}]'"), ("attempts", "x'ff'"), ("attempts", "7"),
        ("attempts", """'[{"provider": 1, "outcome": "ok"}, {"provider": "a", "outcome": "odd"}]'"""),
        ("attempts", """'[{"provider": "a", "outcome": "ok", "first_token_ms": "soon"}]'"""),
        ("attempts", """'[{"provider": "a", "outcome": "failed", "error": "no"}]'"""),
        ("usage", "'[]'"), ("usage", """'{"input": -1, "output": "many", "cost": -3}'"""),
        ("asked", "'yesterday'"), ("provider", "x'00'"),
    ],
)  # fmt: skip
def test_a_damaged_row_counts_as_nothing(told: Told, column: str, value: str) -> None:
    told.add(ok("a", 1.0), usage=CompletionUsage(1, 2))
    connection = sqlite3.connect(told.path)
    connection.execute(f"UPDATE turns SET {column} = {value}")
    connection.commit()
    connection.close()

    found = stats_of(told.path, told.clock.now)
    assert told.shown(as_json=True)
    assert sum(one.answers for one in found["all"].values()) <= 1


def test_an_unreadable_store_is_an_error(told: Told) -> None:
    told.path.parent.mkdir()
    told.path.write_bytes(b"no database" * 100)

    with pytest.raises(StorageError):
        told.shown()


def test_the_command_line_reads_the_users_conversations(program: Program, tmp_path: Path) -> None:
    told = Told(tmp_path / "fallback-chat" / "history.db")
    told.add(ok("one", 1.0))

    ran = program.play("ok")("stats", "--json", env={"XDG_DATA_HOME": str(tmp_path)})
    unpriced = program("stats", "--json", "--config", "/no/such.toml", env={"XDG_DATA_HOME": str(tmp_path)})

    assert (ran.code, ran.err) == (0, "")
    assert list(json.loads(ran.out)["periods"]["all"]) == ["one"]
    missing = "fallback-chat: no prices are known: /no/such.toml: cannot be read: No such file or directory\n"
    assert (unpriced.code, unpriced.err) == (0, missing)
    assert list(json.loads(unpriced.out)["periods"]["all"]) == ["one"]
