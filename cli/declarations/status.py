"""The declaration of `fallback-chat status`."""

import sys
import time
from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, Json, SharedOptions, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking("config")
def status(
    shared: SharedOptions,
    *,
    everybody: Annotated[
        bool, typer.Option("--all", help="Also those on record that are not of the chain as it is now.")
    ] = False,
    short: Annotated[bool, typer.Option("--short", help="One line, for a shell prompt.")] = False,
    json: Json = False,
) -> int:
    """Show the recorded health of the chain. No provider is asked."""
    from fallback_chat.cli.commands.status import status as run
    from fallback_chat.configuring import surroundings
    from fallback_chat.sharing import stored_health

    stored = stored_health(surroundings(shared.config))
    return run(stored, time.time(), sys.stdout, sys.stderr, everybody=everybody, short=short, as_json=json)
