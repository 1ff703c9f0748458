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
FIELDS = {**schema.PROVIDER_KEYS, **schema.PROFILE_KEYS}


def test_the_example_is_accepted_without_a_warning() -> None:
    settings = load(TEXT, EXAMPLE, home=Path("/home/me"))

    assert [one.name for one in settings.providers] == ["groq", "primary", "local"]
    assert settings.warnings == ()


def test_every_key_has_its_example() -> None:
    assert {name for _, name in ROWS} == set(FIELDS)


@pytest.mark.parametrize(("row", "name"), ROWS)
def test_every_example_of_a_key_can_be_used(row: str, name: str) -> None:
    assert FIELDS[name].type.read(tomllib.loads(row)[name]) is not None


@pytest.mark.parametrize("field", schema.CHAIN, ids=lambda field: field.name)
def test_the_chain_is_shown_with_its_defaults(field: schema.Field) -> None:
    shown = tomllib.loads(TEXT)["chain"]

    assert shown.get(field.name) == field.default
