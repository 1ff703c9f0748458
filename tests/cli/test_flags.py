"""The flags of the command line, before and after the command's name, and the configuration under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tomli_w

from fallback_chat.cli.options import parse_duration
from tests.cli.program import ANSWERS, Ran, entry
from tests.cli.repl.pseudo_terminal import on_terminal

if TYPE_CHECKING:
    from tests.cli.program import Program


@pytest.fixture
def three(program: Program) -> Program:
    """A chain of three healthy servers, and a profile."""
    program.play("ok", "ok", "ok")
    program.config["profiles"] = {"fast": {"providers": ["three", "one"]}}
    return program


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30", 30), ("30s", 30), ("500ms", 0.5), ("2m", 120), ("2min", 120), ("1.5 h", 5400), (" 0.25 ", 0.25)],
)
def test_a_duration_is_in_the_unit_that_it_names(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


FIRST_ASKED = [
    ([], {}, [1, 0, 0]),
    (["-p", "two"], {}, [0, 1, 0]),
    (["--provider", "three"], {}, [0, 0, 1]),
    (["--only", "two"], {}, [0, 1, 0]),
    (["--chain", "three, two"], {}, [0, 0, 1]),
    (["--profile", "fast"], {}, [0, 0, 1]),
    (["--profile", "fast", "-p", "two"], {}, [0, 1, 0]),
    ([], {"FALLBACK_CHAT_PROVIDER": "two"}, [0, 1, 0]),
    ([], {"FALLBACK_CHAT_PROFILE": "fast"}, [0, 0, 1]),
    (["-p", "one"], {"FALLBACK_CHAT_PROVIDER": "two"}, [1, 0, 0]),
]


@pytest.mark.parametrize(("flags", "environment", "asked"), FIRST_ASKED, ids=str)
def test_who_is_asked(three: Program, flags: list[str], environment: dict[str, str | None], asked: list[int]) -> None:
    ran = three("ask", *flags, "hi", env=environment)

    assert (ran.code, ran.err, three.asked) == (0, "", asked)


def test_the_fallback_stays_with_provider_and_goes_with_only(program: Program) -> None:
    begun = program.play("ok", "500")("ask", "-p", "two", "hi")
    assert (begun.code, begun.out, program.asked) == (0, ANSWERS["one"], [1, 1])

    alone = program.play("ok", "500")("ask", "--only", "two", "hi")
    assert (alone.code, alone.out, program.asked[0]) == (69, "", 0)


@pytest.mark.parametrize(
    "args", [["-p", "two", "ask", "hi"], ["ask", "hi", "-p", "two"], ["-p", "one", "ask", "-p", "two", "hi"]]
)
def test_options_stand_before_or_after_the_command(three: Program, args: list[str]) -> None:
    assert three(*args) == Ran(0, ANSWERS["two"], "")


def test_model_and_system_reach_the_server_and_only_the_first_one_gets_the_model(program: Program) -> None:
    program.play("500", "ok")("ask", "-m", "other", "-s", "Be brief.", "hi")

    first, second = (server.requests[0].json for server in program.servers[:2])
    assert [first["model"], second["model"]] == ["other", "sim-model"]
    assert first["messages"][0] == {"role": "system", "content": "Be brief."}
    assert second["messages"][0] == {"role": "system", "content": "Be brief."}


def test_a_role_is_the_system_prompt(program: Program) -> None:
    folder = program.play("ok").directory / "xdg/fallback-chat"
    (folder / "roles").mkdir(parents=True)
    (folder / "roles/pirate.md").write_text("Talk like a pirate.\n")
    (folder / "fallback.toml").write_text(tomli_w.dumps(program.config))
    env: dict[str, str | None] = {"XDG_CONFIG_HOME": str(program.directory / "xdg")}

    none = program("ask", "--role", "pirate", "hi", env={"XDG_CONFIG_HOME": str(program.directory)})
    answered = program("ask", "--role", "pirate", "hi", env=env)
    unknown = program("--role", "cook", "ask", "hi", env=env)
    both = program("-s", "Be brief.", "ask", "--role", "pirate", "hi", env=env)

    roles = program.directory / "fallback-chat" / "roles"
    assert none == Ran(65, "", f"fallback-chat: no role is called 'pirate'; a role is a file NAME.md in {roles}\n")
    assert answered == Ran(0, ANSWERS["one"], "")
    assert program.servers[0].requests[0].json["messages"][0] == {"role": "system", "content": "Talk like a pirate."}
    assert unknown == Ran(65, "", "fallback-chat: no role is called 'cook'; there are pirate\n")
    assert (both.code, both.err.splitlines()[-1]) == (
        2,
        "Error: Invalid value: --system and --role exclude each other: give one of them",
    )


@pytest.mark.parametrize(
    ("first", "second"), [("--only", "--chain"), ("--only", "--provider"), ("--chain", "--profile")]
)
def test_flags_that_contradict_each_other_are_refused(first: str, second: str, program: Program) -> None:
    ran = program("ask", first, "one", second, "two", "hi")

    assert (ran.code, ran.err.splitlines()[-1]) == (
        2,
        f"Error: Invalid value: {first} and {second} exclude each other: give one of them",
    )


def test_timeout_first_bounds_each_provider(program: Program) -> None:
    ran = program.play("silence", "head-silent")("ask", "--timeout-first", "300ms", "hi")

    assert (ran.code, ran.out) == (69, "")
    assert ran.err.count("nothing for 0.3 s") == 3


def test_timeout_idle_bounds_the_silence_within_an_answer(program: Program) -> None:
    ran = program.play("token-silence")("ask", "--timeout-idle", "300ms", "hi")

    assert (ran.code, ran.out) == (3, "These\n")
    assert "nothing for 0.3 s" in ran.err


SUGGESTIONS = [
    (["--only", "tow"], "'two'"),
    (["-p", "thre"], "'three'"),
    (["--chain", "one,tvo"], "'two'"),
    (["--profile", "fats"], "'fast'"),
    (["--only", "zzzzzz"], "'one'"),
]


@pytest.mark.parametrize(("flags", "suggestion"), SUGGESTIONS, ids=str)
def test_an_unknown_name_is_answered_with_a_suggestion(three: Program, flags: list[str], suggestion: str) -> None:
    ran = three("ask", *flags, "hi")

    assert (ran.code, ran.out, three.asked) == (78, "", [0, 0, 0])
    assert suggestion in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["session", "list"], "Did you mean 'sessions'? To ask it as a question: fallback-chat ask session list"),
        (["hello"], "To ask it as a question: fallback-chat ask hello"),
    ],
)
def test_a_word_that_is_no_command_is_answered_with_what_it_may_have_meant(
    program: Program, words: list[str], meant: str
) -> None:
    ran = program(*words)

    assert (ran.code, ran.out, program.asked) == (2, "", [0])
    assert ran.err.splitlines()[-1] == f"Error: No such command {words[0]!r}. {meant}"


def test_config_is_used_alone(program: Program) -> None:
    other = program.directory / "other.toml"
    other.write_text(
        f'[[providers]]\nname = "x"\nkind = "openai"\nmodel = "m"\nbase_url = "{program.servers[1].url}/v1"\n'
    )
    program.servers[1].script = program.servers[0].script

    ran = program("ask", "--json", "--config", str(other), "hi")
    missing = program("ask", "--config", "/nowhere.toml", "hi")

    assert '"provider": "x"' in ran.out or "rejected the API key" in ran.err
    assert program.asked == [0]
    assert (missing.code, missing.out) == (78, "")
    assert "/nowhere.toml" in missing.err


def test_every_mistake_of_a_configuration_is_told_at_once_with_file_and_line(program: Program) -> None:
    broken = program.directory / "broken.toml"
    broken.write_text(
        """[chain]
