"""The command line: declarations only. Each body imports its command and runs it, so that `--help` costs nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path  # noqa: TC003 - typer reads the annotations at run time
from typing import Annotated, NoReturn

import typer

from fallback_chat._version import __version__
from fallback_chat.cli.failures import guarded
from fallback_chat.cli.process import leave
from fallback_chat.cli.sessions_app import sessions_app, status
from fallback_chat.cli.shared import WHEN, SharedOptions, command, one_of, parse_duration, taking
from fallback_chat.cli.signals import end_on_signals

HELP = """Chat with an ordered chain of LLM providers: when one fails, the next one answers.

\b
  fallback-chat                          chat
  fallback-chat ask "What is a monad?"   one answer; reads a pipe, too
  fallback-chat probe                    which providers work now
  fallback-chat config init              write a first fallback.toml
"""
STREAM_POLICIES = ("raise", "restart", "continue")
SETTINGS = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="fallback-chat",
    help=HELP,
    context_settings=SETTINGS,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)
config_app = typer.Typer(
    help="Look at the configuration, check it, change it.", context_settings=SETTINGS, no_args_is_help=True
)
app.add_typer(config_app, name="config")
app.add_typer(sessions_app, name="sessions")


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
@command
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
@command
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


@config_app.command("check")
@taking("config")
def config_check(shared: SharedOptions) -> int:
    """Look for mistakes in the configuration; exit code 78 when there are any."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import first_models, surroundings

    return config.check(surroundings(shared.config), first_models, sys.stdout, sys.stderr)


@config_app.command("show")
@command
def config_show(
    shared: SharedOptions,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
) -> int:
    """Print the settings in force, the flags included; never a key."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import configure

    return config.show(configure(shared), os.environ, sys.stdout, origin=origin)


@config_app.command("path")
@taking("config")
def config_path(shared: SharedOptions) -> int:
    """Print where the configuration file is, or would be."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import surroundings

    return config.path(surroundings(shared.config), sys.stdout, sys.stderr)


@config_app.command("explain")
@command
def config_explain(shared: SharedOptions) -> int:
    """Say who would be asked, in which order and why, and whether the keys are there. No network."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import configure

    return config.explain(configure(shared), os.environ, sys.stdout)


@config_app.command("init")
@taking("config")
def config_init(shared: SharedOptions) -> int:
    """Write a first fallback.toml from the keys and local servers that are found; never overwrites one."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import first_models, surroundings

    return config.init(surroundings(shared.config), first_models, sys.stdout, sys.stderr)


@config_app.command("edit")
@taking("config")
def config_edit(shared: SharedOptions) -> int:
    """Open the configuration in an editor; it is put in place only when it has no mistakes."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import surroundings

    return config.edit(surroundings(shared.config), sys.stdout, sys.stderr)


@config_app.command("trust")
@taking("config")
def config_trust(shared: SharedOptions) -> int:
    """Let this project's fallback.toml, as it is now, do what your own may."""
    from fallback_chat.cli.commands import config
    from fallback_chat.cli.wiring import surroundings

    return config.trust(surroundings(shared.config), sys.stdout, sys.stderr)


app.command()(status)


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
