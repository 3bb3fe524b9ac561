"""Runs that earlier versions have written are read, examined and gone on with, wherever they lie by now."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evalperf.results import RunDirectory, examine, open_store, read_results, read_run_info, read_success
from tests.results.helpers import HASH, ignore, make_result, options

GOLDEN = Path(__file__).with_name("golden")
VERSIONS = sorted(folder.name for folder in GOLDEN.iterdir())


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Path:
    return GOLDEN / request.param


def copied(version: Path, name: str, folder: Path) -> RunDirectory:
    """The run in another place, under another name."""
    (run,) = (version / name).iterdir()
    directory = RunDirectory(shutil.copytree(run, folder / "elsewhere" / "renamed"))
    for empty in (directory.results, directory.failures):  # which git does not keep
        empty.mkdir(exist_ok=True)
    return directory


def rows_of(directory: RunDirectory) -> list[list[object]]:
    rows = sorted(read_results(directory), key=lambda row: (row.seq, row.epoch))
    return [[row.seq, row.epoch, row.status, row.output] for row in rows]


def expected(version: Path, name: str) -> list[list[object]]:
    return [json.loads(line) for line in (version / f"{name}.jsonl").read_text().splitlines()]


def test_the_present_version_is_among_them() -> None:
    assert (
        f"version-{read_run_info(RunDirectory(next((GOLDEN / VERSIONS[-1] / 'finished').iterdir()))).format_version}"
        in VERSIONS
    )


@pytest.mark.parametrize("name", ["finished", "unfinished"])
def test_every_row_is_read_as_it_was(version: Path, name: str, tmp_path: Path) -> None:
    directory = copied(version, name, tmp_path)
    assert rows_of(directory) == expected(version, name)
    found = examine(directory)
    assert found.sound
    assert found.state == ("complete" if name == "finished" else "unfinished")


async def test_an_unfinished_run_is_ended(version: Path, tmp_path: Path) -> None:
    """What it had is done, what it had paid for is there, and what it did not know is in doubt."""
    directory = copied(version, "unfinished", tmp_path)
    info = read_run_info(directory)
    assert info.lines is not None
    before = expected(version, "unfinished")
    async with open_store(directory, info, options(journal=True), ignore) as store:
        assert store.recovered.damage == ()
        assert (store.recovered.done, store.recovered.replayable, store.recovered.in_doubt) == (len(before), 1, 1)
        assert store.journal is not None
        assert store.journal.recorded(7, 1, 0, HASH) == b"an answer that was paid for"
        for seq in range(1, info.lines + 1):
            for epoch in range(1, info.epochs + 1):
                if not store.is_done(seq, epoch):
                    await store.put(make_result(seq, epoch=epoch))
        await store.finish()
    assert len(rows_of(directory)) == info.lines * info.epochs
    assert [row for row in rows_of(directory) if row in before] == before
    success = read_success(directory)
    assert success is not None
    assert success["in_doubt"] == 1
    assert examine(directory).sound
