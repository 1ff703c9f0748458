"""Pictures and PDF of the command line, on the wire of each format, and what happens where they cannot go."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.canned import canned
from tests.cli.program import ANSWERS, Ran, entry

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.program import Program

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGNQSJgAAAG0ARHcak2KAAAAAElFTkSuQmCC")
PDF = b"%PDF-1.7\n%%EOF\n"
PNG64, PDF64 = (base64.b64encode(data).decode() for data in (PNG, PDF))
KINDS: dict[str, dict[str, Any]] = {
    "openai": {"preset": "openai"},
    "openai-responses": {},
    "anthropic": {"base_url": ""},
    "gemini": {"base_url": ""},
    "ollama": {"base_url": ""},
}
"""What an entry of the kind has besides; an empty base_url stands for the server's origin."""

ASKED = "what is it?"
PICTURE: dict[str, Any] = {
    "openai": [
        {"type": "text", "text": ASKED},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG64}"}},
    ],
    "openai-responses": [
        {"type": "input_text", "text": ASKED},
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG64}", "detail": "auto"},
    ],
    "anthropic": [
        {"type": "text", "text": ASKED},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG64}},
    ],
    "gemini": [{"text": ASKED}, {"inlineData": {"mimeType": "image/png", "data": PNG64}}],
    "ollama": ASKED,
}
FILE: dict[str, Any] = {
    "openai": {
        "type": "file",
        "file": {"filename": "chart.pdf", "file_data": f"data:application/pdf;base64,{PDF64}"},
    },
    "openai-responses": {
        "type": "input_file",
        "filename": "chart.pdf",
        "file_data": f"data:application/pdf;base64,{PDF64}",
    },
    "anthropic": {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF64},
    },
    "gemini": {"inlineData": {"mimeType": "application/pdf", "data": PDF64}},
}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "chart.png").write_bytes(PNG)
    (tmp_path / "chart.pdf").write_bytes(PDF)
    return {"png": str(tmp_path / "chart.png"), "pdf": str(tmp_path / "chart.pdf")}


def speak(program: Program, *kinds: str) -> Program:
    """Let each server of the chain speak one of `kinds`."""
    program.play(*["ok"] * len(kinds))
    for provider, server, kind in zip(program.config["providers"], program.servers, kinds, strict=False):
        provider.update({"kind": kind} | KINDS[kind])
        provider["base_url"] = provider["base_url"] or server.url
    return program


def turn(program: Program, number: int = 0) -> dict[str, Any]:
    """Give the one turn that a server got, after its strict rules found nothing wrong."""
    (request,) = program.servers[number].requests
    assert request.problems == ()
    body = request.json
    (only,) = body.get("messages") or body.get("input") or body.get("contents")
    assert isinstance(only, dict)
    return only


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("flag", ["--image", "-f"])
def test_a_picture_reaches_every_format(program: Program, files: dict[str, str], kind: str, flag: str) -> None:
    assert speak(program, kind)("ask", flag, files["png"], ASKED) == Ran(0, ANSWERS["one"], "")

    sent = turn(program)
    assert (sent.get("content") or sent["parts"]) == PICTURE[kind]
    assert sent.get("images") == ([PNG64] if kind == "ollama" else None)


@pytest.mark.parametrize("kind", FILE)
def test_a_pdf_reaches_every_format_that_takes_it(program: Program, files: dict[str, str], kind: str) -> None:
    assert speak(program, kind)("ask", "-f", files["pdf"], ASKED) == Ran(0, ANSWERS["one"], "")

    sent = turn(program)
    assert (sent.get("content") or sent["parts"]) == [PICTURE[kind][0], FILE[kind]]


def test_a_provider_that_takes_no_pdf_is_passed_over_unasked_and_the_user_is_told(
    program: Program, files: dict[str, str]
) -> None:
    ran = speak(program, "ollama", "anthropic")("ask", "-f", files["pdf"], ASKED)

    assert ran == Ran(
        0,
        ANSWERS["two"],
        "fallback-chat: one cannot do what was asked (ollama cannot take a PDF file); asking two\n"
        "fallback-chat: answered by two/sim-model (2nd of 2)\n",
    )
    assert program.asked == [0, 1]


def test_where_nobody_takes_a_pdf_the_user_is_told_what_to_do(program: Program, files: dict[str, str]) -> None:
    ran = speak(program, "ollama")("ask", "-f", files["pdf"], ASKED)

    assert (ran.out, program.asked) == ("", [0])
    assert "one cannot do what was asked (ollama cannot take a PDF file)" in ran.err
    assert "ask a provider that can, or leave it out" in ran.err


def test_a_model_that_sees_nothing_is_passed_over_and_the_user_is_told(program: Program, files: dict[str, str]) -> None:
    blind = b'{"error": {"message": "This model does not support image input."}}'
    with canned([blind], status=400, headers={"content-type": "application/json"}) as url:
        speak(program, "openai", "gemini").config["providers"][0] = entry("one", url)
        ran = program("ask", "--image", files["png"], ASKED)

    assert (ran.code, ran.out) == (0, ANSWERS["two"])
    assert ran.err.splitlines()[0] == (
        "fallback-chat: one cannot do what was asked (HTTP 400: This model does not support image input.); asking two"
    )
    assert turn(program, 1)["parts"] == PICTURE["gemini"]
