"""`fallback-chat config …`: what is printed, what is written, and what is left alone."""

from __future__ import annotations

import io
import json
import re
import shlex
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.commands import config
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.core.config.discovery import Surroundings, load_settings
from fallback_chat.core.config.overrides import Overrides, apply
from fallback_chat.core.config.resolve import load
from fallback_chat.core.config.settings import Origin
from fallback_chat.core.errors import ConfigError, InputError
from fallback_chat.core.storage.paths import Paths
from fallback_chat.wiring import budgets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fallback_chat.core.config.services import Service

GROQ = '[[providers]]\npreset = "groq"\nmodel = "m"\n'


class Desk:
    """A user with a home, a repository, an environment and two streams."""

    def __init__(self, root: Path) -> None:
        self.paths = Paths(
            config=root / "config", data=root / "data", state=root / "state", cache=root / "cache", home=root
        )
        self.repo = root / "repo"
        (self.repo / ".git").mkdir(parents=True)
        self.file = self.paths.config_file
        self.env: dict[str, str] = {}
        self.out, self.err = io.StringIO(), io.StringIO()

    @property
    def where(self) -> Surroundings:
        return Surroundings(paths=self.paths, env=self.env, cwd=self.repo)

    @property
    def said(self) -> tuple[str, str]:
        return self.out.getvalue(), self.err.getvalue()

    def write(self, text: str) -> None:
        self.file.parent.mkdir(exist_ok=True, parents=True)
        self.file.write_text(text)

    def use_editor(self, code: str) -> None:
        """Make a Python program the editor; it finds the file's path in `path`."""
        program = f"import os, sys; path = sys.argv[1]; {code}"
        self.env["EDITOR"] = shlex.join([sys.executable, "-c", program])

    def drafts(self) -> list[str]:
        return [path.read_text() for path in self.file.parent.glob("draft-*")]


def no_servers(services: Sequence[Service]) -> Mapping[str, str]:
    return {}


def ollama_runs(services: Sequence[Service]) -> Mapping[str, str]:
    return {"ollama": "llama3.2"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "desk")


def test_check_says_that_all_is_well_and_what_to_look_at(desk: Desk) -> None:
    desk.write(GROQ + '[[providers]]\nname = "lan"\nkind = "openai"\nmodel = "m"\nbase_url = "http://10.0.0.7"\n')

    assert config.check(desk.where, no_servers, desk.out, desk.err) == ExitCode.OK
    assert desk.said == (
        f"{desk.file}: ok: groq, lan\n",
        f"warning: {desk.file}:8: providers.lan.base_url: most servers of kind 'openai' want 'http://10.0.0.7/v1'\n",
    )


def test_check_without_a_file_names_what_was_found(desk: Desk) -> None:
    assert config.check(desk.where, ollama_runs, desk.out, desk.err) == ExitCode.OK
    assert desk.said == ("no file: found in the environment: ok: ollama\n", "")


def test_check_raises_every_mistake(desk: Desk) -> None:
    desk.write("[chain]\na = 1\nb = 2\n")

    with pytest.raises(ConfigError) as caught:
        config.check(desk.where, no_servers, desk.out, desk.err)

    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("text", "code", "mistakes"),
    [(GROQ, ExitCode.OK, []), ("[chain]\na = 1\n", ExitCode.CONFIG, ["providers", "chain.a"])],
)
def test_check_as_json_holds_every_mistake_and_fails_if_there_is_one(
    desk: Desk, text: str, code: ExitCode, mistakes: list[str]
) -> None:
    desk.write(text)

    assert config.check(desk.where, no_servers, desk.out, desk.err, as_json=True) is code
    told = json.loads(desk.said[0])
    assert (told["ok"], [one["key"] for one in told["mistakes"]]) == (not mistakes, mistakes)


