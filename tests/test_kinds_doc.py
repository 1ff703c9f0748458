"""What docs/kinds.md says of the wire formats: every yes has a test that ran for that kind, every service is as the tables say."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from fallback_chat.core.config.services import by_name
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.llm import FinishReason
from fallback_chat.providers import kinds
from fallback_chat.providers.wire.finish import Broken, ending_of
from fallback_chat.providers.wire.known_models import tells_of_thinking, thinks_silently
from fallback_chat.providers.wire.quirks import PRESETS, Quirks, quirks_of
from tests.providers.kinds import CARRIED, SAMPLES
from tests.providers.vectors import FAMILIES, dialect_of_kind
from tests.test_docs import ROOT, page, rows, section, words

KINDS_OF_NAMES = {name: kind for name, (kind, *_) in FAMILIES.items()} | {kind: kind for kind in kinds()}
NAMES = re.compile("|".join(sorted(KINDS_OF_NAMES, key=len, reverse=True)))
PROOFS = {feature: words(tests) for feature, tests in rows(section("kinds.md", "The tests behind each cell"))}


def collected() -> dict[str, set[str]]:
    """Give the kinds that each named test runs for, by its parameters or by its name."""
    files = sorted({f"tests/{test.partition('::')[0]}" for tests in PROOFS.values() for test in tests})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *files]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found: dict[str, set[str]] = {}
    for node in re.findall(r"^tests/(\S+::.+)$", listed, re.MULTILINE):
        test, _, parameters = node.partition("[")
        named = NAMES.findall(parameters or test)
        found.setdefault(test, set()).update(KINDS_OF_NAMES[name] for name in named)
    return found


def test_the_table_has_a_column_for_every_kind_and_the_tests_a_row_for_every_wire_format() -> None:
    table = section("kinds.md", "What each kind carries")
    head = re.search(r"^\| feature \|(.*)\|$", table, re.MULTILINE)
    assert head
    assert words(head[1]) == list(kinds())
    assert {cell for _, *cells in rows(table) for cell in cells} == {"yes", "no"}
    assert [*SAMPLES, "guide"] == list(kinds())


def test_every_yes_has_a_test_that_runs_for_its_kind() -> None:
    found = collected()
    assert [test for tests in PROOFS.values() for test in tests if test not in found] == []
    proven = {feature: set[str]().union(*(found[test] for test in tests)) for feature, tests in PROOFS.items()}
    assert {feature: left for feature, said in CARRIED.items() if (left := said - proven[feature])} == {}


def test_the_wishes_that_a_format_has_no_word_for_are_a_no() -> None:
    features = {
        "stop": "stop words",
        "seed": "seed",
        "tool_choice": "forced tool",
        "parallel_tool_calls": "calls one at a time",
    }
    for wish, feature in features.items():
        able = {kind for kind in SAMPLES if wish not in dialect_of_kind(kind).lacks}
        assert CARRIED[feature] == (able & CARRIED["tool calls"] if "tool" in wish else able)


SPECIAL = {
    "stream_options": "counts tokens unasked",
    "nine_char_ids": "call ids of nine characters",
    "bare_image_url": "pictures as bare URLs",
    "call_type": "calls without a type",
    "result_name": "results with the tool's name",
    "seed": "seed under its own name",
    "answer_after_results": "results are always followed by an answer",
    "effort": "effort in its own way",
    "own_names": "models go by the names of your deployments",
    "reasoning_back": "reasoning goes back during a tool loop",
    "reasoning_required": "and with every earlier call",
    "probe_path": "key checked at its own path",
}
"""What the page says of each field of a service's quirks that is not the usual one."""


@pytest.mark.parametrize(
    "row", rows(section("kinds.md", "What is special at the compatible services")), ids=lambda row: row[0]
)
def test_a_service_is_as_the_page_says(row: list[str]) -> None:
    name, named, header, limit, pdf, special = row
    service = by_name(words(name)[0])
    assert service
    quirks = quirks_of(ProviderSettings(name="p", kind="openai", model="m", preset=service.name))
    said = {text for field, text in SPECIAL.items() if getattr(quirks, field) != Quirks._field_defaults[field]}
    said |= {"needs no key"} if not service.key_env else set()
    said |= {"each customer has a separate host"} if not service.base_url else set()
    assert (tuple(words(named)), words(header), words(limit), pdf == "yes") == (
        service.kinds,
        [quirks.auth_header],
        [quirks.max_tokens],
        quirks.files,
    )
    assert set(special.split("; ")) - {"nothing"} == said


def test_the_words_for_the_end_are_what_the_page_says() -> None:
    for finish, examples in rows(section("kinds.md", "What ends an answer")):
        endings = {ending_of(word) for word in words(examples)}
        match finish:
            case "a failure":
                assert all(isinstance(ending, Broken) for ending in endings)
            case "nothing":
                assert endings == {None}
            case _:
                assert endings == {FinishReason(words(finish)[0])}


def test_the_names_of_silent_thinkers_are_what_the_page_says() -> None:
    *_, (kind, silent, speaking), last = rows(
        section("kinds.md", "How a model that thinks is told from one that hangs")
    )
    for named, thinks, does_not in ((kind, silent, speaking), last):
        (name,) = words(named)
        assert all(thinks_silently(name, model) for model in words(thinks))
        assert not any(thinks_silently(name, model) for model in words(does_not))


def test_what_is_asked_for_unasked_is_what_the_page_says() -> None:
    table = section("kinds.md", "How a model that thinks is told from one that hangs").partition("A model that may be")[
        0
    ]
    asked = {words(kind)[0]: what for kind, what, _ in rows(table)}
    models = {"openai-responses": "gpt-6.2-sol", "anthropic": "claude-opus-5", "gemini": "gemini-3.8-flash"}
    assert {kind for kind in asked if tells_of_thinking(kind, models.get(kind, "any"))} == set(models)
    assert {kind for kind, what in asked.items() if what == "nothing"} == asked.keys() - models.keys()


def test_every_service_with_quirks_is_on_the_page() -> None:
    on_page = {words(row[0])[0] for row in rows(section("kinds.md", "What is special at the compatible services"))}
    assert PRESETS.keys() <= on_page
    assert "`kinds.md`" in page("configuration.md")
