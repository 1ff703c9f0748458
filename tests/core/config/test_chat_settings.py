"""[chat] and [keys] of fallback.toml."""

from __future__ import annotations

from dataclasses import fields

import pytest

from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.schema import CHAT
from fallback_chat.core.config.settings import ChatSettings, Origin
from fallback_chat.core.errors import ConfigError

PROVIDER = '[[providers]]\nname = "a"\nkind = "guide"\nmodel = "manual"\n'


def test_what_the_chat_begins_with_and_its_keys_are_read() -> None:
    settings = load(f'{PROVIDER}[chat]\ncalm = true\ntheme = "light"\n[keys]\nnext_provider = "c-t"\n')
    assert settings.chat == ChatSettings(calm=True, theme="light")
    assert settings.keys == {"next_provider": "c-t"}
    assert settings.origins["chat.calm"] is settings.origins["keys.next_provider"] is Origin.USER


def test_without_them_the_defaults_count() -> None:
    settings = load(PROVIDER)
    assert (settings.chat, settings.keys) == (ChatSettings(), {})


def test_every_key_of_the_chat_is_a_setting_with_its_default() -> None:
    assert {key.name: key.default for key in CHAT} == {each.name: each.default for each in fields(ChatSettings)}


def test_mistakes_name_their_key() -> None:
    with pytest.raises(ConfigError) as caught:
        load(f'{PROVIDER}[chat]\ntheme = "pink"\nclam = true\n[keys]\nnext = "c-t"\n')
    assert sorted(problem.key for problem in caught.value.problems) == ["chat.clam", "chat.theme", "keys.next"]
