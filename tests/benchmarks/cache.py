"""What a cached answer costs: keys, memory, disk, Redis, a million entries, and what a cache saves.

CPU figures are of all threads of the process, the best of three; a disturbed machine makes them larger, never smaller.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from bisect import bisect
from collections.abc import Awaitable, Callable
from itertools import accumulate
from pathlib import Path
from statistics import median

import psutil

from evalperf.cache import KeyMaker, MemoryTier, SqliteTier, open_cache, open_redis, open_sqlite
from evalperf.config.cache import TieredCacheConfig
from tests.benchmarks.measure import free_port, scratch, serving, verdict

BATCH = 256
VALUE = os.urandom(400).hex().encode()  # 800 bytes, as an answer with its usage has
MESSAGES = ({"role": "user", "content": "x" * 960},)


def fail(text: str) -> None:
    raise SystemExit(text)


def best_us(work: Callable[[int], object], count: int) -> float:
    """CPU microseconds for one of `count`."""
    figures = []
    for _ in range(3):
        began = time.process_time()
        work(count)
        figures.append((time.process_time() - began) / count * 1e6)
    return min(figures)


async def best_us_async(work: Callable[[], Awaitable[object]], count: int) -> float:
    figures = []
    for _ in range(3):
        began = time.process_time()
        await work()
        figures.append((time.process_time() - began) / count * 1e6)
    return min(figures)


def keys_and_memory() -> None:
    maker = KeyMaker("response", {"model": "m", "params": {"temperature": 0}})
    verdict(
        "key of a 1 KB request, µs",
        best_us(lambda n: [maker(MESSAGES, None) for _ in range(n)], 50_000),
        2.5,
        at_most=True,
    )
    memory = MemoryTier("hybrid", max_entries=100_000, max_bytes=10**9)
    keys = [os.urandom(16) for _ in range(50_000)]
    for key in keys:
        memory.put(key, VALUE, until_s=time.time() + 3600)
    random.shuffle(keys)
    verdict("memory tier: lookup, µs", best_us(lambda _: [memory.get(key) for key in keys], 50_000), 2, at_most=True)
    more = [os.urandom(16) for _ in range(50_000)]
    until_s = time.time() + 3600
    write_us = best_us(lambda _: [memory.put(key, VALUE, until_s=until_s) for key in more], 50_000)
    print(f"  memory tier: write, µs: {write_us:.2f}")


async def whole_lookup(folder: Path) -> None:
    """`Cache.peek`, as the pipeline calls it."""
    async with open_cache(TieredCacheConfig(max_entries=100_000), "peek", folder, warn=fail) as cache:
        keys = [os.urandom(16) for _ in range(20_000)]
        for key in keys:
            await cache.set(key, VALUE)
        await cache.flush()
        verdict(
            "Cache.peek, counted, µs", best_us(lambda _: [cache.peek(key) for key in keys], 20_000), 2, at_most=True
        )
    async with open_cache(TieredCacheConfig(max_entries=100_000), "peek", folder, warn=fail) as cache:
        waits: list[float] = []

        async def look_up(some: list[bytes]) -> None:
            for key in some:
                began = time.perf_counter()
                assert await cache.get(key) is not None
                waits.append(time.perf_counter() - began)

        began_cpu, began = time.process_time(), time.perf_counter()
        await asyncio.gather(*(look_up(keys[worker::64]) for worker in range(64)))
        cpu_us, rate = (time.process_time() - began_cpu) / 20_000 * 1e6, 20_000 / (time.perf_counter() - began)
        print(f"  64 workers, disk lookups one after the other: {cpu_us:.1f} µs CPU each, {rate:,.0f}/s,", end=" ")
        print(f"median wait {median(waits) * 1e3:.2f} ms")


async def disk(folder: Path) -> None:
    async with open_sqlite(folder / "d.sqlite", max_bytes=10**10, on_damaged="stop", warn=fail) as tier:
        await batches(tier, "disk", get_bar=10, set_bar=15)


async def batches(tier: SqliteTier, name: str, *, get_bar: float, set_bar: float | None) -> None:
    count = 40 * BATCH
    keys = [os.urandom(16) for _ in range(3 * count)]
    rounds = iter([keys[:count], keys[count : 2 * count], keys[2 * count :]])

    async def write() -> None:
        some = next(rounds)
        for at in range(0, count, BATCH):
            await tier.set_many([(key, VALUE) for key in some[at : at + BATCH]], 3600)

    async def read() -> None:
        for at in range(0, count, BATCH):
            assert None not in await tier.get_many(keys[at : at + BATCH])

    set_us = await best_us_async(write, count)
    if set_bar is None:
        print(f"  {name}: set_many of 256, µs CPU each: {set_us:.2f}")
    else:
        verdict(f"{name}: set_many of 256, µs CPU each", set_us, set_bar, at_most=True)
    verdict(f"{name}: get_many of 256, µs CPU each", await best_us_async(read, count), get_bar, at_most=True)


async def redis(folder: Path) -> None:
    program = shutil.which("redis-server")
    if program is None:
        print("  (no redis-server on the PATH: Redis is not measured)")
        return
    port = free_port()
    with serving(port, program, "--port", str(port), "--save", "", "--dir", str(folder)):
        async with open_redis(f"redis://127.0.0.1:{port}/0", "bench", on_away="stop", warn=fail) as tier:
            await batches(tier, "Redis", get_bar=5, set_bar=None)  # type: ignore[arg-type]


def build(path: Path, entries: int) -> list[bytes]:
    """A file with that many entries of 1 KB; some of their keys."""
    keys: list[bytes] = []

    async def work() -> None:
        async with open_sqlite(path, max_bytes=10**11, on_damaged="stop", warn=fail) as tier:
            for _ in range(0, entries, 2_000):
                some = [os.urandom(16) for _ in range(2_000)]
                await tier.set_many([(key, os.urandom(1_000)) for key in some], None)
                keys.extend(some if len(keys) < 10_000 else some[:20])

    asyncio.run(work())
    random.Random(0).shuffle(keys)
    return keys[:10_000]


READ = """
import asyncio, sys, time, psutil
from pathlib import Path
from evalperf.cache import open_sqlite

