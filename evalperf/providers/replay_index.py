"""Where the answer for an id stands, for a file of answers in another order than the cases: a table on disk."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from msgspec import Struct
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from evalperf.errors import InputError
from evalperf.lines import Lines, compression, iter_blocks
from evalperf.providers.replay_rows import AnswerRows

__all__ = ["AnswerIndex", "Place", "build_index"]

_Entry = tuple[bytes, int, int, int, int, bytes | None]


class Place(Struct, frozen=True):
    """Where a row stands."""

    line: int
    offset: int
    size_bytes: int
    content: int
    """A hash of the row."""
    packed: bytes | None
    """The row itself, where its file is compressed and can't be read in the middle."""


def build_index(path: Path, rows: AnswerRows, max_line_bytes: int) -> AnswerIndex:
    """Reads the whole file once; blocks, so it belongs in a thread. Memory stays flat, some 50 bytes a row go to disk.

    Lines that can't be read are left out; whoever streams the file tells of them. Raises InputError.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="evalperf-answers-"))
        database = sqlite3.connect(Path(folder) / "index.sqlite", check_same_thread=False, isolation_level=None)
        stack.callback(database.close)
        database.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-4096; PRAGMA temp_store=FILE;"
            "CREATE TABLE answers (id BLOB, line INTEGER, offset INTEGER, size INTEGER, content INTEGER, packed BLOB);"
        )
        database.execute("BEGIN")
        database.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", _entries(path, rows, max_line_bytes))
        database.execute("COMMIT")
        database.execute("CREATE INDEX by_id ON answers (id)")
        try:
            file = stack.enter_context(path.open("rb", buffering=0))
        except OSError as error:
            raise InputError(path, f"can't be read: {error.strerror}") from error
        return AnswerIndex(database, file.fileno(), stack.pop_all())


class AnswerIndex:
    """Finds rows by id; one call at a time, from any thread."""

    def __init__(self, database: sqlite3.Connection, descriptor: int, opened: ExitStack) -> None:
        self._database = database
        self._descriptor = descriptor
        self._opened = opened
        self._one_at_a_time = threading.Lock()

    def find(self, id_: str) -> list[Place]:
        """All rows of this id, in the order of the file."""
        with self._one_at_a_time:
            found = self._database.execute(
                "SELECT line, offset, size, content, packed FROM answers WHERE id = ? ORDER BY line",
                (xxh3_128_digest(id_.encode()),),
            ).fetchall()
        return [Place(*row) for row in found]

    def read(self, place: Place) -> bytes:
        """The row at a place."""
        if place.packed is not None:
            return zlib.decompress(place.packed)
        return os.pread(self._descriptor, place.size_bytes, place.offset)

    def close(self) -> None:
        """Closes the file and removes the table."""
        with self._one_at_a_time:
            self._opened.close()


def _entries(path: Path, rows: AnswerRows, max_line_bytes: int) -> Iterator[_Entry]:
    plain = compression(path) is None
    for block in iter_blocks(path, max_line_bytes=max_line_bytes):
        if not isinstance(block, Lines):
            continue
        offset = block.offset
        sizes = [len(line) for line in block.data.split(b"\n")]
        for (line, row, _), size in zip(rows.split(block), sizes, strict=True):
            if row is not None:
                id_, raw = row
                content = xxh3_64_intdigest(raw) - (1 << 63)  # SQLite's integers are signed
                packed = None if plain else zlib.compress(raw, 1)
                yield xxh3_128_digest(id_.encode()), line, offset, size, content, packed
            offset += size + 1
