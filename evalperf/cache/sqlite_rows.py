"""What is asked of the tables of the disk tier. Every function blocks and belongs in the tier's threads.

Entries and payloads stand in two tables, so that counting, selecting and touching read no values.
"""
# ruff: noqa: S608 - what is put into statements are question marks and conditions of our own

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from msgspec import Struct

from evalperf.cache.backend import Row
from evalperf.cache.sqlite_file import MOST_VALUE_BYTES

__all__ = [
    "BATCH",
    "DiskFacts",
    "Found",
    "ModelFacts",
    "Selection",
    "add_counters",
    "delete_all",
    "delete_ids",
    "delete_keys",
    "describe",
    "make_room",
    "purge_expired",
    "read_rows",
    "select_keys",
    "size_on_disk",
    "touch",
    "write_rows",
]

BATCH = 256
"""Most keys of one statement."""
MOST_ID = 1 << 62
"""SQLite counts to 2^63 - 1."""
MOST_MODELS = 100
"""That are told one by one; the others are told as one."""
MOST_EVICTED = 2048
"""Rows that one transaction evicts at most, so that other processes do not wait for long."""


class Found(Struct, frozen=True, gc=False):
    """A row that was read."""

    id: int
    used_s: int
    value: bytes


class ModelFacts(Struct, frozen=True, gc=False):
    """The entries of one model."""

    model: str | None
    entries: int
    value_bytes: int
    cost_usd: float | None
    """What they have cost; None where no entry knows."""


class DiskFacts(Struct, frozen=True, kw_only=True):
    """What a file holds."""

    entries: int
    expired: int
    """Of them, those that are not used any more and wait for their removal."""
    size_bytes: int
    oldest_s: float | None
    """Unix time."""
    newest_s: float | None
    models: tuple[ModelFacts, ...]
    counters: dict[str, float]
    """Summed over all runs that used the file."""


class Selection(Struct, frozen=True, kw_only=True):
    """Entries that are meant: those for which everything given holds."""

    id: str | None = None
    glob: str | None = None
    """For the case's id: `*`, `?` and `[…]`."""
    regex: str | None = None
    """Searched for in the case's id."""
    model: str | None = None
    created_before_s: float | None = None
    """Unix time."""


def read_rows(database: sqlite3.Connection, keys: Sequence[bytes], now_s: float) -> dict[bytes, Found]:
    """The rows of those keys that are there and have not expired."""
    found: dict[bytes, Found] = {}
    for some in _batches(keys):
        rows = database.execute(
            "SELECT key, id, CAST(used_s AS INTEGER),"
            f" iif(typeof(value) = 'blob' AND length(value) <= {MOST_VALUE_BYTES}, value, x'')"
            " FROM entries JOIN payloads USING (id)"
            f" WHERE key IN ({_marks(some)}) AND (expires_s IS NULL OR expires_s > ?)",
            (*some, now_s),
        )
        found.update((key, Found(id_, used_s, value)) for key, id_, used_s, value in rows)
    return found


def write_rows(database: sqlite3.Connection, rows: Sequence[Row], now_s: float) -> None:
    """Adds the rows, in the place of earlier ones with the same keys; part of a transaction of the caller."""
    latest = {row.key: row for row in rows if len(row.value) <= MOST_VALUE_BYTES}
    database.execute("SAVEPOINT write_rows")
    try:
        _insert(database, latest, now_s)
    except sqlite3.IntegrityError:  # looking for them first would cost every write a tenth more, and few are there
        database.execute("ROLLBACK TO write_rows")
        delete_ids(database, list(_ids_of(database, list(latest))))
        _insert(database, latest, now_s)
    database.execute("RELEASE write_rows")


def _insert(database: sqlite3.Connection, latest: Mapping[bytes, Row], now_s: float) -> None:
    (last,) = database.execute("SELECT max(id) FROM entries").fetchone()
    if last is not None and last > MOST_ID:
        raise sqlite3.DataError("there is no number left for a new entry")
    numbered = list(enumerate(latest.values(), (last or 0) + 1))
    database.executemany(
        "INSERT INTO entries (id, key, created_s, expires_s, used_s, size_bytes, case_id, model, cost_usd)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (id_, row.key, row.created_s, row.expires_s, int(now_s), len(row.value), p.case_id, p.model, p.cost_usd)
            for id_, row in numbered
            for p in (row.provenance,)
        ],
    )
    database.executemany("INSERT INTO payloads VALUES (?, ?)", [(id_, row.value) for id_, row in numbered])


def touch(database: sqlite3.Connection, ids: Iterable[int], now_s: float) -> None:
    """Notes that the rows were used."""
    database.executemany("UPDATE entries SET used_s = ? WHERE id = ?", [(int(now_s), id_) for id_ in ids])


def delete_ids(database: sqlite3.Connection, ids: Sequence[int]) -> int:
    """Removes rows; how many."""
    count = 0
    for some in _batches(ids):
        database.execute(f"DELETE FROM payloads WHERE id IN ({_marks(some)})", some)
        count += database.execute(f"DELETE FROM entries WHERE id IN ({_marks(some)})", some).rowcount
    return count


def delete_keys(database: sqlite3.Connection, keys: Sequence[bytes], now_s: float) -> int:
    """Removes rows; how many of them had not expired."""
    live = len(read_rows(database, keys, now_s))
    delete_ids(database, list(_ids_of(database, keys)))
    return live


