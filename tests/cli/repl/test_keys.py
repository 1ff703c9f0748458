"""Keys that can be changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fallback_chat.cli.repl.build import keymap_of
from fallback_chat.cli.repl.keys import Keymap
from fallback_chat.core.config.settings import Settings
from fallback_chat.core.engine.settings import ChainSettings
from fallback_chat.core.errors import ConfigError, InputError


def changed(**keys: str) -> Keymap:
    keymap = Keymap()
    for name, wanted in keys.items():
        keymap.set(name, wanted)
    return keymap


def test_a_key_can_be_changed() -> None:
    keymap = changed(next_provider="f5", newline="escape t")
    assert keymap.keys("next_provider") == ("f5",)
    assert keymap.label("newline") == "Alt-t"


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("nxt", "f5", "no key action is called 'nxt'"),
        ("stop", "ctrl+x", "'ctrl+x' is no key: write c-t for Ctrl-T"),
        ("stop", "", "'' is no key"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(name: str, keys: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("+", r"\+")):
        changed(**{name: keys})


def test_the_help_names_the_keys_as_they_are() -> None:
    rows = {row.label: row for row in changed(next_provider="c-t", editor_short="f8").rows()}

    assert rows["Ctrl-T"].help == "while waiting for an answer: give up on this provider, ask the next"
    assert rows["Ctrl-X Ctrl-E, F8"].help == "open $EDITOR"


def test_the_keys_of_the_configuration_count_and_a_wrong_one_is_named() -> None:
    settings = Settings(chain=ChainSettings(), providers=(), keys={"next_provider": "c-t"})
    assert keymap_of(settings).label("next_provider") == "Ctrl-T"
    with pytest.raises(ConfigError, match=r"^keys\.stop: 'nonsense' is no key"):
        keymap_of(replace(settings, keys={"stop": "nonsense"}))
