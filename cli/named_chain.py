"""Opening the chain for a command that looks at providers: those that are named, or all of them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from fallback_chat.cli.notices import tell_warnings
from fallback_chat.cli.sinks import Sink

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.cli.shared import SharedOptions
    from fallback_chat.cli.wiring import OpenChain


def open_named(names: Sequence[str], shared: SharedOptions) -> OpenChain:
    """Open the chain, and tell on stderr what should be looked at in the configuration. Raises `ConfigError`."""
    from fallback_chat.cli.wiring import configure, open_chain

    if names:
        shared = shared.with_chain(tuple(names))
    chain = open_chain(configure(shared))
    stderr = Sink(sys.stdout, sys.stderr)
    stderr.redact_with(chain.redactor)
    tell_warnings(chain.settings, stderr.notice, quiet=shared.quiet)
    return chain