def test_show_prints_everything_but_secrets_and_says_where_it_comes_from(desk: Desk) -> None:
    desk.write(
        """
[chain]
deadline = "none"

[[providers]]
name = "a"
kind = "openai"
model = 'quote"d'
base_url = "https://example.org/v1"
api_key = "sk-very-secret"
headers = { Authorization = "Basic c2VjcmV0", "X.Y" = "1" }
proxy = "http://me:hunter2@proxy:3128"
tags = ["eu", "fast"]
extra_body = { top_k = 4, more = { x = [1.5, true], api_key = "sk-deep" } }
prices = { input = 1, output = 2 }
idle_timeout = 7

[profiles."all of them"]
providers = ["a"]
"""
    )
    settings = load_settings(desk.where, no_servers)
    settings = apply(settings, (Overrides(model="other"), Origin.ENV), (Overrides(attempt_timeout=3), Origin.FLAG))

    assert config.show(settings, desk.env, desk.out, origin=True) == ExitCode.OK
    assert desk.said == (
        f"""\
# {desk.file}
[chain]
attempt_timeout = 3.0  # flag
# max_retry_per_llm is not set  # default
# retry_interval = 5.0  # default
# connect_timeout = 5.0  # default
# thinking_timeout = 120.0  # default
# idle_timeout = 30.0  # default
# on_stream_failure = "raise"  # default
# on_refusal = "stop"  # default
# switch = "auto"  # default
deadline = "none"  # user
# prefer = "primary"  # default
# hedge_after = "timeout"  # default
# recovery = "tokens"  # default
# health_url = "sqlite"  # default

[[providers]]
name = "a"  # user
kind = "openai"  # user
model = "other"  # env
base_url = "https://example.org/v1"  # user
enabled = true  # default
tags = ["eu", "fast"]  # user
headers = {{ Authorization = "(hidden)", "X.Y" = "(hidden)" }}  # user
proxy = "http://(hidden)@proxy:3128"  # user
extra_body = {{ top_k = 4, more = {{ x = [1.5, true], api_key = "(hidden)" }} }}  # user
prices = {{ input = 1.0, output = 2.0 }}  # user
idle_timeout = 7.0  # user
# key: fallback.toml (set)

[profiles."all of them"]
providers = ["a"]
""",
        "",
    )


def test_what_show_prints_is_a_configuration_again(desk: Desk) -> None:
    settings = load('[chain]\nhedge_after = "p95"\n' + GROQ + 'system = "a\\nb\\u0007"\ncontext_window = 9\n')

    config.show(settings, desk.env, desk.out)

    again = load(desk.said[0])
    assert (again.chain, again.providers) == (settings.chain, settings.providers)


def test_path_prints_the_users_file_alone_on_stdout(desk: Desk) -> None:
    (desk.repo / "fallback.toml").write_text(GROQ)

    assert config.path(desk.where, desk.out, desk.err) == ExitCode.OK
    assert desk.said == (
        f"{desk.file}\n",
        f"""\
it does not exist yet: `fallback-chat config init` writes it
{desk.repo / "fallback.toml"} is layered on top of it (preferences only)
""",
    )


def test_path_has_nothing_to_add_about_a_file_that_is_there(desk: Desk) -> None:
    desk.write(GROQ)

    assert config.path(desk.where, desk.out, desk.err) == ExitCode.OK
    assert desk.said == (f"{desk.file}\n", "")


