"""The declaration of `fallback-chat stats`."""

import sys
import time

import typer

from fallback_chat.cli.options import PLAIN, Json, SharedOptions, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking("config")
def stats(
    shared: SharedOptions,
    json: Json = False,
) -> int:
    """Show how each provider did, by the stored conversations. No network."""
    from fallback_chat.cli.commands.stats import stats as run
    from fallback_chat.configuring import configure, own_paths
    from fallback_chat.core.config.settings import ChatSettings
    from fallback_chat.core.errors import ConfigError

    prices, currency, mistake = {}, ChatSettings().currency, None
    try:
        settings = configure(shared.config, shared.flags())
    except ConfigError as error:  # the figures are worth showing without prices
        mistake = error.problems[0]
    else:
        prices = {one.name: one.prices for one in settings.providers if one.prices is not None}
        currency = settings.chat.currency
    return run(
        own_paths().history_db,
        prices,
        time.time(),
        sys.stdout,
        sys.stderr,
        currency=currency,
        mistake=mistake,
        as_json=json,
    )
