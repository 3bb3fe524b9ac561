from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from evalperf.cache.memory import MemoryTier, Strategy, allocated_bytes

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


@pytest.fixture
def now() -> Clock:
    return Clock()


def tier(now: Clock, strategy: Strategy = "hybrid", *, max_entries: int = 2, max_bytes: int = 10**6) -> MemoryTier:
    return MemoryTier(strategy, max_entries=max_entries, max_bytes=max_bytes, now=now)


def there(memory: MemoryTier, *keys: bytes) -> list[bytes]:
    """Which of the keys are there; looks in a way that counts as no use."""
    return [key for key in keys if key in memory._entries]


def test_lru_makes_room_by_use(now: Clock) -> None:
    memory = tier(now, "lru")
    memory.put(b"a", b"1", until_s=None)
    memory.put(b"b", b"2", until_s=None)
    memory.get(b"a")
    memory.put(b"c", b"3", until_s=None)
    assert there(memory, b"a", b"b", b"c") == [b"a", b"c"]


def test_lru_lets_nothing_expire(now: Clock) -> None:
    memory = tier(now, "lru")
    memory.put(b"a", b"1", until_s=now.s + 1)
    now.s += 100
    assert memory.get(b"a") is not None


def test_ttl_makes_room_by_expiry_whatever_was_used(now: Clock) -> None:
    memory = tier(now, "ttl")
    memory.put(b"late", b"1", until_s=now.s + 100)
    memory.put(b"soon", b"2", until_s=now.s + 10)
    memory.get(b"soon")
    memory.put(b"new", b"3", until_s=now.s + 50)
    assert there(memory, b"late", b"soon", b"new") == [b"late", b"new"]


def test_hybrid_drops_what_has_expired_before_what_was_used_least(now: Clock) -> None:
    memory = tier(now)
    memory.put(b"old", b"1", until_s=now.s + 100)
    memory.put(b"expired", b"2", until_s=now.s + 1)
    now.s += 5
    memory.put(b"new", b"3", until_s=now.s + 100)
    assert there(memory, b"old", b"expired", b"new") == [b"old", b"new"]
    assert (memory.expired, memory.evicted["entries"]) == (1, 0)


def test_hybrid_drops_the_least_recently_used_where_nothing_has_expired(now: Clock) -> None:
    memory = tier(now)
    for key in (b"a", b"b"):
        memory.put(key, b"1", until_s=now.s + 100)
    memory.get(b"a")
    memory.put(b"c", b"3", until_s=now.s + 1)
    assert there(memory, b"a", b"b", b"c") == [b"a", b"c"]
    assert (memory.expired, memory.evicted["entries"]) == (0, 1)


def test_an_entry_is_gone_at_the_second_it_expires(now: Clock) -> None:
    memory = tier(now)
    memory.put(b"a", b"1", until_s=now.s + 10)
    now.s += 9.999
    assert memory.get(b"a") is not None
    now.s += 0.001
    assert memory.get(b"a") is None
    assert memory.expired == 1


def test_a_value_set_again_is_not_removed_by_its_earlier_expiry(now: Clock) -> None:
    memory = tier(now)
    memory.put(b"a", b"1", until_s=now.s + 1)
    memory.put(b"a", b"2", until_s=now.s + 100)
    now.s += 5
    assert memory.sweep() == 0
    assert memory.get(b"a") is not None


def test_a_sweep_removes_what_has_expired_up_to_its_limit(now: Clock) -> None:
    memory = tier(now, max_entries=100)
    for number in range(10):
        memory.put(b"%d" % number, b"1", until_s=now.s + 1)
    now.s += 5
    assert [memory.sweep(4), memory.sweep(4), memory.sweep(4)] == [4, 4, 2]
    assert len(memory) == 0


def test_what_is_larger_than_the_bound_is_not_kept_and_drives_nothing_out(now: Clock) -> None:
    memory = tier(now, max_bytes=10_000)
    memory.put(b"a", b"1", until_s=None)
    memory.put(b"b", bytes(20_000), until_s=None)
    assert there(memory, b"a", b"b") == [b"a"]


