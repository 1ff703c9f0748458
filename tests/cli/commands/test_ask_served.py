"""Which model answered is told where it is not the one that was asked for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.canned import canned, frame
from tests.cli.program import entry

if TYPE_CHECKING:
    from tests.cli.program import Program
    from tests.cli.saved import Saved

ASKED = "sim-model"
INSTEAD = "fallback-chat: answered by one/sim-mini instead of sim-model\n"


def answer(model: str) -> list[bytes]:
    """Return an answer of a server that says that it is `model`."""
    return [frame({"content": "Hi."}, model=model), frame(finish="stop", model=model)]


@pytest.mark.parametrize(
    ("served", "told"),
    [("sim-mini", INSTEAD), (ASKED, ""), ("sim-model-2026-08-06", ""), ("vendor/sim-model", ""), ("", "")],
)
def test_another_model_is_told_on_stderr_and_a_mere_date_is_not(program: Program, served: str, told: str) -> None:
    with canned(answer(served)) as url:
        program.config["providers"] = [entry("one", url)]
        ran = program("ask", "hi")

    assert (ran.code, ran.out, ran.err) == (0, "Hi.\n", told)


def test_the_json_object_and_the_history_have_it(program: Program, saved: Saved) -> None:
    session = saved.add("old?", "Old.")
    with canned(answer("sim-mini")) as url:
        program.config["providers"] = [entry("one", url)]
        told = json.loads(program("ask", "--json", "-c", "hi", env=saved.env).out)
        exported = json.loads(program("sessions", "export", session, "--format", "json", env=saved.env).out)

    stored = exported["turns"][-1]["answer"]
    assert [(one["model"], one["served_model"]) for one in (told, stored)] == [("sim-mini", "sim-mini")] * 2


def test_a_deployment_has_the_name_that_its_owner_gave_it(program: Program) -> None:
    with canned(answer("gpt-6-2026-08-06")) as url:
        program.config["providers"] = [entry("one", url) | {"preset": "azure"}]
        ran = program("ask", "hi")

    assert (ran.code, ran.out, ran.err) == (0, "Hi.\n", "")
