"""Opening the chain as the options say: whole, or the providers that a command examines."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from fallback_chat.cli.sinks.base import Sink
from fallback_chat.cli.words.notices import tell_warnings
from fallback_chat.wiring import configure, open_chain, rehearsal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.wiring import OpenChain


def opener(shared: SharedOptions) -> partial[OpenChain]:
    """Return `open_chain` with the options applied; all that it opens share one rehearsal."""
    return partial(open_chain, share_health=not shared.no_shared_health, chaos=rehearsal(shared.chaos))


def open_named(names: Sequence[str], shared: SharedOptions) -> OpenChain:
    """Open the named providers, or the whole chain, and print warnings about the configuration.

    Raises `ConfigError`.
    """
    if names:
        shared = shared.with_chain(tuple(names))
    stderr = Sink(sys.stdout, sys.stderr)
    chain = opener(shared)(configure(shared.config, shared.flags()), warn=stderr.notice)
    stderr.redact_with(chain.redactor)
    tell_warnings(chain.settings, stderr.notice, quiet=shared.quiet)
    return chain
