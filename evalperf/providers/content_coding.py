"""Bodies that came compressed, decompressed as they come and never beyond what there is room for."""

from __future__ import annotations

import zlib

__all__ = ["CONTENT_CODINGS", "ContentDecoder"]

CONTENT_CODINGS = {b"gzip": True, b"x-gzip": True, b"deflate": True, b"br": False, b"zstd": False, b"compress": False}
"""By name in lower case, whether it can be decompressed; any other name says nothing about the body."""

_GZIP_WBITS = zlib.MAX_WBITS | 16


class ContentDecoder:
    """Decompresses one body in the coding that its head names; raises zlib.error where it is not of that coding."""

    __slots__ = ("_coding", "_stream")

    def __init__(self, coding: bytes) -> None:
        if not CONTENT_CODINGS[coding]:
            raise zlib.error(f"unknown coding {coding!r}")
        self._coding = coding
        self._stream: zlib._Decompress | None = None

    def feed(self, data: bytes, room: int) -> bytes:
        """What `data` decompresses to; a longer result than `room` is cut to one byte more."""
        found = b""
        while data and len(found) <= room:
            if self._stream is None or self._stream.eof:  # gzip may have several members
                self._stream = zlib.decompressobj(self._wbits(data[0]))
            found += self._stream.decompress(data, room - len(found) + 1)
            data = self._stream.unused_data
        return found

    def ended(self) -> bool:
        """Whether all that was announced has come; a body of no bytes at all counts as whole."""
        return self._stream is None or self._stream.eof

    def _wbits(self, first: int) -> int:
        """Deflate should have zlib's header, whose low half byte is 8, but some servers send it bare."""
        if self._coding != b"deflate":
            return _GZIP_WBITS
        return zlib.MAX_WBITS if first & 0x0F == zlib.DEFLATED else -zlib.MAX_WBITS