attempt_timeout = "ten"
atempt_timeout = 3

[[providers]]
name = "a"
kind = "opnai"
model = "m"

[[providers]]
name = "a"
kind = "openai"
base_url = "not a url"
"""
    )

    asked = program("ask", "--config", str(broken), "hi")
    checked = program("config", "check", "--config", str(broken))

    assert (asked.code, checked.code, asked.out, checked.out) == (78, 78, "", "")
    assert asked.err == checked.err
    for line, words in ((2, "attempt_timeout"), (3, "atempt_timeout"), (7, "'openai'"), (13, "base_url")):
        assert any(f"{broken}:{line}:" in told and words in told for told in asked.err.splitlines()), (line, asked.err)


def test_a_projects_file_cannot_send_the_key_elsewhere(program: Program) -> None:
    evil = program.servers[1]
    evil.requests.clear()
    project = program.directory / "cwd"
    project.mkdir()
    (project / "fallback.toml").write_text(
        f"""[[providers]]
name = "one"
base_url = "{evil.url}/v1"
headers = {{ x-extra = "1" }}

[[providers]]
name = "evil"
kind = "openai"
model = "m"
base_url = "{evil.url}/v1"
api_key_env = "SIM_KEY"

[[providers]]
name = "command"
kind = "openai"
model = "m"
base_url = "{evil.url}/v1"
api_key_cmd = ["touch", "{project}/owned"]
"""
    )

    plain = program("ask", "hi")
    forced = program("ask", "--only", "evil", "hi")

    assert (plain.code, plain.out) == (0, ANSWERS["one"])
    assert forced.code == 78
    assert evil.requests == []
    assert not (project / "owned").exists()


def test_a_projects_file_may_choose_the_order_and_the_model(program: Program) -> None:
    program.play("ok", "ok")
    project = program.directory / "cwd"
    project.mkdir()
    (project / "fallback.toml").write_text('[[providers]]\nname = "one"\nmodel = "of-the-project"\n')

    program("ask", "hi")

    assert program.servers[0].requests[0].json["model"] == "of-the-project"


def test_config_commands_run_without_network(program: Program) -> None:
    for command in ("path", "show", "check", "explain"):
        ran = program("config", command)
        assert ran.code == 0, (command, ran)
        assert ran.out
    assert program.asked == [0]


def test_a_disabled_provider_is_not_asked_until_it_is_named(program: Program) -> None:
    program.play("ok", "ok")
    program.config["providers"][0] = entry("one", program.servers[0].url, enabled=False)

    default = program("ask", "hi")
    named = program("ask", "--only", "one", "hi")

    assert (default.out, named.out) == (ANSWERS["two"], ANSWERS["one"])


def test_help_is_as_wide_as_the_terminal_and_cuts_no_summary(program: Program) -> None:
    with on_terminal(program, "--help", size=(48, 150)) as run:
        run.until(lambda: run.rows[-1:] and run.rows[-1].endswith("network."))
        assert '    fallback-chat ask "QUESTION"  one answer' in run.rows  # the examples are not broken
        start = run.rows.index("Commands:")
        assert run.rows[start : start + 6] == [
            "Commands:",
            "  ask       Ask one question; the answer goes",
            "            to standard output, everything",
            "            else to standard error.",
            "  probe     Check every provider of the chain,",
            "            in parallel.",
        ]
