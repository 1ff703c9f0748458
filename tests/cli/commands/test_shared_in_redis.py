"""Runs of the program that share health in Redis: what `status` says, and a server that is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fallback_chat.providers.redis.resp import Address, Redis
from fallback_chat.providers.simulator import closed_port
from tests.cli.program import ANSWERS, Program
from tests.providers.redis.conftest import server
from tests.providers.redis.server import MISSING, PASSWORD, Server
from tests.providers.redis.server import program as redis_server
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["server"]
URL = "FALLBACK_CHAT_HEALTH_URL"


def test_status_shows_what_another_machine_found_and_where_it_is_kept(program: Program, server: Server) -> None:
    env: dict[str, str | None] = {URL: server.url}
    program.play("503", "ok")
    assert program("ask", "hi", env=env).out == ANSWERS["two"]

    told = json.loads(program("status", "--json", env=env).out)
    rows = program("status", env=env).out.splitlines()
    short = program("status", "--short", env=env).out

    assert (told["backend"], told["place"]) == ("redis", f"Redis at {server.directory}/redis.sock")
    assert [(one["name"], one["kind"], one["model"], one["state"], one["reason"]) for one in told["providers"]] == [
        ("one", "openai", "sim-model", "open", "overloaded"),
        ("two", "openai", "sim-model", "closed", None),
    ]
    assert rows[-1] == f"shared in Redis at {server.directory}/redis.sock"
    assert [row.split()[0] for row in rows] == ["provider", "one", "two", "shared"]
    assert short.startswith("one down 0:")
    assert short.endswith(" · two ok\n")


def test_doctor_says_whether_the_server_can_be_reached_and_never_its_password(program: Program, tmp_path: Path) -> None:
    if redis_server() is None:
        pytest.skip(MISSING)
    server = Server(tmp_path, password=PASSWORD)
    server.start()
    try:
        program.play("ok", health_url=server.tcp_url)
        reached = program("doctor", "--json")
        refused = program("doctor", env={URL: server.tcp_url.replace(PASSWORD, "wrong-word")})
    finally:
        server.stop()
    gone = program("doctor", "--json")

    place = f"Redis at 127.0.0.1:{server.port}"
    told = json.loads(reached.out)["shared_health"]
    assert told.pop("server").startswith(("redis ", "valkey "))
    assert told == {"place": place, "reached": True, "problem": None}
    assert f"shared health: {place}, not usable\n  WRONGPASS invalid username-password pair" in refused.out
    told = json.loads(gone.out)["shared_health"]
    assert (told["place"], told["reached"], told["server"]) == (place, False, None)
    assert told["problem"].startswith("Connection refused: until that is mended each process keeps its own records")
    said = reached.out + reached.err + refused.out + refused.err + gone.out + gone.err
    assert [word for word in (PASSWORD, "wrong-word") if word in said] == []


def test_status_only_reads(program: Program, server: Server) -> None:
    env: dict[str, str | None] = {URL: server.url}
    program.play("503", "ok")
    program("ask", "hi", env=env)
    redis = Redis(Address.of(server.url), timeout=PATIENCE)
    redis.call("REPLICAOF", "127.0.0.1", str(closed_port()))  # nothing may be written from now on
    redis.close()

    told = program("status", "--short", env=env)

    assert (told.code, told.err) == (0, "")
    assert told.out.startswith("one down 0:")


def test_the_server_may_be_named_in_the_file_and_the_environment_outweighs_it(
    program: Program, server: Server, tmp_path: Path
) -> None:
    program.play("503", "ok", health_url=server.url)
    program("ask", "hi")
    program("ask", "hi")
    assert program.asked == [1, 2]

    assert json.loads(program("status", "--json").out)["backend"] == "redis"
    elsewhere = program("status", "--json", env={URL: "sqlite", "XDG_STATE_HOME": str(tmp_path / "state")})
    assert json.loads(elsewhere.out) == {
        "schema": "fallback-chat.status/1",
        "backend": "sqlite",
        "place": str(tmp_path / "state/fallback-chat/health.db"),
        "providers": [],
    }


def test_a_config_that_is_named_says_where_health_is_shared(program: Program, server: Server, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text(f'[chain]\nhealth_url = "{server.url}"\n[[providers]]\nkind = "nonsense"\n', "utf-8")

    for arguments in (("--config", str(file), "status", "--json"), ("status", "--config", str(file), "--json")):
        assert json.loads(program(*arguments).out)["backend"] == "redis"


def test_a_lost_server_is_one_line_of_status_with_the_code_of_local_io(program: Program) -> None:
    port = closed_port()

    ran = program("status", env={URL: f"redis://:{PASSWORD}@127.0.0.1:{port}"})

    assert (ran.code, ran.out) == (74, "")
    assert ran.err.startswith(f"fallback-chat: Redis at 127.0.0.1:{port}: ")
    assert ran.err.count("\n") == 1
    assert PASSWORD not in ran.err


def test_a_lost_server_is_told_once_by_ask_which_goes_on_alone(program: Program) -> None:
    program.play("503", "ok")

    ran = program("ask", "hi", env={URL: f"redis://:{PASSWORD}@127.0.0.1:{closed_port()}"})

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert sum("is not shared" in line for line in ran.err.splitlines()) == 1
    assert PASSWORD not in ran.err


@pytest.mark.parametrize("url", ["http://cache", "redis://cache:0", "redis://ca che", "redis", "", 5, "redis://[::1"])
def test_an_address_that_cannot_be_meant_is_a_mistake_of_the_file(program: Program, url: object) -> None:
    program.play("ok", health_url=url)

    for command in (("ask", "hi"), ("status",)):
        ran = program(*command)
        assert (ran.code, ran.out) == (78, "")
        assert "chain.health_url: must be " in ran.err
        assert "cache" not in ran.err


def test_a_project_that_is_not_trusted_sends_no_health_elsewhere(program: Program, tmp_path: Path) -> None:
    (tmp_path / "cwd").mkdir()
    file = tmp_path / "cwd" / "fallback.toml"
    file.write_text('[chain]\nhealth_url = "redis://127.0.0.1:1/"\n', "utf-8")

    ran = program("ask", "hi")

    assert (ran.code, ran.out) == (0, ANSWERS["one"])
    assert "not trusted, so ignored: chain.health_url" in ran.err
    assert json.loads(program("status", "--json").out)["backend"] == "sqlite"
