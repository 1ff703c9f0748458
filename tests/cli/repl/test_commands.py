"""Slash commands, by what they print and what they do to the next turn."""

from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.repl.clipboard import osc52
from fallback_chat.core.chat_context import ChatContext, ChatMessage, Image, Role
from fallback_chat.core.errors import APIStatusError, ErrorDetails, ErrorKind
from fallback_chat.core.llm import ChatOptions, ModelInfo, ProbeReport
from tests.cli.repl.harness import CTRL_C, ENTER, ESC, chatting
from tests.core.scripted import SILENCE, STOP, ScriptedLLM, Step, thought

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.repl.harness import Chat

pytestmark = pytest.mark.usefixtures("each_terminal")
DOWN = APIStatusError("oops", details=ErrorDetails(status=500))
F5 = f"{ESC}[15~"
PNG = b"\x89PNG\r\n\x1a\n"
NO_KEY = APIStatusError("who are you?", kind=ErrorKind.AUTH, details=ErrorDetails(status=401))


def llm(name: str, *texts: str) -> ScriptedLLM:
    scripts: list[list[Step]] = [[text, STOP] for text in texts or (f"From {name}.",)]
    return ScriptedLLM(name, *scripts, context_window=1000)


def listing(name: str, *models: str) -> ScriptedLLM:
    """Make a provider that lists these models."""
    return ScriptedLLM(name, models=[ModelInfo(model) for model in models], context_window=1000)


def printed(chat: Chat, command: str) -> list[str]:
    """Give what a command printed: the rows between its line and the next prompt."""
    rows = chat.screen.rows
    start = max(index for index, row in enumerate(rows) if row == f"❯ {command}")
    return rows[start + 1 : -2]


def files_in(place: Path) -> list[Path]:
    return list(place.glob("*.log"))


async def output(chat: Chat, command: str) -> list[str]:
    await chat.ask(command)
    return printed(chat, command)


def said(chat: Chat) -> list[str]:
    return [message.text for message in chat.repl.session.context.messages]


async def test_retry_asks_again_and_keeps_one_answer() -> None:
    async with chatting(llm("a", "One.", "Two.")) as chat:
        await chat.ask("Go")
        assert await output(chat, "/retry") == ["Two."]
        assert said(chat) == ["Go", "Two."]


async def test_retry_next_asks_the_one_behind_the_last_and_retry_name_that_one() -> None:
    async with chatting(llm("a"), llm("b"), llm("c")) as chat:
        await chat.ask("Go")
        assert (await output(chat, "/retry next"))[0] == "From b."
        assert (await output(chat, "/retry c")) == ["From c.", "c/c-1 · 3rd of 3 · you chose it for this turn"]
        assert (await output(chat, "/retry next"))[0] == "From a."


async def test_retry_of_a_failed_turn_asks_its_question() -> None:
    async with chatting(ScriptedLLM("a", [DOWN], ["Now.", STOP])) as chat:
        await chat.begin("Go", "✗ no answer: a 500 (oops)")
        await chat.prompts()
        chat.type(CTRL_C)
        await chat.until(lambda: chat.line == "")
        await chat.ask("/retry")
        assert (said(chat), chat.line) == (["Go", "Now."], "")


async def test_continue_asks_for_the_rest_as_a_turn_of_its_own() -> None:
    one = ScriptedLLM("a", ["Half", SILENCE], ["The rest.", STOP])
    async with chatting(one) as chat:
        await chat.begin("Go", "Half")
        chat.type(CTRL_C)
        await chat.sees("stopped")
        await chat.ask("/continue")
        assert [text for text in said(chat) if "broke off" not in text] == ["Go", "Half", "The rest."]


async def test_edit_and_two_escapes_bring_the_last_question_back() -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        chat.type(ESC + ESC)
        await chat.until(lambda: chat.line == "Go")
        chat.type(CTRL_C)
        await chat.until(lambda: chat.line == "")
        await chat.ask("/edit")
        assert (chat.line, said(chat)) == ("Go", [])


