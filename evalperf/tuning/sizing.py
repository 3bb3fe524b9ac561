"""How many workers this machine allows, before anything is measured."""

from __future__ import annotations

import math
import os
import sys
from pathlib import Path

from msgspec import Struct

from evalperf.tuning.cgroups import CgroupLimits, read_cgroups, read_text

__all__ = ["Bound", "Machine", "Workers", "memory_bound", "peak_rss_bytes", "read_machine", "recommend", "rss_bytes"]

GIB = 1 << 30
BYTES_PER_CASE = 256 * 1024  # memory for one case in flight: a guess, and a generous one
_RESERVED_FDS = 128  # for files, pipes and what libraries open
_MEMORY_SHARE = 0.25  # of what is available, for cases in flight whose size is a guess
_KNOWN_MEMORY_SHARE = 0.8  # of what is available, where it is known what a worker takes
_ENDPOINT_WORKERS_PER_CPU = 32
_MAX_IN_PROCESS = 16
_GIB_PER_IN_PROCESS_WORKER = 4


class Machine(Struct, frozen=True, kw_only=True):
    """What this process may use; None = no such limit, or not known on this system."""

    cpus: int
    """Logical CPUs that the machine has."""
    affinity_cpus: int
    """Of these, allowed for this process."""
    cgroup_cpus: float | None
    """The CPU quota, in CPUs."""
    physical_cores: int
    memory_total_bytes: int
    memory_available_bytes: int
    cgroup_memory_bytes: int | None
    cgroup_memory_free_bytes: int | None
    nofile_soft: int | None
    """File descriptors this process may open; None = any number."""
    nofile_hard: int | None
    """How far it may raise that itself."""
    cpu_pressure: float | None
    """Share of the last ten seconds in which some process waited for a CPU, from 0 to 1."""

    @property
    def usable_cpus(self) -> int:
        """Logical CPUs after affinity and quota; a part of a CPU counts as one."""
        if self.cgroup_cpus is None:
            return self.affinity_cpus
        return max(1, min(self.affinity_cpus, math.ceil(self.cgroup_cpus)))

    @property
    def usable_cores(self) -> int:
        """Physical cores after affinity and quota."""
        return min(self.physical_cores, self.usable_cpus)

    @property
    def usable_memory_bytes(self) -> int:
        """All memory, after the cgroup's limit."""
        limit = self.cgroup_memory_bytes
        return self.memory_total_bytes if limit is None else min(self.memory_total_bytes, limit)

    @property
    def free_memory_bytes(self) -> int:
        """Memory that can be had now, after the cgroup's limit."""
        free = self.cgroup_memory_free_bytes
        return self.memory_available_bytes if free is None else min(self.memory_available_bytes, free)


class Bound(Struct, frozen=True):
    """One thing that limits the number of workers."""

    name: str
    """fd, memory, cpu, max_workers, min_workers, or ceiling: the most that pays in one process."""
    workers: int
    why: str
    """A sentence."""


class Workers(Struct, frozen=True, kw_only=True):
    """The recommended numbers, and what bounds them."""

    in_process: int
    """For work that uses this process's CPU."""
    endpoint: int
    """For work that waits for a server."""
    in_process_bounds: tuple[Bound, ...]
    endpoint_bounds: tuple[Bound, ...]
    in_process_binding: Bound
    """The bound that decided."""
    endpoint_binding: Bound


def read_machine(root: Path = Path("/")) -> Machine:
    """What this process may use now; `root` is where /proc and /sys are looked for. Takes about a millisecond."""
    import psutil  # noqa: PLC0415 - 15 ms that a command without sizing need not pay

    memory = psutil.virtual_memory()
    soft, hard = _nofile()
    limits: CgroupLimits = read_cgroups(root)
    cpus = os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cpus
    return Machine(
        cpus=cpus,
        affinity_cpus=affinity,
        cgroup_cpus=limits.cpus,
        physical_cores=psutil.cpu_count(logical=False) or cpus,
        memory_total_bytes=memory.total,
        memory_available_bytes=memory.available,
        cgroup_memory_bytes=limits.memory_bytes,
        cgroup_memory_free_bytes=limits.memory_free_bytes,
        nofile_soft=soft,
        nofile_hard=hard,
        cpu_pressure=_cpu_pressure(root),
    )


