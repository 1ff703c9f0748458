"""The manual says what the code does: its tables are compared with the code's, its links are followed."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tomli_w

from fallback_chat.cli.app import COMMANDS as CLI_COMMANDS
from fallback_chat.cli.options import SharedOptions
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.repl.commands import COMMANDS
from fallback_chat.cli.repl.commands.settings import SETTINGS
from fallback_chat.cli.words.error_kinds import TOLD
from fallback_chat.cli.words.health import STATES
from fallback_chat.core.attempts import Outcome
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.schema import CHAIN, CHAT, KEYS, PROVIDER
from fallback_chat.core.config.services import KNOWN_KINDS, SERVICES
from fallback_chat.core.engine.held import MOST_PIECES
from fallback_chat.core.engine.policy import RULES, Next, Retry, Verdict
from fallback_chat.core.engine.settings import AttemptSettings, ChainSettings, OnStreamFailure
from fallback_chat.core.errors import ErrorKind
from fallback_chat.core.events import State
from fallback_chat.core.json_text import LARGE, MOST_VALUES
from fallback_chat.core.llm import FinishReason
from fallback_chat.providers.failures.blame import blame
from fallback_chat.providers.failures.reader import ServerFailure
from fallback_chat.providers.http import engine
from fallback_chat.providers.http.body import MAX_EVENTS, MAX_TEXT
from fallback_chat.providers.http.frames import MAX_FRAME
from fallback_chat.providers.wire.allowance import MOST
from fallback_chat.providers.wire.dialect import LONGEST_NAME
from fallback_chat.providers.wire.tools import MOST_CALLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fallback_chat.core.config.schema import Field

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("*.md")])


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """Give the text under the heading that begins with `title`."""
    match = re.search(rf"^## {re.escape(title)}.*?\n(.*?)(?=^## |\Z)", page(name), re.DOTALL | re.MULTILINE)
    assert match, f"{name} has no section {title!r}"
    return match[1]


def rows(text: str) -> list[list[str]]:
    """Give the cells of a Markdown table, without its head."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def headings(name: str) -> list[str]:
    return re.findall(r"^## (.+)$", page(name), re.MULTILINE)


def test_the_readme_fits_on_one_page() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8"))

    broken = [link for link in links if not link.startswith("https://") and not (path.parent / link).exists()]

    assert broken == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_page_that_is_named_exists(path: Path) -> None:
    named = re.findall(r"`([a-z-]+\.md)`", path.read_text(encoding="utf-8"))

    assert [name for name in named if not (DOCS / name).exists()] == []


def test_every_proof_of_a_defence_exists() -> None:
    proofs = [name for *_, cell in rows(section("security.md", "What fallback-chat defends")) for name in words(cell)]
    tests = ROOT / "tests"
    defined = set(
        re.findall(r"^(?:async )?def (test_\w+)", "".join(map(Path.read_text, tests.rglob("test_*.py"))), re.MULTILINE)
    )

    missing = [name for name in proofs if name not in defined and not (tests / name).is_file()]

    assert (len(proofs) > 20, missing) == (True, [])


def test_the_limits_on_what_a_server_may_send_are_those_of_the_code() -> None:
    limits = dict(rows(section("security.md", "Limits on what a server may send")))

    assert limits == {
        "one line or event, one JSON document": (
            f"{MAX_FRAME >> 20} MiB; {MOST_VALUES:,} values in a document above {LARGE >> 20} MiB"
        ),
        "text of one answer": f"{MAX_TEXT >> 20} MiB of memory",
        "calls, signatures and other state of one answer": f"{MOST >> 20} MiB of memory, {MOST_CALLS} calls",
        "events of one answer": f"{MAX_EVENTS:,}; {MOST_PIECES:,} before the first word",
        "a model's name, an id, a reason to finish": f"{LONGEST_NAME} characters; of a longer one only its length is kept",
        "body of an error": f"{engine._ERROR_BODY_LIMIT >> 10} KiB, {engine._ERROR_BODY_TIMEOUT:g} s",
        "content encodings": "one layer of gzip or deflate, expanded in bounded steps; others are refused",
        "redirects, cookies": "none",
    }