async def test_edit_goes_back_to_what_the_user_typed() -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("Go")
        await chat.ask("/continue")
        await chat.ask("/edit")
        assert (chat.line, said(chat)) == ("Go", [])


async def test_punctuation_behind_a_file_is_not_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    async with chatting(llm("a")) as chat:
        await chat.ask(f"See @{tmp_path}/a.txt, please")
        assert [message.text.count("alpha") for message in chat.repl.session.questions] == [1]


async def test_a_file_that_is_not_there_is_told() -> None:
    async with chatting(llm("a")) as chat:
        assert (await output(chat, "See @nothere.txt, @somebody"))[0] == (
            "there is no file nothere.txt: @nothere.txt is sent as a word"
        )


async def test_undo_and_new_forget() -> None:
    async with chatting(llm("a")) as chat:
        await chat.ask("One")
        await chat.ask("Two")
        assert await output(chat, "/undo") == ["taken back: Two"]
        assert said(chat) == ["One", "From a."]
        assert await output(chat, "/clear") == ["new conversation"]
        assert said(chat) == []


async def test_use_pin_and_skip_decide_who_is_asked() -> None:
    a, b, c = llm("a"), llm("b"), llm("c")
    async with chatting(a, b, c) as chat:
        await chat.ask("/use c")
        await chat.ask("1")
        await chat.ask("/skip a")
        assert chat.screen.rows[-1].startswith("▸b b-1 · a skipped · c ok")
        await chat.ask("2")
        await chat.ask("/pin 3")
        await chat.ask("3")
        await chat.ask("/unpin")
        await chat.ask("/unskip a")
        await chat.ask("4")
        assert [len(one.calls) for one in (a, b, c)] == [1, 1, 2]


async def test_a_pinned_provider_that_fails_is_not_replaced() -> None:
    b = llm("b")
    async with chatting(ScriptedLLM("a", [DOWN]), b) as chat:
        await chat.ask("/pin a")
        await chat.ask("Go")
        assert (chat.line, b.calls) == ("Go", [])


async def test_sticky_stays_with_whoever_answered() -> None:
    a = ScriptedLLM("a", [DOWN], ["From a.", STOP])
    b = llm("b")
    async with chatting(a, b) as chat:
        await chat.ask("/set prefer sticky")
        await chat.ask("1")
        chat.adapter.set_enabled(a, enabled=True)
        await chat.ask("2")
        assert (len(a.calls), len(b.calls)) == (1, 2)


async def test_an_answer_is_apart_from_what_is_above_it() -> None:
    async with chatting(ScriptedLLM("a", ["One.", STOP], ["Two.", STOP])) as chat:
        await chat.ask("Go")
        await chat.ask("/retry")
        lines = [line.rstrip() for line in chat.screen.lines]
        assert lines[lines.index("❯ Go") :][:7] == ["❯ Go", "", "One.", "", "❯ /retry", "", "Two."]


async def test_who_is_named_for_a_turn_is_asked_even_while_resting() -> None:
    a, b = ScriptedLLM("a", [DOWN], ["From a.", STOP]), llm("b")
    async with chatting(a, b) as chat:
        await chat.ask("1")
        await chat.ask("/use a")
        await chat.ask("2")
        assert chat.screen.rows[-4:-1] == ["From a.", "↷ a: available again (it answered)", ">"]
        assert (len(a.calls), len(b.calls)) == (2, 1)


async def test_chain_shows_every_provider_with_its_state() -> None:
    async with chatting(ScriptedLLM("a", [NO_KEY]), llm("b")) as chat:
        await chat.ask("Go")
        assert await output(chat, "/chain") == [
            "provider  model  kind      state    next turn",
            "1 a       a-1    scripted  bad key",
            "2 b       b-1    scripted  ok       first",
        ]


