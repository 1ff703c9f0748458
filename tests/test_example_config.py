"""fallback.toml.example: complete, and true when a line is uncommented."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from fallback_chat.core.config import schema
from fallback_chat.core.config.resolve import load

EXAMPLE = Path(__file__).parent.parent / "fallback.toml.example"
TEXT = EXAMPLE.read_text(encoding="utf-8")
ROWS = re.findall(r"^(?:# )?(([a-z_]+) = \S.*)$", TEXT, re.MULTILINE)
FIELDS = {**schema.CHAIN_KEYS, **schema.PROVIDER_KEYS, **schema.PROFILE_KEYS}


def test_the_example_is_accepted_without_a_warning() -> None:
    settings = load(TEXT, EXAMPLE, home=Path("/home/me"))

    assert [one.name for one in settings.providers] == ["groq", "primary", "local"]
    assert settings.warnings == ()


def test_every_key_has_its_example() -> None:
    assert {name for _, name in ROWS} == set(FIELDS)


@pytest.mark.parametrize(("row", "name"), ROWS)
def test_every_example_of_a_key_can_be_used(row: str, name: str) -> None:
    value = FIELDS[name].type.read(tomllib.loads(row)[name])

    assert value is not None or '"none"' in row


@pytest.mark.parametrize("field", schema.CHAIN, ids=lambda field: field.name)
def test_every_key_of_the_chain_is_commented_out_and_shows_its_default(field: schema.Field) -> None:
    chain = TEXT.partition("[chain]")[2].partition("[[providers]]\n")[0]
    (row,) = re.findall(rf"^# ({field.name} = .*)$", chain, re.MULTILINE)

    shown = field.type.read(tomllib.loads(row)[field.name])
    assert tomllib.loads(TEXT)["chain"] == {}
    assert shown == field.default or field.name == "max_retry_per_llm"
