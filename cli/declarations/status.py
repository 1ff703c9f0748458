"""The declaration of `fallback-chat status`."""

import sys
import time
from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, SharedOptions, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking()
def status(
    shared: SharedOptions,
    short: Annotated[bool, typer.Option("--short", help="One line, for a shell prompt.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Show provider health. No network."""
    from fallback_chat.cli.commands.status import status as run
    from fallback_chat.wiring import own_paths

    del shared
    return run(own_paths().health_db, time.time(), sys.stdout, sys.stderr, short=short, as_json=json)
