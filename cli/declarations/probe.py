"""The declaration of `fallback-chat probe`."""

from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, ROUTING, Json, Names, SharedOptions, duration_option, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking(*ROUTING)
def probe(  # noqa: PLR0913 - each is an option of the command line
    shared: SharedOptions,
    *,
    names: Names = None,
    light: Annotated[bool, typer.Option("--light", help="Only request the list of models: costs no tokens.")] = False,
    json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if any provider is down.")] = False,
    timeout: Annotated[float | None, duration_option("--timeout", "Time limit for the whole check.")] = None,
) -> int:
    """Check every provider of the chain, in parallel."""
    from fallback_chat.cli.commands.probe import ProbeOptions
    from fallback_chat.cli.commands.probe import probe as run

    return run(ProbeOptions(names=tuple(names or ()), light=light, json=json, strict=strict, timeout=timeout), shared)