async def test_why_tells_the_routing_of_the_last_turn() -> None:
    async with chatting(ScriptedLLM("a", [NO_KEY]), llm("b")) as chat:
        await chat.ask("Go")
        lines = [re.sub(r"[\d.]+ s\b", "N s", line) for line in await output(chat, "/why")]
        assert lines == [
            "The turn went through the chain in order: a → b.",
            "  1. a rejected the API key (HTTP 401: who are you?) (after N s)",
            "  2. b answered: first words after N s, done after N s",
            "The answer came from b/b-1, N s in all.",
            "a is asked again in 24 h (/probe asks it now).",
            "For a: check the key: fallback-chat config show --origin.",
        ]


async def test_why_tells_the_order_in_which_providers_were_asked() -> None:
    async with chatting(ScriptedLLM("a", [DOWN], [NO_KEY]), ScriptedLLM("b", ["From b."], [NO_KEY])) as chat:
        await chat.ask("Go")
        await chat.ask("Again")
        await chat.ask("\x15/why")
        assert "The turn went to b → a: providers that rest are asked last." in chat.screen.rows


class Probed(ScriptedLLM):
    """Says of itself what it is given."""

    report = ProbeReport(ok=True, check="completion", first_token=0.25)

    async def probe(self, *, light: bool = False, timeout: float | None = None) -> ProbeReport:  # noqa: ASYNC109
        del light
        return self.report


async def test_probe_checks_and_puts_back_into_use() -> None:
    a = Probed("a", [NO_KEY])
    b = Probed("b", ["From b.", STOP])
    b.report = ProbeReport(ok=False, check="completion", error=DOWN)
    async with chatting(a, b) as chat:
        await chat.ask("Go")
        assert await output(chat, "/probe") == [
            "a answers (after 0.25 s)",
            "↷ a: available again (a check succeeded)",
            "b failed (HTTP 500: oops)",
        ]
        assert chat.adapter.health(a).available


async def test_model_lists_and_changes_models() -> None:
    async with chatting(llm("a"), llm("b")) as chat:
        await chat.ask("/calm")
        await chat.ask("/models")
        assert chat.screen.rows[-3:-1] == ["a: a-1", "b: b-1"]
        await chat.ask("/calm")
        await chat.ask("/use b")
        assert await output(chat, "/model b-2") == ["b is asked for b-2"]
        assert await output(chat, "/model a a-2") == ["a is asked for a-2"]
        assert await output(chat, "/model a") == ["/model: a is a provider: write /model a MODEL"]
        assert [one.model for one in chat.repl.chain.providers] == ["a-2", "b-2"]


async def test_files_go_along_by_command_and_by_mention(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "b.txt").write_text("beta")
    (tmp_path / "c.png").write_bytes(PNG)
    async with chatting(llm("a")) as chat:
        await chat.ask(f"/add {tmp_path}/a.txt")
        await chat.ask(f"/add {tmp_path}/c.png")
        await chat.ask(f"See @{tmp_path}/b.txt and @nobody")
        question = chat.repl.session.questions[0]
        assert question.text == (
            f"See @{tmp_path}/b.txt and @nobody\n\n{tmp_path}/a.txt:\n```\nalpha\n```\n\n{tmp_path}/b.txt:\n```\nbeta\n```"
        )
        assert question.content[-1] == Image("image/png", PNG)
        assert chat.repl.session.attachments == []


async def test_a_file_that_a_failed_question_named_goes_out_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    a = ScriptedLLM("a", [DOWN], ["An answer.", STOP])
    async with chatting(a) as chat:
        await chat.ask(f"See @{tmp_path}/a.txt")
        await chat.ask("")
        assert [message.text.count("alpha") for message in chat.repl.session.questions] == [1]


