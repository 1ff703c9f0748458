"""Flags and environment variables on top of the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fallback_chat.core.config.overrides import Overrides, apply, wished_health_url
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.settings import Origin, Settings
from fallback_chat.core.engine.settings import OnStreamFailure, TimeoutSource
from fallback_chat.core.errors import ConfigError, NobodyInsideError

SETTINGS = load("""
[[providers]]
name = "a"
kind = "guide"
[[providers]]
name = "b"
kind = "guide"
enabled = false
[[providers]]
name = "c"
kind = "guide"
[profiles.p]
providers = ["c", "a"]
""")


def order(overrides: Overrides) -> list[str]:
    return [one.name + ("" if one.enabled else " (off)") for one in apply(SETTINGS, (overrides, Origin.FLAG)).providers]


def test_only_whoever_has_the_required_tag_takes_part_and_nobody_comes_back_for_it() -> None:
    tagged = [replace(one, tags=("eu",) if one.name in "ab" else ()) for one in SETTINGS.providers]
    settings = replace(SETTINGS, providers=tuple(tagged))

    inside = apply(settings, (Overrides(require="eu"), Origin.FLAG))

    assert [(one.name, one.enabled) for one in inside.providers] == [("a", True), ("b", False)]
    off = replace(settings, providers=tuple(replace(one, enabled=one.name == "c") for one in tagged))
    with pytest.raises(NobodyInsideError, match="is tagged 'eu'; those with this tag take no part"):
        apply(off, (Overrides(require="eu"), Origin.FLAG))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (Overrides(), ["a", "b (off)", "c"]),
        (Overrides(profile="p"), ["c", "a"]),
        (Overrides(provider="c"), ["c", "a", "b (off)"]),
        (Overrides(provider="b"), ["b", "a", "c"]),
        (Overrides(profile="p", provider="b"), ["b", "c", "a"]),
        (Overrides(only="b", chain=("a",)), ["b"]),
        (Overrides(chain=("c", "b", "c")), ["c", "b"]),
    ],
)
def test_the_providers_that_were_asked_for_are_used_in_that_order(overrides: Overrides, expected: list[str]) -> None:
    assert order(overrides) == expected


@pytest.mark.parametrize(
    ("env", "flags", "expected"),
    [
        (Overrides(profile="p"), Overrides(only="b"), ["b"]),
        (Overrides(profile="p"), Overrides(chain=("b", "a")), ["b", "a"]),
        (Overrides(profile="p"), Overrides(provider="a"), ["a", "c"]),
        (Overrides(provider="c"), Overrides(chain=("a", "b")), ["a", "b"]),
        (Overrides(provider="c"), Overrides(provider="b"), ["b", "a", "c"]),
        (Overrides(provider="c"), Overrides(profile="p"), ["c", "a"]),
    ],
)
def test_a_flag_counts_more_than_the_environment(env: Overrides, flags: Overrides, expected: list[str]) -> None:
    settings = apply(SETTINGS, (env, Origin.ENV), (flags, Origin.FLAG))
    assert [one.name for one in settings.providers] == expected


@pytest.mark.parametrize(
    ("layers", "changed"),
    [
        ([Overrides(model="m"), Overrides(provider="c")], "c"),
        ([Overrides(), Overrides(model="m", provider="c")], "c"),
        ([Overrides(model="m")], "a"),
    ],
)
def test_the_model_is_for_the_provider_that_the_turn_begins_with(layers: list[Overrides], changed: str) -> None:
    disabled = replace(SETTINGS, providers=(SETTINGS.providers[1], SETTINGS.providers[0], SETTINGS.providers[2]))
    settings = apply(disabled, *((layer, Origin.FLAG) for layer in layers))
    assert [one.name for one in settings.providers if one.model == "m"] == [changed]


def test_wishes_change_the_values_and_say_where_they_come_from() -> None:
    wishes = Overrides(
        provider="c",
        model="big",
        system="Be brief.",
        attempt_timeout=1,
        idle_timeout=2,
        deadline=3,
        on_stream_failure="restart",
    )
    timing: dict[str, Any] = {
        "attempt_timeout": 1.0,
        "idle_timeout": 2.0,
        "on_stream_failure": OnStreamFailure.RESTART,
    }
    a, b, c = SETTINGS.providers
    attempt = replace(SETTINGS.attempt, **timing, attempt_timeout_source=TimeoutSource.ASKED)

    settings = apply(SETTINGS, (wishes, Origin.FLAG))

    changed = [replace(one, system="Be brief.", attempt=attempt) for one in (c, a, b)]
    changed[0] = replace(changed[0], model="big")
    origins = {f"chain.{name}": Origin.FLAG for name in (*timing, "deadline")} | {"providers.c.model": Origin.FLAG}
    origins |= {f"providers.{name}.{key}": Origin.FLAG for name in "abc" for key in (*timing, "system")}
    assert settings == Settings(
        chain=replace(SETTINGS.chain, deadline=3.0),
        attempt=attempt,
        providers=tuple(changed),
        profiles=SETTINGS.profiles,
        origins={**SETTINGS.origins, **origins},
    )


def test_the_environment_names_profile_provider_model_and_where_health_is_shared() -> None:
    env = {"FALLBACK_CHAT_PROFILE": "p", "FALLBACK_CHAT_PROVIDER": "", "FALLBACK_CHAT_MODEL": "m"}
    env["FALLBACK_CHAT_HEALTH_URL"] = "redis://cache"
    found = Overrides.from_env(env)
    settings = apply(SETTINGS, (found, Origin.ENV), (Overrides(chain=("a",)), Origin.FLAG))

    assert found == Overrides(profile="p", model="m", health_url="redis://cache")
    assert (settings.health_url, settings.origins["chain.health_url"]) == ("redis://cache", Origin.ENV)


@pytest.mark.parametrize("url", ["foo", "http://me:pass-word@cache", "redis://me:pass-word@ca che"])
def test_a_place_for_health_that_cannot_be_meant_is_named_by_its_variable_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        wished_health_url({"FALLBACK_CHAT_HEALTH_URL": url})

    assert str(caught.value) == (
        'FALLBACK_CHAT_HEALTH_URL: must be "sqlite", or an address such as "redis://HOST:PORT"'
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (Overrides(profile="q"), "profile: none is called 'q'; there are 'p'"),
        (Overrides(only="aa"), "provider: none is called 'aa'; did you mean 'a'?"),
        (Overrides(chain=("a", "\x1b")), "provider: none is called '\\x1b'; there are 'a', 'b', 'c'"),
        (
            Overrides(deadline=1e9),
            'deadline: must be a number of seconds above 0, at most 86400, or "none", not 1000000000.0',
        ),
        (
            Overrides(on_stream_failure="retry"),
            'on_stream_failure: must be one of "raise", "restart", "continue", "ask", not \'retry\'',
        ),
    ],
)
def test_a_wish_that_cannot_be_met_is_named_with_what_there_is(overrides: Overrides, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        apply(SETTINGS, (overrides, Origin.FLAG))

    assert str(caught.value) == message


def test_every_wish_that_cannot_be_met_is_told_at_once_with_the_variable_that_holds_it() -> None:
    env = Overrides.from_env(
        {f"FALLBACK_CHAT_{name}": "no one " for name in ("PROFILE", "PROVIDER", "MODEL", "HEALTH_URL")}
    )

    with pytest.raises(ConfigError) as caught:
        apply(SETTINGS, (env, Origin.ENV), (Overrides(deadline=-1.0), Origin.FLAG))

    assert [problem.key for problem in caught.value.problems] == [
        "FALLBACK_CHAT_PROFILE",
        "FALLBACK_CHAT_PROVIDER",
        "deadline",
        "FALLBACK_CHAT_MODEL",
        "FALLBACK_CHAT_HEALTH_URL",
    ]


def test_without_any_profile_the_message_says_so() -> None:
    with pytest.raises(ConfigError, match="FALLBACK_CHAT_PROFILE: none is called 'p'; there is none at all"):
        apply(replace(SETTINGS, profiles={}), (Overrides(profile="p"), Origin.ENV))


def test_a_profile_of_disabled_providers_is_a_mistake_unless_one_of_them_is_asked_for() -> None:
    settings = replace(SETTINGS, profiles={"off": ("b",)})

    with pytest.raises(ConfigError) as caught:
        apply(settings, (Overrides(profile="off"), Origin.FLAG))

    assert str(caught.value) == "profiles.off.providers: all of them are disabled: remove an `enabled = false`"
    assert apply(settings, (Overrides(profile="off", only="b"), Origin.FLAG)).providers[0].enabled
