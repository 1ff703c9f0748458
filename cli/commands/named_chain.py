"""Opening the chain for a command that examines providers: the named ones, or all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fallback_chat.cli.sinks.base import Sink
from fallback_chat.cli.words.notices import tell_warnings
from fallback_chat.wiring import configure, open_chain, rehearsal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.wiring import OpenChain


def open_named(names: Sequence[str], shared: SharedOptions) -> OpenChain:
    """Open the chain and print warnings about the configuration. Raises `ConfigError`."""
    if names:
        shared = shared.with_chain(tuple(names))
    stderr = Sink(sys.stdout, sys.stderr)
    settings = configure(shared.config, shared.flags())
    chain = open_chain(
        settings, share_health=not shared.no_shared_health, chaos=rehearsal(shared.chaos), warn=stderr.notice
    )
    stderr.redact_with(chain.redactor)
    tell_warnings(chain.settings, stderr.notice, quiet=shared.quiet)
    return chain
