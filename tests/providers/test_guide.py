"""The guide: the right section for a question, an honest word for the others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallback_chat.core.chat_context import ChatContext, Role
from fallback_chat.core.config.settings import ProviderSettings
from fallback_chat.core.llm import ChatChunk, ChoiceDelta, FinishReason, ProbeReport
from fallback_chat.providers.guide import INTRODUCTION, NO_MORE, NOTHING, answer, create
from fallback_chat.providers.guide.manual import Manual, Section, bundled, split_sections, stem

SETTINGS = ProviderSettings(name="guide", kind="guide", model="manual")

QUESTIONS = {
    "how do I add a second provider?": "Add a second provider",
    "how can I add another provider": "Add a second provider",
    "add a backup llm": "Add a second provider",
    "how do I use ollama?": "Use a local model (Ollama, LM Studio, llama.cpp, vLLM)",
    "can I use a local model without a key": "Use a local model (Ollama, LM Studio, llama.cpp, vLLM)",
    "how do I use LM Studio": "Use a local model (Ollama, LM Studio, llama.cpp, vLLM)",
    "how do I install it": "Install",
    "uninstall": "Install",
    "what is fallback-chat": "What fallback-chat is",
    "hi": "The built-in guide",
    "who are you?": "The built-in guide",
    "what can you do?": "The built-in guide",
    "": "The built-in guide",
    "?!": "The built-in guide",
    "where does fallback.toml live": "Where fallback.toml is found",
    "where is fallback.toml found?": "Where fallback.toml is found",
    "how do I store my API key safely": "API keys",
    "can I read the key from a password manager": "API keys",
    "which providers are supported": "Supported providers: kind and base_url",
    "does it work with Claude?": "Supported providers: kind and base_url",
    "how do I disable a provider": "Change the order, disable or remove a provider",
    "change the order of providers": "Change the order, disable or remove a provider",
    "temperature": "The [[providers]] table",
    "max_tokens": "The [[providers]] table",
    "what is a profile": "Profiles: several chains in one file",
    "switch between chains": "Profiles: several chains in one file",
    "how do I change the model": "Choose the model and the system prompt",
    "how do I set a system prompt": "Choose the model and the system prompt",
    "how do I use a proxy": "Proxies and certificates",
    "self-signed certificate": "Proxies and certificates",
    "how to send custom headers": "Extra headers and request fields",
    "is a fallback.toml in a cloned repository dangerous": "A project's own fallback.toml, and trust",
    "my provider is too slow, how do I raise the timeout": "Different timeouts for one provider",
    "how can I make the timeout longer for a slow provider": "Different timeouts for one provider",
    "what does timeout: no content in time mean": "timeout: no content in time",
    "how does failover work": "What a chain is, and how failover works",
    "when is the next provider asked": "When the next provider is asked",
    "what is the backoff formula": "Retries and back-off",
    "how are retries done": "Retries and back-off",
    "what is the circuit breaker": "How long a failed provider rests",
    "how long is the cool-down": "How long a failed provider rests",
    "when does a provider come back": "How a provider comes back",
    "what if all providers are down": "When every provider is down",
    "what is on_stream_failure": "A failure in the middle of an answer",
    "prompt is too long": "When a prompt or conversation is too long",
    "prefer sticky": "Return to the first provider, or stay",
    "what is hedging": "Ask two providers at once (hedging)",
    "how do I get JSON output": "The JSON object of ask --json",
    "jsonl events": "The events of ask --jsonl",
    "how do I use it in a pipe": "ask in pipes and scripts",
    "how do I use only one provider": "Choose a provider, or ask only one of them",
    "how do I pick a provider": "Choose a provider, or ask only one of them",
    "why did it use another provider": "Who answered, and why another provider",
    "how do I use it as a library in Python": "Use it as a Python library",
    "how do I attach a file": "Attach files to a question",
    "how do I check the health of providers": "probe: health check of the providers",
    "what slash commands are there": "Slash commands of the chat",
    "how do I start a new conversation": "Slash commands of the chat: questions and answers, a new conversation",
    "how do I stop an answer": "Chat in the terminal",
    "keyboard shortcuts": "Keys of the chat (keyboard shortcuts)",
    "which environment variables are there": "Environment variables",
    "how do I turn off color": "Environment variables",
    "what does exit code 75 mean?": "What the exit code tells a script",
    "what does rate_limited mean": "rate_limited: too many requests (429)",
    "I don't understand what's rate_limited": "rate_limited: too many requests (429)",
    "what happens on a 429?": "rate_limited: too many requests (429)",
    "what does 503 mean": "server_error: the server failed (500, 502, 503)",
    "invalid api key": "auth: the API key was rejected (401)",
    "connection refused": "connection: the server cannot be reached",
    "my answer got cut off": "truncated: the answer was cut off",
    "how do I debug it": "Find out what goes wrong (debugging)",
    "401 unauthorized": "auth: the API key was rejected (401)",
    "model not found": "model_not_found: the model does not exist (404)",
    "quota exhausted": "quota_exhausted: no credit or quota left (402)",
    "how do I write a new provider kind": "Add a new kind of provider",
}

UNRELATED = (
    "what is the capital of France?",
    "write a poem about the sea",
    "how do I cook rice",
    "translate 'error' into German",
    "write a python program that sorts a list",
    "what is the chain rule in calculus?",
    "what time is it in Tokyo",
    "how do I configure nginx as a reverse proxy",
    "who won the world cup in 2018",
    "how do I write a good error message",
    "what is the best model of car",
    "how do I open a bank account",
    "how long does it take to boil an egg",
    "summarise this report",
    "why is the sky blue?",
    "write a commit message for this",
    "what is the meaning of life",
    "how do I delete a git branch",
    "how do I exit nano",
    "what is a json web token",
    "recommend a book",
    "fix my code: def f(x): return x+",
    "what key is this song in",
    "how do I get a second passport",
    "how do I add a second monitor",
    "how to make a chain of paper",
    "who is the provider of electricity in Berlin",
    "Wie füge ich einen Anbieter hinzu?",
    "日本の首都はどこですか",
)


def first_title(question: str) -> str:
    return next((line[3:] for line in answer([question]).splitlines() if line.startswith("## ")), "")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_about_the_program_gets_the_section_that_answers_it(question: str) -> None:
    assert first_title(question) == QUESTIONS[question]


@pytest.mark.parametrize("manner", ["safely", "properly", "quickly", "automatically", "easily"])
def test_a_word_that_says_how_well_changes_nothing(manner: str) -> None:
    changed = {q: first_title(f"{q.rstrip('?')} {manner}?") for q in QUESTIONS if q}

    assert changed == {q: QUESTIONS[q] for q in changed}


@pytest.mark.parametrize("question", UNRELATED)
def test_an_unrelated_question_gets_an_honest_word_and_never_a_section(question: str) -> None:
    assert answer([question]) == f"{INTRODUCTION}\n\n{NOTHING}"


def test_an_answer_says_who_speaks_and_names_the_place_and_what_is_related() -> None:
    text = answer(["how do I add a second provider?"])

    best, *related = bundled().search("how do I add a second provider?")
    assert text.startswith(f"{INTRODUCTION}\n\n## Add a second provider\n\n{best.body}\n\nFrom ")
    assert text.endswith(
        "From “Add a second provider” in getting-started.md. "
        f"See also (in the chat, say `more`): {'; '.join(each.place for each in related)}."
    )
    assert 1 <= len(related) <= 3


def test_more_gives_the_related_sections_one_after_the_other_and_then_ends() -> None:
    question = "how do I add a second provider?"
    titles = [section.title for section in bundled().search(question)]

    shown = [first_title_of([question, *["more"] * n]) for n in range(1, len(titles))]

    assert shown == titles[1:]
    assert answer([question, *["Tell me more!"] * len(titles)]) == f"{INTRODUCTION}\n\n{NO_MORE}"


def first_title_of(questions: list[str]) -> str:
    return next(line[3:] for line in answer(questions).splitlines() if line.startswith("## "))


async def test_a_chat_streams_the_answer_to_the_last_question_word_by_word() -> None:
    guide = create(SETTINGS, api_key=None, http=None)
    context = ChatContext.from_text("how do I cook rice", system="Be brief.").add(Role.ASSISTANT, NOTHING)

    async with guide.chat(chat_ctx=context.add(Role.USER, "what is hedging")) as stream:
        chunks = [chunk async for chunk in stream]

    text = answer(["what is hedging"])
    words = [chunk.delta.content or "" for chunk in chunks[:-1] if chunk.delta]
    assert "".join(words) == text
    assert [word.strip() for word in words] == text.split()
    assert chunks[0] == ChatChunk(delta=ChoiceDelta(content=INTRODUCTION.split()[0]), model="manual")
    assert chunks[-1] == ChatChunk(finish_reason=FinishReason.STOP, finish_raw="stop", model="manual")


async def test_a_closed_stream_gives_nothing_more() -> None:
    guide = create(SETTINGS, api_key=None, http=None)
    stream = guide.chat(chat_ctx=ChatContext.from_text("hi"))

    await stream.aclose()
    await stream.aclose()

    assert [chunk async for chunk in stream] == []


async def test_the_guide_is_always_well() -> None:
    guide = create(SETTINGS, api_key=None, http=None)

    assert (guide.label, guide.kind, guide.model) == ("guide", "guide", "manual")
    assert await guide.probe() == ProbeReport(ok=True, check="none")


def test_a_page_is_cut_at_its_headings_but_not_within_code() -> None:
    page = "# Page\nintro\n\n## Empty\n\n## Shell\n```sh\n# a comment\n```\n"

    assert list(split_sections("page.md", page)) == [
        Section("page.md", "Page", "Page", "intro"),
        Section("page.md", "Page", "Shell", "```sh\n# a comment\n```"),
    ]


def test_paragraphs_and_items_are_one_line_each_and_code_and_tables_keep_theirs() -> None:
    body = """\
