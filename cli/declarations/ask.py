"""The declaration of `fallback-chat ask`."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from fallback_chat.cli.options import PLAIN, WHEN, Json, SharedOptions, choice_option, command

app = typer.Typer(**PLAIN)
STREAM_POLICIES: Final = ("raise", "restart", "continue")


EXTRACT = re.compile(r"[1-9]\d{0,3}|[^\s\d]\S*")


def parse_extract(text: str) -> str:
    """Return the requested code blocks. Raises a usage error."""
    if EXTRACT.fullmatch(text) is None:
        raise typer.BadParameter(f"{text!r} is neither a number from 1 nor a language nor all")
    return text


def parse_word(text: str) -> str:
    """Return an option that is one word. Raises a usage error."""
    if not text.strip():
        raise typer.BadParameter("it must not be empty")
    return text


@app.command()
@command
def ask(  # noqa: PLR0913 - each is an option of the command line
    shared: SharedOptions,
    *,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT]...", help="What to ask; - reads it from a pipe.")
    ] = None,
    file: Annotated[
        list[str] | None,
        typer.Option("-f", "--file", metavar="PATH", help="Add a file: text, a picture, or PDF; - is the pipe."),
    ] = None,
    image: Annotated[list[str] | None, typer.Option("--image", metavar="PATH", help="Add a picture.")] = None,
    no_stdin: Annotated[bool, typer.Option("--no-stdin", help="Leave standard input alone.")] = False,
    editor: Annotated[bool, typer.Option("-e", "--editor", help="Write the question in $EDITOR.")] = False,
    json: Json = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON event per line.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the answer to a file.")
    ] = None,
    extract: Annotated[
        str | None,
        typer.Option(
            "-x",
            "--extract",
            parser=parse_extract,
            metavar="N|LANG|all",
            help="Print only this code block, those in this language, or all.",
        ),
    ] = None,
    buffer: Annotated[bool, typer.Option("--buffer", help="Show the answer once it is complete.")] = False,
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Request the answer in one piece, and show it once it is complete.")
    ] = False,
    render: Annotated[str, choice_option("--render", WHEN, "Render Markdown.")] = "auto",
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Report the tokens used on stderr.")] = False,
    record: Annotated[bool, typer.Option("--record", help="Keep the conversation, even without a terminal.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show which providers would be asked, and ask none.")
    ] = False,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", metavar="N", min=1, help="Limit the answer's length.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", metavar="X", min=0, max=2, help="Randomness: 0 is the least.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option("--top-p", metavar="X", min=0, max=1, help="Sample from this share.")
    ] = None,
    stop: Annotated[
        list[str] | None, typer.Option("--stop", metavar="TEXT", parser=parse_word, help="Stop before this text.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Request a repeatable answer.")] = None,
    reasoning_effort: Annotated[
        str | None,
        typer.Option("--reasoning-effort", metavar="WORD", parser=parse_word, help="How much to think: low, high, …"),
    ] = None,
    on_stream_failure: Annotated[
        str | None, choice_option("--on-stream-failure", STREAM_POLICIES, "What to do if an answer breaks off.")
    ] = None,
) -> int:
    """Ask one question; the answer goes to standard output, everything else to standard error."""
    from fallback_chat.cli.commands.ask import AskOptions
    from fallback_chat.cli.commands.ask import ask as run
    from fallback_chat.cli.sinks.choice import Output
    from fallback_chat.core.llm import ChatOptions

    return run(
        AskOptions(
            words=tuple(words or ()),
            files=tuple(file or ()),
            images=tuple(image or ()),
            reads_stdin=not no_stdin,
            in_editor=editor,
            output=Output(
                json=json,
                jsonl=jsonl,
                file=output,
                whole=buffer or no_stream,
                render=render,
                extract=extract,
                color=shared.color,
            ),
            wishes=ChatOptions(
                max_tokens=max_tokens,
                temperature=temperature,
                top_p=top_p,
                stop=tuple(stop or ()),
                seed=seed,
                reasoning_effort=reasoning_effort,
                stream=not no_stream,
            ),
            usage=usage,
            record=record,
            dry_run=dry_run,
            on_stream_failure=on_stream_failure,
        ),
        shared,
    )
