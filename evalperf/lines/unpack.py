"""gzip and zstd, unpacked piece by piece in bounded memory; all that is good comes before the error."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from evalperf.errors import ConfigError

__all__ = ["CHUNK_BYTES", "UNPACKERS", "DamagedStreamError", "compression"]

CHUNK_BYTES = 256 * 1024
_BOMB_BYTES = 1 << 30
_BOMB_RATIO = 200
_ZSTD_STEP_BYTES = 1024  # a zstd block may grow 32,000-fold and can't be stopped half-way: 32 MiB at most per step


class DamagedStreamError(ValueError):
    """Compressed data that ends too early, fails its checksum, or is none; all that was good has been given before."""


def compression(path: Path) -> str | None:
    """`gzip`, `zstd` or None, by the ending of the name."""
    return {".gz": "gzip", ".zst": "zstd"}.get(path.suffix.lower())


def _zlib_engine() -> Any:
    try:
        from isal import isal_zlib  # noqa: PLC0415 - has no wheel on some machines; zlib is 4 times as slow
    except ImportError:
        return zlib
    return isal_zlib


def _gunzip(read: Callable[[], bytes]) -> Iterator[bytes]:
    """All members, one after the other; file objects of igzip lose the last lines of a file that is cut off."""
    engine = _zlib_engine()
    member: Any = None
    members = taken = given = 0
    raw = b""
    while raw := raw or read():
        if member is None:
            raw = _member_start(raw, first=not members)
            if not raw:
                continue
            member, members = engine.decompressobj(wbits=31), members + 1
        before = len(raw)
        try:
            piece = member.decompress(raw, CHUNK_BYTES)
        except engine.error as error:
            raise DamagedStreamError(f"damaged gzip data ({error})") from error
        raw = member.unused_data if member.eof else member.unconsumed_tail
        member = None if member.eof else member
        taken, given = taken + before - len(raw), given + len(piece)
        _refuse_bomb(taken, given)
        if piece:
            yield piece
    while member is not None and (piece := member.decompress(b"", CHUNK_BYTES)):
        yield piece
    if member is not None or not members:
        raise DamagedStreamError("the gzip data are cut off" if members else "is empty: no gzip data")


def _refuse_bomb(taken: int, given: int) -> None:
    if given > _BOMB_BYTES and given > _BOMB_RATIO * taken:
        raise DamagedStreamError(f"grows more than {_BOMB_RATIO}-fold when unpacked, as an attack would")


def _member_start(raw: bytes, *, first: bool) -> bytes:
    if not first:
        raw = raw.lstrip(b"\0")  # padding, as tape writers leave it
    if not raw.startswith(b"\x1f\x8b"[: len(raw)]):
        raise DamagedStreamError("is not gzip data" if first else "other data follow the gzip data")
    return raw


def _unzstd(read: Callable[[], bytes]) -> Iterator[bytes]:
    """All frames; zstandard's own file reader takes a file that is cut off for a whole one."""
    try:
        import zstandard  # noqa: PLC0415 - optional
    except ImportError as error:
        raise ConfigError("reading .zst needs zstandard", hint='pip install "evalperf[zstd]"') from error
    frame: Any = None
    frames = taken = given = 0
    for chunk in iter(read, b""):
        for start in range(0, len(chunk), _ZSTD_STEP_BYTES):
            step = chunk[start : start + _ZSTD_STEP_BYTES]
            while step:
                if frame is None:
                    frame, frames = zstandard.ZstdDecompressor().decompressobj(), frames + 1
                try:
                    piece = frame.decompress(step)
                except zstandard.ZstdError as error:
                    raise DamagedStreamError(f"damaged zstd data ({error})") from error
                rest = frame.unused_data if frame.eof else b""
                taken, given, step = taken + len(step) - len(rest), given + len(piece), rest
                _refuse_bomb(taken, given)
                frame = None if frame.eof else frame
                if piece:
                    yield piece
    if frame is not None or not frames:
        raise DamagedStreamError("the zstd data are cut off" if frames else "is empty: no zstd data")


UNPACKERS: dict[str, Callable[[Callable[[], bytes]], Iterator[bytes]]] = {"gzip": _gunzip, "zstd": _unzstd}
"""Each turns a function that reads raw chunks (b"" at the end) into pieces of the content."""