def delete_all(database: sqlite3.Connection, now_s: float) -> int:
    """Removes all rows; how many of them had not expired."""
    (live,) = database.execute(
        "SELECT count(*) FROM entries WHERE expires_s IS NULL OR expires_s > ?", (now_s,)
    ).fetchone()
    database.execute("DELETE FROM payloads")
    database.execute("DELETE FROM entries")
    return int(live)


def purge_expired(database: sqlite3.Connection, now_s: float, limit: int) -> int:
    """Removes what has expired, at most `limit` rows; how many."""
    query = "SELECT id FROM entries WHERE expires_s <= ? ORDER BY expires_s LIMIT ?"
    return delete_ids(database, [id_ for (id_,) in database.execute(query, (now_s, limit))])


def make_room(database: sqlite3.Connection, max_bytes: int, now_s: float) -> tuple[int, int]:
    """Removes rows until the file's pages in use take no more than that: (expired ones, least recently used ones)."""
    expired = evicted = 0
    while size_on_disk(database) > max_bytes and expired + evicted < MOST_EVICTED:
        gone = purge_expired(database, now_s, BATCH)
        expired += gone
        if not gone:
            oldest = [id_ for (id_,) in database.execute("SELECT id FROM entries ORDER BY used_s, id LIMIT 64")]
            evicted += delete_ids(database, oldest)
            if not oldest:
                break
    return expired, evicted


def size_on_disk(database: sqlite3.Connection) -> int:
    """Bytes of the pages in use: values, entries and indexes; the write-ahead log is not in it."""
    pages, free, page_bytes = (
        database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * page_bytes)


def add_counters(database: sqlite3.Connection, counts: Mapping[str, float]) -> None:
    """Adds to the sums over all runs."""
    database.executemany(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        [(name, value) for name, value in counts.items() if value],
    )


def select_keys(database: sqlite3.Connection, selection: Selection) -> list[bytes]:
    """The keys of all entries that are meant; reads every entry, but no value."""
    conditions: list[tuple[str, str | float]] = []
    if selection.id is not None:
        conditions.append(("case_id = ?", selection.id))
    if selection.glob is not None:
        conditions.append(("case_id GLOB ?", selection.glob))
    if selection.regex is not None:
        pattern = re.compile(selection.regex)
        found = lambda text: text is not None and pattern.search(text) is not None  # noqa: E731 - SQLite calls it
        database.create_function("found_by_pattern", 1, found, deterministic=True)
        conditions.append(("found_by_pattern(case_id) = ?", 1))
    if selection.model is not None:
        conditions.append(("model = ?", selection.model))
    if selection.created_before_s is not None:
        conditions.append(("created_s < ?", selection.created_before_s))
    where = " AND ".join(["typeof(key) = 'blob'", *(text for text, _ in conditions)])
    return [key for (key,) in database.execute(f"SELECT key FROM entries WHERE {where}", [v for _, v in conditions])]


def describe(database: sqlite3.Connection, now_s: float) -> DiskFacts:
    """What the file holds; reads every entry, but no value."""
    entries, oldest_s, newest_s = database.execute(
        "SELECT count(*), min(CAST(created_s AS REAL)), max(CAST(created_s AS REAL)) FROM entries"
    ).fetchone()
    (expired,) = database.execute("SELECT count(*) FROM entries WHERE expires_s <= ?", (now_s,)).fetchone()
    models = database.execute(
        "SELECT name, count(*), CAST(total(size_bytes) AS INTEGER), sum(cost_usd)"
        " FROM (SELECT CAST(substr(model, 1, 200) AS TEXT) AS name, size_bytes, cost_usd FROM entries LIMIT -1)"
        " GROUP BY name ORDER BY 2 DESC, 1"  # without the limit, whole models would be sorted
    )
    return DiskFacts(
        entries=entries,
        expired=expired,
        size_bytes=size_on_disk(database),
        oldest_s=oldest_s,
        newest_s=newest_s,
        models=_models(models),
        counters=dict(database.execute("SELECT name, value FROM counters WHERE typeof(value) = 'real' LIMIT 100")),
    )


def _models(rows: Iterable[tuple[str | None, int, int, float | None]]) -> tuple[ModelFacts, ...]:
    """Those with most entries come first; what is beyond `MOST_MODELS` becomes one."""
    found: list[ModelFacts] = []
    for model, entries, value_bytes, cost_usd in rows:
        if len(found) <= MOST_MODELS:
            found.append(ModelFacts(model if len(found) < MOST_MODELS else "(others)", entries, value_bytes, cost_usd))
            continue
        before = found[-1]
        costs = [cost for cost in (before.cost_usd, cost_usd) if cost is not None]
        summed = (before.entries + entries, before.value_bytes + value_bytes, sum(costs) if costs else None)
        found[-1] = ModelFacts("(others)", *summed)
    return tuple(found)


def _ids_of(database: sqlite3.Connection, keys: Sequence[bytes]) -> Iterator[int]:
    for some in _batches(keys):
        yield from (id_ for (id_,) in database.execute(f"SELECT id FROM entries WHERE key IN ({_marks(some)})", some))


def _batches(items: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """The items in groups whose sizes are few, so that SQLite's statements are compiled once; filled up with NULL."""
    rest = iter(items)
    while some := tuple(islice(rest, BATCH)):
        size = 1 << (len(some) - 1).bit_length()
        yield (*some, *[None] * (size - len(some)))


def _marks(items: Sequence[object]) -> str:
    return ",".join("?" * len(items))
