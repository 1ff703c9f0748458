"""The declarations of `fallback-chat config …`; the bodies import what they run."""

import os
import sys
from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, Json, SharedOptions, command, taking

app = typer.Typer(help="Inspect, validate and edit the configuration.", no_args_is_help=True, **PLAIN)


@app.command("check")
@taking("config")
def config_check(shared: SharedOptions, json: Json = False) -> int:
    """Validate the configuration; exit code 78 if there are mistakes."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import first_models, surroundings

    return config.check(surroundings(shared.config), first_models, sys.stdout, sys.stderr, as_json=json)


@app.command("show")
@command
def config_show(
    shared: SharedOptions,
    origin: Annotated[bool, typer.Option("--origin", help="Show the origin of each value.")] = False,
) -> int:
    """Print the effective settings, including flags; never a key."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import configure

    return config.show(configure(shared.config, shared.flags()), os.environ, sys.stdout, origin=origin)


@app.command("path")
@taking("config")
def config_path(shared: SharedOptions) -> int:
    """Print where the configuration file is, or would be."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import surroundings

    return config.path(surroundings(shared.config), sys.stdout, sys.stderr)


@app.command("explain")
@command
def config_explain(shared: SharedOptions, json: Json = False) -> int:
    """Show which providers would be asked, why, and whether their keys are there. No network."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import configure
    from fallback_chat.wiring import budgets

    settings = configure(shared.config, shared.flags())
    found = budgets(settings, share_health=not shared.no_shared_health)
    return config.explain(settings, os.environ, found, sys.stdout, as_json=json)


@app.command("init")
@taking("config")
def config_init(shared: SharedOptions) -> int:
    """Write a first fallback.toml from the keys and local servers found; never overwrite one."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import first_models, surroundings

    return config.init(surroundings(shared.config), first_models, sys.stdout, sys.stderr)


@app.command("edit")
@taking("config")
def config_edit(shared: SharedOptions) -> int:
    """Edit the configuration; only a version without mistakes replaces it."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import surroundings

    return config.edit(surroundings(shared.config), sys.stdout, sys.stderr)


@app.command("trust")
@taking("config")
def config_trust(shared: SharedOptions) -> int:
    """Let this project's fallback.toml, as it is now, do what your own may."""
    from fallback_chat.cli.commands import config
    from fallback_chat.configuring import surroundings

    return config.trust(surroundings(shared.config), sys.stdout, sys.stderr)
