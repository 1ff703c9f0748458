"""Keys that can be changed, and what is typed while an answer streams."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from fallback_chat.cli.repl.build import keymap_of
from fallback_chat.cli.repl.keys import QUEUED, Keymap, TypeAhead
from fallback_chat.core.config.settings import Settings
from fallback_chat.core.engine.settings import ChainSettings
from fallback_chat.core.errors import ConfigError, InputError

ENTER = KeyPress(Keys.ControlM)
ESCAPE = KeyPress(Keys.Escape)


def changed(**keys: str) -> Keymap:
    keymap = Keymap()
    for name, wanted in keys.items():
        keymap.set(name, wanted)
    return keymap


def letters(text: str) -> list[KeyPress]:
    return [KeyPress(letter) for letter in text]


def test_some_keys_act_and_the_others_wait() -> None:
    typed = TypeAhead(Keymap().streaming())
    presses = [*letters("ab"), KeyPress(Keys.ControlN), KeyPress(Keys.ControlC), KeyPress(Keys.ControlD), ENTER]
    assert list(typed.take(presses)) == ["next_provider", "stop"]
    assert typed.keys == [*letters("ab"), KeyPress(Keys.ControlM, QUEUED)]
    assert (typed.preview, typed.queued) == ("ab⏎", 1)


def test_escape_acts_alone_and_is_half_of_an_alt_key_otherwise() -> None:
    typed = TypeAhead(Keymap().streaming())
    assert list(typed.take([ESCAPE, ENTER])) == []
    assert list(typed.take([ESCAPE])) == ["stop"]
    assert (typed.keys, typed.queued) == ([ESCAPE, ENTER], 0)


def test_the_preview_shows_pastes_and_corrections() -> None:
    typed = TypeAhead({})
    list(typed.take([*letters("abc"), KeyPress(Keys.ControlH), KeyPress(Keys.BracketedPaste, "1\n2\n3")]))
    assert typed.preview == "ab[pasted 3 lines]"
    typed.drop()
    assert typed.preview == ""


@given(st.lists(st.sampled_from([*letters("xyz"), ENTER, ESCAPE, KeyPress(Keys.ControlN), KeyPress(Keys.Up)])))
def test_no_key_is_lost_between_acting_and_waiting(presses: list[KeyPress]) -> None:
    typed = TypeAhead(Keymap().streaming())
    actions = list(typed.take(presses))
    assert len(typed.keys) + len(actions) == len(presses)


def test_a_key_can_be_changed() -> None:
    keymap = changed(next_provider="f5", newline="escape t")
    assert keymap.streaming()["f5"] == "next_provider"
    assert "c-n" not in keymap.streaming()
    assert keymap.label("newline") == "Alt-t"


@pytest.mark.parametrize(
    ("name", "keys", "sentence"),
    [
        ("nxt", "f5", "no key action is called 'nxt'"),
        ("stop", "ctrl+x", "'ctrl+x' is no key: write c-t for Ctrl-T"),
        ("stop", "", "'' is no key"),
        ("stop", "escape x", "stop is one key, not 2"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(name: str, keys: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence.replace("+", r"\+")):
        changed(**{name: keys})


def test_the_help_names_the_keys_as_they_are() -> None:
    assert ("Ctrl-T", "while an answer is awaited: give up on this provider, ask the next") in changed(
        next_provider="c-t"
    ).help()


def test_the_keys_of_the_configuration_count_and_a_wrong_one_is_named() -> None:
    settings = Settings(chain=ChainSettings(), providers=(), keys={"next_provider": "c-t"})
    assert keymap_of(settings).label("next_provider") == "Ctrl-T"
    with pytest.raises(ConfigError, match=r"^keys\.stop: 'nonsense' is no key"):
        keymap_of(replace(settings, keys={"stop": "nonsense"}))


@pytest.mark.parametrize(
    ("keys", "preview"),
    [
        ([*"hello world", Keys.ControlW], "hello "),
        ([*"hello world ", Keys.ControlW], "hello "),
        ([*"hello world", Keys.ControlU], ""),
        ([*"abc", Keys.ControlM, Keys.ControlH, "x"], "abc⏎x"),
        ([*"abc", Keys.ControlM, *"de f", Keys.ControlU], "abc⏎"),
        ([*"ab", Keys.ControlH], "a"),
    ],
)
def test_the_preview_shows_what_will_come_of_the_keys(keys: list[Keys | str], preview: str) -> None:
    typed = TypeAhead({})
    typed.take([KeyPress(key) for key in keys])
    assert typed.preview == preview


def test_the_lines_of_a_paste_are_counted_whatever_ends_them() -> None:
    typed = TypeAhead({})
    typed.take([KeyPress(Keys.BracketedPaste, "a\rb\rc")])
    assert typed.preview == "[pasted 3 lines]"
