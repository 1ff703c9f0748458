"""The command line: declarations only. Each body imports its command and runs it, so that `--help` costs nothing."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typer.main import get_command

from fallback_chat._version import __version__
from fallback_chat.cli.options import PLAIN, ROUTING, WHEN, SharedOptions, command, one_of, parse_duration, taking
from fallback_chat.cli.process.signals import end_on_signals
from fallback_chat.cli.process.streams import leave
from fallback_chat.cli.words.failures import guarded

HELP = """Chat with an ordered chain of LLM providers: when one fails, the next one answers.

\b
  fallback-chat                          chat
  fallback-chat ask "What is a monad?"   one answer; reads a pipe, too
  fallback-chat probe                    which providers work now
  fallback-chat config init              write a first fallback.toml
"""
STREAM_POLICIES = ("raise", "restart", "continue")

LAZY: Final = {"config": "config_app", "sessions": "sessions_app", "status": "status_app"}
"""Commands whose declarations lie in a module of their own, as its `app`."""


class Program(TyperGroup):
    """Imports the declarations of some commands when they are asked for: they would be a tenth of the start-up of `ask`."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {**self.commands, **dict.fromkeys(LAZY)}  # type: ignore[dict-item]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Give a command, its module imported."""
        if cmd_name in LAZY and self.commands[cmd_name] is None:
            app = import_module(f"fallback_chat.cli.{LAZY[cmd_name]}").app
            self.commands[cmd_name] = get_command(app)
            self.commands[cmd_name].name = cmd_name
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="fallback-chat", cls=Program, help=HELP, invoke_without_command=True, **PLAIN | {"add_completion": True}
)


@app.callback()
@command
def main(
    ctx: typer.Context,
    shared: SharedOptions,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> int | None:
    if version:
        typer.echo(f"fallback-chat {__version__}")
        return 0
    if ctx.invoked_subcommand is not None:
        return None
    from fallback_chat.cli.commands.chat import chat

    return chat(shared)


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


@app.command()
@taking(*ROUTING)
def probe(  # noqa: PLR0913 - each is an option of the command line
    shared: SharedOptions,
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these providers.")] = None,
    light: Annotated[bool, typer.Option("--light", help="Ask for the list of models only: costs no token.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail when any provider is down.")] = False,
    timeout: Annotated[
        float | None, typer.Option("--timeout", parser=parse_duration, metavar="DUR", help="Bound the whole check.")
    ] = None,
) -> int:
    """Check every provider of the chain, in parallel."""
    from fallback_chat.cli.commands.probe import ProbeOptions
    from fallback_chat.cli.commands.probe import probe as run

    return run(ProbeOptions(names=tuple(names or ()), light=light, json=json, strict=strict, timeout=timeout), shared)


@app.command()
@taking(*ROUTING)
def models(
    shared: SharedOptions,
    *,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Only these providers.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the providers, whatever the cache knows.")] = False,
) -> int:
    """List the models of every provider of the chain."""
    from fallback_chat.cli.commands.models import ModelsOptions
    from fallback_chat.cli.commands.models import models as run

    return run(ModelsOptions(tuple(names or ()), json=json, refresh=refresh), shared)


def run(argv: list[str]) -> NoReturn:
    """Run the command line `argv` and end the process with its exit code."""
    end_on_signals()
    leave(guarded(lambda: _run(argv)) or 0)


def _run(argv: list[str]) -> int:
    try:
        app(args=argv, prog_name="fallback-chat")
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    return 0