A paragraph of
two lines.

- an item of
  two lines
- another
1. a number with
   its rest
2) another

| a | b |
| --- | --- |
| c | d |
After a table.

    code = 1
    more = 2

```sh
one
two
```
And
the end."""

    assert [each.body for each in split_sections("page.md", f"# Page\n{body}\n")] == [
        body.replace("of\ntwo", "of two")
        .replace("of\n  two", "of two")
        .replace("with\n   its", "with its")
        .replace("And\nthe", "And the")
    ]


@pytest.mark.parametrize(
    ("words", "same"),
    [
        ("retry retries retried retrying", "retry"),
        ("provider providers", "provider"),
        ("stop stops stopped stopping", "stop"),
        ("time times timed", "tim"),
        ("class classes", "class"),
        ("status", "status"),
    ],
)
def test_the_forms_of_a_word_have_one_stem(words: str, same: str) -> None:
    assert {stem(word) for word in words.split()} == {same}


def test_a_quoted_example_question_does_not_make_its_section_about_it() -> None:
    manual = Manual(
        [
            Section("a.md", "A", "Ask", 'Run `ask "why is the sky blue"` to ask.'),
            Section("a.md", "A", "Weather", "Nothing here."),
        ]
    )

    assert manual.search("why is the sky blue") == ()
    assert [section.title for section in manual.search("ask")] == ["Ask"]


@given(st.text())
def test_any_question_gets_some_answer(question: str) -> None:
    assert answer([question]).startswith(INTRODUCTION)
