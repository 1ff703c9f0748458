"""Opening the chain as the options say: whole, or the providers that a command examines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from fallback_chat.cli.sinks.base import Sink
from fallback_chat.cli.words.notices import tell_warnings
from fallback_chat.configuring import configure, rehearsal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fallback_chat.cli.options import SharedOptions
    from fallback_chat.wiring import OpenChain


def opener(shared: SharedOptions) -> Callable[..., OpenChain]:
    """Return `open_chain` with the options applied; all that it opens share one rehearsal."""
    outages = rehearsal(shared.chaos)

    def open_(*arguments: Any, **options: Any) -> OpenChain:
        from fallback_chat.wiring import open_chain  # with the engine, for which a first prompt does not wait

        return open_chain(*arguments, share_health=not shared.no_shared_health, chaos=outages, **options)

    return open_


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
