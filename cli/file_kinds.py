"""File types by their first bytes: what models accept, and how to convert the rest."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

PDF: Final = "application/pdf"
ATTACHED: Final = (
    (re.compile(rb"\x89PNG\r\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"%PDF-"), PDF),
)
"""Files sent unchanged, with their media types."""


class Foreign(NamedTuple):
    """A type of file that no model accepts unchanged."""

    name: str
    remedy: str
    """The way to convert it, as an instruction."""


_TO_PDF: Final = "save it as PDF or as text"
_TO_PICTURE: Final = "convert it to PNG or JPEG"
_UNPACK: Final = "unpack it and attach the files"
_TRANSCRIBE: Final = "attach a transcript"
_EXPORT: Final = "attach what you need of it as text"

_FOREIGN: Final = (
    (rb"PK\x03\x04.*?word/", Foreign("a Word document", _TO_PDF)),
    (rb"PK\x03\x04.*?xl/", Foreign("an Excel workbook", "save it as CSV or PDF")),
    (rb"PK\x03\x04.*?ppt/", Foreign("a PowerPoint presentation", _TO_PDF)),
    (rb"PK\x03\x04.{26}mimetypeapplication/vnd\.oasis", Foreign("an OpenDocument file", _TO_PDF)),
    (rb"PK\x03\x04.{26}mimetypeapplication/epub", Foreign("an e-book (EPUB)", _TO_PDF)),
    (rb"PK\x03\x04", Foreign("a ZIP archive or an office document", "unpack it, or save the document as PDF or as text")),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign("an office document in the old binary format", _TO_PDF)),
    (rb"\{\\rtf", Foreign("a document in rich text format", _TO_PDF)),
    (rb"....ftyp(?:hei[cfsx]|hev[cx]|mif1|msf1)", Foreign("a HEIC picture", _TO_PICTURE)),
    (rb"....ftypavi[fs]", Foreign("an AVIF picture", _TO_PICTURE)),
    (rb"BM.{4}\0\0\0\0", Foreign("a BMP picture", _TO_PICTURE)),
    (rb"II\*\0|MM\0\*|II\+\0|MM\0\+", Foreign("a TIFF picture", _TO_PICTURE)),
    (rb"8BPS", Foreign("a Photoshop picture", _TO_PICTURE)),
    (rb"\0\0\x01\0", Foreign("an icon", _TO_PICTURE)),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", Foreign("a JPEG XL picture", _TO_PICTURE)),
    (rb"\0\0\0\x0cjP  ", Foreign("a JPEG 2000 picture", _TO_PICTURE)),
    (rb"....ftypM4A", Foreign("a sound recording", _TRANSCRIBE)),
    (rb"ID3|\xff[\xf2\xf3\xfb]|OggS|fLaC|RIFF....WAVE|#!AMR", Foreign("a sound recording", _TRANSCRIBE)),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI |FLV\x01|\0\0\x01[\xb3\xba]", Foreign("a video", _TRANSCRIBE)),
    (rb"\x1f\x8b|BZh[1-9]|\xfd7zXZ\0|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x28\xb5\x2f\xfd", Foreign("a compressed archive", _UNPACK)),
    (rb".{257}ustar", Foreign("a tar archive", _UNPACK)),
    (rb"SQLite format 3\0", Foreign("an SQLite database", _EXPORT)),
    (rb"PAR1|\x89HDF\r\n\x1a\n|\x93NUMPY|Obj\x01", Foreign("a data file", "attach what you need of it as CSV")),
    (rb"\x7fELF|MZ.{58}|\xfe\xed\xfa[\xce\xcf]|[\xce\xcf]\xfa\xed\xfe", Foreign("a compiled program", "attach its source")),
    (rb"\xca\xfe\xba\xbe|\0asm", Foreign("compiled code", "attach its source")),
    (rb"wOF[F2]|OTTO\0|\0\x01\0\0\0", Foreign("a font", "models cannot read it")),
)  # fmt: skip
"""A pattern for the beginning of such a file."""
_BINARY: Final = Foreign("a binary file", "models take text, PDF, PNG, JPEG, GIF and WebP")
_CONTROLS: Final = bytes({*range(0x20)} - set(b"\t\n\v\f\r\x1b"))
LOOKED_AT: Final = 64 * 1024
"""Bytes searched for signs of a type."""


def media_type(data: bytes) -> str | None:
    """Return the media type if models accept the file, other than as text; else None."""
    return next((media for magic, media in ATTACHED if magic.match(data)), None)


def foreign(data: bytes) -> Foreign | None:
    """Return the type of bytes that are not UTF-8; None for text in another encoding."""
    start = data[:LOOKED_AT]
    known = next((kind for magic, kind in _FOREIGN if re.match(magic, start, re.DOTALL)), None)
    if known is not None:
        return known
    return _BINARY if len(start) - len(start.translate(None, _CONTROLS)) > len(start) // 100 else None
