"""What the input is, before the run: sizes, digests, numbers of lines, and where every 1,024th line begins."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from msgspec import Struct
from xxhash import xxh3_128

from evalperf.cases.linecount import LineCounter
from evalperf.cases.rawrecords import iter_records
from evalperf.cases.sources import Source, find_sources
from evalperf.config.model import CasesConfig
from evalperf.errors import InputError
from evalperf.lines import DamagedStreamError, compression, iter_pieces

__all__ = ["InputFile", "Survey", "survey"]


class InputFile(Struct, frozen=True, kw_only=True):
    """One file of the input."""

    path: str
    size_bytes: int
    lines: int
    """Lines of JSONL (blank ones too), elements of an array, rows of CSV."""
    cases: int
    """Of these, the ones that are not blank."""
    digest: str
    """`xxh3_128:` and the hash of the bytes on disk."""
    line_offsets: tuple[int, ...] | None
    """Where lines 1, 1025, 2049, … begin; None unless the file is plain JSONL."""


class Survey(Struct, frozen=True, kw_only=True):
    """The whole input."""

    files: tuple[InputFile, ...]
    """Standard input is not among them."""
    lines: int | None
    """The highest number that a case can have; None with standard input."""
    total: int | None
    """Cases times epochs, where nothing but reading could tell otherwise: None with standard input or `where`."""


async def survey(config: CasesConfig, base_dir: Path) -> Survey:
    """One pass over the files in a thread; raises InputError for a file that can't be read or unpacked.

    `total` counts bad lines as cases, and duplicates that are not kept: only parsing would tell.
    """
    sources = find_sources(config, base_dir)
    stop = threading.Event()
    work = asyncio.ensure_future(asyncio.to_thread(_survey_files, sources, config.max_line_bytes, stop))
    try:
        files = await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([work])
        work.exception()  # told to nobody: the run is over
        raise
    if len(files) < len(sources):
        return Survey(files=files, lines=None, total=None)
    return Survey(files=files, lines=sum(file.lines for file in files), total=_total(config, files))


def _total(config: CasesConfig, files: tuple[InputFile, ...]) -> int | None:
    if config.where is not None:
        return None
    bounds = [bound for bound in (config.limit, config.sample) if bound is not None]
    return min([sum(file.cases for file in files), *bounds]) * config.epochs


def _survey_files(sources: tuple[Source, ...], max_line_bytes: int, stop: threading.Event) -> tuple[InputFile, ...]:
    return tuple(
        _survey_file(source, source.path, max_line_bytes, stop) for source in sources if source.path is not None
    )


def _survey_file(source: Source, path: Path, max_line_bytes: int, stop: threading.Event) -> InputFile:
    digest = xxh3_128()
    size_bytes = 0

    def on_raw(raw: bytes) -> None:
        nonlocal size_bytes
        digest.update(raw)
        size_bytes += len(raw)
        if stop.is_set():
            raise InputError(path, "the survey was interrupted")

    plain = source.format == "jsonl" and compression(path) is None
    counter = LineCounter(offsets=plain)
    try:
        for piece in iter_pieces(path, on_raw=on_raw):
            if source.format == "jsonl":
                counter.feed(piece)
    except DamagedStreamError as error:
        raise InputError(path, f"{error}, after {counter.lines} whole lines", line=counter.lines + 1) from error
    lines, cases = counter.finish()
    if source.format != "jsonl":
        lines = cases = _count_records(source, path, max_line_bytes, stop)
    return InputFile(
        path=str(path),
        size_bytes=size_bytes,
        lines=lines,
        cases=cases,
        digest=f"xxh3_128:{digest.hexdigest()}",
        line_offsets=tuple(counter.offsets) if plain else None,
    )


def _count_records(source: Source, path: Path, max_line_bytes: int, stop: threading.Event) -> int:
    count = 0
    for items, _ in iter_records(source, path, max_line_bytes):
        count += len(items)
        if stop.is_set():
            break
    return count
