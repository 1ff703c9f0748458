"""A file goes out as what it is by its first bytes, and what cannot be used is said before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fallback_chat.cli.input import MAX_BYTES, read_image, read_part
from fallback_chat.core.chat_context import Document, Image, Text
from fallback_chat.core.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from fallback_chat.core.chat_context import Part

PNG = b"\x89PNG\r\n\x1a\n rest"


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (PNG, Image("image/png", PNG)),
        (b"\xff\xd8\xff\xe0 rest", Image("image/jpeg", b"\xff\xd8\xff\xe0 rest")),
        (b"GIF89a rest", Image("image/gif", b"GIF89a rest")),
        (b"RIFF\x01\x02\x03\nWEBPVP8 ", Image("image/webp", b"RIFF\x01\x02\x03\nWEBPVP8 ")),
        (b"%PDF-1.7 rest", Document("application/pdf", b"%PDF-1.7 rest", "file.txt")),
        ("naïve".encode(), Text("naïve")),
        (b"", Text("")),
    ],
)
def test_a_file_is_what_its_first_bytes_say_whatever_its_name(tmp_path: Path, data: bytes, part: Part) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(data)
    assert read_part(str(path)) == part


def test_a_picture_has_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(InputError, match=r"'.*a\.png' is no picture that models take: PNG, JPEG, GIF and WebP are"):
        read_image(str(tmp_path / "a.png"))


def test_a_picture_that_is_not_there_is_missing() -> None:
    with pytest.raises(InputError, match=r"there is no file 'no\.png'") as caught:
        read_image("no.png")
    assert caught.value.missing


@pytest.mark.parametrize("start", [PNG, b"%PDF-", b"text"])
def test_a_file_that_is_too_large_is_refused_and_never_cut(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "large"
    path.write_bytes(start.ljust(MAX_BYTES + 1, b"x"))
    with pytest.raises(InputError, match="has more than 16 MiB"):
        read_part(str(path))
