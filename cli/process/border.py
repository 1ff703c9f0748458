"""Output of the process besides answers: messages on standard error, and crash reports."""

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
    """Keep these secrets out of messages from now on: an opened configuration has them."""
    _known.append(redactor)


def redacted(text: str) -> str:
    """Return a message without the secrets of the opened configurations."""
    for redactor in _known:
        text = redactor.redact(text)
    return text


def scrubbed(text: str, env: Mapping[str, str] = os.environ) -> str:
    """Return a text for other people's eyes, without anything that is or may be a secret.

    No configuration may be known yet, so the environment's secrets and all look-alikes are removed.
    """
    return masked(Redactor(findable(value for name, value in env.items() if is_telling(name))).redact(redacted(text)))
