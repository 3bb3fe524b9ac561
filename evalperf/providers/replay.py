"""Recorded answers: those that stand in the case's own line, or a file of answers joined by id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from evalperf.config.providers import ReplayProvider
from evalperf.errors import InputError, ProviderError
from evalperf.lines import Block, read_blocks, to_the_end
from evalperf.providers.replay_index import AnswerIndex, Place, build_index
from evalperf.providers.replay_rows import AnswerRows, UnreadableRow
from evalperf.records import Completion, Request

__all__ = ["Replay", "ReplayFile", "open_replay"]

MAX_ROW_BYTES = 32 * 1024 * 1024
WINDOW_ROWS = 8_192
WINDOW_BYTES = 16 * 1024 * 1024
LOOK_AHEAD_ROWS = 4_096


def open_replay(config: ReplayProvider, base_dir: Path) -> Replay:
    """The provider for a configuration; no file is touched before `check` or the first call."""
    if config.path is None:
        return Replay(config)
    return ReplayFile(config, base_dir / config.path)


class Replay:
    """Answers with the output that stands in the case's own line."""

    name = "replay"
    paid = False
    in_process = True

    def __init__(self, config: ReplayProvider) -> None:
        self.model = config.model

    async def check(self) -> None:
        """Nothing can be told before the cases come."""

    async def complete(self, request: Request) -> Completion:
        """The recorded answer; raises ProviderError where the case has none."""
        output = request.case.output
        if output is None:
            raise ProviderError(
                "provider", 'the case has no recorded answer (fields "output", "response", …; or cases.fields.output)'
            )
        return Completion(text=output, model=self.model)

    async def probe(self, within_s: float) -> ProviderError | None:  # noqa: ARG002 - there is nothing to wait for
        """Always well: nothing is called."""
        return None

    def connection_statistics(self) -> None:
        """There are no connections."""

    async def aclose(self) -> None:
        """Nothing is open."""


class ReplayFile(Replay):
    """Answers with the row of a file that has the case's id.

    While both files are in the same order, the rows stream by: a window of them is held, for cases that come a little
    out of turn and for epochs. The first id that is not within reach makes an index of the whole file on disk, once.

    Two rows of one id with different content fail that case, where both are in the window or the index exists; rows
    further apart than the window are not compared while streaming.
    """

    def __init__(self, config: ReplayProvider, path: Path) -> None:
        super().__init__(config)
        self._path = path
        self._rows = AnswerRows(config.fields, config.model)
        self._window: dict[str, bytes | None] = {}  # None: two rows that differ
        self._window_bytes = 0
        self._stream: AsyncGenerator[Block, None] | None = None
        self._read = 0  # rows that have streamed by
        self._ended = False
        self._fault: str | None = None  # the first line that can't be read
        self._reading = asyncio.Lock()
        self._index: AnswerIndex | None = None

    async def check(self) -> None:
        """Reads the first rows; raises InputError for a file that can't be opened or has none in its first row."""
        async with self._reading:
            while not self._window and not self._ended:
                await self._advance()
        if not self._window:
            raise InputError(self._path, f"holds no answers{'' if self._fault is None else f': {self._fault}'}")
        if self._window:
            id_, row = next(iter(self._window.items()))
            if row is not None:
                try:
                    self._rows.completion(row)
                except UnreadableRow as error:
                    raise InputError(self._path, f'{error} (id "{id_}")', hint=error.hint) from error

    async def complete(self, request: Request) -> Completion:
        """The answer in the row of the case's id; raises ProviderError where there is none."""
        id_ = request.case.id
        if id_ not in self._window:
            async with self._reading:
                row = await self._reach(id_)
        else:
            row = self._window[id_]
        if row is None:
            raise ProviderError("provider", f'the answers file has two different answers for id "{id_}"')
        try:
            return self._rows.completion(row)
        except UnreadableRow as error:
            raise ProviderError("provider", f'the answer for id "{id_}" can\'t be read: {error}') from error

    async def aclose(self) -> None:
        """Closes the files and removes the index."""
        async with self._reading:
            stream, self._stream, self._ended = self._stream, None, True
            if stream is not None:
                await stream.aclose()
            index, self._index = self._index, None
            if index is not None:
                await asyncio.to_thread(index.close)

    async def _reach(self, id_: str) -> bytes | None:
        """The row of an id that was not in the window a moment ago; the lock is held."""
        try:
            index = self._index
            if index is None:
                until = self._read + LOOK_AHEAD_ROWS
                while id_ not in self._window and not self._ended and self._read < until:
                    await self._advance()
                if id_ in self._window:
                    return self._window[id_]
                index = await to_the_end(self._make_index())
            return await self._through_index(index, id_)
        except InputError as error:
            raise ProviderError("provider", str(error)) from error

    async def _through_index(self, index: AnswerIndex, id_: str) -> bytes | None:
        places = await asyncio.to_thread(index.find, id_)
        if not places:
            fault = "" if self._fault is None else f"; {self._fault}"
            raise ProviderError("provider", f'no recorded answer for id "{id_}" in {self._path}{fault}')
        if len({place.content for place in places}) > 1:
            lines = " and ".join(str(place.line) for place in places[:2])
            raise ProviderError(
                "provider", f'the answers file has two different answers for id "{id_}": lines {lines} of {self._path}'
            )
        while self._is_near(places[0]) and id_ not in self._window:
            await self._advance()
        if id_ in self._window:
            return self._window[id_]
        return await asyncio.to_thread(index.read, places[0])

    def _is_near(self, place: Place) -> bool:
        return not self._ended and 0 < place.line - self._read <= LOOK_AHEAD_ROWS

    async def _make_index(self) -> AnswerIndex:
        """Keeps it at once: a caller that is cancelled does not get it, and it has to be closed all the same."""
        self._index = await asyncio.to_thread(build_index, self._path, self._rows, MAX_ROW_BYTES)
        return self._index

    async def _advance(self) -> None:
        """Takes the next block of rows into the window."""
        if self._stream is None:
            self._stream = read_blocks(self._path, max_line_bytes=MAX_ROW_BYTES)
        try:
            block = await to_the_end(_next_block(self._stream))
        except InputError:
            self._ended = True
            raise
        if block is None:
            self._ended = True
            return
        for line, raw, fault in self._rows.split(block):
            self._read = line
            if fault is not None:
                self._fault = self._fault or f"line {line} can't be read: {fault}"
            elif raw is not None:
                self._hold(*raw)
        self._shrink()

    def _hold(self, id_: str, row: bytes) -> None:
        held = self._window.get(id_, b"")
        if held == b"":
            self._window[id_] = row
            self._window_bytes += len(row)
        elif held != row:
            self._window[id_] = None

    def _shrink(self) -> None:
        while len(self._window) > WINDOW_ROWS or (self._window_bytes > WINDOW_BYTES and len(self._window) > 1):
            row = self._window.pop(next(iter(self._window)))
            self._window_bytes -= len(row or b"")


async def _next_block(stream: AsyncGenerator[Block, None]) -> Block | None:
    return await anext(stream, None)
