"""What leaves the process besides answers: messages on standard error, and the report of a crash."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from fallback_chat.core.config.secrets import findable, is_telling
from fallback_chat.core.lookalikes import masked
from fallback_chat.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

_known: Final[list[Redactor]] = []


def keep_out(redactor: Redactor) -> None:
    """Keep these secrets out of messages from now on, too: one configuration of this process uses them."""
    _known.append(redactor)


def redacted(text: str) -> str:
    """Return a message without the secrets of the configurations that were opened."""
    for redactor in _known:
        text = redactor.redact(text)
    return text


def scrubbed(text: str, env: Mapping[str, str] = os.environ) -> str:
    """Return a text that others will read without anything that is, or may be, a secret.

    It may come from before any configuration was known, so the environment's secrets are taken out, and all that looks like one.
    """
    return masked(Redactor(findable(value for name, value in env.items() if is_telling(name))).redact(redacted(text)))
