"""Cache files that a stranger prepared, each with what every command has to say of it, as in hostile_runs.py."""

from __future__ import annotations

import math
import os
import shutil
import sqlite3
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from evalperf.cache.hashes import checksum
from tests.faults.spoilt_runs import LETTERS, Hostile

__all__ = ["COMMANDS", "write_caches"]

COMMANDS = ("stats", "explain", "prune", "run")
"""In the order in which they are tried; only `run` may set a file aside and go on."""

_HEAD = struct.Struct("<BBHddd")


class Prepared:
    """Copies of a genuine cache, to be spoilt one by one."""

    def __init__(self, folder: Path, genuine: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.outside = folder / "outside"
        self.outside.mkdir()
        (self.outside / "precious").write_text("nobody writes here\n")
        self.found: list[Hostile] = []
        self._genuine = genuine

    def add(self, name: str, expected: str, spoil: Callable[[Path], object]) -> None:
        """A copy in a folder of its own that `spoil` has changed; `expected` has a letter for each command."""
        path = self.folder / f"{len(self.found):03d}" / "cache.sqlite"
        path.parent.mkdir(mode=0o700)
        shutil.copy(self._genuine, path)
        path.chmod(0o600)
        spoil(path)
        self.found.append(Hostile(name, str(path), [LETTERS[letter] for letter in expected]))

    def instead(self, name: str, expected: str, make: Callable[[Path], object]) -> None:
        """Something else in the place of the file."""

        def replace(path: Path) -> None:
            path.unlink()
            make(path)

        self.add(name, expected, replace)

    def sql(self, name: str, expected: str, script: str, *values: object) -> None:
        """The tables were changed by a statement, or by a script where there are no values."""

        def change(path: Path) -> None:
            database = sqlite3.connect(path)
            database.execute("PRAGMA journal_mode=DELETE")
            if values:
                database.execute(script, values)
                database.commit()
            else:
                database.executescript(script)
            database.close()

        self.add(name, expected, change)

    def sealed(self, name: str, seal: Callable[[bytes], bytes]) -> None:
        """Every value is what `seal` makes of its key, under a checksum that fits: the run asks anew."""

        def change(path: Path) -> None:
            database = sqlite3.connect(path)
            database.execute("PRAGMA journal_mode=DELETE")
            rows = database.execute("SELECT id, key FROM entries").fetchall()
            database.executemany("UPDATE payloads SET value = ? WHERE id = ?", [(seal(key), id_) for id_, key in rows])
            database.commit()
            database.close()

        self.add(f"values: {name}", "oooo", change)


def sealed(
    key: bytes,
    payload: bytes,
    *,
    version: int = 1,
    encoding: int = 0,
    note: bytes = b"",
    note_bytes: int | None = None,
    times: tuple[float, float, float] = (1e9, math.inf, math.nan),
) -> bytes:
    """A value whose checksum fits whatever it says."""
    head = _HEAD.pack(version, encoding, len(note) if note_bytes is None else note_bytes, *times)
    return head + struct.pack("<Q", checksum(key, head, note + payload)) + note + payload


def write_caches(folder: Path, genuine: Path) -> list[Hostile]:
    """All of them."""
    caches = Prepared(folder, genuine)
    for part in (_files, _places, _schemas, _rows, _values):
        part(caches)
    return caches.found


def _files(caches: Prepared) -> None:
    caches.add("a genuine cache", "oooo", lambda path: None)
    for name, content in {
        "empty": b"",
        "text": b"this is no database " * 5_000,
        "zeros": bytes(100_000),
        "random bytes": os.urandom(50_000),
        "only a header": b"SQLite format 3\x00",
        "a gzip bomb": zlib.compress(bytes(50_000_000)),
    }.items():
        expected = "oooo" if name == "empty" else "rrrt"
        caches.add(f"file: {name}", expected, lambda path, c=content: path.write_bytes(c))
    caches.add("file: cut in the middle", "***t", lambda path: os.truncate(path, path.stat().st_size // 2))
    caches.add("file: its pages overwritten", "***t", _overwrite)
    for ending, content in {"-wal": os.urandom(100_000), "-shm": os.urandom(32_768)}.items():
        caches.add(f"file{ending} of random bytes", "oooo", lambda p, e=ending, c=content: _beside(p, e).write_bytes(c))
    victim = caches.outside / "precious"
    caches.add("a journal that names another file", "rrrt", lambda path: _journal(path, victim))
    for ending in ("-wal", "-journal", ".lock"):
        link = lambda path, e=ending: _beside(path, e).symlink_to(caches.outside / f"made{e}")  # noqa: E731
        caches.add(f"file{ending} is a link", "***" + ("r" if ending == ".lock" else "*"), link)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _overwrite(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def _journal(path: Path, victim: Path) -> None:
    """A hot rollback journal with a super-journal, which SQLite removes once the changes are taken back."""
    name = str(victim).encode()
    head = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + struct.pack(">IIIII", 0, 0, 1, 512, 4096)
    trailer = struct.pack(">I", 2**30 // 4096 + 1) + name + struct.pack(">II", len(name), sum(name))
    _beside(path, "-journal").write_bytes(head.ljust(512, b"\0") + trailer + head[:8])


def _places(caches: Prepared) -> None:
    target = caches.outside / "precious"
    caches.instead("a folder", "rrrr", lambda path: path.mkdir())
    caches.instead("a pipe", "rrrr", os.mkfifo)
    caches.instead("a link outside", "rrrr", lambda path: path.symlink_to(target))
    caches.instead("a link to nothing", "rrrr", lambda path: path.symlink_to(caches.outside / "made"))
    caches.instead("a link to itself", "rrrr", lambda path: path.symlink_to(path))
    caches.instead("a link to a device", "rrrr", lambda path: path.symlink_to("/dev/zero"))
    caches.add("a file that everybody may write", "rrrr", lambda path: path.chmod(0o666))
    caches.add("a folder that everybody may write", "rrrr", lambda path: path.parent.chmod(0o777))
    caches.add("a folder as /tmp is", "oooo", lambda path: path.parent.chmod(0o1777))


def _schemas(caches: Prepared) -> None:
    caches.sql("another program's", "rrrr", "PRAGMA application_id=7")
    caches.sql("version 99", "rrrt", "PRAGMA user_version=99")
    caches.sql("version 0", "rrrt", "PRAGMA user_version=0")
    caches.sql("version -5", "rrrt", "PRAGMA user_version=-5")
    caches.sql("no payloads", "rrrt", "DROP TABLE payloads")
    caches.sql("one table more", "rrrt", "CREATE TABLE more (x)")
    caches.sql("a trigger", "rrrt", "CREATE TRIGGER t AFTER UPDATE ON entries BEGIN DELETE FROM payloads; END")
    caches.sql(
        "a view in the place of a table",
        "rrrt",
        "DROP TABLE payloads; CREATE VIEW payloads AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n)"
        " SELECT x AS id, zeroblob(1000000000) AS value FROM n",
    )
    caches.sql(
        "a computed column",
        "rrrt",
        "ALTER TABLE entries ADD COLUMN more BLOB AS (zeroblob(900000000)) VIRTUAL",
    )
    caches.sql("an index over a computation", "rrrt", "CREATE INDEX i ON entries (length(zeroblob(1000000)))")
    caches.sql("a table without its columns", "rrrt", "DROP TABLE counters; CREATE TABLE counters (x)")
    caches.sql("500 tables", "rrrt", "".join(f"CREATE TABLE t{n} (x);" for n in range(500)))


def _rows(caches: Prepared) -> None:
    caches.sql("times as text", "oooo", "UPDATE entries SET created_s = 'x', used_s = 'y', expires_s = 'z'")
    caches.sql("times without end", "oooo", "UPDATE entries SET created_s = 9e999, expires_s = 9e999")
    caches.sql("sizes without end", "oooo", "UPDATE entries SET size_bytes = 9223372036854775807")
    caches.sql("sizes as text", "oooo", "UPDATE entries SET size_bytes = 'x', cost_usd = 'y'")
    caches.sql("a model that is a blob", "oooo", "UPDATE entries SET model = ?, case_id = ?", b"\xff\xfe", b"\xff")
    caches.sql("a model that is no UTF-8", "oooo", "UPDATE entries SET model = CAST(x'fffe' AS TEXT)")
    caches.sql("a model that commands a terminal", "oooo", "UPDATE entries SET model = ?", "\x1b[2J\x1b]0;owned\x07")
    caches.sql("a model of 10 MB", "oooo", "UPDATE entries SET model = ?", "m" * 10_000_000)
    caches.sql("a model for each entry", "oooo", "UPDATE entries SET model = 'm' || id")
    caches.sql("the highest number", "ooo*", "UPDATE entries SET id = 9223372036854775807 WHERE id = 1")
    caches.sql("keys as text", "oooo", "UPDATE entries SET key = 'k' || id")
    caches.sql(
        "counters as text", "oooo", "INSERT OR REPLACE INTO counters VALUES ('hits_disk', 'x'), ('misses', x'00')"
    )
    many = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000)"
    caches.sql("20,000 counters", "oooo", f"{many} INSERT INTO counters SELECT 'c' || x, x FROM n")


def _values(caches: Prepared) -> None:
    caches.sql("values: text", "oooo", "UPDATE payloads SET value = 'text'")
    caches.sql("values: a number", "oooo", "UPDATE payloads SET value = 5")
    caches.sql("values: empty", "oooo", "UPDATE payloads SET value = x''")
    caches.sql("values: 50 MB", "oooo", "UPDATE payloads SET value = zeroblob(50000000) WHERE id = 1")
    caches.sql("values: random", "oooo", "UPDATE payloads SET value = randomblob(1000)")
    bomb = zlib.compress(bytes(300_000_000))
    caches.sealed("a bomb", lambda key: sealed(key, bomb, encoding=1))
    caches.sealed("deflated garbage", lambda key: sealed(key, b"garbage", encoding=1))
    caches.sealed("a stream that is cut", lambda key: sealed(key, zlib.compress(b"x" * 1000)[:-4], encoding=1))
    caches.sealed("another version", lambda key: sealed(key, b"{}", version=9))
    caches.sealed("another encoding", lambda key: sealed(key, b"{}", encoding=7))
    caches.sealed("a note beyond the end", lambda key: sealed(key, b"{}", note_bytes=60_000))
    caches.sealed("a note that is no JSON", lambda key: sealed(key, b"{}", note=b"{"))
    caches.sealed("a note that is a list", lambda key: sealed(key, b"{}", note=b"[1, 2, 3]"))
    caches.sealed("a deep note", lambda key: sealed(key, b"{}", note=b"[" * 60_000))
    caches.sealed("times that are no numbers", lambda key: sealed(key, b"{}", times=(math.nan, math.nan, math.nan)))
    caches.sealed("a cost without end", lambda key: sealed(key, b'{"text": "y"}', times=(1e9, math.inf, math.inf)))
    caches.sealed("no answers", lambda key: sealed(key, b"[]"))
    caches.sealed("deep answers", lambda key: sealed(key, b'{"text": ' + b"[" * 100_000))
    caches.sealed("answers that are no UTF-8", lambda key: sealed(key, b'{"text": "\xff"}'))
    caches.sealed("usage without end", lambda key: sealed(key, b'{"text": "y", "usage": [' + b"9" * 300 + b", 1]}"))
