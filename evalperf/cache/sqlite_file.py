"""The file of the disk tier: its tables, their versions, and what becomes of a file that can't be used.

A file that is damaged or of a newer version is renamed with a suffix that says so, and a new one is begun: nothing is
overwritten. A database of another program is left alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from evalperf import clock
from evalperf.cache.backend import Warn
from evalperf.errors import ConfigError, StoppedError
from evalperf.ownership import check_private

__all__ = ["DAMAGE", "MOST_VALUE_BYTES", "NO_ROOM", "OnDamaged", "connect", "open_file", "primary_code", "set_aside"]

OnDamaged = Literal["set_aside", "stop"]

APPLICATION_ID = 0x45504331
"""`EPC1`: how SQLite files of this kind are told from others."""

SCHEMA_VERSION = 2
BUSY_TIMEOUT_S = 10.0
"""How long one process waits for another one's transaction, which take milliseconds."""
CHECKPOINT_PAGES = 4000
CACHE_KIB = 16_384

MOST_VALUE_BYTES = 32 << 20
"""Of an entry: a reply at its limit takes 8 MiB. A larger one is not written, and is damaged where it is read."""

_CREATE_1 = """
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, created_s REAL NOT NULL, expires_s REAL, used_s INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL, case_id TEXT, model TEXT
);
CREATE TABLE payloads (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE INDEX entries_by_use ON entries (used_s);
"""
"""What the first version began with: its files are told by it."""

_CREATE = """
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, created_s REAL NOT NULL, expires_s REAL, used_s INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL, case_id TEXT, model TEXT, cost_usd REAL
);
CREATE TABLE payloads (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE counters (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX entries_by_use ON entries (used_s);
CREATE INDEX entries_by_expiry ON entries (expires_s) WHERE expires_s IS NOT NULL;
"""

MIGRATIONS: dict[int, str] = {
    1: """
ALTER TABLE entries ADD COLUMN cost_usd REAL;
CREATE TABLE counters (name TEXT PRIMARY KEY, value REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX entries_by_expiry ON entries (expires_s) WHERE expires_s IS NOT NULL;
""",
}
"""What makes a file of the version before into one of the next."""

DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


class _Unusable(Exception):  # noqa: N818 - never leaves this file
    """Why a file can't be used, and the suffix that says so."""

    def __init__(self, reason: str, suffix: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.suffix = suffix


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code: the extended ones have more in their upper bits."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def open_file(path: Path, *, on_damaged: OnDamaged, warn: Warn) -> sqlite3.Connection:
    """A connection to a file of the present version; blocks.

    Raises ConfigError, StoppedError with `stop`, and sqlite3.OperationalError where the disk is full.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_place(path)
        with _one_opener(path):
            return _opened(path, on_damaged, warn)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    except sqlite3.OperationalError as error:
        if primary_code(error) in NO_ROOM:
            raise
        raise _unwritable(path, str(error)) from error


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a file that was opened before; may be used from another thread than this one."""
    return _configured(_plain_connection(path))


def _plain_connection(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2 * MOST_VALUE_BYTES)
    database.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return database


def _configured(database: sqlite3.Connection) -> sqlite3.Connection:
    for setting in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"cache_size=-{CACHE_KIB}",
        "temp_store=MEMORY",
        "trusted_schema=OFF",
    ):
        database.execute(f"PRAGMA {setting}")
    return database


def set_aside(path: Path, suffix: str) -> Path:
    """Renames the file and what belongs to it; nothing is overwritten. The new name."""
    stamp = clock.utc_now().strftime("%Y%m%d-%H%M%S")
    target = next(
        name
        for number in range(1, 10_000)
        if not (name := path.with_name(f"{path.name}.{suffix}-{stamp}{'' if number == 1 else f'-{number}'}")).exists()
    )
    for ending in ("-wal", "-shm", "-journal", ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + ending).rename(target.with_name(target.name + ending))
    return target


