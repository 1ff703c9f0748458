"""The slash commands: each module has the rows and functions of one subject.

A new command is a row and a function.
"""

from fallback_chat.cli.repl.commands import app, asking, chain, context, sessions
from fallback_chat.cli.repl.registry import Registry

COMMANDS = Registry((*asking.ROWS, *sessions.ROWS, *chain.ROWS, *context.ROWS, *app.ROWS))

__all__ = ["COMMANDS"]
