"""The declaration of `fallback-chat demo`."""

import typer

from fallback_chat.cli.options import PLAIN, SharedOptions, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking("color")
def demo(shared: SharedOptions) -> int:
    """Play an outage with simulated providers; no key, no network."""
    from fallback_chat.cli.commands.demo import demo as run

    return run(shared)
