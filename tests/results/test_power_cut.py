"""Power cuts at random moments on a simulated disk, recovery included: the invariants of docs/durability.md hold."""

import asyncio
import hashlib
import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec
import pytest

from evalperf.results import CallId, RunDirectory, RunInfo, Store
from evalperf.results.facts import read_facts
from evalperf.results.manifest import read_manifest
from evalperf.results.parts import part_number
from evalperf.results.recovery import recover
from evalperf.results.walk import Found, walk
from tests.results.helpers import HASH, ignore, make_info, make_result, options
from tests.results.simulated_disk import PowerCut, SimulatedDisk

T = TypeVar("T")
DIRECTORY = RunDirectory(Path("/simulated/run"))


class Inline(Executor):
    """Runs what it is given at once, so that a seed always makes the same history."""

    def submit(self, work: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - handed to whoever awaits it
            future.set_exception(error)
        return future


class World:
    """What was seen outside the disk: what every later session must answer for."""

    def __init__(self, cases: int) -> None:
        self.cases = cases
        self.done: set[int] = set()
        self.durable_answers: set[int] = set()
        self.sent: Counter[int] = Counter()

    def hold_against(self, store: Store, disk: SimulatedDisk) -> None:
        assert all(store.is_done(seq, 1) for seq in self.done), "I1: a result that was counted as done is lost"
        assert store.journal is not None
        for seq in self.durable_answers:
            answered = store.journal.recorded(seq, 1, 0, HASH) is not None
            assert answered or store.is_done(seq, 1), "I3: a durable answer is lost"
        facts, _ = read_facts(disk, DIRECTORY.journal, lambda key: store.is_done(key + 1, 1))
        doubts = Counter(key for key, _, _ in facts.doubts.elements())
        for seq, count in self.sent.items():
            known = doubts[seq - 1] + (seq - 1 in facts.responses)
            assert store.is_done(seq, 1) or known >= count, "I4: a call was made that nobody knows of"
        assert len(disk.names(DIRECTORY.journal)) <= 2, "I8: old journals are kept"
        self._hold_parts_against(store, disk)
        self._recover_again(store, disk)

    def _hold_parts_against(self, store: Store, disk: SimulatedDisk) -> None:
        keys = Counter(key for path in disk.files if path.parent == DIRECTORY.results for key in keys_in(disk, path))
        assert all(count == 1 for count in keys.values()), "I2: a case is there twice"
        assert {key for key in range(self.cases) if store.is_done(key + 1, 1)} == set(keys), (
            "I7: done is not what is there"
        )
        for name, entry in read_manifest(disk, DIRECTORY.manifest)[0].items():
            content = bytes(disk.files[DIRECTORY.path / name].current)
            assert hashlib.sha256(content).hexdigest() == entry.sha256, "I6: a sealed part has changed"

    def _recover_again(self, store: Store, disk: SimulatedDisk) -> None:
        copy = disk.copy()
        again = recover(copy, DIRECTORY, self.cases, options(journal=True)).report
        assert again == msgspec.structs.replace(store.recovered, damage=()), "I9: recovering twice is not as once"
        kept = {path: bytes(file.current) for path, file in disk.files.items() if path.parent != DIRECTORY.journal}
        found = {path: bytes(file.current) for path, file in copy.files.items() if path.parent != DIRECTORY.journal}
        assert found == kept, "I9: a second recovery changes files"


async def live(disk: SimulatedDisk, chance: random.Random, world: World, info: RunInfo) -> None:
    """One session with many cases in flight, until the end or a power cut."""
    chosen = options(
        journal=True, flush_results=chance.choice([1, 3, 8]), queue_size=1, seal_bytes=4000, rotate_bytes=3000
    )
    store = Store(disk, DIRECTORY, info, chosen, executor=Inline(), emit=ignore)
    world.hold_against(store, disk)
    journal = store.journal
    assert journal is not None
    store.start()
    todo = [seq for seq in range(1, world.cases + 1) if not store.is_done(seq, 1)]
    chance.shuffle(todo)
    feed = iter(todo)

    async def work() -> None:
        for seq in feed:
            if journal.recorded(seq, 1, 0, HASH) is None:
                await journal.intent(CallId(seq, 1, 0, 1), HASH)
                world.sent[seq] += 1
                for _ in range(chance.randrange(4)):
                    await asyncio.sleep(0)
                journal.response(CallId(seq, 1, 0, 1), HASH, chance.randbytes(chance.randrange(400)))
                if chance.random() < 0.3:
                    await journal.sync()
                    world.durable_answers.add(seq)
            await store.put(make_result(seq, output=chance.randbytes(chance.randrange(1200)).hex()))

    async def watch() -> None:
        while True:
            world.done.update(seq for seq in range(1, world.cases + 1) if store.is_done(seq, 1))
            await asyncio.sleep(0)

    workers = [asyncio.create_task(work()) for _ in range(chance.choice([1, 4, 12]))]
    watching = asyncio.create_task(watch())
    try:
        await _unless_one_fails(workers, store._tasks)
        await store.finish()
    except BaseException:
        if disk.powerless:
            raise PowerCut from None  # whatever the code under test has made of it
        raise
    finally:
        await _gone([watching, *workers, *store._tasks])


async def _unless_one_fails(workers: list[asyncio.Task[None]], others: list[asyncio.Task[None]]) -> None:
    while not all(worker.done() for worker in workers):
        running = [task for task in [*workers, *others] if not task.done()]
        ended, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()


async def _gone(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def keys_in(disk: SimulatedDisk, part: Path) -> list[int]:
    """The keys of every whole member; none for a file that is no part."""
    if part_number(part.name) is None:
        return []
    data = bytes(disk.files[part].current)
    pieces = walk(lambda size, offset: data[offset : offset + size], len(data), bodies=True)
    return [key for piece in pieces if isinstance(piece, Found) for key in piece.header.keys()]  # noqa: SIM118 - no dict


def rows_on(disk: SimulatedDisk) -> Counter[int]:
    keys: Counter[int] = Counter()
    for path, file in disk.files.items():
        if path.parent == DIRECTORY.results and path.name.startswith("part-"):
            data = bytes(file.current)
            for piece in walk(lambda size, offset, data=data: data[offset : offset + size], len(data), bodies=True):
                assert isinstance(piece, Found), "I6: a sealed part is damaged"
                keys.update(piece.header.keys())
    return keys


async def one_run(seed: int, names: Literal["ordered", "any"]) -> int:
    """From the first session to the last; how often the power was cut."""
    chance = random.Random(seed)
    world = World(chance.choice([8, 30, 60]))
    info = make_info(DIRECTORY, lines=world.cases)
    disk = SimulatedDisk()
    cuts = 0
    while True:
        until = disk.calls + chance.choice([chance.randint(1, 30), chance.randint(1, 200)])
        disk.cut_after = until if cuts < 12 else None
        try:
            await live(disk, chance, world, info)
        except PowerCut:
            cuts += 1
            if chance.random() < 0.7:  # otherwise only the process was killed, and its writes are still on their way
                disk = disk.after_power_cut(chance, names)
            continue
        break
    disk = disk.after_power_cut(chance, names)  # what is finished stays so
    assert rows_on(disk) == Counter(range(world.cases)), "I2: not exactly one row for each case"
    success = msgspec.json.decode(bytes(disk.files[DIRECTORY.success].current))
    manifest = bytes(disk.files[DIRECTORY.manifest].current)
    assert hashlib.sha256(manifest).hexdigest() == success["manifest_sha256"], "I6: the manifest is not the sealed one"
    assert world.sent.total() - world.cases <= success["in_doubt"], "I5: paid twice more often than is recorded"
    return cuts


async def test_a_finished_run_survives_whatever_its_durability() -> None:
    for seed in range(30):
        disk = SimulatedDisk()
        chosen = options(journal=True, durability="process", seal_bytes=4000, flush_results=3)
        info = make_info(DIRECTORY, lines=20)
        store = Store(disk, DIRECTORY, info, chosen, executor=Inline(), emit=ignore)
        store.start()
        for seq in range(1, 21):
            await store.put(make_result(seq, output="x" * seq * 60))
            await asyncio.sleep(0)
        await store.finish()
        survived = disk.after_power_cut(random.Random(seed), "any")
        assert rows_on(survived) == Counter(range(20))
        assert DIRECTORY.success in survived.files


async def test_the_journal_is_on_disk_before_the_rows_are() -> None:
    disk = SimulatedDisk()
    store = Store(
        disk, DIRECTORY, make_info(DIRECTORY), options(journal=True, flush_results=1), executor=Inline(), emit=ignore
    )
    store.start()
    assert store.journal is not None
    await store.journal.intent(CallId(1, 1, 0, 1), HASH)
    store.journal.response(CallId(1, 1, 0, 1), HASH, b"answer")
    disk.synced.clear()
    await store.put(make_result(1))
    while store.waiting():
        await asyncio.sleep(0)
    assert [path.parent.name for path in disk.synced] == ["journal", "results"]
    await store.finish()


@pytest.mark.parametrize("names", ["ordered", "any"])
@pytest.mark.parametrize("seeds", [150, pytest.param(6000, marks=pytest.mark.slow)])
@pytest.mark.timeout(3600)
def test_the_invariants_hold_through_power_cuts(names: Literal["ordered", "any"], seeds: int) -> None:
    cuts = 0
    for seed in range(seeds):
        try:
            cuts += asyncio.run(one_run(seed, names))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error
    assert cuts > seeds
