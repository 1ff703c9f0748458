"""The declaration of `fallback-chat status`."""

import sys
import time
from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, Json, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking()
def status(
    short: Annotated[bool, typer.Option("--short", help="One line, for a shell prompt.")] = False,
    json: Json = False,
) -> int:
    """Show provider health. No network."""
    from fallback_chat.cli.commands.status import status as run
    from fallback_chat.wiring import own_paths

    return run(own_paths().health_db, time.time(), sys.stdout, sys.stderr, short=short, as_json=json)