def snippets() -> Iterator[tuple[str, str]]:
    for path in PAGES:
        for number, snippet in enumerate(
            re.findall(r"^```toml\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE), start=1
        ):
            yield f"{path.name}-{number}", snippet


@pytest.mark.parametrize("snippet", [pytest.param(text, id=name) for name, text in snippets()])
def test_every_toml_example_is_accepted_as_it_stands(snippet: str) -> None:
    document = tomllib.loads(snippet)
    providers = {each["name"] for each in document.get("providers", []) if "name" in each}
    missing = {name for profile in document.get("profiles", {}).values() for name in profile["providers"]} - providers
    # A fragment is made whole: its own providers, those that its profile names, or any.
    if document.keys() <= {"chat", "keys"}:
        missing = {"any"}
    if document.keys() <= {"api_key_cmd"}:
        snippet = f'[[providers]]\nkind = "openai"\nmodel = "m"\n{snippet}'
    snippet += "".join(
        f'\n[[providers]]\nname = "{name}"\nkind = "guide"\nmodel = "manual"\n' for name in sorted(missing)
    )

    assert load(snippet, Path("fallback.toml")).providers


def test_the_states_are_those_that_people_see() -> None:
    table = rows(section("commands.md", "The status line of the chat"))
    assert table == [[f"`{state}`", meaning] for state, meaning, _ in STATES]


def test_the_table_of_failures_is_the_policy() -> None:
    again = {"yes": Retry.YES, "no": Retry.NO, "once": Retry.ONCE, "if it is the last one left": Retry.LAST}
    next_ = {
        "yes": Next.YES,
        "until two name the input": Next.UNTIL_AGREED,
        "larger window only": Next.BIGGER_WINDOW,
        'with `on_refusal = "next"`': Next.REFUSED,
    }
    health = {
        "rests": Verdict.OPEN,
        "rests after two in a row": Verdict.OPEN_ON_REPEAT,
        "blocked": Verdict.BLOCK,
        "unchanged": Verdict.NEUTRAL,
    }

    table = [
        (words(kind)[0], again[retry], next_[following], health[verdict])
        for kind, retry, following, verdict in rows(section("failover.md", "Kinds of error"))
    ]

    assert table == [(kind.value, rule.retry, rule.next, rule.verdict) for kind, rule in RULES.items()]


def test_every_kind_of_error_has_a_section_that_says_what_to_do() -> None:
    kinds = [heading.split(":")[0] for heading in headings("errors.md") if ":" in heading]

    assert kinds == [kind.value for kind in ErrorKind]
    assert [kind for kind in kinds if "**What you can do:**" not in section("errors.md", f"{kind}:")] == []


def test_failures_are_told_apart_as_the_manual_says() -> None:
    examples = [
        (said, int(status), words(kind)[0])
        for said, statuses, kind in rows(section("errors.md", "How a failure is told apart"))
        for status in statuses.split(", ")
    ]

    found = [(said, status, blame(ServerFailure(said, status)).kind.value) for said, status, _ in examples]

    assert found == examples


def test_every_key_of_the_chain_is_explained_with_its_default() -> None:
    table = rows(section("configuration.md", "The [chain] table"))
    assert [words(key) for key, _, _ in table] == [[field.name] for field in CHAIN]

    shown = {words(key)[0]: words(default)[0].strip('"') if "`" in default else default for key, default, _ in table}
    defaults = {**asdict(AttemptSettings()), **asdict(ChainSettings(deadline=None))}
    seconds = ("attempt_timeout", "retry_interval", "connect_timeout", "thinking_timeout", "idle_timeout")
    assert {name: shown[name].split()[0] for name in seconds} == {name: str(defaults[name]) for name in seconds}
    choices = ("on_stream_failure", "on_refusal", "prefer")
    assert {name: shown[name] for name in choices} == {name: defaults[name].value for name in choices}


def test_every_key_of_a_provider_is_explained() -> None:
    explained = {words(key)[0] for key, _, _ in rows(section("configuration.md", "The [[providers]] table"))}

    assert explained == {field.name for field in PROVIDER}


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("The [chat] table: how the interactive chat begins", CHAT),
        ("The [keys] table: other keys for the chat", KEYS),
    ],
)
def test_every_key_of_the_chat_is_explained_with_its_default(heading: str, fields: tuple[Field, ...]) -> None:
    shown = {words(key)[0]: words(default)[0] for key, default, _ in rows(section("configuration.md", heading))}

    assert shown == {field.name: tomli_w.dumps({"x": field.default}).strip().removeprefix("x = ") for field in fields}


