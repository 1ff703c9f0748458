"""The user's question: arguments, standard input and files, combined into one message."""

from __future__ import annotations

import locale
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fallback_chat.core.chat_context import Document, Image, Text
from fallback_chat.core.errors import InputError
from fallback_chat.core.storage.files import read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fallback_chat.core.chat_context import Part

MAX_BYTES: Final = 16 * 1024 * 1024
"""More text than any model can read; a longer one is refused, never cut."""
_BYTE_ORDER: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\0\0", "utf-32"),
    (b"\0\0\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
"""Byte order marks and the encodings they indicate."""


def text_of(data: bytes, name: str = "standard input") -> str:
    """Return the text in `data`, read from `name`. Raises `InputError` if too long or not text."""
    if len(data) > MAX_BYTES:
        raise _too_long(name)
    encoding = next((name for mark, name in _BYTE_ORDER if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_text(
            data, name, f"UTF-8 text (byte {error.start}): convert it first, for example with iconv"
        ) from error
    if "\0" in text:
        raise _not_text(data, name, "text: it contains NUL bytes")
    return text


def prompt_of(words: Sequence[str]) -> str:
    """Join the words of the command line. Raises `InputError` for bytes that are not text."""
    prompt = " ".join(words)
    try:
        prompt.encode()
    except UnicodeEncodeError:
        try:
            return os.fsencode(prompt).decode(locale.getencoding())
        except UnicodeError as error:
            raise InputError("the prompt is not text in the encoding of your locale: convert it to UTF-8") from error
    return prompt


def read_file(name: str, *, pipes: bool = True) -> str:
    """Read a text file. Raises `InputError` if it is missing, not text, or too long.

    Without `pipes` it must be a regular file: reading a pipe or a device may take for ever.
    """
    return text_of(_bytes(name, pipes=pipes), name)


def read_part(name: str, *, pipes: bool = True) -> Part:
    """Read a file by its first bytes: a picture, a PDF, or else text, as `read_file` does."""
    from fallback_chat.cli.file_kinds import PDF, media_type

    data = _bytes(name, pipes=pipes)
    media = media_type(data)
    if media is None:
        return Text(text_of(data, name))
    if len(data) > MAX_BYTES:
        raise _too_long(name)
    return Document(media, data, Path(name).name) if media == PDF else Image(media, data)


def read_image(name: str) -> Image:
    """Read a picture. Raises `InputError` for anything else."""
    part = read_part(name)
    if not isinstance(part, Image):
        raise InputError(f"{name!r} is not a picture that models take: PNG, JPEG, GIF and WebP are")
    return part


def _bytes(name: str, *, pipes: bool = True) -> bytes:
    try:
        if not pipes:
            return read_regular(Path(name).expanduser(), MAX_BYTES + 1)
        with Path(name).expanduser().open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {name!r}", missing=True) from error
    except (OSError, RuntimeError) as error:  # the latter for the home of an unknown user
        raise InputError(f"cannot read {name!r}: {getattr(error, 'strerror', error)}", missing=True) from error


def _too_long(name: str) -> InputError:
    return InputError(f"{name} has more than {MAX_BYTES // 1024 // 1024} MiB: give a shorter one")


def _not_text(data: bytes, name: str, what_not: str) -> InputError:
    """Return an error that names the type of a file if known, or else what it is not."""
    from fallback_chat.cli.file_kinds import foreign

    kind = foreign(data)
    if kind is None:
        return InputError(f"{name} is not {what_not}")
    return InputError(f"{name} is {kind.name}: {kind.remedy}")


def put_together(prompt: str, piped: str | None, files: Iterable[tuple[str, str]] = ()) -> str:
    """Return the prompt, followed by each file and the piped text as distinguishable blocks."""
    if piped is not None:
        piped = piped.removesuffix("\n").removesuffix("\r")
    if prompt == "-":
        prompt, piped = piped or "", None
    blocks = [*files, *([("stdin", piped)] if piped else [])]
    if not prompt and len(blocks) == 1 and blocks[0][0] == "stdin":
        prompt, blocks = blocks[0][1], []
    if not prompt.strip() and not blocks:
        raise InputError("there is nothing to ask: the prompt is empty")
    return "\n\n".join(part for part in (prompt, *(_block(name, text) for name, text in blocks)) if part)


def _block(name: str, text: str) -> str:
    """Return text in a fence that is longer than any fence inside."""
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{name}:\n{fence}\n{text}\n{fence}"
