"""The only decompression of bodies: a single layer, in small steps.

Requests ask for `identity`, but not every gateway complies. A body of a few hundred bytes can grow
to gigabytes, even more if it is compressed several times over. So stacked and unknown encodings are
refused, memory holds one step, and every clock and cancellation is served between two steps.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

STEP: Final = 64 * 1024
"""Bytes that one step may produce."""

_PLAIN: Final = frozenset({"", "identity", "none", "binary", "utf-8", "utf8"})
"""Values without effect; the last two are a charset in the wrong header."""
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_REFUSED: Final = frozenset({"br", "zstd", "compress", "deflate", "identity", *_GZIP})
"""Encodings that are named if they are refused, or stacked; anything else could be a secret."""
_GZIP_MAGIC: Final = b"\x1f\x8b"


def body_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return a response's decompressed bytes; reading may raise `httpx.DecodingError`."""
    stream = response.stream
    assert isinstance(stream, AsyncIterable)
    encoding = response.headers.get("content-encoding", "").strip().lower()
    return aiter(stream) if encoding in _PLAIN else _ExpandedBody(aiter(stream), encoding)


class Expander:
    """Decompresses gzip or deflate: bytes in, bounded pieces out, no I/O."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._inflater: zlib._Decompress | None = None
        self._input = b""
        self._begun = False
        self._over = False

    def feed(self, data: bytes) -> None:
        """Add compressed bytes; anything after the end of the body is ignored."""
        if not self._over:
            self._input += data

    def step(self) -> bytes:
        """Return the next piece, or nothing if more input is needed. Raises `zlib.error`."""
        while not self._over:
            if self._inflater is None and not self._begin():
                return b""
            assert self._inflater is not None
            piece = self._inflater.decompress(self._input, STEP)
            self._input = self._inflater.unconsumed_tail
            if self._inflater.eof:
                self._end(self._inflater.unused_data)
            if piece or not self._input:
                return piece
        return b""

    def _begin(self) -> bool:
        """Prepare for a body, or its next member: the first two bytes tell the format."""
        if len(self._input) < len(_GZIP_MAGIC):
            return False
        if self._begun and not self._input.startswith(_GZIP_MAGIC):
            self._over = True  # not a member, but data after the last one
            return False
        self._begun = True
        if self._encoding in _GZIP:
            wrapped = 16 + zlib.MAX_WBITS
        else:  # "deflate" means zlib's format, and some servers send it bare
            has_header = self._input[0] & 0x0F == zlib.DEFLATED and int.from_bytes(self._input[:2]) % 31 == 0
            wrapped = zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS
        self._inflater = zlib.decompressobj(wrapped)
        return True

    def _end(self, rest: bytes) -> None:
        """End a member; a gzip body may have several."""
        self._inflater = None
        self._over = self._encoding not in _GZIP
        self._input = rest


class _ExpandedBody:
    """An async iterator over the pieces of a compressed body."""

    def __init__(self, compressed: AsyncIterator[bytes], encoding: str) -> None:
        self._compressed = compressed
        self._encoding = encoding
        self._expander = Expander(encoding)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._encoding not in {*_GZIP, "deflate"}:
            raise httpx.DecodingError(f"its answer in {_named(self._encoding)}, which was not asked for")
        while True:
            await asyncio.sleep(0)
            try:
                piece = self._expander.step()
            except zlib.error as error:
                raise httpx.DecodingError("compressed bytes that cannot be read") from error
            if piece:
                return piece
            self._expander.feed(await anext(self._compressed))


def _named(encoding: str) -> str:
    names = encoding.replace(" ", "").split(",")
    return f"the encoding {', '.join(names[:5])}" if _REFUSED.issuperset(names) else "an unknown encoding"