def test_explain_tells_who_is_asked_when_and_whether_the_keys_are_there(desk: Desk) -> None:
    rows = [
        GROQ,
        '[[providers]]\npreset = "mistral"\nmodel = "m"\nenabled = false\n',
        '[[providers]]\npreset = "gemini"\nmodel = "m"\napi_key_cmd = ["pass", "gemini"]\nattempt_timeout = 4.5\n',
        '[[providers]]\npreset = "xai"\nmodel = "m"\n',
        '[[providers]]\npreset = "ollama"\nmodel = "m"\n',
    ]
    desk.write("".join(rows))
    desk.env |= {"GROQ_API_KEY": "gsk-secret", "XAI_API_KEY": "two words"}

    settings = load_settings(desk.where, no_servers)
    assert config.explain(settings, desk.env, budgets(settings, share_health=False), desk.out) == ExitCode.OK
    assert desk.said == (
        f"""\
configuration: {desk.file}
1. groq: openai, model m at https://api.groq.com/openai/v1
   asked first, for every turn; has 10 s (the default) to start answering
   key from env GROQ_API_KEY, set
2. gemini: gemini, model m at https://generativelanguage.googleapis.com
   asked if those before it fail or do not answer in time; has 4.5 s (as you wrote) to start answering
   key from command pass, not run: only a real question runs it
3. xai: openai, model m at https://api.x.ai/v1
   asked if those before it fail or do not answer in time; has 10 s (the default) to start answering
   key from env XAI_API_KEY, unusable: skipped until the key is right
4. ollama: ollama, model m at http://127.0.0.1:11434
   asked if those before it fail or do not answer in time; \
has 120 s (a model on this machine may have to be loaded) to start answering
not asked: mistral (enabled = false)
no limit for the whole chain
""",
        "",
    )


def test_a_key_that_no_keyboard_has_is_a_mistake_before_the_chat_starts(desk: Desk) -> None:
    faulty = GROQ + '[keys]\nsend = "f5"\nstop = "ctrl-t"\n'
    mistake = f"{desk.file}: keys.stop: 'ctrl-t' is no key: write c-t for Ctrl-T, f5, or escape t for Alt-T"
    desk.write(faulty)

    with pytest.raises(ConfigError) as caught:
        config.check(desk.where, no_servers, desk.out, desk.err)
    as_json = config.check(desk.where, no_servers, desk.out, desk.err, as_json=True)
    desk.use_editor("open(path, 'a').write('# more')")
    edited = config.edit(desk.where, io.StringIO(), desk.err)

    assert str(caught.value) == mistake
    assert [one["key"] for one in json.loads(desk.said[0])["mistakes"]] == ["keys.stop"]
    assert desk.said[1].splitlines()[0] == mistake
    assert (as_json, edited, desk.file.read_text()) == (ExitCode.CONFIG, ExitCode.CONFIG, faulty)


def test_explain_names_the_projects_file_that_is_layered_on_top(desk: Desk) -> None:
    desk.write(GROQ)
    (desk.repo / "fallback.toml").write_text('[[providers]]\nname = "groq"\nmodel = "other"\n')
    settings = load_settings(desk.where, no_servers)

    config.explain(settings, desk.env, budgets(settings, share_health=False), desk.out)

    first, second, *_ = desk.said[0].splitlines()
    assert first == f"configuration: {desk.file}, with {desk.repo / 'fallback.toml'} layered on top of it"
    assert second == "1. groq: openai, model other at https://api.groq.com/openai/v1"


def test_text_from_a_file_cannot_steer_the_terminal(desk: Desk) -> None:
    settings = load(GROQ + '[profiles."\\u001b[31m"]\nproviders = ["groq"]\n')

    config.show(settings, desk.env, desk.out)

    assert "\x1b" not in desk.said[0]


def test_init_writes_a_private_file_with_what_was_found(desk: Desk) -> None:
    desk.env["GROQ_API_KEY"] = "gsk-secret"

    assert config.init(desk.where, ollama_runs, desk.out, desk.err) == ExitCode.OK

    assert desk.said == (f"wrote {desk.file} with: groq, ollama\n", "")
    assert stat.S_IMODE(desk.file.stat().st_mode) == 0o600
    assert "gsk-secret" not in desk.file.read_text()
    assert [(one.name, one.model) for one in load_settings(desk.where, no_servers).providers] == [
        ("groq", "openai/gpt-oss-120b"),
        ("ollama", "llama3.2"),
    ]


