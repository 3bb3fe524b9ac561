"""How late the event loop is: while 5,000 rows a second are written, and while every sync of the disk takes 0.4 s.

python -m tests.benchmarks.loop_lag [--seconds 30]

A timer that is due every millisecond says how late it was called. First the store alone takes 5,000 cases a second,
each with its intent, its answer and a row of 1 KB, with `durability: power`. Then whole runs ask 500 cases a second
over HTTP of a server without latency, on the disk as it is and on a slow one.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from statistics import quantiles
from typing import Any

from evalperf import clock
from evalperf.config import load_config
from evalperf.events import Bus, CaseFinished
from evalperf.results import CallId, open_store
from evalperf.results.disk import LocalDisk
from evalperf.run import RunOptions, run
from tests.benchmarks.measure import nginx, scratch, verdict, write_cases
from tests.faults.processes import write_config
from tests.results.helpers import HASH, ignore, make_result, make_run, options

TICK_S = 0.001
ROWS_PER_S = 5_000
CASES_PER_S = 500
WORKERS = 1_000
"""Calls that wait for their intent, or are in flight: those of two slow syncs, at 500 a second."""
SYNC_S = 0.4
ANSWER = b"the quick brown fox jumps over the lazy dog " * 20
MARGIN = 0.98
"""Of a limit on the rate, what runs make use of."""


class Lag:
    """How late a timer was called that is due every millisecond."""

    def __init__(self) -> None:
        self.late_s: list[float] = []
        self.finished_s: list[float] = []
        """When cases of a run were finished."""
        self.end = 0

    def listen(self, event: object) -> None:
        """Leaves out what is before the first case of a run and after its last."""
        if isinstance(event, CaseFinished):
            if not self.finished_s:
                self.late_s.clear()
            self.finished_s.append(event.at_s)
            self.end = len(self.late_s)

    @property
    def cases_per_s(self) -> float:
        """From the first case that was finished to the last."""
        return len(self.finished_s) / (self.finished_s[-1] - self.finished_s[0])

    def __str__(self) -> str:
        return f"p50 {self.percentile_ms(50):.2f} ms, p99 {self.percentile_ms(99):.2f} ms, most {self.most_ms:.1f} ms"

    def percentile_ms(self, percent: int) -> float:
        """Of all calls."""
        return quantiles(self.late_s, n=100)[percent - 1] * 1e3

    @property
    def most_ms(self) -> float:
        """The latest of all."""
        return max(self.late_s) * 1e3


@asynccontextmanager
async def measured_lag() -> AsyncIterator[Lag]:
    """The lag of this loop while the block runs."""
    lag = Lag()

    async def tick() -> None:
        while True:
            due_s = clock.now() + TICK_S
            await asyncio.sleep(TICK_S)
            lag.late_s.append(clock.now() - due_s)

    ticking = asyncio.create_task(tick())
    try:
        yield lag
    finally:
        ticking.cancel()
        if lag.finished_s:
            del lag.late_s[lag.end :]


@contextmanager
def slow_disk() -> Iterator[None]:
    """Each sync takes 0.4 s longer."""
    datasync = LocalDisk.datasync

    def slow_datasync(disk: LocalDisk, fd: int) -> None:
        time.sleep(SYNC_S)
        datasync(disk, fd)

    LocalDisk.datasync = slow_datasync  # type: ignore[method-assign]
    try:
        yield
    finally:
        LocalDisk.datasync = datasync  # type: ignore[method-assign]


def main() -> None:
    """Prints the lags, the rates, and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    asked = parser.parse_args()
    with scratch() as folder, nginx() as port:
        lag = in_loop(lambda: write_rows(folder, round(asked.seconds * ROWS_PER_S)))
        print(f"{ROWS_PER_S:,} rows a second: {lag}")
        verdict("lag of the event loop at 5,000 rows a second, p99, ms", lag.percentile_ms(99), 5, at_most=True)
        verdict("the same, most, ms", lag.most_ms, 50, at_most=True)
        count = round(asked.seconds * CASES_PER_S)
        rates = []
        for name, disk in (("as it is", nullcontext), ("slow", slow_disk)):
            config = configure(folder / name, port, count)
            with disk():
                document, lag = in_loop(lambda: ask(config))  # noqa: B023 - called here
            rates.append(lag.cases_per_s)
            peak_mb = document["peak_rss_bytes"] / 2**20
            print(f"the disk {name}: {rates[-1]:.0f} cases a second, {peak_mb:.0f} MB, lag {lag}")
        verdict("loss of throughput on the slow disk, %", (1 - rates[1] / rates[0]) * 100, 10, at_most=True)
        verdict("lag of the event loop on the slow disk, p99, ms", lag.percentile_ms(99), 20, at_most=True)
        verdict("peak memory, MB", peak_mb, 200, at_most=True)


def in_loop(work: Callable[[], Any]) -> Any:
    """What the coroutine returns, in an event loop as runs have it."""
    with asyncio.Runner(loop_factory=clock.new_event_loop) as runner:
        return runner.run(work())


async def write_rows(folder: Path, count: int) -> Lag:
    """So many cases through a store at 5,000 a second, as many at once as are due."""
    directory, info = make_run(folder, lines=count)
    async with open_store(directory, info, options(journal=True, flush_s=0.5, queue_size=1_000), ignore) as store:
        journal = store.journal
        assert journal is not None
        began_s = clock.now()
        numbers = iter(range(1, count + 1))

        async def work() -> None:
            for seq in numbers:
                await asyncio.sleep(max(0.0, began_s + seq / ROWS_PER_S - clock.now()))
                await journal.intent(CallId(seq, 1, 0, 1), HASH)
                journal.response(CallId(seq, 1, 0, 1), HASH, ANSWER)
                await store.put(make_result(seq, output=ANSWER.decode()))

        async with measured_lag() as lag:
            await asyncio.gather(*(work() for _ in range(WORKERS)))
            took_s = clock.now() - began_s
    print(f"{count / took_s:,.0f} rows a second")
    return lag


def configure(folder: Path, port: int, count: int) -> Path:
    """As many cases as are wanted, at 500 a second."""
    folder.mkdir()
    write_cases(folder / "cases.jsonl", count)
    return write_config(
        folder,
        "",
        cases={"path": "cases.jsonl"},
        provider={"type": "openai", "model": "mock-model", "endpoints": [{"url": f"http://127.0.0.1:{port}/v1"}]},
        concurrency={"workers": WORKERS, "rate_limiting": {"requests_per_second": CASES_PER_S / MARGIN}},
        scorers=["exact"],
        output={"dir": "results", "durability": "power"},
    )


async def ask(config: Path) -> tuple[dict[str, Any], Lag]:
    """A whole run; its lag while cases are worked on."""
    async with measured_lag() as lag:
        outcome = await run(load_config(config), RunOptions(), Bus(lag.listen))
    return outcome.report.document, lag


if __name__ == "__main__":
    main()
