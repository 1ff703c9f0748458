"""The rehearsal of an outage: three providers fail, each in its own way, and the command gives the answer of the fourth."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from fallback_chat.providers.simulator import __main__ as simulator
from fallback_chat.providers.simulator.__main__ import ANSWER, main

if TYPE_CHECKING:
    import pytest


def test_a_rehearsal_ends_with_the_whole_answer_of_the_last_provider(capfd: pytest.CaptureFixture[str]) -> None:
    code = main([sys.executable, "-m", "fallback_chat", "ask", "--json", "hello"])

    out, err = capfd.readouterr()
    answer = json.loads(out)
    assert (code, answer["text"], answer["provider"]) == (0, ANSWER, "good")
    assert [(each["provider"], (each["error"] or {}).get("kind")) for each in answer["attempts"]] == [
        ("refused", "connection"),
        ("broken", "server_error"),
        ("silent", "timeout"),
        ("good", None),
    ]
    assert err.endswith("exit code 0; requests received: broken 1, silent 1, good 1\n")


def test_a_rehearsal_passes_the_exit_code_of_its_command_on(capfd: pytest.CaptureFixture[str]) -> None:
    assert main([sys.executable, "-c", "raise SystemExit(75)"]) == 75
    assert capfd.readouterr().err.endswith("exit code 75; requests received: broken 0, silent 0, good 0\n")


def test_help_runs_nothing() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "fallback_chat.providers.simulator", "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stdout, told.stderr) == (0, simulator.__doc__, "")
