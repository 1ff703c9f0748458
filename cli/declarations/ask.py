"""The declaration of `fallback-chat ask`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from fallback_chat.cli.options import PLAIN, WHEN, SharedOptions, command, one_of

app = typer.Typer(**PLAIN)
STREAM_POLICIES: Final = ("raise", "restart", "continue")


@app.command()
@command
def ask(  # noqa: PLR0913 - each is an option of the command line
    shared: SharedOptions,
    *,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT]...", help="What to ask; - reads it from a pipe.")
    ] = None,
    file: Annotated[
        list[str] | None, typer.Option("-f", "--file", metavar="PATH", help="Add a file: text, a picture, or PDF.")
    ] = None,
    image: Annotated[list[str] | None, typer.Option("--image", metavar="PATH", help="Add a picture.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Print one JSON event a line.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the answer to a file.")
    ] = None,
    no_stream: Annotated[
        bool, typer.Option("--no-stream", "--buffer", help="Show the answer when it is whole.")
    ] = False,
    render: Annotated[
        str, typer.Option("--render", parser=one_of(*WHEN), metavar="|".join(WHEN), help="Render Markdown.")
    ] = "auto",
    usage: Annotated[bool, typer.Option("-u", "--usage", help="Tell the tokens used on stderr.")] = False,
    on_stream_failure: Annotated[
        str | None,
        typer.Option(
            "--on-stream-failure",
            parser=one_of(*STREAM_POLICIES),
            metavar="|".join(STREAM_POLICIES),
            help="When an answer breaks off.",
        ),
    ] = None,
) -> int:
    """Ask one question; the answer goes to standard output, everything else to standard error."""
    from fallback_chat.cli.commands.ask import AskOptions
    from fallback_chat.cli.commands.ask import ask as run

    return run(
        AskOptions(
            words=tuple(words or ()),
            files=tuple(file or ()),
            images=tuple(image or ()),
            json=json,
            jsonl=jsonl,
            output=output,
            no_stream=no_stream,
            render=render,
            usage=usage,
            on_stream_failure=on_stream_failure,
        ),
        shared,
    )