def recommend(
    machine: Machine,
    *,
    max_workers: int = 512,
    min_workers: int = 1,
    memory_bytes: int | None = None,
    bytes_per_worker: int | None = None,
) -> Workers:
    """The numbers to start with, from the machine alone.

    `memory_bytes` is what all workers together may take, where that is limited; `bytes_per_worker` what one of them
    takes, where that is known. For an endpoint the number is a guess until it is probed: how much a server takes can't
    be seen from here.
    """
    in_process = _in_process_bounds(machine, memory_bytes, bytes_per_worker)
    endpoint = _endpoint_bounds(machine, max_workers, memory_bound(machine, memory_bytes, bytes_per_worker))
    in_process_binding = min(in_process, key=lambda bound: bound.workers)
    endpoint_binding = min(endpoint, key=lambda bound: bound.workers)
    if endpoint_binding.workers < min_workers:
        why = f"min_workers asks for {min_workers}, more than the {endpoint_binding.workers} of {endpoint_binding.name}"
        endpoint_binding = Bound("min_workers", min_workers, why)
    return Workers(
        in_process=in_process_binding.workers,
        endpoint=endpoint_binding.workers,
        in_process_bounds=in_process,
        endpoint_bounds=endpoint,
        in_process_binding=in_process_binding,
        endpoint_binding=endpoint_binding,
    )


def memory_bound(machine: Machine, memory_bytes: int | None, bytes_per_worker: int | None) -> Bound:
    """How many workers the memory is enough for; as for `recommend`."""
    each_bytes = BYTES_PER_CASE if bytes_per_worker is None else bytes_per_worker
    each = f"{_size(each_bytes)} a {'case' if bytes_per_worker is None else 'worker'}"
    if memory_bytes is not None:
        return Bound("memory", max(1, memory_bytes // each_bytes), f"{_size(memory_bytes)} of memory_mb, {each}")
    free, share = machine.free_memory_bytes, _MEMORY_SHARE if bytes_per_worker is None else _KNOWN_MEMORY_SHARE
    what = f"{'a quarter' if bytes_per_worker is None else '80 %'} of {free / GIB:.1f} GiB free"
    return Bound("memory", max(1, int(share * free / each_bytes)), f"{what}, {each}")


def rss_bytes() -> int:
    """Memory that this process holds now; takes about 20 µs."""
    import psutil  # noqa: PLC0415 - as above

    return int(psutil.Process().memory_info().rss)


def peak_rss_bytes() -> int:
    """The most memory that this process has held; `getrusage` would count what its parent held when it began."""
    try:
        status = Path("/proc/self/status").read_bytes()
    except OSError:  # no Linux: kilobytes elsewhere, bytes on macOS
        import resource  # noqa: PLC0415 - absent on Windows

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024
    return int(status.partition(b"VmHWM:")[2].split(maxsplit=1)[0]) * 1024


def _in_process_bounds(machine: Machine, memory_bytes: int | None, bytes_per_worker: int | None) -> tuple[Bound, ...]:
    cores = machine.usable_cores
    gib = machine.usable_memory_bytes / GIB
    memory = Bound(
        "memory",
        max(1, int(gib // _GIB_PER_IN_PROCESS_WORKER)),
        f"one worker per {_GIB_PER_IN_PROCESS_WORKER} GiB of {gib:.1f} GiB",
    )
    if memory_bytes is not None or bytes_per_worker is not None:
        each_bytes = _GIB_PER_IN_PROCESS_WORKER * GIB if bytes_per_worker is None else bytes_per_worker
        memory = memory_bound(machine, memory_bytes, each_bytes)
    return (
        Bound("cpu", max(1, cores // 2), f"half of {_count(cores, 'physical core')}, so that the machine stays usable"),
        memory,
        Bound("ceiling", _MAX_IN_PROCESS, f"more than {_MAX_IN_PROCESS} in one process rarely pay"),
    )


def _endpoint_bounds(machine: Machine, max_workers: int, memory: Bound) -> tuple[Bound, ...]:
    cpus = machine.usable_cpus
    bounds = [
        Bound(
            "cpu",
            _ENDPOINT_WORKERS_PER_CPU * cpus,
            f"{_ENDPOINT_WORKERS_PER_CPU} for each of {_count(cpus, 'logical CPU')}, until measured",
        ),
        memory,
        Bound("max_workers", max_workers, "concurrency.max_workers of the configuration"),
    ]
    if machine.nofile_soft is not None:
        why = f"{machine.nofile_soft:,} file descriptors (ulimit -n), {_RESERVED_FDS} kept free"
        bounds.append(Bound("fd", max(1, machine.nofile_soft - _RESERVED_FDS), why))
    return tuple(bounds)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.0f} MiB" if size_bytes >= 1 << 20 else f"{size_bytes / 1024:.0f} KiB"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _nofile() -> tuple[int | None, int | None]:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None, None
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    return (None if soft == unlimited else soft), (None if hard == unlimited else hard)


def _cpu_pressure(root: Path) -> float | None:
    for line in (read_text(root / "proc/pressure/cpu") or "").splitlines():
        kind, _, rest = line.partition(" ")
        fields = dict(word.partition("=")[::2] for word in rest.split())
        if kind == "some" and "avg10" in fields:
            return float(fields["avg10"]) / 100
    return None
