"""The declaration of `fallback-chat doctor`."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fallback_chat.cli.options import PLAIN, Json, SharedOptions, taking

app = typer.Typer(**PLAIN)


@app.command()
@taking("config")
def doctor(
    shared: SharedOptions,
    json: Json = False,
    bundle: Annotated[
        bool, typer.Option("--bundle", help="Print the JSON object, then write it to a file for a bug report.")
    ] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask before the file is written.")] = False,
) -> int:
    """Examine everything that decides how the program works here; no key is sent or shown."""
    from fallback_chat.cli.commands.doctor import Patient, doctor, write_bundle
    from fallback_chat.cli.consent import confirmed
    from fallback_chat.cli.process.loop import run_until_signal
    from fallback_chat.configuring import configure, surroundings
    from fallback_chat.sharing import stored_health
    from fallback_chat.wiring import reach

    where = surroundings(shared.config)
    patient = Patient(
        where,
        partial(configure, shared.config, shared.flags()),
        reach,
        partial(stored_health, where),
    )

    code, report = run_until_signal(lambda: doctor(patient, sys.stdout, as_json=json or bundle))
    if bundle:
        asks = sys.stdin.isatty() and sys.stdout.isatty() and not yes
        sure = partial(confirmed, stdin=sys.stdin, out=sys.stdout) if asks else bool
        write_bundle(report, Path.cwd(), sure, sys.stderr)
    return code
