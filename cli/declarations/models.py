"""The declaration of `fallback-chat models`."""

from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, ROUTING, SharedOptions, completing, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking(*ROUTING)
def models(
    shared: SharedOptions,
    *,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Only these providers.",
            autocompletion=completing("providers"),
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask the providers instead of the cache.")] = False,
) -> int:
    """List the models of every provider of the chain."""
    from fallback_chat.cli.commands.models import ModelsOptions
    from fallback_chat.cli.commands.models import models as run

    return run(ModelsOptions(tuple(names or ()), json=json, refresh=refresh), shared)