async def test_drop_takes_attachments_away(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    async with chatting(llm("a")) as chat:
        await chat.ask(f"/add {tmp_path}/a.txt")
        assert "1 attached" in chat.screen.rows[-1]
        assert await output(chat, "/drop b") == ["/drop: 'b' is not attached"]
        await chat.ask("/drop")
        assert chat.repl.session.attachments == []


async def test_copy_sends_the_answer_its_code_or_everything_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    text = "Look:\n\n```python\nx = 1\n```\n\nand\n\n~~~\ny\nz"
    where = "to the terminal's clipboard; not every terminal allows that"
    async with chatting(llm("a", "First.", text), columns=120) as chat:
        await chat.ask("Go")
        await chat.ask("And?")
        for command, what, copied in (
            ("/copy", "the answer", text),
            ("/copy code", "code block 2 of 2 (2 lines)", "y\nz\n"),
            ("/copy code 1", "code block 1 of 2 (python, 1 line)", "x = 1\n"),
            ("/copy 2", "answer 2 from the end", "First."),
            (
                "/copy all",
                "the conversation",
                f"**user**\n\nGo\n\n**assistant**\n\nFirst.\n\n**user**\n\nAnd?\n\n**assistant**\n\n{text}",
            ),
        ):
            assert await output(chat, command) == [f"sent {what} {where}"]
            assert osc52(copied) in chat.screen.written
        assert await output(chat, "/copy 3") == ["/copy: there is no answer 3, only 2 answers"]
        assert await output(chat, "/copy code 3") == ["/copy: there is no code block 3, only 2 code blocks"]


async def test_the_editor_gets_the_text_in_a_private_file_and_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "editor"
    editor.write_text(
        '#!/bin/sh\nstat -c %a "$1"  > "$0.mode"\necho "[$OPENAI_API_KEY]" > "$0.key"\necho written >> "$1"\n'
    )
    editor.chmod(stat.S_IRWXU)
    monkeypatch.setenv("EDITOR", str(editor))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with chatting(llm("a")) as chat:
        await chat.ask("/editor draft ")
        assert chat.line == "draftwritten"
        chat.type("\x18\x05")
        await chat.until(lambda: chat.line == "draftwrittenwritten")
    assert (tmp_path / "editor.mode").read_text() == "600\n"
    assert (tmp_path / "editor.key").read_text() == "[]\n"


async def test_an_editor_that_fails_leaves_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "false")
    async with chatting(llm("a")) as chat:
        await chat.ask("/editor draft")
        await chat.sees("the editor ended with status 1; nothing was changed")
        await chat.until(lambda: chat.line == "draft")


async def test_system_and_role_stand_in_front_of_the_conversation(home: Path) -> None:
    a = llm("a")
    roles = home / "config_home" / "fallback-chat" / "roles"
    roles.mkdir(parents=True)
    (roles / "pirate.md").write_text("Talk like a pirate.\n")
    async with chatting(a) as chat:
        await chat.ask("/system Be brief.")
        await chat.ask("One")
        await chat.ask("/role pirate")
        await chat.ask("Two")
        assert await output(chat, "/role cook") == ["/role: no role is called 'cook'; there are pirate"]
        await chat.ask("/system none")
        await chat.ask("Three")
    assert [call.chat_ctx.system for call in a.calls] == ["Be brief.", "Talk like a pirate.", ""]
    assert all(message.role is not Role.SYSTEM for message in chat.repl.session.context.messages)


async def test_settings_are_shown_checked_and_used() -> None:
    a = llm("a")
    async with chatting(a) as chat:
        await chat.ask("/set max_tokens 99")
        await chat.ask("/set temperature 0.5")
        assert await output(chat, "/set temperature hot") == ["/set: temperature is a number from 0 to 2, or none"]
        assert await output(chat, "/set") == [
            "max_tokens = 99",
            "temperature = 0.5",
            "top_p = none",
            "stop = none",
            "seed = none",
            "reasoning_effort = none",
            "reasoning = off",
            "require = none",
            "prefer = primary",
            "multiline = off",
            "vi = off",
            "calm = off",
            "notify = off",
            "theme = auto",
        ]
        await chat.ask("Go")
    options = a.calls[0].arguments["options"]
    assert (options.max_tokens, options.temperature) == (99, 0.5)


