"""Files that can't be used: each is named, nothing is overwritten, and the run goes on or stops."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evalperf.cache import SqliteTier, open_sqlite
from evalperf.cache.sqlite_file import APPLICATION_ID, BUSY_TIMEOUT_S, SCHEMA_VERSION, OnDamaged
from evalperf.errors import ConfigError, StoppedError

KEY = b"k" * 16

VERSION_1 = """
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, created_s REAL NOT NULL, expires_s REAL, used_s INTEGER NOT NULL,
  size_bytes INTEGER NOT NULL, case_id TEXT, model TEXT
);
CREATE TABLE payloads (id INTEGER PRIMARY KEY, value BLOB NOT NULL);
CREATE INDEX entries_by_use ON entries (used_s);
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c.sqlite"


@asynccontextmanager
async def opened(
    path: Path, *, on_damaged: OnDamaged = "set_aside", max_bytes: int = 10**9
) -> AsyncIterator[tuple[SqliteTier, list[str]]]:
    warnings: list[str] = []
    async with open_sqlite(path, max_bytes=max_bytes, on_damaged=on_damaged, warn=warnings.append) as tier:
        yield tier, warnings


async def fill(path: Path, count: int = 300, size: int = 500) -> None:
    async with opened(path) as (tier, _):
        await tier.set_many([(b"%016d" % number, os.urandom(size)) for number in range(count)], None)


def version_of(path: Path) -> int:
    database = sqlite3.connect(path)
    (version,) = database.execute("PRAGMA user_version").fetchone()
    database.close()
    return int(version)


def edit(path: Path, script: str) -> None:
    database = sqlite3.connect(path)
    database.executescript(script)
    database.close()


async def test_a_new_file_has_the_present_version_and_is_nobody_elses_business(path: Path) -> None:
    await fill(path)
    assert version_of(path) == SCHEMA_VERSION
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_file_of_the_first_version_is_brought_up_to_date_with_its_entries(path: Path) -> None:
    edit(
        path,
        f"{VERSION_1} INSERT INTO entries VALUES (1, x'{KEY.hex()}', 1.0, NULL, 1, 3, 'case-1', 'm');"
        f"INSERT INTO payloads VALUES (1, x'616263'); PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version=1;",
    )
    async with opened(path) as (tier, warnings):
        assert await tier.get_many([KEY]) == [b"abc"]
        assert (await tier.describe()).models[0].cost_usd is None
        await tier.set_many([(b"j" * 16, b"new")], 60)
    assert version_of(path) == SCHEMA_VERSION
    assert not warnings


def overwrite_start(path: Path) -> None:
    path.write_bytes(b"this is no database " * 500)


def newer_version(path: Path) -> None:
    edit(path, f"PRAGMA user_version={SCHEMA_VERSION + 7};")


def drop_a_table(path: Path) -> None:
    edit(path, "DROP TABLE payloads;")


@pytest.mark.parametrize(
    ("break_it", "suffix", "reason"),
    [
        (overwrite_start, "damaged", "the file is damaged"),
        (drop_a_table, "damaged", "the file is damaged"),
        (newer_version, f"format-{SCHEMA_VERSION + 7}", "written by a newer evalperf"),
    ],
)
async def test_a_file_that_can_not_be_used_is_set_aside_and_a_new_one_begun(
    path: Path, break_it: Callable[[Path], None], suffix: str, reason: str
) -> None:
    await fill(path)
    break_it(path)
    before = path.read_bytes()
    async with opened(path) as (tier, warnings):
        assert await tier.get_many([b"%016d" % 1]) == [None]
        await tier.set_many([(KEY, b"new")], None)
        assert await tier.get_many([KEY]) == [b"new"]
    (aside,) = path.parent.glob(f"c.sqlite.{suffix}-*")
    assert aside.read_bytes() == before
    assert len(warnings) == 1
    assert str(path) in warnings[0]
    assert reason in warnings[0]
    assert aside.name in warnings[0]


@pytest.mark.parametrize("break_it", [overwrite_start, drop_a_table, newer_version])
async def test_such_a_file_stops_the_run_where_that_is_wanted(path: Path, break_it: Callable[[Path], None]) -> None:
    await fill(path)
    break_it(path)
    before = path.read_bytes()
    with pytest.raises(StoppedError, match=str(path)):
        async with opened(path, on_damaged="stop"):
            pass
    assert path.read_bytes() == before


async def test_two_files_set_aside_in_one_second_are_two_files(path: Path) -> None:
    for number in range(3):
        path.write_bytes(b"no database, number %d " % number * 500)
        async with opened(path):
            pass
    assert len(list(path.parent.glob("c.sqlite.damaged-*"))) == 3


