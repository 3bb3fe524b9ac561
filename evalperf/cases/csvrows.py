"""CSV with a header row: each row becomes a JSON object of texts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import msgspec

from evalperf.cases.rejected import EXCERPT_CHARS, BadRecord
from evalperf.cases.sources import Source
from evalperf.errors import InputError
from evalperf.lines import Lines, iter_blocks

__all__ = ["iter_rows"]

ROWS_PER_BLOCK = 500


class _Reader(Protocol):
    """What `csv.reader` returns; it has no public name."""

    @property
    def line_num(self) -> int: ...
    def __next__(self) -> list[str]: ...
    def __iter__(self) -> Iterator[list[str]]: ...


def iter_rows(source: Source, path: Path, max_line_bytes: int) -> Iterator[tuple[list[bytes | BadRecord], list[int]]]:
    """The rows in blocks, with the line in which each begins; empty rows are none.

    Every cell is a text, but one that begins with `[` or `{` and is JSON is taken as that (choices, tags, metadata). An
    empty one is no value where its column plays a part (id, input, target, …), and else an empty text.
    A quote in the wrong place or a wrong number of cells makes a row bad. Raises InputError for a broken header, and
    for a cell of more than a quarter of `max_line_bytes`: a quote was not closed, and what follows are no rows.
    """
    # the module's own limit of 128 KiB would refuse long prompts; it takes 4 bytes of memory for each of a cell's
    csv.field_size_limit(max_line_bytes // 4)
    reader = csv.reader(_physical_lines(source, path, max_line_bytes), strict=True)
    header = _header(source, reader)
    items: list[bytes | BadRecord] = []
    line_numbers: list[int] = []
    while True:
        line = reader.line_num + 1
        item = _next_row(source, reader, header)
        if item is None or len(items) >= ROWS_PER_BLOCK:
            if items:
                yield items, line_numbers
            items, line_numbers = [], []
        if item is None:
            return
        if item:
            items.append(item)
            line_numbers.append(line)


def _next_row(source: Source, reader: _Reader, header: list[str]) -> bytes | BadRecord | None:
    """None at the end, b"" for an empty row."""
    try:
        cells = next(reader, None)
    except csv.Error as error:
        if "field limit" in str(error):
            reason = f"a cell is longer than the limit of {csv.field_size_limit():,} characters"
            raise InputError(source.name, reason, line=reader.line_num, hint="is a quote not closed?") from error
        return BadRecord(f"broken CSV: {error}", b"", hint='a quote inside a quoted cell is written twice: ""')
    if not cells:
        return None if cells is None else b""
    raw = ",".join(cells).encode(errors="surrogateescape")[:200]
    if len(cells) != len(header):
        return BadRecord(f"the row has {len(cells)} cells, the header names {len(header)}", raw)
    try:
        row = {name: _value(cell) for name, cell in zip(header, cells, strict=True) if cell or name not in source.roles}
        return msgspec.json.encode(row)
    except UnicodeEncodeError:  # surrogates stand for bytes that are no UTF-8
        return BadRecord("invalid UTF-8", raw, hint="convert the file: iconv -f LATIN1 -t UTF-8")


def _value(cell: str) -> str | msgspec.Raw:
    """JSON stays as it is written: numbers keep all their digits."""
    if not cell.startswith(("[", "{")):
        return cell
    raw = cell.encode()
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return cell
    return msgspec.Raw(raw)


def _header(source: Source, reader: _Reader) -> list[str]:
    try:
        header = next(reader, None)
    except csv.Error as error:
        raise InputError(source.name, f"broken CSV header: {error}", line=1) from error
    if header is None:
        return []
    names = [name.strip() for name in header]
    _check_unicode(source, names)
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if "" in names or twice:
        what = f'names "{twice[0][:EXCERPT_CHARS]}" twice' if twice and twice[0] else "has a column without a name"
        raise InputError(source.name, f"the header {what}", line=1, hint="the first row names the fields")
    return names


def _check_unicode(source: Source, names: list[str]) -> None:
    """Surrogates stand for bytes that are no UTF-8."""
    try:
        "".join(names).encode()
    except UnicodeEncodeError as error:
        hint = "convert the file: iconv -f LATIN1 -t UTF-8"
        raise InputError(source.name, "the header is invalid UTF-8", line=1, hint=hint) from error


def _physical_lines(source: Source, path: Path, max_line_bytes: int) -> Iterator[str]:
    """With their ends, which may belong to a quoted cell."""
    for block in iter_blocks(path, max_line_bytes=max_line_bytes):
        if not isinstance(block, Lines):
            raise InputError(source.name, f"the line is {block.size_bytes:,} bytes long", line=block.line)
        for line in block.data.decode(errors="surrogateescape").split("\n"):
            yield line + "\n"
