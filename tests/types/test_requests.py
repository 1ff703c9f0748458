"""What goes out, in every situation and to every server, is what the vendors' own types take."""

from __future__ import annotations

import json

import pytest

from tests.types.situations import body_of, situations
from tests.types.vendors import SERVERS, refused

SITUATIONS = dict(situations())


@pytest.mark.parametrize("name", SERVERS)
def test_the_vendors_types_take_every_request(name: str) -> None:
    server = SERVERS[name]
    found = {}
    asked = 0
    for situation, more in SITUATIONS.items():
        if (body := body_of(server, more)) is not None:
            asked += 1
            if wrong := refused(server, json.loads(body)):
                found[situation] = wrong
    assert found == {}
    assert asked >= len(SITUATIONS) - 1  # a PDF is not for all
