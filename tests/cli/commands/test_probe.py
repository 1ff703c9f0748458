"""`probe` as a process: the truth about each provider, in parallel, in bounded time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.program import KEY, Ran, entry

if TYPE_CHECKING:
    from tests.cli.program import Program


def rows(ran: Ran) -> list[dict[str, Any]]:
    """Read the object of --json, and prove what holds for all of them."""
    assert ran.out.count("\n") == 1
    value = json.loads(ran.out)
    assert value.keys() == {"schema", "providers", "exit_code"}
    assert (value["schema"], value["exit_code"]) == ("fallback-chat.probe/1", ran.code)
    found: list[dict[str, Any]] = value["providers"]
    for row in found:
        assert row.keys() == {
            "name",
            "kind",
            "model",
            "ok",
            "state",
            "check",
            "connect_ms",
            "first_token_ms",
            "total_ms",
            "key_source",
            "error",
            "until",
        }
        assert row["error"] is None or row["error"].keys() == {"kind", "status", "message", "retry_after"}
    return found


VERDICTS = {
    "ok": ("closed", None, None),
    "json-for-stream": ("closed", None, None),
    "500": ("open", "server_error", 500),
    "503": ("open", "overloaded", 503),
    "silence": ("open", "timeout", None),
    "head-silent": ("open", "timeout", None),
    "accept-close": ("open", "connection", None),
    "rate-limit": ("open", "rate_limited", 429),
    "429-wait-30-days": ("blocked", "rate_limited", 429),
    "quota": ("blocked", "quota_exhausted", 429),
    "bad-key": ("blocked", "auth", 401),
    "403": ("blocked", "permission", 403),
    "no-model": ("blocked", "model_not_found", 404),
    "html-200": ("open", "server_error", None),
    "token-close": ("open", "truncated", None),
    "empty": ("closed", "empty", None),
    "terminator-only": ("closed", "empty", None),
    "whitespace": ("closed", "empty", None),
    "bad-input": ("closed", "bad_request", 400),
}


@pytest.mark.parametrize("fault", VERDICTS)
def test_the_verdict_is_what_a_turn_would_come_to(program: Program, fault: str) -> None:
    state, kind, status = VERDICTS[fault]

    ran = program.play(fault, attempt_timeout=0.4)("probe", "--json")

    (row,) = rows(ran)
    error = row["error"]
    assert (row["name"], row["kind"], row["model"], row["check"]) == ("one", "openai", "sim-model", "completion")
    assert (row["ok"], row["state"], ran.code) == (kind is None, state, 0 if kind is None else 69)
    assert (error and error["kind"], error and error["status"]) == (kind, status)
    assert row["key_source"] == "env SIM_KEY"
    assert (row["first_token_ms"] is not None) >= row["ok"]
    assert (row["until"] is not None) >= (state == "open")
    assert ran.err == ""


def test_a_probe_asks_each_provider_once_for_next_to_nothing(program: Program) -> None:
    program.play("ok", "500", "ok")("probe")

    bodies = [server.requests[0].json for server in program.servers]
    assert program.asked == [1, 1, 1]
    assert [1 <= (body.get("max_tokens") or body["max_completion_tokens"]) <= 16 for body in bodies] == [True] * 3
    assert [len(str(body["messages"])) < 100 for body in bodies] == [True] * 3


def test_a_light_probe_asks_for_the_list_of_models_only(program: Program) -> None:
    ran = program.play("ok", "503")("probe", "--light", "--json")

    well, ill = rows(ran)
    assert [[(r.method, r.path) for r in server.requests] for server in program.servers[:2]] == [
        [("GET", "/v1/models")],
        [("GET", "/v1/models")],
    ]
    assert (well["ok"], well["check"], well["first_token_ms"], ill["ok"], ran.code) == (True, "models", None, False, 0)


def test_five_hung_providers_of_ten_cost_one_time_out_and_not_five(program: Program) -> None:
    hung, well = program.play("ok", "silence").servers[1].url, program.servers[0].url
    program.config["providers"] = [entry(f"p{n}", hung if n % 2 else well) for n in range(10)]

    ran = program("probe", "--json", "--timeout", "2s")

    assert ([row["ok"] for row in rows(ran)], ran.code) == ([True, False] * 5, 0)
    given_up = [request.client_left_at or 0.0 for request in program.servers[1].requests]
    assert len(given_up) == 5
    assert max(request.at for server in program.servers[:2] for request in server.requests) < min(given_up)


def test_strict_wants_all_of_them(program: Program) -> None:
    one_down = program.play("ok", "500")("probe", "--strict", "--json")
    all_well = program.play("ok", "ok")("probe", "--strict", "--json")

    assert (one_down.code, all_well.code) == (69, 0)
    assert [row["ok"] for row in rows(one_down)] == [True, False]


def test_names_narrow_it_and_bring_back_a_disabled_one(program: Program) -> None:
    program.play("ok", "ok", "500")
    program.config["providers"][1]["enabled"] = False

    named = program("probe", "--json", "two")
    everyone = program("probe", "--json")
    unknown = program("probe", "--json", "tow")

    assert [row["name"] for row in rows(named)] == ["two"]
    assert [row["name"] for row in rows(everyone)] == ["one", "two", "three"]
    assert unknown.code == 78
    assert "'two'" in unknown.err


def test_a_disabled_provider_is_listed_and_neither_asked_nor_missed(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][1]["enabled"] = False

    ran = program("probe", "--strict", "--json")
    table = program("probe", "--strict").out.splitlines()

    row = rows(ran)[1]
    assert (ran.code, row["name"], row["state"], row["check"], row["ok"]) == (0, "two", "disabled", "none", False)
    assert {row[key] for key in ("connect_ms", "first_token_ms", "total_ms", "error", "until")} == {None}
    assert [line.split()[:3] for line in table[1:]] == [["one", "sim-model", "ok"], ["two", "sim-model", "off"]]
    assert program.asked == [2, 0]


def test_the_table_is_plain_and_tells_what_to_do(program: Program) -> None:
    ran = program.play("ok", "bad-key")("probe")

    lines = ran.out.splitlines()
    assert (ran.code, ran.err, len(lines)) == (0, "", 4)
    assert lines[0].split() == ["provider", "model", "state", "connect", "first", "token", "key"]
    assert lines[1].split()[:3] == ["one", "sim-model", "ok"]
    assert lines[2].split()[:4] == ["two", "sim-model", "bad", "key"]
    assert lines[3].startswith("two rejected the API key (HTTP 401: Incorrect API key provided.)")


def test_a_missing_key_is_said_without_a_request(program: Program) -> None:
    program.config["providers"][0]["api_key_env"] = "NO_SUCH_KEY"

    ran = program("probe", "--json")

    (row,) = rows(ran)
    assert (ran.code, row["ok"], row["check"], row["key_source"]) == (69, False, "none", "env NO_SUCH_KEY")
    assert "NO_SUCH_KEY is not set" in row["error"]["message"]
    assert program.asked == [0]


def test_neither_a_key_nor_an_escape_sequence_comes_out(program: Program) -> None:
    program.play("key-in-message")

    for args in (["probe"], ["probe", "--json"]):
        ran = program(*args)
        assert KEY not in ran.out + ran.err
        assert "\x1b" not in ran.out + ran.err