async def test_every_wish_that_providers_take_can_be_set() -> None:
    a = llm("a")
    async with chatting(a) as chat:
        for setting, value in (
            ("top_p", "0.9"),
            ("stop", "END 'the end'"),
            ("seed", "-7"),
            ("reasoning_effort", "low"),
            ("max_tokens", "5"),
            ("max_tokens", "none"),
        ):
            await chat.ask(f"/set {setting} {value}")
            assert chat.screen.rows[-3] == f"{setting} = {value}"
        await chat.ask("Go")
        await chat.ask("/set stop none")
    options = a.calls[0].arguments["options"]
    assert options == ChatOptions(top_p=0.9, stop=("END", "the end"), seed=-7, reasoning_effort="low")
    assert chat.repl.session.options.stop == ()


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("max_tokens 0", "max_tokens is a number above 0, or none"),
        ("max_tokens many", "max_tokens is a number above 0, or none"),
        ("temperature -1", "temperature is a number from 0 to 2, or none"),
        ("temperature nan", "temperature is a number from 0 to 2, or none"),
        ("top_p 2", "top_p is a number from 0 to 1, or none"),
        ("stop 'open", "stop is one or more texts, or none"),
        ("seed 1.5", "seed is a whole number, or none"),
        ("reasoning perhaps", "say on or off"),
        ("notify loudly", "notify is off, bell or desktop"),
        ("prefer luck", "prefer is primary or sticky"),
    ],
)
async def test_a_value_that_makes_no_sense_changes_nothing(value: str, sentence: str) -> None:
    async with chatting(llm("a")) as chat:
        assert await output(chat, f"/set {value}") == [f"/set: {sentence}"]
        assert chat.repl.session.options == ChatOptions()


async def test_a_model_belongs_to_the_provider_that_it_was_last_given_for() -> None:
    async with chatting(listing("a", "a-1", "shared"), listing("b", "b-1", "b-2", "shared")) as chat:
        assert await output(chat, "/model b-1") == ["b is asked for b-1"]  # it is configured there
        assert await output(chat, "/model b b-2") == ["b is asked for b-2"]
        assert await output(chat, "/model a shared") == ["a is asked for shared"]
        assert await output(chat, "/model b-2") == ["b is asked for b-2"]
        assert await output(chat, "/model shared") == ["a is asked for shared"]
        assert await output(chat, "/model b shared") == ["b is asked for shared"]
        assert await output(chat, "/model shared") == ["b is asked for shared"]


async def test_a_model_that_is_not_listed_is_refused_once_with_a_suggestion() -> None:
    a = listing("a", "a-large", "a-small", "other")
    refused = "/model: a does not list 'a-lrge'; did you mean a-large or a-small? Say it once more to use it anyway"
    async with chatting(a, columns=120) as chat:
        assert await output(chat, "/model a-lrge") == [refused]
        assert (chat.repl.chain.providers[0].model, a.calls) == ("a-1", [])
        assert await output(chat, "/model a-lrge") == ["a is asked for a-lrge"]
        assert await output(chat, "/model xyzzy") == [
            "/model: a does not list 'xyzzy'. Say it once more to use it anyway"
        ]


async def test_reasoning_is_shown_by_a_key_and_before_the_answer_where_it_is_wanted() -> None:
    script: list[Step] = [thought("Let me think."), "An answer.", STOP]
    async with chatting(ScriptedLLM("a", script, script)) as chat:
        await chat.prompts()
        chat.type(F5)
        await chat.sees("/reasoning: none has come; a model that thinks sends it with its first words")
        await chat.ask("Go")
        assert "▌ Let me think." not in chat.screen.rows
        chat.type(F5)
        await chat.sees("▌ Let me think.")
        await chat.ask("/set reasoning on")
        assert await output(chat, "Again") == ["▌ Let me think.", "An answer."]
        await chat.ask("/calm")
        chat.type("/reasoning" + ENTER)
        await chat.until(lambda: "Let me think." in chat.screen.rows)


