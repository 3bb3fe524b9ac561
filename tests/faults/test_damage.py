"""Bits that flip, blocks that turn to zeros and parts that change places: no row is ever wrong, none is lost unsaid."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

import pytest

from evalperf.errors import EvalperfError
from evalperf.results import CallId, Damage, RunDirectory, Store, open_store, read_results, read_run_info
from tests.results.helpers import HASH, ignore, make_result, make_run, options

ROWS = 100
FILES = ("results/*part-*", "failures/*part-*", "journal/*.wal", "manifest.jsonl", "run.json", "results/_SUCCESS")

Change = Callable[[RunDirectory, random.Random], None]


async def make_damageable(folder: Path, *, finish: bool) -> RunDirectory:
    """Results and failures in several parts of several members; unfinished, also answers that wait in a journal."""
    directory, info = make_run(folder, lines=ROWS + 20)
    chance = random.Random(0)
    for first in range(1, ROWS + 1, 10):
        async with open_store(directory, info, options(journal=not finish, seal_bytes=4_000), ignore) as store:
            for seq in range(first, first + 10):
                await store.put(make_result(seq, failed=seq % 9 == 0, output=chance.randbytes(60).hex()))
            if store.journal is not None:
                await store.journal.intent(CallId(ROWS + 1 + first // 10, 1, 0, 1), HASH)
                store.journal.response(CallId(ROWS + 1 + first // 10, 1, 0, 1), HASH, chance.randbytes(100))
            if finish and first + 10 > ROWS:
                await store.finish()
    return directory


def files(directory: RunDirectory) -> list[Path]:
    return sorted(path for pattern in FILES for path in directory.path.glob(pattern))


def settled(directory: RunDirectory) -> list[Path]:
    """Without growing parts: a cut end, or zeros there, are what a power cut leaves of an unfinished write."""
    return [path for path in files(directory) if not path.name.startswith("_part")]


def flip_a_bit(directory: RunDirectory, chance: random.Random) -> None:
    path = chance.choice(files(directory))
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    _replace(path, bytes(data))


def zero_a_block(directory: RunDirectory, chance: random.Random) -> None:
    path = chance.choice(settled(directory))
    data = path.read_bytes()
    start = chance.randrange(len(data))
    _replace(path, data[:start] + bytes(len(data[start : start + 4096])) + data[start + 4096 :])


def swap_two_parts(directory: RunDirectory, chance: random.Random) -> None:
    one, other = chance.sample(sorted(directory.results.glob("part-*")), 2)
    content = one.read_bytes()
    _replace(one, other.read_bytes())
    _replace(other, content)


def cut_a_file(directory: RunDirectory, chance: random.Random) -> None:
    path = chance.choice(settled(directory))
    _replace(path, path.read_bytes()[: chance.randrange(path.stat().st_size)])


def _replace(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


class Whole:
    """A run before anything happened to it."""

    def __init__(self, directory: RunDirectory) -> None:
        self.directory = directory
        self.rows = {result.seq: result for result in read_results(directory)}
        self._files = {path: path.read_bytes() for path in files(directory)}

    def restore(self) -> None:
        """The files as they were; others are gone."""
        for path in files(self.directory):
            if self._files.get(path) != path.read_bytes():
                path.unlink()
        shutil.rmtree(self.directory.quarantine, ignore_errors=True)
        for path, content in self._files.items():
            if not path.exists():
                path.write_bytes(content)

    def missing(self) -> set[int]:
        """The lines whose rows can't be read any more, of which somebody is told; all others are as they were."""
        damage: list[Damage] = []
        found = list(read_results(self.directory, damage.append))
        assert len(found) == len({result.seq for result in found})
        for result in found:
            assert result == self.rows[result.seq]
        missing = self.rows.keys() - {result.seq for result in found}
        assert not missing or damage, "rows are gone, and nobody was told"
        return missing


@pytest.fixture(params=[True, False], ids=["finished", "unfinished"])
async def whole(request: pytest.FixtureRequest, tmp_path: Path) -> Whole:
    return Whole(await make_damageable(tmp_path, finish=request.param))


@pytest.mark.parametrize("times", [100, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("change", [flip_a_bit, zero_a_block, swap_two_parts, cut_a_file], ids=lambda one: one.__name__)
def test_no_damage_is_read_as_a_row_or_passed_over(whole: Whole, change: Change, times: int) -> None:
    chance = random.Random(times)
    hit = 0
    for _ in range(times):
        change(whole.directory, chance)
        with suppress(EvalperfError):  # of a run.json that can't be read
            hit += bool(whole.missing())
        whole.restore()
    assert hit or change is swap_two_parts


@pytest.mark.parametrize("times", [30, pytest.param(2_000, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])])
async def test_what_is_damaged_runs_again_and_what_is_whole_does_not(whole: Whole, times: int) -> None:
    """Recovery after a flipped bit: a case counts as done exactly if its row can be read as it was."""
    chance = random.Random(times)
    for _ in range(times):
        flip_a_bit(whole.directory, chance)
        try:
            missing = whole.missing()
            async with opened(whole.directory) as store:
                done = {seq for seq in whole.rows if store.is_done(seq, 1)}
        except EvalperfError:
            whole.restore()
            continue  # refused, with what to do
        assert done == whole.rows.keys() - missing
        assert not missing or store.recovered.damage
        assert missing == whole.rows.keys() - {result.seq for result in read_results(whole.directory)}
        whole.restore()


def opened(directory: RunDirectory) -> AbstractAsyncContextManager[Store]:
    return open_store(directory, read_run_info(directory), options(journal=True, rotate_bytes=1 << 20), ignore)
