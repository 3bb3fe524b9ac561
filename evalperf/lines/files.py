"""Files and standard input, read in blocks of lines."""

from __future__ import annotations

import asyncio
import difflib
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

from aiofiles.threadpool import wrap

from evalperf.errors import InputError
from evalperf.lines.splitter import Block, LineSplitter
from evalperf.lines.unpack import CHUNK_BYTES, UNPACKERS, DamagedStreamError, compression

__all__ = ["iter_blocks", "iter_pieces", "read_blocks", "threaded", "to_the_end"]

_Item = TypeVar("_Item")


async def read_blocks(path: Path | None, *, max_line_bytes: int) -> AsyncGenerator[Block, None]:
    """The lines of a file, or of standard input for None, block by block; `.gz` and `.zst` are unpacked in a thread.

    Raises InputError for what can't be read, and for damaged compressed data after the good lines before it.
    """
    if path is not None and compression(path) is not None:
        async with aclosing(threaded(iter_blocks(path, max_line_bytes=max_line_bytes))) as blocks:
            async for block in blocks:
                yield block
        return
    splitter = LineSplitter(path or "standard input", max_line_bytes)
    async with aclosing(_stdin_chunks() if path is None else _file_chunks(path)) as chunks:
        async for chunk in chunks:
            for block in splitter.feed(chunk):
                yield block
    for block in splitter.finish():
        yield block


def iter_blocks(path: Path, *, max_line_bytes: int) -> Iterator[Block]:
    """As `read_blocks`, for code that runs in a thread."""
    splitter = LineSplitter(path, max_line_bytes)
    try:
        for piece in iter_pieces(path):
            yield from splitter.feed(piece)
    except DamagedStreamError as error:
        raise InputError(
            path, f"{error}, after {splitter.count} whole lines", line=splitter.count + 1, hint=_damage_hint(path)
        ) from error
    yield from splitter.finish()


def iter_pieces(path: Path, *, on_raw: Callable[[bytes], None] | None = None) -> Iterator[bytes]:
    """The content of a file in pieces of about 256 KiB, unpacked; `on_raw` sees each chunk as it is on disk.

    Raises InputError for a file that can't be opened, DamagedStreamError for what can't be unpacked.
    """
    _check_regular(path)
    with _open(path) as file:

        def read() -> bytes:
            raw = file.read(CHUNK_BYTES)
            if on_raw is not None:
                on_raw(raw)
            return bytes(raw)

        kind = compression(path)
        if kind is None:
            yield from iter(read, b"")
        else:
            yield from UNPACKERS[kind](read)


async def threaded(iterator: Iterator[_Item]) -> AsyncGenerator[_Item, None]:
    """Each step of a blocking iterator in a thread; closing it closes the iterator, where that is a generator."""
    end = object()
    try:
        while (item := await to_the_end(asyncio.to_thread(next, iterator, end))) is not end:
            yield item  # type: ignore[misc]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


async def to_the_end(work: Coroutine[Any, Any, _Item]) -> _Item:
    """The result; a caller that is cancelled waits until the work has ended, so that no thread is left behind."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # told to nobody: the caller is gone
        raise


async def _file_chunks(path: Path) -> AsyncGenerator[bytes, None]:
    _check_regular(path)
    file = wrap(_open(path))  # opened here, as a cancelled aiofiles.open() would leave the file open
    try:
        while chunk := await to_the_end(file.read(CHUNK_BYTES)):
            yield chunk
    finally:
        await to_the_end(file.close())


async def _stdin_chunks() -> AsyncGenerator[bytes, None]:
    """Waits for a pipe in the event loop, not in a thread: a thread blocked in read() can't be cancelled."""
    if sys.stdin is None or sys.stdin.closed:
        raise InputError("standard input", "is closed", hint="pipe the cases in: cat cases.jsonl | evalperf run …")
    descriptor = sys.stdin.fileno()
    waits = not stat.S_ISREG(os.fstat(descriptor).st_mode)
    while True:
        if waits:
            await _readable(descriptor)
        chunk = await asyncio.to_thread(os.read, descriptor, CHUNK_BYTES)
        if not chunk:
            return
        yield chunk


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(descriptor, wake)
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _open(path: Path) -> Any:
    try:
        return path.open("rb", buffering=0)
    except OSError as error:
        raise InputError(path, f"can't be read: {error.strerror}") from error


def _check_regular(path: Path) -> None:
    """Raises InputError, with what to do, unless this is a file that can be opened."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(path, "there is no such file", hint=_similar(path)) from error
    except OSError as error:
        raise InputError(path, f"can't be read: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise InputError(path, "is a folder, not a file", hint=f'to take the files in it: "{path}/*.jsonl"')
    if not stat.S_ISREG(mode):
        raise InputError(path, "is not a regular file", hint='to read from a pipe, use "-" as the path')
    if not os.access(path, os.R_OK):
        raise InputError(path, "may not be read: permission denied", hint=f"chmod u+r {path}")


def _similar(path: Path) -> str:
    if not path.parent.is_dir():
        return f"the folder {path.parent} does not exist"
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    close = difflib.get_close_matches(path.name, names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"{path.parent} holds {', '.join(names[:5]) if names else 'no files'}{', …' if len(names) > 5 else ''}"


def _damage_hint(path: Path) -> str:
    return (
        f"the file is cut off or damaged: fetch it again, or unpack what is good with: {_UNPACK[path.suffix.lower()]}"
    )


_UNPACK = {".gz": "zcat", ".zst": "zstdcat"}