async def main(path, keys):
    began = time.perf_counter()
    async with open_sqlite(path, max_bytes=10**11, on_damaged="stop", warn=print) as tier:
        await tier.get_many(keys[:1])
        opened_s = time.perf_counter() - began
        for _ in range(2):
            began, began_cpu = time.perf_counter(), time.process_time()
            for at in range(0, len(keys), 256):
                found = await tier.get_many(keys[at:at + 256])
                assert None not in found
            wall_us, cpu_us = [(end - start) / len(keys) * 1e6 for end, start in
                               ((time.perf_counter(), began), (time.process_time(), began_cpu))]
        print(opened_s, wall_us, cpu_us, psutil.Process().memory_info().rss / 1e6)

data = Path(sys.argv[2]).read_bytes()
asyncio.run(main(Path(sys.argv[1]), [data[at:at + 16] for at in range(0, len(data), 16)]))
"""


def a_million(folder: Path) -> None:
    figures = {}
    for entries in (10_000, 1_000_000):
        path = folder / f"{entries}.sqlite"
        keys = build(path, entries)
        (folder / "keys").write_bytes(b"".join(keys))
        done = subprocess.run(
            [sys.executable, "-c", READ, str(path), str(folder / "keys")], capture_output=True, check=True
        )
        figures[entries] = list(map(float, done.stdout.split()))
        size_mb = sum(file.stat().st_size for file in folder.glob(f"{entries}.sqlite*")) / 1e6
        opened_s, wall_us, cpu_us, rss_mb = figures[entries]
        print(f"  {entries:,} entries, {size_mb:,.0f} MB: opened in {opened_s:.3f} s,", end=" ")
        print(f"lookup {wall_us:.1f} µs ({cpu_us:.1f} CPU), RSS {rss_mb:.0f} MB")
    verdict("10⁶ entries: opening with the first lookup, s", figures[1_000_000][0], 0.5, at_most=True)
    verdict("10⁶ entries: RSS, MB", figures[1_000_000][3], 150, at_most=True)
    verdict("10⁶ entries: a lookup against 10⁴ (wall)", figures[1_000_000][1] / figures[10_000][1], 2, at_most=True)


async def zipf(folder: Path) -> None:
    """20,000 requests of which four fifths have been asked before, by a Zipf law over 6,700 questions."""
    chosen = random.Random(7)
    weights = list(accumulate(1 / rank for rank in range(1, 6_701)))
    asked = [bisect(weights, chosen.random() * weights[-1]) for _ in range(20_000)]
    repeats = 1 - len(set(asked)) / len(asked)
    calls = 0

    async def call() -> bytes:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        return VALUE

    async def worker(cache: object, numbers: list[int]) -> None:
        for number in numbers:
            await cache.get_or_call(number.to_bytes(16, "big"), call)  # type: ignore[attr-defined]

    async with open_cache(TieredCacheConfig(), "zipf", folder, warn=fail) as cache:
        await asyncio.gather(*(worker(cache, asked[at::64]) for at in range(64)))
        saved = 1 - calls / len(asked)
        verdict(
            f"calls saved where {repeats:.0%} repeat (Zipf, 1,000 entries in memory), share", saved, 0.7, at_most=False
        )
        before = calls
        fixed = [chosen.randrange(6_700) for _ in range(20_000)]
        known = [number for number in fixed if number in set(asked)]
        await asyncio.gather(*(worker(cache, known[at::64]) for at in range(64)))
        verdict("hit rate on a fixed set after warm-up, share", 1 - (calls - before) / len(known), 0.95, at_most=False)


def memory_bound() -> None:
    """Growth of RSS with a bound of 100 MB, everything replaced twice."""
    for size in (10, 100, 1_000, 10_000, 100_000, 1_000_000):
        code = (
            "import os, psutil; from evalperf.cache import MemoryTier; p = psutil.Process(); b = p.memory_info().rss\n"
            "m = MemoryTier('hybrid', max_entries=10**9, max_bytes=100_000_000)\n"
            f"for _ in range(300_000_000 // ({size} + 300)): m.put(os.urandom(16), os.urandom({size}), until_s=1e12)\n"
            "print(p.memory_info().rss - b)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        verdict(
            f"memory bound, values of {size:,} B: RSS off by, share", abs(int(done.stdout) / 1e8 - 1), 0.1, at_most=True
        )


def main() -> None:
    print(f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}, {psutil.cpu_count()} cores")
    keys_and_memory()
    with scratch() as folder:
        asyncio.run(whole_lookup(folder))
        asyncio.run(disk(folder))
        asyncio.run(redis(folder))
        asyncio.run(zipf(folder))
        memory_bound()
        a_million(folder)


if __name__ == "__main__":
    main()