def test_every_kind_of_provider_is_explained() -> None:
    assert [words(kind) for kind, *_ in rows(section("configuration.md", "Supported providers"))] == [
        [kind] for kind in KNOWN_KINDS
    ]


def test_every_known_service_is_listed_with_the_variable_of_its_key() -> None:
    table = [
        (words(name)[0], tuple(words(variables)))
        for name, variables in rows(section("configuration.md", "Known services"))
    ]

    assert table == [(service.name, service.key_env) for service in SERVICES]


def test_every_variable_of_an_address_is_explained() -> None:
    explained = {name for row in rows(section("commands.md", "Environment variables")) for name in words(row[0])}

    assert {service.base_url_env for service in SERVICES if service.base_url_env} <= explained


def test_every_state_and_policy_of_the_engine_is_explained() -> None:
    states = [words(state)[0] for state, _ in rows(section("failover.md", "The states of a provider"))]
    policies = [words(value)[0] for value, _ in rows(section("failover.md", "A failure in the middle"))]

    assert states == [state.value for state in State]
    assert policies == [policy.value for policy in OnStreamFailure]


def test_every_exit_code_is_explained_in_the_manual_and_named_in_the_readme() -> None:
    manual = [int(code) for code, *_ in rows(section("exit-codes.md", "What the exit code tells"))]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Exit codes")[2].partition("\n## ")[0]
    named = [int(code) for cell, _ in rows(readme) for code in cell.split("·")]

    assert manual == [code.value for code in ExitCode]
    assert sorted(named) == manual


def test_the_order_of_causes_is_that_of_the_kinds_of_failure() -> None:
    named = [int(code) for code in re.findall(r"\((\d+)\)", section("exit-codes.md", "Several causes"))]
    in_order = [code for code, _ in groupby(TOLD[kind].exit_code for kind in ErrorKind)]

    assert named == [code for code in in_order if code is not ExitCode.INTERNAL]


def test_the_words_of_the_json_objects_are_explained() -> None:
    answer = section("commands.md", "The JSON object of ask")
    probe = section("commands.md", "The JSON object of probe")

    prose = re.sub(r"```.*?```", "", answer + probe, flags=re.DOTALL)
    sentences = [words(sentence) for sentence in re.split(r"[.;]\s", prose)]
    explained = {first: set(others) for first, *others in filter(None, sentences)}
    assert explained["finish_reason"] == {reason.value for reason in FinishReason}
    assert explained["outcome"] == {outcome.value for outcome in Outcome}
    assert explained["state"] == {state.value for state in State}


def test_every_command_is_in_the_overview() -> None:
    usages = [words(usage)[0].split() for usage, _ in rows(section("commands.md", "Overview"))]

    assert sorted(usage[1] for usage in usages if len(usage) > 1) == sorted(CLI_COMMANDS)
    assert [
        name for name in CLI_COMMANDS if not (ROOT / "tests" / "cli" / "commands" / f"test_{name}.py").exists()
    ] == []


def test_every_shared_flag_is_explained() -> None:
    explained = {flag.split()[0] for flags, _ in rows(section("commands.md", "Flags of ask")) for flag in words(flags)}
    shared = {f"--{name.strip('_').replace('_', '-')}" for name in SharedOptions._fields}

    assert shared - explained == set()


def test_every_slash_command_is_explained_as_one_writes_it() -> None:
    headings = re.findall(
        r"^## (Slash commands of the chat: .*)$", (DOCS / "commands.md").read_text("utf-8"), re.MULTILINE
    )
    explained = [words(usage)[0] for heading in headings for usage, _ in rows(section("commands.md", heading))]

    assert explained == [row.usage.replace("|", "\\|") for row in COMMANDS.rows]


def test_every_setting_of_the_chat_is_explained() -> None:
    (paragraph,) = re.findall(
        r"^`/set` knows .*?\n\n", (DOCS / "commands.md").read_text("utf-8"), re.DOTALL | re.MULTILINE
    )

    assert {setting.name for setting in SETTINGS} - set(words(paragraph)) == set()
