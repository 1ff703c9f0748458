"""What leaves the process besides answers holds no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.process.border import keep_out, scrubbed
from fallback_chat.cli.process.guard import guarded
from fallback_chat.core.redaction import Redactor

if TYPE_CHECKING:
    from pathlib import Path

LOOKS = "sk-live-Zq7xT0pSecretKEY91vWm4KdLq83"
EXPORTED = "exported-4711-key"
CONFIGURED = "configured-4711-key"


@pytest.fixture(autouse=True)
def one_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fallback_chat.cli.process.border._known", [])
    keep_out(Redactor([CONFIGURED]))


def test_a_report_for_others_holds_nothing_that_is_or_looks_like_a_secret() -> None:
    text = f"{CONFIGURED}, {EXPORTED} and {LOOKS}, but the model gpt-4o-mini-2024-07-18 and the path /usr/lib"

    assert scrubbed(text, {"MY_API_KEY": EXPORTED, "PATH": "/usr/lib", "EDITOR_TOKEN": "vim"}) == (
        "[redacted], [redacted] and [redacted], but the model gpt-4o-mini-2024-07-18 and the path /usr/lib"
    )


def test_the_file_of_a_crash_holds_no_secret_whatever_the_exceptions_say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("MY_API_KEY", EXPORTED)

    def body() -> int:
        cause = ValueError(f"illegal header b'Bearer {LOOKS}'")
        cause.add_note(f"it came from {EXPORTED}")
        raise RuntimeError(f"it was {CONFIGURED[:5]}\u200b{CONFIGURED[5:]}") from cause

    assert guarded(body) == 70

    (report,) = tmp_path.glob("fallback-chat-*.log")
    written = report.read_text()
    assert [secret for secret in (LOOKS, EXPORTED, CONFIGURED) if secret in written + capsys.readouterr().err] == []
    assert written.count("[redacted]") == 3
    assert "RuntimeError: it was [redacted]" in written


def test_an_error_that_ends_the_program_is_told_without_the_secrets_and_escapes_it_names(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def body() -> int:
        raise FileNotFoundError(2, f"no {CONFIGURED}", f"/home/\x1b[2J{CONFIGURED}")

    assert guarded(body) == 74
    assert capsys.readouterr().err == "fallback-chat: /home/␛[2J[redacted]: no [redacted]\n"
