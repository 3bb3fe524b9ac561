"""The feed hands out everything once, retries included, and ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf import clock
from evalperf.errors import InputError
from evalperf.pipeline.feed import Feed
from evalperf.records import Case
from tests.support.virtual_loop import run_virtual


def case(seq: int) -> Case:
    return Case(seq=seq, id=f"c{seq}", input="?")


async def batches(count: int, size: int, fail_at: int | None = None) -> AsyncIterator[list[Case]]:
    for start in range(1, count + 1, size):
        await asyncio.sleep(0.01)
        if fail_at is not None and start > fail_at:
            raise InputError("x.jsonl", "no JSON", line=start)
        yield [case(seq) for seq in range(start, min(start + size, count + 1))]


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 60),
    workers=st.integers(1, 9),
    size=st.integers(1, 20),
    failures=st.dictionaries(st.integers(1, 60), st.integers(1, 4)),
    max_waiting=st.integers(1, 8),
)
def test_every_case_is_finished_once_and_each_retry_is_taken(
    count: int, workers: int, size: int, failures: dict[int, int], max_waiting: int
) -> None:
    """Whatever the numbers of workers and failures."""

    async def go() -> tuple[list[int], int]:
        feed = Feed(read_ahead=5, max_waiting=max_waiting)
        left = dict(failures)
        finished: list[int] = []
        most_waiting = 0

        async def work() -> None:
            nonlocal most_waiting
            while (job := await feed.next()) is not None:
                await asyncio.sleep(0.1)
                if left.get(job.case.seq, 0) > 0:
                    left[job.case.seq] -= 1
                    feed.put_back(job, 0.5)
                else:
                    finished.append(job.case.seq)
                    feed.finished()
                most_waiting = max(most_waiting, feed.waiting)

        async with asyncio.TaskGroup() as group:
            group.create_task(feed.read(batches(count, size)))
            for _ in range(workers):
                group.create_task(work())
        return finished, most_waiting

    finished, most_waiting = run_virtual(go())
    assert sorted(finished) == list(range(1, count + 1))
    assert most_waiting <= max_waiting + workers


def test_a_retry_holds_no_worker() -> None:
    """While one case waits 10 s, a single worker takes the others through."""

    async def go() -> list[tuple[int, float]]:
        feed = Feed(read_ahead=5, max_waiting=5)
        seen: list[tuple[int, float]] = []
        async with asyncio.TaskGroup() as group:
            group.create_task(feed.read(batches(3, 3)))
            first = True
            while (job := await feed.next()) is not None:
                seen.append((job.case.seq, round(clock.now(), 2)))
                if first:
                    feed.put_back(job, 10.0)
                    first = False
                else:
                    feed.finished()
        return seen

    assert run_virtual(go()) == [(1, 0.01), (2, 0.01), (3, 0.01), (1, 10.01)]


def test_the_reader_stays_read_ahead_in_front() -> None:
    """A thousand cases are not read while nobody works."""

    async def go() -> int:
        feed = Feed(read_ahead=10, max_waiting=5)
        reader = asyncio.create_task(feed.read(batches(1000, 4)))
        await asyncio.sleep(60)
        queued = feed.queued
        feed.stop()
        await reader
        return queued

    assert run_virtual(go()) == 12


def test_a_bad_line_ends_the_reading_but_not_the_cases_before_it() -> None:
    """The error is kept for the pool."""

    async def go() -> tuple[list[int], str]:
        feed = Feed(read_ahead=100, max_waiting=5)
        seen = []
        reader = asyncio.create_task(feed.read(batches(100, 10, fail_at=20)))
        while (job := await feed.next()) is not None:
            seen.append(job.case.seq)
            feed.finished()
        await reader
        return seen, str(feed.error)

    seen, error = run_virtual(go())
    assert seen == list(range(1, 21))
    assert error == "x.jsonl:21: no JSON"


def test_stop_drops_what_waits_and_ends_idle_workers() -> None:
    """After the stop neither new cases nor retries are handed out."""

    async def go() -> list[int]:
        feed = Feed(read_ahead=100, max_waiting=5)
        seen = []
        reader = asyncio.create_task(feed.read(batches(50, 10)))

        async def work() -> None:
            while (job := await feed.next()) is not None:
                seen.append(job.case.seq)
                await asyncio.sleep(1)
                feed.put_back(job, 5)

        workers = [asyncio.create_task(work()) for _ in range(4)]
        await asyncio.sleep(1.5)
        feed.stop()
        await asyncio.wait([reader, *workers])
        return seen

    assert run_virtual(go()) == [1, 2, 3, 4, 5, 6, 7, 8]