def test_a_value_too_large_replaces_the_one_before_by_nothing(now: Clock) -> None:
    """The earlier value would be a wrong answer."""
    memory = tier(now, max_bytes=10_000)
    memory.put(b"a", b"1", until_s=None)
    memory.put(b"a", bytes(20_000), until_s=None)
    assert memory.get(b"a") is None


def test_no_room_at_all_keeps_nothing(now: Clock) -> None:
    memory = tier(now, max_entries=0)
    memory.put(b"a", b"1", until_s=None)
    assert memory.get(b"a") is None


def test_expiries_of_entries_that_are_gone_do_not_pile_up(now: Clock) -> None:
    memory = tier(now, max_entries=10)
    for number in range(10_000):
        memory.put(b"%d" % number, b"1", until_s=now.s + 3600 + number)
    assert len(memory._expiries) <= 1.2 * 10 + 65


def test_nor_do_those_of_one_entry_set_again_and_again(now: Clock) -> None:
    """With the same expiry each time, as an entry has that comes from disk more than once."""
    memory = tier(now, max_entries=10)
    for _ in range(10_000):
        memory.put(b"a", b"1", until_s=now.s + 3600)
    assert len(memory._expiries) <= 1.2 + 65


def test_bytes_are_given_back(now: Clock) -> None:
    memory = tier(now, max_entries=1000)
    empty = memory.size_bytes
    for number in range(500):
        memory.put(b"%d" % number, bytes(1000), until_s=now.s + 10)
    assert memory.size_bytes > empty + 500_000
    memory.remove_all()
    assert memory.size_bytes == empty


def test_threads_lose_and_mix_up_nothing(now: Clock) -> None:
    memory = tier(now, max_entries=10_000, max_bytes=10**8)
    wrong: list[bytes] = []

    def use(thread: int) -> None:
        for number in range(2_000):
            key = b"%d-%d" % (thread, number)
            memory.put(key, key, until_s=now.s + 100)
            entry = memory.get(key)
            if entry is None or entry.value != key:
                wrong.append(key)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(memory) == 8_000


@pytest.mark.parametrize("size", [0, 10, 479, 480, 600, 5_000, 200_000])
def test_an_object_takes_no_less_than_python_says(size: int) -> None:
    assert allocated_bytes(bytes(size)) >= sys.getsizeof(bytes(size))


GROWTH = """
import os, sys
from evalperf.cache.memory import MemoryTier
import psutil
size, bound = int(sys.argv[1]), int(sys.argv[2])
process = psutil.Process()
before = process.memory_info().rss
memory = MemoryTier("hybrid", max_entries=10**9, max_bytes=bound)
rounds = int(sys.argv[3])
written = 0
while written < rounds * bound:
    memory.put(os.urandom(16), os.urandom(size), until_s=1e12)
    written += size + 300
print(process.memory_info().rss - before, memory.size_bytes)
"""


def rss_growth(size: int, bound: int, rounds: int) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-c", GROWTH, str(size), str(bound), str(rounds)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=True,
    )
    grown, counted = map(int, done.stdout.split())
    return grown, counted


@pytest.mark.parametrize("size", [10, 1_000, 100_000])
def test_the_bound_in_bytes_is_what_the_process_grows_by(size: int) -> None:
    """Within a tenth, also after everything has been replaced once."""
    gc.collect()
    bound = 60_000_000
    grown, counted = rss_growth(size, bound, rounds=2)
    assert counted <= bound
    assert grown == pytest.approx(bound, rel=0.10)


@pytest.mark.slow
@pytest.mark.parametrize("size", [10, 100, 400, 1_000, 4_000, 30_000, 100_000, 300_000, 1_000_000])
def test_the_bound_of_100_mb_is_what_the_process_grows_by(size: int) -> None:
    grown, _ = rss_growth(size, 100_000_000, rounds=3)
    assert grown == pytest.approx(100_000_000, rel=0.10)
