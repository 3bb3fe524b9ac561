"""embeddings.jsonl: the calls for embeddings that were paid for, whoever has asked for them.

One call serves many cases at once, and some of them before the first case or for none in particular. So what it cost
stands here, once, from the moment it is known: no case need be finished for it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
from msgspec import Struct

from evalperf.errors import DamageError
from evalperf.records import Usage, counted_usage
from evalperf.results.append import unwritable
from evalperf.results.disk import LocalDisk, write_all
from evalperf.results.layout import RunDirectory

__all__ = ["EmbeddingCall", "EmbeddingCalls", "EmbeddingsFor", "read_embedding_calls"]

EmbeddingsFor = Literal["scorers", "semantic_cache", "precedents"]

MOST_LINE_BYTES = 1 << 12
"""Of a call: four short fields."""

BLOCK_BYTES = 1 << 20


class EmbeddingCall(Struct, frozen=True, kw_only=True):
    """One answered call."""

    asked_for: EmbeddingsFor
    texts: int
    usage: Usage | None
    cost_usd: float | None
    """None where the price or the usage is not known."""


class EmbeddingCalls:
    """The calls of one process; those from before the run has a folder wait for it."""

    def __init__(self) -> None:
        self._waiting: list[EmbeddingCall] = []
        self._directory: RunDirectory | None = None
        self._disk = LocalDisk()
        self._fd: int | None = None

    def add(self, call: EmbeddingCall) -> None:
        """It survives the death of the process from now on; raises OutputError. Takes some microseconds."""
        self._waiting.append(call)
        if self._directory is not None:
            self._write(self._directory)

    @asynccontextmanager
    async def kept_in(self, directory: RunDirectory) -> AsyncIterator[None]:
        """Calls are written there, behind those of earlier sessions; at the end they are brought to the disk."""
        self._directory = directory
        try:
            if self._waiting:
                self._write(directory)
            yield
        finally:
            self._directory = None
            if self._fd is not None:
                await asyncio.to_thread(self._close, directory, self._fd)

    def _write(self, directory: RunDirectory) -> None:
        lines = b"".join(msgspec.json.encode(call) + b"\n" for call in self._waiting)
        try:
            if self._fd is None:
                self._fd = self._disk.open_append(directory.embeddings)
                lines = self._after_torn_line(self._fd) + lines
            write_all(self._disk, self._fd, lines)
        except OSError as error:
            raise unwritable(directory.embeddings, error) from error
        self._waiting.clear()

    def _after_torn_line(self, fd: int) -> bytes:
        """A power cut may have left half a line, which must not spoil the next one."""
        size = self._disk.size(fd)
        return b"\n" if size and self._disk.read(fd, 1, size - 1) != b"\n" else b""

    def _close(self, directory: RunDirectory, fd: int) -> None:
        self._fd = None
        try:
            self._disk.datasync(fd)
        except OSError as error:
            raise unwritable(directory.embeddings, error) from error
        finally:
            self._disk.close(fd)


def read_embedding_calls(
    directory: RunDirectory, *, on_damage: Callable[[str], None] = lambda _: None
) -> Iterator[EmbeddingCall]:
    """Those of all sessions; lines that can't be read are told together, in one sentence. Blocks."""
    damaged = 0
    try:
        for line in _lines(directory):
            call = _call(line)
            if call is None:
                damaged += 1
            else:
                yield call
    except (DamageError, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        on_damage(f"{directory.embeddings.name} can't be read ({reason}): what embeddings cost may be in no number")
    if damaged:
        lines = (
            "1 line can't be read: what its call"
            if damaged == 1
            else f"{damaged:,} lines can't be read: what their calls"
        )
        on_damage(f"{directory.embeddings.name}: {lines} for embeddings cost is in no number")


def _lines(directory: RunDirectory) -> Iterator[bytes]:
    """Each in full, or as much of it as a line can have."""
    disk = LocalDisk()
    try:
        fd = disk.open_read(directory.embeddings)
    except FileNotFoundError:
        return
    try:
        offset, rest = 0, b""
        while block := disk.read(fd, BLOCK_BYTES, offset):
            offset += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield from lines
            rest = rest[: MOST_LINE_BYTES + 1]
        if rest:
            yield rest
    finally:
        disk.close(fd)


def _call(line: bytes) -> EmbeddingCall | None:
    if len(line) > MOST_LINE_BYTES:
        return None
    try:
        call = msgspec.json.decode(line, type=EmbeddingCall)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    usage, cost_usd = call.usage, call.cost_usd
    counted = usage is None or counted_usage(usage.input_tokens, usage.output_tokens) is not None
    priced = cost_usd is None or (math.isfinite(cost_usd) and cost_usd >= 0)
    return call if counted and priced and call.texts > 0 else None