def test_every_line_that_init_comments_out_can_be_uncommented(desk: Desk) -> None:
    config.init(desk.where, no_servers, desk.out, desk.err)
    head, more = desk.file.read_text().split("take the # away and fill it in. For a known service no more is needed.\n")
    uncommented = re.sub("^# (?!Defaults)", "", more, flags=re.MULTILINE)

    settings = load(f"{head}\n{uncommented}")

    assert [one.name for one in settings.providers] == ["guide", "groq"]
    assert "no key and no model server was found" in desk.said[1]


def test_init_never_overwrites(desk: Desk) -> None:
    desk.write("mine")

    assert config.init(desk.where, no_servers, desk.out, desk.err) == ExitCode.USAGE
    assert (desk.file.read_text(), desk.said) == (
        "mine",
        ("", f"{desk.file} exists already; `fallback-chat config edit` changes it\n"),
    )


def test_trust_tells_what_it_allows_and_holds_until_the_next_change(desk: Desk) -> None:
    desk.write(GROQ)
    project = desk.repo / "fallback.toml"
    project.write_text('[[providers]]\nname = "groq"\nbase_url = "https://proxy.example/v1"\n')
    assert load_settings(desk.where, no_servers).warnings

    assert config.trust(desk.where, desk.out, desk.err) == ExitCode.OK

    assert desk.said == (
        f"it sets providers.groq.base_url = 'https://proxy.example/v1'\ntrusted: {project}, as it is now\n",
        "",
    )
    assert load_settings(desk.where, no_servers).providers[0].base_url == "https://proxy.example/v1"
    project.write_text(project.read_text() + "# changed\n")
    assert load_settings(desk.where, no_servers).warnings


def test_trust_without_a_project_file_says_where_it_looked(desk: Desk) -> None:
    assert config.trust(desk.where, desk.out, desk.err) == ExitCode.INPUT_MISSING
    assert desk.said == ("", f"there is no fallback.toml from {desk.repo} up to the repository's root\n")


def test_edit_replaces_the_file_and_keeps_the_old_one(desk: Desk) -> None:
    desk.write(GROQ)
    desk.use_editor("open(path, 'a').write('temperature = 1\\n')")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.OK

    backup = desk.file.with_name("fallback.toml.bak")
    assert (desk.file.read_text(), backup.read_text()) == (GROQ + "temperature = 1\n", GROQ)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (desk.file, backup)] == [0o600, 0o600]
    assert (desk.said, desk.drafts()) == ((f"wrote {desk.file}\n", ""), [])


def test_edit_begins_a_first_file_with_what_the_environment_offers(desk: Desk) -> None:
    desk.env["GROQ_API_KEY"] = "x"
    desk.use_editor("open(path, 'a').write('# seen\\n')")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.OK
    assert [one.name for one in load(desk.file.read_text()).providers] == ["groq"]


def test_edit_puts_no_mistake_in_place_and_loses_no_work(desk: Desk) -> None:
    desk.write(GROQ)
    desk.use_editor("open(path, 'a').write('temprature = 1\\n')")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.CONFIG

    (draft,) = desk.file.parent.glob("draft-*")
    assert (desk.file.read_text(), draft.read_text()) == (GROQ, GROQ + "temprature = 1\n")
    assert stat.S_IMODE(draft.stat().st_mode) == 0o600
    assert desk.said[1] == (
        f"{desk.file}:4: providers.groq.temprature: unknown key; did you mean 'temperature'?\n"
        f"nothing was changed; your version is kept in {draft}\n"
    )


def test_edit_does_not_overwrite_what_someone_else_wrote_meanwhile(desk: Desk) -> None:
    desk.write(GROQ)
    desk.use_editor(f"open(path, 'a').write('# mine\\n'); open({str(desk.file)!r}, 'a').write('# theirs\\n')")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.LOCAL_IO
    assert (desk.file.read_text(), desk.drafts()) == (GROQ + "# theirs\n", [GROQ + "# mine\n"])


