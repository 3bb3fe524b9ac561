"""rejected.jsonl: the lines of the input that were skipped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from evalperf.results.append import unwritable
from evalperf.results.disk import LocalDisk, write_all
from evalperf.results.layout import RunDirectory

__all__ = ["Rejected", "RejectedLine"]


class RejectedLine(Struct, frozen=True, kw_only=True):
    """A line that is no case; line and column count from 1."""

    path: str
    line: int | None
    column: int | None = None
    reason: str
    excerpt: str = ""
    """The beginning of the line."""


class Rejected:
    """The file of one session. It begins anew, because every session reads the input from the top."""

    def __init__(self, directory: RunDirectory) -> None:
        self._path = directory.rejected
        self.count = 0
        """Lines appended in this session."""

    async def append(self, lines: Sequence[RejectedLine]) -> None:
        """The lines are in the file when this returns; raises OutputError."""
        await asyncio.to_thread(self._write, lines)

    def _write(self, lines: Sequence[RejectedLine]) -> None:
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        disk = LocalDisk()
        try:
            if not self.count:
                disk.remove(self._path)
            fd = disk.open_append(self._path)
            try:
                write_all(disk, fd, data)
            finally:
                disk.close(fd)
        except OSError as error:
            raise unwritable(self._path, error) from error
        self.count += len(lines)
