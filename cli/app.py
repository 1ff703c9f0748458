"""The command line: the program, and the modules that declare its commands."""

import io
import sys
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.main import get_command

from fallback_chat._version import __version__
from fallback_chat.cli.options import PLAIN, Group, SharedOptions, command
from fallback_chat.cli.process.exit_code import ExitCode
from fallback_chat.cli.process.guard import guarded
from fallback_chat.cli.process.signals import end_on_signals
from fallback_chat.cli.process.streams import leave
from fallback_chat.cli.render.lines import columns_of, say

HELP = """Chat with an ordered chain of LLM providers: when one fails, the next one answers.

\b
  fallback-chat                 chat
  fallback-chat ask "QUESTION"  one answer
  fallback-chat probe           health check
  fallback-chat config init     configure
"""
WIDEST: Final = 80
"""Columns of `--help`: longer lines are hard to read."""
COMMANDS: Final = ("ask", "probe", "models", "config", "sessions", "status", "stats", "doctor", "demo")
"""In the order of `--help`; each is the `app` of its module in `declarations/`."""


class Program(Group):
    """Imports the declaration of a command on demand.

    Importing all of them would take a tenth of the start-up of `ask`.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that `args` begin with; words that are not a name are a question.

        `ask` takes questions.
        """
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            if not any(map(str.isspace, args[0])):
                ctx.fail(f"No such command {args[0]!r}. {_meant(args)}")
            args = ["ask", *args]
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **options: Any) -> Any:
        """Run; where JSON was asked for, wrong usage is told as JSON, too."""
        try:
            width = min(columns_of(sys.stdout), WIDEST) - 2  # typer's own help is never narrower than 50
            return super().main(*args, **options | {"standalone_mode": False, "terminal_width": width})
        except Exception as error:
            if not hasattr(error, "format_message"):  # typer's usage errors have no name of their own
                raise
            error.show(file=(told := io.StringIO()))  # type: ignore[attr-defined]
            for line in told.getvalue().splitlines():
                say(sys.stderr, line)
            given = set(options.get("args") or ())
            if given & {"--json", "--jsonl"}:
                from fallback_chat.cli.sinks.json import end_in_json

                end_in_json(error.format_message(), lines="--jsonl" in given)
            return ExitCode.USAGE

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, importing its declaration."""
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            app = import_module(f"fallback_chat.cli.declarations.{cmd_name}").app
            self.commands[cmd_name] = get_command(app)
            self.commands[cmd_name].name = cmd_name
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    name="fallback-chat", help=HELP, invoke_without_command=True, **PLAIN | {"cls": Program, "add_completion": True}
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


def _meant(args: list[str]) -> str:
    """Return what words that are neither a command nor a question were probably meant to be."""
    from difflib import get_close_matches
    from shlex import join

    near = get_close_matches(args[0], COMMANDS, n=1)
    return f"{f'Did you mean {near[0]!r}? ' if near else ''}To ask it as a question: fallback-chat ask {join(args)}"


def run(argv: list[str]) -> NoReturn:
    """Run the command line `argv` and end the process with its exit code."""
    end_on_signals()
    leave(guarded(lambda: _run(argv)) or 0)


def _run(argv: list[str]) -> int:
    try:
        return app(args=argv, prog_name="fallback-chat") or 0
    except SystemExit as exit_:  # a completion
        return exit_.code if isinstance(exit_.code, int) else 0