async def test_a_long_answer_and_a_provider_that_is_back_ring_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fallback_chat.cli.repl.repl.LONG", 0.0)
    a = llm("a", "One.", "Two.", "Three.")
    async with chatting(a) as chat:
        await chat.ask("Go")
        assert ("\x07" in chat.screen.written, "\x1b]9;" in chat.screen.written) == (False, False)
        await chat.ask("/set notify bell")
        await chat.ask("Go")
        assert chat.screen.written.count("\x07") == 1
        await chat.ask("/set notify desktop")
        await chat.ask("Go")
        assert "\x1b]9;fallback-chat: the answer is there\x07" in chat.screen.written
        chat.adapter.set_enabled(a, enabled=False)
        chat.adapter.set_enabled(a, enabled=True)
        await chat.until(lambda: "\x1b]9;fallback-chat: a is back\x07" in chat.screen.written)


async def test_tokens_cost_stats_status_and_config_answer_from_the_start() -> None:
    async with chatting(llm("a")) as chat:
        assert await output(chat, "/tokens") == ["the conversation takes about 0 tokens", "  a: 0% of 1000"]
        assert await output(chat, "/cost") == ["/cost: no price is known: put prices into fallback.toml"]
        assert await output(chat, "/stats") == ["/stats: nothing has been asked yet"]
        assert (await output(chat, "/config"))[0] == "configuration: no file: found in the environment"
        assert (await output(chat, "/status"))[1] == "0 questions, about 0 tokens in the conversation."
        await chat.ask("Go")
        assert (await output(chat, "/status"))[1].startswith("1 question, about ")
        assert (await output(chat, "/stats"))[0] == "provider  answers  failures  first words  tokens in  tokens out"


async def test_help_names_everything_on_one_screen() -> None:
    async with chatting(llm("a"), rows=24) as chat:
        assert await output(chat, "/help") == [
            "Questions and answers  /new /private /retry /continue /edit /undo /copy",
            "                       /reasoning /add /drop /editor /multiline",
            "Conversations          /resume /sessions /fork /rename /search /export",
            "The chain              /chain /use /pin /unpin /skip /unskip /probe /yes /no",
            "                       /wait /why /model",
            "Context                /system /role /tokens /cost /stats /status",
            "The program            /set /config /theme /vim /calm /help /quit",
            "Keys                   Enter send · Alt-Enter newline · Ctrl-X Ctrl-E, Ctrl-G",
            "                       editor · Esc Esc edit last · Ctrl-O expand paste · Ctrl-Z",
            "                       suspend · F1 help · F2 chain · F5 reasoning · F3",
            "                       multiline · F4 vi · Ctrl-N next provider · Esc stop ·",
            "                       Ctrl-C stop · Ctrl-D leave · Tab complete · Up, Down,",
            "                       Ctrl-R earlier questions · Right, Ctrl-E suggestion ·",
            "                       Ctrl-L clear",
            "/help copy explains a command, /help stop finds a word in commands and keys,",
            "/help all shows everything.",
            'A line that begins with // is a question that begins with a slash. """ begins',
            "and ends a text of several lines.",
        ]


async def test_help_explains_a_command_or_whatever_a_word_is_in() -> None:
    async with chatting(llm("a")) as chat:
        assert await output(chat, "/help retry") == [
            "/retry [next|NAME]: ask the last question again (also /regenerate)"
        ]
        assert await output(chat, "/help Window") == ["Context:", "  /tokens  how full the context windows are"]
        assert await output(chat, "/help conversations") == [
            "Conversations:",
            "  /resume [ID]              continue a conversation; without ID one to pick",
            "  /sessions                 list the conversations",
            "  /fork                     continue in a copy of the conversation",
            "  /rename TEXT              give the conversation a title",
            "  /search TEXT              search all conversations",
            "  /export [md|json] [FILE]  write the conversation to a file",
        ]
        assert await output(chat, "/help xyzzy") == ["/help: no command or key is about 'xyzzy'"]


