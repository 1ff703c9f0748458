"""`models` lists what each provider offers, from its live list or from a cache of a day; a wrong name gets the nearest ones."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.commands.models import Listing, _lines, _listing
from fallback_chat.configuring import own_paths
from fallback_chat.core.config.model_cache import ModelCache
from fallback_chat.core.config.settings import ProviderSettings, Settings
from fallback_chat.core.engine.adapter import FallbackAdapter
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings
from fallback_chat.core.llm import ModelInfo
from fallback_chat.core.redaction import Redactor
from fallback_chat.providers.simulator.schedule import first
from fallback_chat.wiring import OpenChain
from tests.cli.canned import canned
from tests.cli.program import ANSWERS, KEY
from tests.core.scripted import ScriptedLLM

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.cli.program import Program


def test_each_provider_lists_its_models_and_the_one_in_use_is_marked(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][1]["model"] = "another"
    ran = program("models")
    assert (ran.code, ran.out, ran.err) == (0, "one (1 model)\n* sim-model\ntwo (1 model)\n  sim-model\n", "")


def test_names_narrow_the_list(program: Program) -> None:
    program.play("ok", "ok")
    assert program("models", "two").out == "two (1 model)\n* sim-model\n"


def test_the_json_has_every_provider_and_what_failed(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][1]["base_url"] = "http://127.0.0.1:9/v1"
    ran = program("models", "--json")
    assert json.loads(ran.out) == {
        "schema": "fallback-chat.models/1",
        "providers": [
            {
                "name": "one",
                "model": "sim-model",
                "models": [
                    {
                        "id": "sim-model",
                        "context_window": None,
                        "capabilities": [],
                        "max_output_tokens": None,
                        "retired": False,
                    }
                ],
                "error": None,
            },
            {
                "name": "two",
                "model": "sim-model",
                "models": [],
                "error": {
                    "kind": "connection",
                    "status": None,
                    "code": None,
                    "message": "127.0.0.1:9 refuses connections",
                    "retry_after": None,
                    "request_id": None,
                },
            },
        ],
        "exit_code": 0,
    }


class Buggy(ScriptedLLM):
    async def list_models(self) -> Sequence[ModelInfo]:
        raise ZeroDivisionError("division by zero")


async def test_a_bug_in_a_provider_hides_no_other_list() -> None:
    llms = [Buggy("a", []), ScriptedLLM("b", [], models=[ModelInfo("b-1")])]
    settings = tuple(ProviderSettings(name=llm.label, kind="scripted", model=llm.model) for llm in llms)
    models = ModelCache(own_paths().cache / "models.json")
    chain = OpenChain(
        FallbackAdapter(llms),
        Settings(chain=ChainSettings(), attempt=AttemptSettings(), providers=settings),
        Redactor([]),
        lambda: models,
    )

    found = [await _listing(chain, *each, refresh=False) for each in zip(llms, settings, strict=True)]

    assert list(_lines(found)) == [
        "a failed in its own code (ZeroDivisionError: division by zero)",
        "b (1 model)",
        "* b-1",
    ]


def test_a_retired_model_is_marked_and_never_proposed() -> None:
    listing = Listing("one", "old-1", [ModelInfo("new-1", 8, ("tools",)), ModelInfo("old-1", 8, retired=True)])
    assert list(_lines([listing])) == ["one (2 models)", "  new-1  8 tokens  tools", "* old-1  8 tokens  retired"]


def test_without_any_list_it_fails(program: Program) -> None:
    program.config["providers"][0]["base_url"] = "http://127.0.0.1:9/v1"
    ran = program("models")
    assert (ran.code, ran.out) == (69, "one cannot be reached (127.0.0.1:9 refuses connections)\n")


@pytest.mark.parametrize(("flags", "asked"), [([], 1), (["--refresh"], 2)])
def test_a_list_is_good_for_a_day_unless_told_otherwise(
    program: Program, tmp_path: Path, flags: list[str], asked: int
) -> None:
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    runs = [program("models", env=env).out, program("models", *flags, env=env).out]
    assert (*runs, program.asked) == ("one (1 model)\n* sim-model\n",) * 2 + ([asked],)


def test_a_cache_that_is_no_cache_is_no_matter(program: Program, tmp_path: Path) -> None:
    cache = tmp_path / "cache/fallback-chat/models.json"
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    program("models", env=env)
    (account,) = json.loads(cache.read_bytes())
    for stored in (1, {"at": 9e99, "models": []}, {"at": time.time(), "models": [1]}):
        cache.write_text(json.dumps({account: stored}))
        ran = program("models", env=env)
        assert (ran.code, ran.out, ran.err) == (0, "one (1 model)\n* sim-model\n", "")
    for content in ("", "{", "[]"):
        cache.write_text(content)
        ran = program("models", env=env)
        assert (ran.code, ran.out, ran.err) == (0, "one (1 model)\n* sim-model\n", "")
    assert program.asked == [7]


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"name": "another", "model": "m"}, 1),
        ({"kind": "openai-responses"}, 2),
        ({"headers": {"X-Team": "search"}}, 2),
        ({"api_key_env": "OTHER_KEY"}, 2),
    ],
    ids=str,
)
def test_a_list_belongs_to_a_server_and_a_key_and_not_to_a_name(
    program: Program, tmp_path: Path, change: dict[str, object], asked: int
) -> None:
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "OTHER_KEY": "sk-other-0123456789"}
    program("models", env=env)
    program.config["providers"][0] |= change

    program("models", env=env)

    assert program.asked == [asked]
    assert KEY not in (tmp_path / "cache/fallback-chat/models.json").read_text()


def test_an_address_of_its_own_has_a_list_of_its_own(program: Program, tmp_path: Path) -> None:
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    program.play("ok", "ok")
    program("models", "one", env=env)
    program.config["providers"][0]["base_url"] = program.config["providers"][1]["base_url"]

    program("models", "one", env=env)

    assert program.asked == [1, 1]


def test_while_a_list_is_good_the_key_command_does_not_run(program: Program, tmp_path: Path) -> None:
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    (key := tmp_path / "key").write_text(KEY)
    del program.config["providers"][0]["api_key_env"]
    program.config["providers"][0]["api_key_cmd"] = ["cat", str(key)]
    program("models", env=env)
    key.unlink()

    assert (program("models", env=env).code, program.asked) == (0, [1])


def test_a_model_that_is_not_there_gets_the_nearest_ones(program: Program) -> None:
    program.play(first(1, "no-model"))
    program.config["providers"][0]["model"] = "sim-modle"
    ran = program("ask", "hi")
    assert ran.code == 78
    assert ran.err.splitlines()[-1] == "fallback-chat: one has sim-model"


def test_names_from_a_server_steer_no_terminal_and_quote_no_key(program: Program) -> None:
    hostile = {"data": [{"id": f"a\x9b31m\u202e {KEY}"}]}
    with canned([json.dumps(hostile).encode()]) as url:
        program.config["providers"][0]["base_url"] = f"{url}/v1"
        for flags in ([], ["--json"]):
            out = program("models", *flags).out
            assert "31m" in out
            assert KEY not in out
            assert not set(out) & {"\x9b", "\u202e"}


def test_a_window_that_a_list_told_keeps_a_long_conversation_away(program: Program, tmp_path: Path) -> None:
    env: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    program.play("ok", "ok")
    program.config["providers"][0] |= {"kind": "anthropic", "base_url": program.servers[0].url}
    long = b"word " * 200_000
    before = program("ask", "count", stdin=long, env=env)
    program("models", "one", env=env)

    after = program("ask", "count", stdin=long, env=env)

    assert (before.out, after.out) == (ANSWERS["one"], ANSWERS["two"])
    assert after.err.splitlines()[:2] == [
        "fallback-chat: standard input was added: 1 line",
        "fallback-chat: one skipped: about 250009 tokens do not fit into its window of 200000",
    ]
