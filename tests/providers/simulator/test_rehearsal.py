"""Rehearsing an outage: what `--chaos` can say, who is asked meanwhile, and who afterwards."""

from __future__ import annotations

import pytest

from fallback_chat.core.errors import InputError
from fallback_chat.providers.simulator.rehearsal import Rehearsal, read_faults

NAMES = ("one", "two")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("one=503", {"one": Rehearsal("503")}),
        ("one=429,first=2", {"one": Rehearsal("429", first=2)}),
        ("one=hang,until=30", {"one": Rehearsal("hang", until=30)}),
        ("one=stall,until=30s,first=1", {"one": Rehearsal("stall", first=1, until=30)}),
        (" one = cut , two=refused,first=3", {"one": Rehearsal("cut"), "two": Rehearsal("refused", first=3)}),
        ("one=late,one=500", {"one": Rehearsal("500")}),
    ],
)
def test_a_list_of_faults_is_read(text: str, faults: dict[str, Rehearsal]) -> None:
    assert read_faults(text, NAMES) == faults


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no provider is called ''; there are one, two"),
        ("three=503", "no provider is called 'three'; there are one, two"),
        ("first=2", "no provider is called 'first'"),
        ("one", "no fault is called ''"),
        ("one=", "no fault is called ''"),
        ("one=900", "no fault is called '900': write an HTTP status, or"),
        ("one=sillence", "or silence"),
        ("one=zork", "write an HTTP status, or hang, stall, cut, down, refused, 429, late"),
        ("one=503,first=soon", "first must be a number of requests, not 'soon'"),
        ("one=503,first=-1", "first must be a number of requests"),
        ("one=503,until=1h", "until must be a number of seconds, not '1h'"),
        ("one=503,until=", "until must be a number of seconds"),
    ],
)
def test_what_it_cannot_mean_is_said_with_what_would_be_right(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        read_faults(text, NAMES)

    assert said in str(caught.value)


def test_a_fault_says_how_long_it_lasts() -> None:
    words = [
        str(fault)
        for fault in (
            Rehearsal("hang"),
            Rehearsal("503", 1),
            Rehearsal("503", 2),
            Rehearsal("503", None, 30),
            Rehearsal("503", 2, 30),
        )
    ]

    assert words == [
        "hang",
        "503 for its first request",
        "503 for its first 2 requests",
        "503 for 30 s",
        "503 for its first 2 requests or 30 s",
    ]
