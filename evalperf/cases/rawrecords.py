"""Records as bytes of JSON, whatever the format of the file: the lines of JSONL, the elements of an array, CSV rows."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

from msgspec import Struct

from evalperf.cases.rejected import BadRecord
from evalperf.cases.sources import Source
from evalperf.errors import InputError
from evalperf.lines import Block, Lines, read_blocks, threaded

__all__ = ["RawRecords", "iter_records", "read_raw", "read_source"]


class RawRecords(Struct, frozen=True):
    """Consecutive records of one file, not parsed yet."""

    source: Source
    first_seq: int
    """Number of the first over all files, from 1."""
    items: Sequence[bytes | BadRecord]
    line_numbers: Sequence[int]
    """The line in which each begins."""


async def read_raw(sources: Sequence[Source], *, max_line_bytes: int) -> AsyncGenerator[RawRecords, None]:
    """All records of all files, in order; blank lines of JSONL are among them and have numbers."""
    next_seq = 1
    for source in sources:
        async with aclosing(read_source(source, max_line_bytes=max_line_bytes)) as blocks:
            async for items, line_numbers in blocks:
                yield RawRecords(source, next_seq, items, line_numbers)
                next_seq += len(items)


_Items = tuple[Sequence[bytes | BadRecord], Sequence[int]]


async def read_source(source: Source, *, max_line_bytes: int) -> AsyncGenerator[_Items, None]:
    """The records of one file with their line numbers; raises InputError where the file as a whole is broken."""
    if source.format == "jsonl":
        async with aclosing(read_blocks(source.path, max_line_bytes=max_line_bytes)) as blocks:
            async for block in blocks:
                yield _of_block(block, max_line_bytes)
    elif source.path is None:
        with tempfile.NamedTemporaryFile(prefix="evalperf-") as spool:
            await _spool_stdin(spool.fileno(), max_line_bytes)
            async with aclosing(threaded(iter_records(source, Path(spool.name), max_line_bytes))) as records:
                async for items in records:
                    yield items
    else:
        async with aclosing(threaded(iter_records(source, source.path, max_line_bytes))) as records:
            async for items in records:
                yield items


def iter_records(source: Source, path: Path, max_line_bytes: int) -> Iterator[_Items]:
    """The records of a CSV file or a JSON array, for code that runs in a thread."""
    if source.format == "csv":
        from evalperf.cases.csvrows import iter_rows  # noqa: PLC0415 - only what the input needs is loaded

        return iter_rows(source, path, max_line_bytes)
    from evalperf.cases.jsonarray import iter_elements  # noqa: PLC0415 - only what the input needs is loaded

    return iter_elements(source, path, max_line_bytes)


def _of_block(block: Block, max_line_bytes: int) -> _Items:
    if isinstance(block, Lines):
        return block.items, range(block.first_line, block.first_line + len(block.items))
    reason = f"the line is {block.size_bytes:,} bytes long, more than the limit of {max_line_bytes:,}"
    return [BadRecord(reason, block.start, hint="raise cases.max_line_bytes if that is meant")], [block.line]


async def _spool_stdin(descriptor: int, max_line_bytes: int) -> None:
    """CSV and arrays are read by blocking code, which must not wait for a pipe: the pipe goes to a file first."""
    async with aclosing(read_blocks(None, max_line_bytes=max_line_bytes)) as blocks:
        async for block in blocks:
            if not isinstance(block, Lines):
                raise InputError("standard input", "a line is longer than cases.max_line_bytes", line=block.line)
            await asyncio.to_thread(os.write, descriptor, block.data + b"\n")
