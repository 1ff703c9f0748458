"""A key that was written into the wrong setting is not printed, whatever comes of the mistake."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.commands.config import check, explain, show, trust
from fallback_chat.core.config.discovery import Surroundings, load_settings
from fallback_chat.core.config.keys import read_key
from fallback_chat.core.engine.budget import Budget, BudgetReason
from fallback_chat.core.errors import ConfigError
from fallback_chat.core.storage.paths import Paths

if TYPE_CHECKING:
    from pathlib import Path

KEYS = ["sk-live-Zq7xT0pSecretKEY91vWm4KdLq83", "Zq7xT0pSecretKEY91vWm4KdLq83", "0f9e8d7c6b5a49382716050403020100"]
"""One that is marked as a key, and two that only look like one."""
URL = "https://gateway.example/v1"
ENTRY = 'name = "a"\nkind = "openai"\nmodel = "m"\n'
ANYWHERE = {
    "the variable's name": f'[[providers]]\n{ENTRY}api_key_env = "KEY"',
    "the path of a file": f'[[providers]]\n{ENTRY}api_key_file = "KEY"',
    "the path of a file at home": f'[[providers]]\n{ENTRY}api_key_file = "~/KEY"',
    "a command that is a text": f'[[providers]]\n{ENTRY}api_key_cmd = "echo KEY"',
    "a command": f'[[providers]]\n{ENTRY}api_key_cmd = ["KEY"]',
    "the kind": '[[providers]]\nkind = "KEY"\nmodel = "m"',
    "the preset": '[[providers]]\npreset = "KEY"\nmodel = "m"',
    "the path of the address": f'[[providers]]\n{ENTRY}base_url = "{URL}/KEY"',
    "the end of the address": f'[[providers]]\n{ENTRY}base_url = "{URL}/KEY/chat/completions"',
    "the address": f'[[providers]]\n{ENTRY}base_url = "KEY"',
    "the query of the address": f'[[providers]]\n{ENTRY}base_url = "{URL}?key=KEY"',
    "the name of a header": f'[[providers]]\n{ENTRY}headers = {{ "KEY" = "x" }}',
    "a header as one text": f'[[providers]]\n{ENTRY}headers = {{ "Authorization: Bearer KEY" = "x" }}',
    "a list of headers": f'[[providers]]\n{ENTRY}headers = ["Authorization: Bearer KEY"]',
    "an unknown setting": f'[[providers]]\n{ENTRY}apikey = "KEY"',
    "the name of a setting": f"[[providers]]\n{ENTRY}KEY = 1",
    "the name of a setting in quotes": f'[[providers]]\n{ENTRY}"Bearer KEY" = 1',
    "the name of a table": f"[KEY]\nx = 1\n[[providers]]\n{ENTRY}",
    "the name of two tables": f"[KEY]\n[KEY]\n[[providers]]\n{ENTRY}",
    "a price": f'[[providers]]\n{ENTRY}prices = {{ input = "KEY" }}',
    "the name of a price": f"[[providers]]\n{ENTRY}prices = {{ KEY = 1 }}",
    "a number": f'[[providers]]\n{ENTRY}max_tokens = "KEY"',
    "a choice": f'[chain]\nprefer = "KEY"\n[[providers]]\n{ENTRY}',
    "a time": f'[chain]\ndeadline = "KEY"\n[[providers]]\n{ENTRY}',
    "a theme": f'[chat]\ntheme = "KEY"\n[[providers]]\n{ENTRY}',
    "a member of a profile": f'[profiles.x]\nproviders = ["KEY"]\n[[providers]]\n{ENTRY}',
    "a proxy": f'[[providers]]\n{ENTRY}proxy = "KEY"',
    "the certificates": f'[[providers]]\n{ENTRY}ca_file = "KEY"',
    "a value without quotes": f"[[providers]]\n{ENTRY}api_key = KEY",
    "a value without its end": f'[[providers]]\n{ENTRY}api_key = "KEY',
}
MARKED = {
    "the name": '[[providers]]\nname = "KEY"\nkind = "openai"\nmodel = "m"',
    "the model": '[[providers]]\nkind = "openai"\nmodel = "KEY"',
    "a tag": f'[[providers]]\n{ENTRY}tags = ["KEY"]',
    "the name of a profile": f'[profiles.KEY]\nproviders = ["a"]\n[[providers]]\n{ENTRY}',
    "the request's fields": f'[[providers]]\n{ENTRY}extra_body = {{ user = "KEY" }}',
    "the name of a field": f"[[providers]]\n{ENTRY}extra_body = {{ KEY = 1 }}",
}
"""Settings whose right values look like random characters, too: there, only what is marked as a key is kept back."""


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *(pytest.param(text, key, id=f"{place}, {key[:4]}") for place, text in ANYWHERE.items() for key in KEYS),
        *(pytest.param(text, KEYS[0], id=place) for place, text in MARKED.items()),
    ],
)
def test_nothing_that_is_said_of_a_configuration_holds_the_misplaced_key(tmp_path: Path, text: str, key: str) -> None:
    paths = Paths(*(tmp_path / name for name in ("config", "data", "state", "cache", "home")))
    paths.config.mkdir()
    paths.config_file.write_text(text.replace("KEY", key))
    paths.config_file.chmod(0o600)
    where = Surroundings(paths, {}, tmp_path)
    said = io.StringIO()
    try:
        check(where, lambda _: {}, said, said)
        settings = load_settings(where, lambda _: {})
        show(settings, {}, said, origin=True)
        explain(settings, {}, {one.name: Budget(10, BudgetReason.DEFAULT) for one in settings.providers}, said)
        for provider in settings.providers:
            read_key(provider, {})
    except ConfigError as error:
        said.write(str(error))

    assert said.getvalue()
    assert key not in said.getvalue()
    assert key[:-4] not in said.getvalue()


@pytest.mark.parametrize("place", ["api_key_cmd = ['echo', 'KEY']", "api_key_file = 'KEY'", "kind = 'KEY'"])
def test_what_a_project_file_would_do_is_told_without_the_key_in_it(tmp_path: Path, place: str) -> None:
    paths = Paths(*(tmp_path / name for name in ("config", "data", "state", "cache", "home")))
    (tmp_path / "work").mkdir()
    rows = "name = 'a'\nmodel = 'm'\n" + ("" if "kind" in place else "kind = 'openai'\n")
    (tmp_path / "work/fallback.toml").write_text(f"[[providers]]\n{rows}{place.replace('KEY', KEYS[0])}\n")
    said = io.StringIO()
    try:
        trust(Surroundings(paths, {}, tmp_path / "work"), said, said)
    except ConfigError as error:
        said.write(str(error))

    assert said.getvalue()
    assert KEYS[0] not in said.getvalue()
    assert json.dumps(KEYS[0][:20])[1:-1] not in said.getvalue()
