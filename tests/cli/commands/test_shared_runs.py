"""Runs of the program that share a store: who pays for a dead provider, and what a store that cannot be used does."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest

from fallback_chat.core.engine.breaker import LONGEST_REST
from tests.cli.program import ANSWERS, Program

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNS: Final = 20


@pytest.fixture
def state(program: Program, tmp_path: Path) -> dict[str, str | None]:
    """The environment of runs that share one state directory."""
    program.play("silence", "ok", attempt_timeout=2)  # long enough for a request to arrive
    return {"XDG_STATE_HOME": str(tmp_path / "state")}


def pays(program: Program, *args: str, env: dict[str, str | None]) -> bool:
    """Run the program, which two answers; return whether one was waited for, until it timed out."""
    ran = program(*args, env=env)
    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    return "one timed out" in ran.err


def rest_anew(path: Path) -> None:
    """Let the rest of a provider that failed begin now, and be as long as one can be."""
    with closing(sqlite3.connect(path)) as connection, connection:
        now = time.time()
        connection.execute("UPDATE health SET since = ?, until = ? WHERE state = 'open'", (now, now + LONGEST_REST))


def test_a_shell_loop_of_twenty_pays_the_time_out_of_a_hung_primary_once(
    program: Program, state: dict[str, str | None], tmp_path: Path
) -> None:
    paid = []
    for _ in range(RUNS):
        paid.append(pays(program, "ask", "hi", env=state))
        rest_anew(tmp_path / "state" / "fallback-chat" / "health.db")  # a busy machine takes longer than the first rest

    assert paid == [True] + [False] * (RUNS - 1)


def test_without_shared_health_every_run_pays(program: Program, state: dict[str, str | None]) -> None:
    assert [pays(program, "ask", "--no-shared-health", "hi", env=state) for _ in range(2)] == [True, True]


def test_a_probe_writes_what_it_finds(program: Program, state: dict[str, str | None]) -> None:
    program("probe", env=state)
    before = program.asked
    ran = program("ask", "hi", env=state)

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert program.asked == [before[0], before[1] + 1]
    (one, two) = json.loads(program("status", "--json", env=state).out)["providers"]
    assert ((one["state"], one["reason"]), two["state"]) == (("open", "timeout"), "closed")


def corrupt(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\x00" + os.urandom(4000))


def foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE health (something TEXT)")
    connection.close()


def newer(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


def special(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere" / "health.db")


def loop(path: Path) -> None:
    path.symlink_to(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/full")


@pytest.mark.parametrize("spoil", [loop, device, corrupt, foreign, newer, special, directory, dangling])
def test_a_store_that_cannot_be_used_costs_one_warning_and_nothing_else(
    program: Program, state: dict[str, str | None], tmp_path: Path, spoil: Callable[[Path], Any]
) -> None:
    path = tmp_path / "state" / "fallback-chat" / "health.db"
    path.parent.mkdir(parents=True, mode=0o700)
    spoil(path)
    program.play("503", "ok")

    ran = program("ask", "hi", env=state)
    warnings = [line for line in ran.err.splitlines() if "health" in line]

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert len(warnings) == 1
    assert "cannot be used" in warnings[0] or "is not shared" in warnings[0]


@pytest.mark.parametrize("folder", ["state", "cache"])
def test_a_folder_that_may_not_be_looked_into_stops_nobody(
    program: Program, state: dict[str, str | None], tmp_path: Path, folder: str
) -> None:
    forbidden = tmp_path / folder / "fallback-chat"
    forbidden.mkdir(parents=True)
    forbidden.chmod(0)
    plain = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if plain and shutil.which("setpriv") is None:
        pytest.skip("root may look everywhere, and there is no setpriv here to change that")
    env = state | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    program.play("503", "ok")

    try:
        ran = program("ask", "hi", env=env, before=plain)
    finally:
        forbidden.chmod(0o700)

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert sum("is not shared" in line for line in ran.err.splitlines()) == (folder == "state")


def test_text_that_is_not_utf_8_is_shown_as_far_as_it_can_be(
    program: Program, state: dict[str, str | None], tmp_path: Path
) -> None:
    program.play("503", "ok")("ask", "hi", env=state)
    connection = sqlite3.connect(tmp_path / "state" / "fallback-chat" / "health.db")
    connection.execute("UPDATE health SET name = CAST(x'ff41' AS TEXT), model = CAST(x'fe' AS TEXT) WHERE name = 'two'")
    connection.commit()
    connection.close()

    for arguments in ((), ("--short",), ("--json",)):
        ran = program("status", *arguments, env=state)
        assert (ran.code, ran.err) == (0, "")
        assert "one" in ran.out


def test_a_locked_store_costs_one_warning_and_no_time(
    program: Program, state: dict[str, str | None], tmp_path: Path
) -> None:
    program.play("503", "ok")("ask", "hi", env=state)
    path = tmp_path / "state" / "fallback-chat" / "health.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    try:
        ran = program("ask", "--chain", "two", "hi", env=state)
    finally:
        connection.close()

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert sum("health" in line for line in ran.err.splitlines()) <= 1


def test_a_clock_that_was_set_back_a_day_keeps_nobody_away(
    program: Program, state: dict[str, str | None], tmp_path: Path
) -> None:
    assert pays(program, "ask", "hi", env=state)
    path = tmp_path / "state" / "fallback-chat" / "health.db"
    connection = sqlite3.connect(path)
    connection.execute("UPDATE health SET since = since + 86400, until = until + 86400 WHERE state = 'open'")
    connection.commit()
    connection.close()

    assert pays(program, "ask", "hi", env=state)
