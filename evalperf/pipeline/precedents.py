"""Precedents for the cases of a run: read and embedded before the first case, retrieved in batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from evalperf.cache.precedents import Precedent, Precedents, question_text
from evalperf.config.semantic import PrecedentsConfig
from evalperf.errors import ConfigError, InputError, ProviderError, StoppedError
from evalperf.lines import Lines, iter_blocks, threaded
from evalperf.pipeline.batching import BatchedEmbedder
from evalperf.records import Case
from evalperf.resilience import Batcher, BatchLimits
from evalperf.results import find_run, read_results

__all__ = ["Retriever", "open_precedents"]

CHUNK: Final = 256
"""Rows that are read, embedded and added together; cases that are searched for together."""

GATHERED_S: Final = 0.005
"""For so long a case waits for others; embedding takes longer."""

MAX_LINE_BYTES: Final = 16 * 1024 * 1024

Row = Mapping[str, Any]


class Retriever:
    """Gives each case its precedents; the cases that ask at the same time share one embedding and one search."""

    def __init__(self, batcher: Batcher[tuple[str, str], list[Precedent]]) -> None:
        self._batcher = batcher

    async def with_precedents(self, case: Case) -> Case:
        """The case with its precedents; raises ProviderError where there is no vector for it."""
        found = await self._batcher.ask((case.id, question_text(case.input)))
        return msgspec.structs.replace(case, precedents=tuple(msgspec.to_builtins(one) for one in found))


@asynccontextmanager
async def open_precedents(
    config: PrecedentsConfig, embedder: BatchedEmbedder, base_dir: Path
) -> AsyncIterator[Retriever]:
    """Reads the earlier cases and embeds them; raises ConfigError, InputError or StoppedError where that fails."""

    async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return (await embedder.embed(texts)).vectors

    precedents = Precedents(config, embed)
    try:
        await _gather(precedents, config, base_dir)
        limits = BatchLimits(max_wait_s=GATHERED_S, most=CHUNK)
        async with Batcher(precedents.find_many, limits) as batcher:
            yield Retriever(batcher)
    finally:
        precedents.close()


async def _gather(precedents: Precedents, config: PrecedentsConfig, base_dir: Path) -> None:
    try:
        async with aclosing(threaded(_chunks(_rows(config, base_dir)))) as chunks:
            async for chunk in chunks:
                await precedents.gather(chunk)
    except ProviderError as error:
        raise StoppedError(f"precedents: no vectors: {error.message}", hint=error.hint) from error
    if not len(precedents):
        raise ConfigError(
            f"precedents: {config.path} has no case with a question and an answer",
            hint='a run keeps its questions with "output": {"include_input": true}',
        )


def _rows(config: PrecedentsConfig, base_dir: Path) -> Iterator[Row]:
    path = base_dir / config.path
    if config.origin == "file":
        return _rows_of_file(path)
    return (msgspec.to_builtins(result) for result in read_results(find_run(str(path), path.parent)))


def _rows_of_file(path: Path) -> Iterator[Row]:
    for block in iter_blocks(path, max_line_bytes=MAX_LINE_BYTES):
        if not isinstance(block, Lines):
            raise InputError(path, f"longer than {MAX_LINE_BYTES:,} bytes", line=block.line)
        for number, line in enumerate(block.items, block.first_line):
            if line.strip():
                yield _row(path, number, line)


def _row(path: Path, number: int, line: bytes) -> Row:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise InputError(path, f"no JSON: {error}", line=number, hint="expected a result on each line") from error
    if not isinstance(row, dict):
        raise InputError(path, "no object", line=number, hint="expected a result on each line")
    return row


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