async def test_all_of_the_help_has_every_command_and_key() -> None:
    async with chatting(llm("a"), rows=80) as chat:
        lines = await output(chat, "/help all")
        labels = [*(row.usage for row in chat.repl.registry.rows), *(key.label for key in chat.repl.keymap.rows())]
        assert [label for label in labels if not any(line.startswith(f"  {label} ") for line in lines)] == []


async def test_f1_and_a_question_mark_on_an_empty_line_show_the_help_and_f2_the_chain() -> None:
    async with chatting(llm("a"), rows=60) as chat:
        await chat.ask("Go")
        for keys, seen in (("?", "Questions and answers"), (f"{ESC}OQ", "provider  model")):
            chat.type(keys)
            await chat.sees(seen)
        chat.type("why?")
        await chat.until(lambda: chat.line == "why?")


async def test_multi_line_mode_swaps_enter_and_alt_enter() -> None:
    a = llm("a")
    async with chatting(a) as chat:
        await chat.ask("/multiline")
        chat.type("one")
        await chat.until(lambda: chat.line == "one")
        chat.type(ENTER)
        await chat.until(lambda: chat.line == "one\n")
        chat.type("two" + ESC + ENTER)
        await chat.sees("From a.")
        await chat.prompts()
        assert said(chat)[0] == "one\ntwo"


async def test_private_saves_nothing_and_is_shown(home: Path) -> None:
    async with chatting(llm("a")) as chat:
        assert await output(chat, "/private") == ["new conversation, not saved"]
        await chat.ask("Go")
        assert "private" in chat.screen.rows[-1]
        assert not (home / "data_home").exists()
        await chat.ask("/private")
        await chat.ask("Go")
        assert (home / "data_home" / "fallback-chat" / "history.db").exists()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("/retry", "/retry: nothing has been asked yet"),
        ("/why", "/why: nothing has been asked yet"),
        ("/continue", "/continue: there is no answer to continue"),
        ("/edit", "/edit: there is no question to edit"),
        ("/undo", "/undo: there is nothing to take back"),
        ("/copy", "/copy: there is no answer to copy"),
        ("/add", "/add: name a file"),
        ("/add nothing.txt", "/add: there is no file 'nothing.txt'"),
        ("/use ,", "/use: no provider is called ','; there are a"),
        ("/use b", "/use: no provider is called 'b'; there are a"),
        ("/skip a soon", "/skip: 'soon' is not a duration: write 30s, 500ms, 2m or 1h"),
        ("/set x 1", "/set: no setting is called 'x'; there are max_tokens, temperature, top_p, stop,"),
        ("/theme pink", "/theme: theme is auto, dark or light"),
    ],
)
async def test_a_command_that_makes_no_sense_says_so_and_the_chat_goes_on(command: str, sentence: str) -> None:
    async with chatting(llm("a")) as chat:
        assert (await output(chat, command))[0] == sentence
        assert await output(chat, "Go") == ["From a."]


async def test_a_bug_in_a_command_is_told_and_the_chat_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def new() -> None:
        raise RuntimeError("surprise")

    async with chatting(llm("a")) as chat:
        chat.repl.record.new = new  # type: ignore[method-assign]
        told = (await output(chat, "/new"))[0]
        await chat.ask("Go")
        assert told == "/new: this is a bug in fallback-chat (RuntimeError). Please report it where you"
        assert said(chat) == ["Go", "From a."]
    (report,) = files_in(tmp_path)
    assert report.read_text().endswith("RuntimeError: surprise\n")


async def test_undo_of_a_question_that_nobody_typed() -> None:
    async with chatting(llm("a")) as chat:
        chat.repl.session.context = ChatContext((ChatMessage(Role.USER, (Image("image/png", PNG),)),))
        assert await output(chat, "/undo") == ["taken back: a question without text"]
