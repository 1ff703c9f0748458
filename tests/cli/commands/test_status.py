"""`status`: the health store as it stands."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fallback_chat.cli.commands.status import status
from fallback_chat.cli.words.health import countdown, state_word
from fallback_chat.core.conversations.stats import stats_of
from fallback_chat.core.engine.breaker import Health
from fallback_chat.core.engine.health_sqlite import SqliteBackend, known_providers
from fallback_chat.core.engine.shared_health import Label
from fallback_chat.core.events import State
from fallback_chat.sharing import StoredHealth
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent.parent.parent
NOW = 1_700_000_000.0


@pytest.fixture
def path(home: Path) -> Path:
    where = home / "state_home" / "fallback-chat" / "health.db"
    labels = {"a": Label(0, "primary", "openai", "big"), "b": Label(1, "back\x1bup", "ollama", "small")}
    store = SqliteBackend(where, labels, clock=lambda: NOW)
    store.update("a", lambda _: Health(State.OPEN, "rate_limited", NOW - 1, NOW + 42, opens=1, generation=1))
    store.add_samples([("b", 0, 1.0)])
    store.close()
    return where


def shown(path: Path, chain: tuple[str, ...] | None = None, **form: bool) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    stored = StoredHealth("sqlite", str(path), known_providers(path), chain=chain)
    return status(stored, NOW, out, err, **form), out.getvalue(), err.getvalue()


def test_one_row_for_each_provider(path: Path) -> None:
    assert shown(path) == (
        0,
        f"provider  model  state\nprimary   big    rate limited 0:42\nback␛up   small  ok\nshared in {path}\n",
        "",
    )


def test_short_is_one_line(path: Path) -> None:
    assert shown(path, short=True) == (0, "primary rate limited 0:42 · back␛up ok\n", "")


def test_only_the_chain_is_shown_in_its_order_and_the_others_are_counted(path: Path) -> None:
    more = "more on record, with another name, key or model: fallback-chat status --all\n"

    assert shown(path, ("c", "b", "a"), short=True) == (0, "back␛up ok · primary rate limited 0:42\n", "")
    assert shown(path, ("b",)) == (0, f"provider  model  state\nback␛up   small  ok\nshared in {path}\n", f"1 {more}")
    assert shown(path, ()) == (
        0,
        "",
        f"nothing is recorded in {path}: no provider of this chain has failed yet\n2 {more}",
    )
    assert shown(path, (), everybody=True) == shown(path)
    assert shown(path, (), everybody=True, as_json=True) == shown(path, as_json=True)


def test_json_is_one_object(path: Path) -> None:
    code, out, err = shown(path, as_json=True)

    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "schema": "fallback-chat.status/1",
        "backend": "sqlite",
        "place": str(path),
        "providers": [
            {
                "name": "primary",
                "kind": "openai",
                "model": "big",
                "state": "open",
                "reason": "rate_limited",
                "since": "2023-11-14T22:13:19+00:00",
                "until": "2023-11-14T22:14:02+00:00",
                "opens": 1,
            },
            {
                "name": "back\x1bup",
                "kind": "ollama",
                "model": "small",
                "state": "closed",
                "reason": None,
                "since": None,
                "until": None,
                "opens": 0,
            },
        ],
    }


def test_nothing_is_known_on_a_fresh_machine_and_nothing_is_made(tmp_path: Path) -> None:
    path = tmp_path / "state" / "health.db"

    assert shown(path) == (
        0,
        "",
        f"nothing is recorded in {path}: no provider has failed yet\n",
    )
    assert shown(path, short=True) == (0, "\n", "")
    assert json.loads(shown(path, as_json=True)[1]) == {
        "schema": "fallback-chat.status/1",
        "backend": "sqlite",
        "place": str(path),
        "providers": [],
    }
    assert not path.parent.exists()


@pytest.mark.parametrize("begun", [False, True])
def test_a_file_that_somebody_only_began_has_no_record(tmp_path: Path, begun: bool) -> None:
    """The disk was full, or the process killed."""
    path = tmp_path / "health.db"
    path.touch(0o600)
    if begun:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")

    assert shown(path) == (0, "", f"nothing is recorded in {path}: no provider has failed yet\n")
    assert not any(stats_of(path, NOW).values())


def test_a_read_only_folder_is_read_and_nothing_is_made_in_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite would create two files, which fails there; the system's administrator may do it all the same."""
    monkeypatch.setattr("os.access", lambda *_: False)

    assert shown(path, short=True) == (0, "primary rate limited 0:42 · back␛up ok\n", "")
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("health", "word"),
    [
        (Health(), "ok"),
        (Health(State.OPEN, "timeout", NOW, NOW + 12.3), "down 0:13"),
        (Health(State.OPEN, "timeout", NOW - 20, NOW), "retrying"),
        (Health(State.OPEN, "timeout", NOW + 3600, NOW + 3615), "retrying"),  # the clock was set back
        (Health(State.OPEN, "timeout", NOW, NOW + 10 * 365 * 86_400), "down 768 h"),
        (Health(State.HALF_OPEN, "timeout", NOW, NOW + 9), "trying"),
        (Health(State.BLOCKED, "auth", NOW), "bad key"),
        (Health(State.BLOCKED, "quota_exhausted", NOW, NOW + 7200), "no quota 2 h"),
        (Health(State.DISABLED, None, NOW), "off"),
    ],
)
def test_every_state_has_a_word(health: Health, word: str) -> None:
    assert state_word(health, NOW) == word


def test_a_countdown_ends_at_one_second() -> None:
    assert [countdown(seconds) for seconds in (0.1, 42, 59.5, 725, 3600)] == ["0:01", "0:42", "1:00", "12:05", "1 h"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fallback_chat", "status", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=dict(os.environ),
        timeout=PATIENCE,
        check=False,
    )


def test_the_command_line_reads_the_users_store(path: Path) -> None:
    assert run("--short", "--all").stdout == "primary retrying · back␛up ok\n"
    assert [each["name"] for each in json.loads(run("--json").stdout)["providers"]] == []  # no chain is configured

    path.write_bytes(b"garbage " * 1000)
    failed = run()
    assert (failed.returncode, failed.stdout) == (74, "")
    assert str(path) in failed.stderr
