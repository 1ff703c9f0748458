"""Rehearsing an outage: what `--chaos` can say, who is asked meanwhile, and who afterwards."""

from __future__ import annotations

import pytest

from fallback_chat.core.errors import InputError
from fallback_chat.providers.simulator.faults import FAULTS
from fallback_chat.providers.simulator.rehearsal import NICKNAMES, REFUSED, Outages, Rehearsal, read_faults
from tests.core.conversations.fakes import SetClock

NAMES = ("one", "two", "a=b", "until")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("one=503", {"one": Rehearsal("503")}),
        ("one=429,first=2", {"one": Rehearsal("429", first=2)}),
        ("one=hang,until=30", {"one": Rehearsal("hang", until=30)}),
        ("one=stall,until=30s,first=1", {"one": Rehearsal("stall", first=1, until=30)}),
        (" one = cut , two=refused,first=3", {"one": Rehearsal("cut"), "two": Rehearsal("refused", first=3)}),
        ("one=late,one=500", {"one": Rehearsal("500")}),
        ("one=503, until = 1.5 , first = 2", {"one": Rehearsal("503", first=2, until=1.5)}),
        ("one=503,until=999999", {"one": Rehearsal("503", until=999_999)}),
        ("a=b=503", {"a=b": Rehearsal("503")}),
        ("until=503,until=5", {"until": Rehearsal("503", until=5)}),
    ],
)
def test_a_list_of_faults_is_read(text: str, faults: dict[str, Rehearsal]) -> None:
    assert read_faults(text, NAMES) == faults


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "write NAME=FAULT, and after it first=N or until=S, not ''"),
        ("one", "write NAME=FAULT, and after it first=N or until=S, not 'one'"),
        ("one=503,", "write NAME=FAULT, and after it first=N or until=S, not ''"),
        ("one=503,,two=429", "not ''"),
        (",one=503", "not ''"),
        ("one=503,until", "not 'until'"),
        ("three=503", "no provider is called 'three'; there are one, two, a=b, until"),
        ("=503", "no provider is called ''"),
        ("first=2", "no provider is called 'first'"),
        ("one=503,forst=2", "no provider is called 'forst'; there are one, two, a=b, until"),
        ("one=", "no fault is called ''"),
        ("one=900", "no fault is called '900': write an HTTP status, or"),
        ("one=sillence", "or silence"),
        ("one=zork", "write an HTTP status, or hang, stall, cut, down, refused, 429, late"),
        ("one=503,first=soon", "first must be a number of requests, 1 or more, not 'soon'"),
        ("one=503,first=-1", "first must be a number of requests"),
        ("one=503,first=0", "first must be a number of requests, 1 or more, not '0'"),
        ("one=503,first=1.5", "first must be a number of requests"),
        ("one=503,first=\u0663", "first must be a number of requests"),
        ("one=503,first=9999999999", "first must be a number of requests"),
        ("one=503,until=0", "until must be a number of seconds, not '0'"),
        ("one=503,until=1e3", "until must be a number of seconds"),
        ("one=503,until=nan", "until must be a number of seconds"),
        ("one=503;two=429", "no provider is called 'one=503;two'"),
        ("one=\x1b[31m", "no fault is called '\\x1b[31m'"),
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


def test_a_fault_goes_on_in_the_next_chain_and_is_told_once() -> None:
    """A change of model opens the chain again."""
    clock, told = SetClock(0.0), list[str]()
    outages = Outages("one=503,first=2,two=hang,until=30", clock=clock)

    first = outages.among(NAMES, told.append)
    met = [first["one"].is_met(), first["two"].is_met()]
    clock.now = 29.0
    second = outages.among(NAMES, told.append)
    met += [second["one"].is_met(), second["one"].is_met(), second["two"].is_met()]
    clock.now = 30.0
    met += [outages.among(NAMES, told.append)["two"].is_met()]

    assert met == [True, True, True, False, True, False]
    assert told == ["rehearsal: one meets 503 for its first 2 requests", "rehearsal: two meets hang for 30 s"]


def test_every_fault_of_the_table_can_be_rehearsed() -> None:
    names = (*NICKNAMES, REFUSED, *FAULTS)

    assert [read_faults(f"one={name},first=1", NAMES) for name in names] == [
        {"one": Rehearsal(name, first=1)} for name in names
    ]
    assert set(NICKNAMES.values()) <= set(FAULTS)
