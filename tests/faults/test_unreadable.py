"""Disks that do not give back what they took: what can't be read is named and counted, and everything else is read."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from evalperf import folded
from evalperf.errors import DamageError, OutputError
from evalperf.results import Damage, RunDirectory, RunInfo, examine, open_store, read_results
from evalperf.results.disk import LocalDisk
from evalperf.results.walk import HEADER_GUESS
from evalperf.summarise import summarise_run
from tests.results.helpers import ignore, make_result, make_run, options, read_keys, write

MEMBERS, ROWS = 10, 10
READ = LocalDisk.read


@pytest.fixture
async def run(tmp_path: Path) -> tuple[RunDirectory, RunInfo]:
    """A finished one of ten members in one part."""
    directory, info = make_run(tmp_path)
    for first in range(1, MEMBERS * ROWS, ROWS):
        rows = [make_result(seq, output=random.Random(seq).randbytes(300).hex()) for seq in range(first, first + ROWS)]
        await write(directory, info, rows, finish=first > (MEMBERS - 1) * ROWS)
    return directory, info


def unreadable(
    monkeypatch: pytest.MonkeyPatch, which: Callable[[Path, int, int], bool], number: int = errno.EIO
) -> None:
    """Reads of a path, of so many bytes, from an offset on, that end in an error."""

    def read(disk: LocalDisk, fd: int, size: int, offset: int) -> bytes:
        if which(Path(f"/proc/self/fd/{fd}").readlink(), size, offset):
            raise OSError(number, os.strerror(number))
        return READ(disk, fd, size, offset)

    monkeypatch.setattr(LocalDisk, "read", read)


def in_parts(path: Path) -> bool:
    return path.name.startswith("part-")


def fifth(run: tuple[RunDirectory, RunInfo]) -> int:
    """Where the fifth member begins."""
    data = next(run[0].results.glob("part-*")).read_bytes()
    at = -1
    for _ in range(5):
        at = data.index(b"\x1f\x8b\x08\x04", at + 1)
    return at


def test_rows_the_disk_does_not_give_cost_their_member(
    run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its header can be read, and says how many rows are lost."""
    at = fifth(run)
    unreadable(monkeypatch, lambda path, size, offset: offset == at and size > HEADER_GUESS)
    damage: list[Damage] = []
    seqs = [result.seq for result in read_results(run[0], damage.append)]
    assert seqs == [*range(1, 41), *range(51, 101)]
    assert [(one.offset, one.results) for one in damage] == [(at, ROWS)]
    assert "Input/output error" in damage[0].reason


def test_a_part_that_can_be_read_no_further_is_told_with_its_rows(
    run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as the manifest names and nobody has read."""
    at = fifth(run)
    unreadable(monkeypatch, lambda path, size, offset: offset >= at and size == HEADER_GUESS)
    damage: list[Damage] = []
    assert [result.seq for result in read_results(run[0], damage.append)] == list(range(1, 41))
    assert [(one.path, one.results) for one in damage] == [("results/part-00001.jsonl.gz", 60)]
    with pytest.raises(DamageError, match="60 results"):
        list(read_results(run[0]))
    found = examine(run[0])
    assert not found.sound
    assert found.lost == 60
    assert any("Input/output error" in finding.message for finding in found.findings)


async def test_a_resume_cuts_nothing_that_it_can_not_read(
    run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It refuses to go on; on a sound disk all is there."""
    unreadable(monkeypatch, lambda path, size, offset: in_parts(path))
    with pytest.raises(OutputError, match="Input/output error"):
        async with open_store(*run, options(), ignore):
            pass
    monkeypatch.undo()
    assert len(read_keys(run[0])) == MEMBERS * ROWS


async def test_short_reads_are_gone_on_with(run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch) -> None:
    """As file systems over a network may answer: no row is taken for a torn one."""
    pread = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, size, offset: pread(fd, min(size, 100), offset))
    assert len(read_keys(run[0])) == MEMBERS * ROWS
    assert examine(run[0]).sound
    async with open_store(*run, options(), ignore) as store:
        assert store.recovered.damage == ()
        assert store.recovered.done == MEMBERS * ROWS


def test_a_manifest_that_can_not_be_read_is_an_error_of_its_own(
    run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch
) -> None:
    unreadable(monkeypatch, lambda path, size, offset: path.name == "manifest.jsonl")
    with pytest.raises(DamageError, match=r"manifest\.jsonl.*Input/output error"):
        list(read_results(run[0]))
    with pytest.raises(DamageError, match="Input/output error"):
        examine(run[0])


def test_a_summary_with_gaps_is_not_kept(
    run: tuple[RunDirectory, RunInfo], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A descriptor that was missing, a cable that was loose: the next report reads everything."""
    monkeypatch.setattr(folded, "WORTH_KEEPING_BYTES", 1)
    with monkeypatch.context() as away:
        unreadable(away, lambda path, size, offset: in_parts(path))
        report = summarise_run(run[0], cache_dir=lambda: tmp_path / "cache")
        assert report.document["cases"]["done"] == 0
        assert any("(100 results)" in warning for warning in report.document["warnings"])
    report = summarise_run(run[0], cache_dir=lambda: tmp_path / "cache")
    assert report.document["cases"]["done"] == MEMBERS * ROWS