async def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    edit(path, "CREATE TABLE precious (x); INSERT INTO precious VALUES (1);")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="another program"):
        async with opened(path):
            pass
    assert path.read_bytes() == before


async def test_a_folder_that_can_not_be_written_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="can't be written"):
        async with opened(tmp_path / "file" / "c.sqlite"):
            pass


async def test_damage_found_in_the_middle_is_no_wrong_value_and_ends_with_the_file_set_aside(path: Path) -> None:
    await fill(path, count=1_000)
    data = bytearray(path.read_bytes())
    for place in range(4096 * 60, len(data), 4096):
        data[place : place + 64] = b"\xff" * 64
    path.write_bytes(data)
    async with opened(path) as (tier, warnings):
        found = await tier.get_many([b"%016d" % number for number in range(1_000)])
        assert found == [None] * 1_000
        await tier.set_many([(KEY, b"lost")], None)
        assert tier.tallies.dropped == 1
    assert len(warnings) == 1
    assert "damaged" in warnings[0]
    assert not path.exists()
    assert len(list(path.parent.glob("c.sqlite.damaged-????????-??????"))) == 1


async def test_damage_found_in_the_middle_stops_where_that_is_wanted(path: Path) -> None:
    await fill(path, count=1_000)
    data = bytearray(path.read_bytes())
    data[4096 * 60 :] = b"\xff" * (len(data) - 4096 * 60)
    path.write_bytes(data)
    async with opened(path, on_damaged="stop") as (tier, _):
        with pytest.raises(StoppedError, match="damaged"):
            await tier.get_many([b"%016d" % number for number in range(1_000)])
    assert path.exists()


async def test_a_full_disk_ends_the_writing_and_nothing_else(path: Path) -> None:
    """SQLite reports a file that may not grow exactly as it reports a full disk."""
    await fill(path, count=10)
    async with opened(path) as (tier, warnings):
        assert tier._writer is not None
        tier._writer.execute("PRAGMA max_page_count = 20")
        await tier.set_many([(b"x%015d" % number, os.urandom(500)) for number in range(1_000)], None)
        await tier.set_many([(KEY, b"more")], None)
        assert tier.tallies.dropped == 1_001
        assert (await tier.get_many([b"%016d" % 1]))[0] is not None
        await tier.maintain({"misses": 1})
    assert len(warnings) == 1
    assert "nothing more is written" in warnings[0]


async def test_another_process_in_the_way_costs_entries_and_not_the_run(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BUSY_TIMEOUT_S == 10.0
    monkeypatch.setattr("evalperf.cache.sqlite_file.BUSY_TIMEOUT_S", 0.01)
    async with opened(path) as (tier, warnings):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await tier.set_many([(KEY, b"dropped")], None)
        await tier.set_many([(KEY, b"dropped too")], None)
        assert tier.tallies.dropped == 2
        other.execute("ROLLBACK")
        other.close()
        await tier.set_many([(KEY, b"kept")], None)
        assert await tier.get_many([KEY]) == [b"kept"]
    assert len(warnings) == 1


async def test_the_file_stays_within_its_bytes_and_the_unused_go_first(path: Path) -> None:
    now_s = 1_000_000.0
    warnings: list[str] = []
    async with open_sqlite(
        path, max_bytes=1_000_000, on_damaged="stop", warn=warnings.append, now=lambda: now_s
    ) as tier:
        for batch in range(40):
            now_s += 100
            await tier.set_many([(b"%08d%08d" % (batch, number), os.urandom(1_000)) for number in range(50)], None)
            await tier.get_many([b"%08d%08d" % (0, number) for number in range(50)])
            await tier.maintain()
        facts = await tier.describe()
        assert facts.size_bytes <= 1_000_000
        assert facts.entries > 500
        assert all(await tier.get_many([b"%08d%08d" % (0, number) for number in range(50)]))
        assert await tier.get_many([b"%08d%08d" % (1, 1)]) == [None]
        assert tier.tallies.evicted == 2_000 - facts.entries


async def test_clearing_gives_the_disk_its_bytes_back(path: Path) -> None:
    await fill(path, count=1_000)
    assert path.stat().st_size > 500_000
    async with opened(path) as (tier, _):
        await tier.clear()
    assert path.stat().st_size < 100_000


async def test_several_processes_may_open_a_new_file_at_once(path: Path) -> None:
    async def use(number: int) -> None:
        async with opened(path) as (tier, warnings):
            await tier.set_many([(b"%016d" % number, b"v")], None)
            assert not warnings

    await asyncio.gather(*(use(number) for number in range(8)))
    async with opened(path) as (tier, _):
        assert await tier.get_many([b"%016d" % number for number in range(8)]) == [b"v"] * 8