@contextlib.contextmanager
def _one_opener(path: Path) -> Iterator[None]:
    """Creating, migrating and setting aside is done by one process at a time."""
    descriptor = os.open(path.with_name(path.name + ".lock"), FLAGS, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path, on_damaged: OnDamaged, warn: Warn) -> sqlite3.Connection:
    try:
        return _present_version(path)
    except _Unusable as fault:
        hint = "remove it, or name another file in the cache's path"
        if on_damaged == "stop":
            raise StoppedError(f"cache {path}: {fault.reason}", hint=hint) from fault
        target = set_aside(path, fault.suffix)
        warn(f"cache {path}: {fault.reason}; it was set aside as {target.name}, and a new one is begun")
        return _present_version(path)


def _present_version(path: Path) -> sqlite3.Connection:
    if os.path.lexists(path.with_name(path.name + "-journal")):
        raise _Unusable("the file is damaged (it has a rollback journal, which a cache never leaves)", "damaged")
    os.close(os.open(path, FLAGS, 0o600))
    database: sqlite3.Connection | None = None
    try:
        database = _plain_connection(path)
        version = _usable_version(database, path)
        _bring_up_to_date(_configured(database), version)
    except BaseException as error:
        if database is not None:
            database.close()
        if isinstance(error, sqlite3.DatabaseError) and primary_code(error) in DAMAGE:
            raise _Unusable(f"the file is damaged ({error})", "damaged") from error
        raise
    return database


def _usable_version(database: sqlite3.Connection, path: Path) -> int | None:
    """The file's version, None for an empty file; changes nothing, since the file may be somebody else's."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (application,) = database.execute("PRAGMA application_id").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if not tables and not application:
        return None
    if application != APPLICATION_ID:
        raise ConfigError(f"cache {path}: this is the database of another program", hint="name another file")
    if version > SCHEMA_VERSION:
        reason = f"written by a newer evalperf (format {version}, this one knows up to {SCHEMA_VERSION})"
        raise _Unusable(reason, f"format-{version}")
    if _schema(database) not in _schemas(version):
        raise _Unusable("the file is damaged (its tables are not those of a cache)", "damaged")
    return int(version)


def _bring_up_to_date(database: sqlite3.Connection, version: int | None) -> None:
    if version is None:
        _run(database, _CREATE, SCHEMA_VERSION)
        return
    for number in range(version, SCHEMA_VERSION):
        _run(database, MIGRATIONS[number], number + 1)


def _check_place(path: Path) -> None:
    """Raises ConfigError for what is no file, or what others may write: entries are believed."""
    check_private("cache", path.parent)
    if not os.path.lexists(path):
        return
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise ConfigError(f"cache {path}: is a link, which is not followed", hint="name the file that it leads to")
    if not stat.S_ISREG(mode):
        raise ConfigError(f"cache {path}: is no file, but a folder, a pipe or a device", hint="name another file")
    check_private("cache", path)


def _schema(database: sqlite3.Connection) -> frozenset[tuple[str, ...]]:
    """Everything that the file defines: a trigger, a view or a computed column would run with each query."""
    rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master LIMIT 100")
    return frozenset(tuple(map(str, row)) for row in rows)


def _schemas(version: int) -> list[frozenset[tuple[str, ...]]]:
    """What files of a version define, by the version that they were begun with."""
    found = []
    for first, script in {1: _CREATE_1, SCHEMA_VERSION: _CREATE}.items():
        if first <= version:
            with contextlib.closing(sqlite3.connect(":memory:")) as model:
                model.executescript(script + "".join(MIGRATIONS[number] for number in range(first, version)))
                found.append(_schema(model))
    return found


def _run(database: sqlite3.Connection, script: str, version: int) -> None:
    """All of a script or nothing of it; the version stands in the same transaction."""
    database.executescript(
        f"BEGIN IMMEDIATE; {script} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={version}; COMMIT;"
    )


def _unwritable(path: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"cache {path}: can't be written: {reason}", hint='name another file in the cache\'s "path", or "disk": false'
    )
