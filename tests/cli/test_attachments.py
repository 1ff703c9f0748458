"""A file goes out as what it is by its first bytes, and what cannot be used is said before anything is sent."""

from __future__ import annotations

import io
import zipfile
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
    with pytest.raises(InputError, match=r"'.*a\.png' is not a picture that models take: PNG, JPEG, GIF and WebP are"):
        read_image(str(tmp_path / "a.png"))


def test_a_picture_that_is_not_there_is_missing() -> None:
    with pytest.raises(InputError, match=r"there is no file 'no\.png'") as caught:
        read_image("no.png")
    assert caught.value.missing


def in_a_zip(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, b"\xff\xfe" * 10)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (in_a_zip("word/document.xml"), "a Word document: save it as PDF or as text"),
        (in_a_zip("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook: save it as CSV or PDF"),
        (in_a_zip("a.txt"), "a ZIP archive or an office document: unpack it, or save the document as PDF or as text"),
        (b"PK\x03\x04\x14\0\x06\0\xff\xfe\0", "a ZIP archive or an office document: unpack it, or"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\xff", "an office document in the old binary format: save it as"),
        (b"\0\0\0\x18ftypheic\xff\xfe", "a HEIC picture: convert it to PNG or JPEG"),
        (b"\0\0\0\x18ftypisom\xff\xfe", "a video: attach a transcript"),
        (b"BM\x8a\0\0\0\0\0\0\0\xff\xfe", "a BMP picture: convert it to PNG or JPEG"),
        (b"II*\0\xff\xfe", "a TIFF picture: convert it to PNG or JPEG"),
        (b"ID3\4\xff", "a sound recording: attach a transcript"),
        (b"\x1f\x8b\x08\0\xff", "a compressed archive: unpack it and attach the files"),
        (b"SQLite format 3\0\xff", "an SQLite database: attach what you need of it as text"),
        (b"\x7fELF\x02\x01\xff", "a compiled program: attach its source"),
        (b"\0\1\2\xff" * 8, "a binary file: models take text, PDF, PNG, JPEG, GIF and WebP"),
        ("naïve".encode("latin-1") * 80, "not UTF-8 text (byte 2): convert it first, for example with iconv"),
        (b"text\0" + b"text" * 400, "not text: it contains NUL bytes"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_for_what_it_is(tmp_path: Path, data: bytes, complaint: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_part(str(path))
    assert str(caught.value).startswith(f"{path} is {complaint}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_text_that_tells_its_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a").write_bytes("naïve 👩".encode(encoding))
    assert read_part(str(tmp_path / "a")) == Text("naïve 👩")


@pytest.mark.parametrize("start", [PNG, b"%PDF-", b"text"])
def test_a_file_that_is_too_large_is_refused_and_never_cut(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "large"
    path.write_bytes(start.ljust(MAX_BYTES + 1, b"x"))
    with pytest.raises(InputError, match="has more than 16 MiB"):
        read_part(str(path))
