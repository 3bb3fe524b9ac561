"""Limits on memory, CPUs and niceness: looked at for their effect."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from evalperf import clock
from evalperf.config.model import RunConfig
from evalperf.config.resource_limits import ResourceLimits
from evalperf.records import Case
from evalperf.resources import memory_exceeded, one_cpu_per_core, resource_limits, within_memory
from evalperf.sizing import batch_bytes, count_workers, most_calls, workers_cut
from tests.support.virtual_loop import run_virtual

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
LINUX = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="CPUs can't be chosen here")


def config(workers: int | str = "auto", provider: dict[str, Any] | None = None, **limits: Any) -> RunConfig:
    return RunConfig.model_validate(
        {
            "cases": {"path": "a.jsonl"},
            "provider": provider or {"type": "openai", "model": "m", "endpoints": [{"url": "http://a/v1"}]},
            "concurrency": {"workers": workers, "resource_limits": limits},
        }
    )


# CPUs and niceness ---------------------------------------------------------------------------------------------------


@LINUX
async def test_cpus_are_set_for_all_threads_and_given_back() -> None:
    before = os.sched_getaffinity(0)
    first, seen, leave = min(before), {}, threading.Event()
    other = threading.Thread(target=leave.wait)
    other.start()
    try:
        async with resource_limits(ResourceLimits(cpu_affinity=[first])) as refused:
            seen = {os.sched_getaffinity(0).__repr__(), os.sched_getaffinity(other.native_id or 0).__repr__()}
    finally:
        leave.set()
        other.join()
    assert (refused, seen) == ([], {repr({first})})
    assert os.sched_getaffinity(0) == before


@LINUX
async def test_a_cpu_that_is_not_there_is_told_of_and_not_claimed() -> None:
    async with resource_limits(ResourceLimits(cpu_affinity=[4000])) as refused:
        assert len(refused) == 1
        assert "asked for CPUs 4000, the system allows" in refused[0]


@LINUX
async def test_a_cpu_that_is_dropped_in_silence_is_told_of() -> None:
    first = min(os.sched_getaffinity(0))
    async with resource_limits(ResourceLimits(cpu_affinity=[first, 1000])) as refused:
        assert refused == [f"cpu_affinity: asked for CPUs {first}, 1000, the system allows {first}"]


def test_one_cpu_per_core(tmp_path: Path) -> None:
    """Two cores with two threads each; the first thread of the second core is not allowed."""
    for cpu, siblings in {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}.items():
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(siblings + "\n")
    assert one_cpu_per_core({0, 1, 2, 3}, tmp_path) == {0, 1}
    assert one_cpu_per_core({0, 2, 3}, tmp_path) == {0, 3}


def test_where_nothing_is_known_about_cores_all_cpus_are_taken(tmp_path: Path) -> None:
    assert one_cpu_per_core({0, 5}, tmp_path) == {0, 5}


def in_another_process(code: str) -> Any:
    """What it prints as JSON: niceness stays with a process for good."""
    head = "import asyncio, json, os\nfrom evalperf.config.resource_limits import ResourceLimits\n"
    head += "from evalperf.resources import resource_limits\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_niceness_is_added() -> None:
    before, after, refused = in_another_process("""
async def go():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    async with resource_limits(ResourceLimits(nice=3)) as refused:
        print(json.dumps([before, os.getpriority(os.PRIO_PROCESS, 0), refused]))
asyncio.run(go())
""")
    assert (after, refused) == (min(19, before + 3), [])


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs root, to give its rights up")
def test_a_niceness_that_is_refused_is_told_of() -> None:
    wanted, got, refused = in_another_process("""
import resource
async def go():
    before = os.getpriority(os.PRIO_PROCESS, 0)
    resource.setrlimit(resource.RLIMIT_NICE, (0, 0))
    os.setuid(65534)
    async with resource_limits(ResourceLimits(nice=-5)) as refused:
        print(json.dumps([before - 5, os.getpriority(os.PRIO_PROCESS, 0), refused]))
asyncio.run(go())
""")
    assert got != wanted
    assert f"nice: asked for a niceness of {wanted}, it is {got}" in refused[0]


# memory --------------------------------------------------------------------------------------------------------------


def test_workers_share_the_memory_that_is_allowed() -> None:
    limited = config(100, memory_mb=100_000, memory_per_worker_mb=10_000)
    assert count_workers(limited) == 9
    assert "9 workers instead of 100" in str(workers_cut(limited, 9))


def test_a_function_has_as_many_workers_as_fit() -> None:
    function = {"type": "function", "call": "os:getcwd"}
    assert count_workers(config("auto", function, memory_per_worker_mb=1_000_000)) == 1


def test_without_limits_nothing_is_cut() -> None:
    plain = config(100)
    assert count_workers(plain) == 100
    assert workers_cut(plain, 100) is None


def test_less_memory_is_read_in_smaller_batches() -> None:
    assert batch_bytes(config()) == MIB
    assert batch_bytes(config(memory_mb=64)) == MIB // 4


def test_calls_at_once_are_bounded_by_every_limit() -> None:
    assert most_calls(config(), 50) == 50
    assert most_calls(config(max_concurrent_api_calls=7), 50) == 7


class Machine:
    """Memory by the cases under way."""

    def __init__(self, at_rest_mib: int) -> None:
        self.at_rest_mib, self.unfinished, self.most = at_rest_mib, 0, 0

    def rss(self) -> int:
        return (self.at_rest_mib + 10 * self.unfinished) * MIB

    async def take(self, batches: AsyncIterator[list[Case]]) -> list[float]:
        """When each batch came; each of its cases takes a second."""
        came_s = []
        async for batch in batches:
            came_s.append(clock.now())
            self.unfinished += len(batch)
            self.most = max(self.most, self.unfinished)
            asyncio.get_running_loop().call_later(1.0, self._done, len(batch))
        return came_s

    def _done(self, cases: int) -> None:
        self.unfinished -= cases


async def four_batches() -> AsyncIterator[list[Case]]:
    for start in range(1, 9, 2):
        yield [Case(seq=start + n, id=str(start + n), input="?") for n in range(2)]


def taken(machine: Machine, memory_mb: int | None) -> tuple[list[float], list[str]]:
    told: list[str] = []

    async def go() -> list[float]:
        held = within_memory(four_batches(), memory_mb, lambda: machine.unfinished, told.append, machine.rss)
        return await machine.take(held)

    return run_virtual(go()), told


def test_without_a_limit_nothing_waits() -> None:
    assert taken(Machine(100), None) == ([0.0] * 4, [])


def test_cases_wait_while_memory_is_short_and_that_is_told_once() -> None:
    machine = Machine(100)
    came_s, told = taken(machine, 130)
    assert machine.most == 4
    assert came_s[:2] == [0.0, 0.0]
    assert came_s[2] >= 1.0
    assert told == ["memory_mb: 140 MiB of 130 are taken, cases wait until some are done"]


def test_a_limit_below_what_the_process_takes_at_rest_slows_down_and_does_not_stop() -> None:
    machine = Machine(500)
    came_s, _ = taken(machine, 64)
    assert len(came_s) == 4
    assert machine.most == 2


def test_a_limit_that_was_not_kept_is_told_of() -> None:
    limits = ResourceLimits(memory_mb=100)
    assert memory_exceeded(limits, 90 * MIB) is None
    assert memory_exceeded(ResourceLimits(), 90 * MIB) is None
    assert "took 120 MiB, and 100 are allowed" in str(memory_exceeded(limits, 120 * MIB))
