"""The limits on what a run takes of its machine: set, looked at for their effect, and told of where they have none.

`concurrency.resource_limits`. The number of workers is in `sizing`, the calls at once in the pipeline; here are memory
while the run goes on, the CPUs and the niceness of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from evalperf.config.resource_limits import ResourceLimits
from evalperf.records import Case
from evalperf.tuning import rss_bytes

__all__ = ["memory_exceeded", "one_cpu_per_core", "resource_limits", "within_memory"]

MIB = 1 << 20
LOOK_S = 0.05

Tell = Callable[[str], None]


@asynccontextmanager
async def resource_limits(limits: ResourceLimits, root: Path = Path("/")) -> AsyncIterator[list[str]]:
    """CPUs and niceness of this process and of what it starts, for as long as the block runs; yields what was refused.

    Threads that run already are moved, too. A niceness can't be taken back without the rights of root: it stays.
    """
    notices: list[str] = []
    before = _affinity()
    if limits.cpu_affinity != "off":
        notices += _set_affinity(None if limits.cpu_affinity == "auto" else limits.cpu_affinity, before, root)
    if limits.nice != 0:
        notices += _set_niceness(limits.nice)
    try:
        yield notices
    finally:
        if before is not None and _affinity() != before:
            _for_each_thread(lambda thread: os.sched_setaffinity(thread, before))


async def within_memory(
    batches: AsyncIterator[list[Case]],
    memory_mb: int | None,
    unfinished: Callable[[], int],
    tell: Tell,
    rss: Callable[[], int] = rss_bytes,
) -> AsyncGenerator[list[Case], None]:
    """The batches, each held back while this process takes more memory than it may and cases are under way.

    When none is, the next batch passes: a limit that the process exceeds at rest slows a run down and does not stop it.
    """
    told = False
    async for batch in batches:
        while memory_mb is not None and rss() > memory_mb * MIB and unfinished() > 0:
            if not told:
                told = True
                tell(f"memory_mb: {rss() // MIB} MiB of {memory_mb} are taken, cases wait until some are done")
            await asyncio.sleep(LOOK_S)
        yield batch


def memory_exceeded(limits: ResourceLimits, peak_bytes: int) -> str | None:
    """A sentence where the limit was not kept after all; None where it was, or there is none."""
    if limits.memory_mb is None or peak_bytes <= limits.memory_mb * MIB:
        return None
    return f"memory_mb: at its peak the process took {peak_bytes // MIB} MiB, and {limits.memory_mb} are allowed"


def one_cpu_per_core(allowed: set[int], root: Path) -> set[int]:
    """Of the CPUs that share a core the one with the lowest number; all of them where nothing is known about cores."""
    chosen: set[int] = set()
    for cpu in allowed:
        path = root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"
        try:
            siblings = _cpu_list(path.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return allowed
        chosen.add(min((siblings & allowed) or {cpu}))
    return chosen


def _set_affinity(cpus: Sequence[int] | None, allowed: set[int] | None, root: Path) -> list[str]:
    if allowed is None:
        return ["cpu_affinity: this platform can't bind a process to CPUs"]
    wanted = one_cpu_per_core(allowed, root) if cpus is None else set(cpus)
    refused = _for_each_thread(lambda thread: os.sched_setaffinity(thread, wanted))
    got = _affinity() or set()
    if got == wanted:
        return []
    why = "" if refused is None else f" ({refused.strerror or refused})"
    return [f"cpu_affinity: asked for CPUs {_shown(wanted)}, the system allows {_shown(got)}{why}"]


def _set_niceness(added: int) -> list[str]:
    if not hasattr(os, "getpriority"):
        return ["nice: this platform has no niceness"]
    before = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = max(-20, min(19, before + added))
    refused = _for_each_thread(lambda thread: os.setpriority(os.PRIO_PROCESS, thread, wanted))
    got = os.getpriority(os.PRIO_PROCESS, 0)
    if got == wanted:
        return []
    why = "" if refused is None else f" ({refused.strerror or refused})"
    return [f"nice: asked for a niceness of {wanted}, it is {got}{why}"]


def _affinity() -> set[int] | None:
    return set(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def _for_each_thread(change: Callable[[int], None]) -> OSError | None:
    """Applies it to this thread and then to the others, for both settings belong to threads; why this one refused."""
    try:
        change(0)
    except OSError as error:
        return error
    try:
        threads = [int(folder.name) for folder in Path("/proc/self/task").iterdir()]
    except OSError:
        return None
    for thread in threads:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            change(thread)
    return None


def _cpu_list(text: str) -> set[int]:
    """The numbers in "0,2-4"."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _shown(cpus: set[int]) -> str:
    return ", ".join(str(cpu) for cpu in sorted(cpus)) or "none"
