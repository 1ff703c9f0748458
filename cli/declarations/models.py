"""The declaration of `fallback-chat models`."""

from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, ROUTING, Json, Names, SharedOptions, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking(*ROUTING)
def models(
    shared: SharedOptions,
    *,
    names: Names = None,
    json: Json = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the providers instead of the cache.")] = False,
) -> int:
    """List the models of every provider of the chain."""
    from fallback_chat.cli.commands.models import ModelsOptions
    from fallback_chat.cli.commands.models import models as run

    return run(ModelsOptions(tuple(names or ()), json=json, refresh=refresh), shared)