@pytest.mark.parametrize("theirs", ["", GROQ], ids=["removed", "made"])
def test_edit_loses_neither_version_if_the_file_was_made_or_removed_meanwhile(desk: Desk, theirs: str) -> None:
    if theirs != GROQ:
        desk.write(GROQ)
    desk.env["GROQ_API_KEY"] = "x"
    desk.file.parent.mkdir(exist_ok=True, parents=True)
    change = f"open({str(desk.file)!r}, 'w').write({theirs!r})" if theirs else f"os.remove({str(desk.file)!r})"
    desk.use_editor(f"open(path, 'a').write('# mine\\n'); {change}")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.LOCAL_IO
    assert (desk.file.read_text() if theirs else "", desk.file.exists()) == (theirs, bool(theirs))
    (draft,) = desk.drafts()
    assert draft.endswith("# mine\n")


def test_edit_keeps_what_it_cannot_put_in_place(desk: Desk) -> None:
    desk.write(GROQ)
    desk.file.with_name("fallback.toml.bak").mkdir()
    desk.use_editor("open(path, 'a').write('# mine\\n'); os.chmod(path, 0o644)")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.LOCAL_IO

    (draft,) = desk.file.parent.glob("draft-*")
    assert (desk.file.read_text(), draft.read_text()) == (GROQ, GROQ + "# mine\n")
    assert (stat.S_IMODE(draft.stat().st_mode), "fallback.toml.bak: it is a directory" in desk.said[1]) == (0o600, True)


def test_a_file_that_is_too_large_is_not_edited_and_so_not_cut(desk: Desk) -> None:
    whole = GROQ + "# filler\n" * 40_000
    desk.write(whole)
    desk.use_editor("open(path, 'a').write('# mine\\n')")

    with pytest.raises(ConfigError, match="larger than 256 KiB"):
        config.edit(desk.where, desk.out, desk.err)

    assert desk.file.read_text() == whole


def test_an_edit_that_makes_the_file_too_large_is_kept_whole(desk: Desk) -> None:
    desk.write(GROQ)
    desk.use_editor("open(path, 'a').write('# filler\\n' * 40_000)")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.CONFIG
    assert (desk.file.read_text(), desk.drafts()) == (GROQ, [GROQ + "# filler\n" * 40_000])


def test_edit_can_be_left_without_a_change(desk: Desk) -> None:
    desk.write(GROQ)
    desk.use_editor("pass")

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.OK
    assert (desk.file.read_text(), desk.drafts(), desk.said) == (GROQ, [], (f"{desk.file}: unchanged\n", ""))


def test_the_editor_sees_no_key_and_visual_comes_first(desk: Desk) -> None:
    desk.write(GROQ.replace("model", 'api_key_env = "MY_SECRET"\nmodel'))
    seen = desk.repo / "seen"
    desk.use_editor(f"import json; json.dump(sorted(os.environ), open({str(seen)!r}, 'w'))")
    desk.env |= {"VISUAL": desk.env["EDITOR"], "EDITOR": "false", "MY_SECRET": "1", "OPENAI_API_KEY": "2", "KEPT": "3"}

    assert config.edit(desk.where, desk.out, desk.err) == ExitCode.OK
    assert {"MY_SECRET", "OPENAI_API_KEY", "KEPT"} & set(json.loads(seen.read_text())) == {"KEPT"}


@pytest.mark.parametrize(
    ("editor", "said"),
    [
        ("/no/such/editor", "the editor '/no/such/editor' cannot be started: No such file or directory; set VISUAL"),
        (" ", "no editor is known: set VISUAL or EDITOR"),
        ("false", "the editor ended with status 1; nothing was changed"),
    ],
)
def test_an_editor_that_does_not_do_its_work_changes_nothing(desk: Desk, editor: str, said: str) -> None:
    desk.write(GROQ)
    desk.env["EDITOR"] = editor

    with pytest.raises(InputError) as caught:
        config.edit(desk.where, desk.out, desk.err)

    assert str(caught.value).startswith(said)
    assert (desk.file.read_text(), desk.drafts()) == (GROQ, [])
