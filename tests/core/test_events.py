"""The names of the events."""

from __future__ import annotations

import typing

from fallback_chat.core import events
from fallback_chat.core.events import EVENT_NAMES, AvailabilityChangedEvent


def test_every_event_has_a_name_and_every_name_an_event() -> None:
    assert set(EVENT_NAMES) == set(typing.get_args(events.Event))
    assert len(set(EVENT_NAMES.values())) == len(EVENT_NAMES)


def test_the_event_of_availability_has_livekits_name() -> None:
    assert EVENT_NAMES[AvailabilityChangedEvent] == "llm_availability_changed"
