"""What the control groups allow this process, in versions 1 and 2; psutil and os.cpu_count know nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

__all__ = ["CgroupLimits", "read_cgroups", "read_text"]

_NO_LIMIT_BYTES = 1 << 60  # version 1 writes about 2⁶³ for "none"


class CgroupLimits(Struct, frozen=True):
    """The tightest limits from the process's own group up to the root; None where no group sets one."""

    cpus: float | None
    memory_bytes: int | None
    memory_free_bytes: int | None
    """Least room in any limited group; file cache that the kernel can drop counts as room."""


class _MemoryFiles(Struct, frozen=True):
    limit: str
    used: str
    reclaimable: str
    """Key in memory.stat."""


_V1_MEMORY = _MemoryFiles("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_V2_MEMORY = _MemoryFiles("memory.max", "memory.current", "inactive_file")


def read_cgroups(root: Path) -> CgroupLimits:
    """The limits as the files below `root` state them; no files, no limits."""
    mounts = root / "sys/fs/cgroup"
    cpus: list[float] = []
    memory: list[tuple[int, int]] = []
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if not controllers:
            for group in _groups(path, mounts, mounts / "unified"):
                cpus.extend(_v2_cpus(group))
                memory.extend(_memory(group, _V2_MEMORY))
        names = controllers.split(",")
        if "cpu" in names:
            for group in _groups(path, mounts / "cpu", mounts / controllers):
                cpus.extend(_v1_cpus(group))
        if "memory" in names:
            for group in _groups(path, mounts / "memory"):
                memory.extend(_memory(group, _V1_MEMORY))
    return CgroupLimits(
        min(cpus, default=None),
        min((limit for limit, _ in memory), default=None),
        min((free for _, free in memory), default=None),
    )


def read_text(path: Path) -> str | None:
    """The file's text without white space around it, or None where it can't be read."""
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _groups(path: str, *mounts: Path) -> Iterator[Path]:
    """The group and its ancestors. Inside a container the path often names nothing, and the root is the own group."""
    own = PurePosixPath(path.strip("/"))
    if ".." in own.parts:  # outside of this process's namespace
        own = PurePosixPath()
    for mount in mounts:
        yield mount / own
        for ancestor in own.parents:
            yield mount / ancestor


def _v2_cpus(group: Path) -> Iterator[float]:
    words = (read_text(group / "cpu.max") or "").split()
    if len(words) == 2 and all(word.isdecimal() for word in words):  # the quota may be "max"
        yield int(words[0]) / int(words[1])


def _v1_cpus(group: Path) -> Iterator[float]:
    quota = read_text(group / "cpu.cfs_quota_us") or ""
    period = read_text(group / "cpu.cfs_period_us") or ""
    if quota.isdecimal() and period.isdecimal():  # -1 = none
        yield int(quota) / int(period)


def _memory(group: Path, files: _MemoryFiles) -> Iterator[tuple[int, int]]:
    """The group's limit and what is left of it."""
    limit = read_text(group / files.limit) or ""
    if not limit.isdecimal() or int(limit) >= _NO_LIMIT_BYTES:  # "max" in version 2
        return
    used = read_text(group / files.used) or ""
    if not used.isdecimal():
        yield int(limit), int(limit)
        return
    reclaimable = _stat(group, files.reclaimable)
    yield int(limit), max(0, int(limit) - max(0, int(used) - reclaimable))


def _stat(group: Path, key: str) -> int:
    for line in (read_text(group / "memory.stat") or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key and value.isdecimal():
            return int(value)
    return 0
