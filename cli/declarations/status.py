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
    short: Annotated[bool, typer.Option("--short", help="One line, for a shell prompt.")] = False,
    json: Json = False,
) -> int:
    """Show the recorded provider health. No provider is asked."""
    from fallback_chat.cli.commands.status import status as run
    from fallback_chat.sharing import stored_health
    from fallback_chat.wiring import surroundings

    return run(
        stored_health(surroundings(shared.config)), time.time(), sys.stdout, sys.stderr, short=short, as_json=json
    )
