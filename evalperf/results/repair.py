"""Takes out of a part what is no member, and keeps the bytes in quarantine/."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from evalperf.results.disk import Disk, copy_range
from evalperf.results.walk import Gap

__all__ = ["repair"]

Stretch = tuple[int, int]
"""Where it begins, and where it ends."""


MOST_STRETCHES = 256
"""Files that one part may add to quarantine/, each with a sync; of more gaps the whole part is kept, as it was."""


def repair(disk: Disk, part: Path, size: int, gaps: Sequence[Gap], quarantine: Path) -> None:
    """The part has no gaps any more; they lie in quarantine. A kill at any point loses nothing.

    `size` is that of the part, `gaps` are in order.
    """
    stretches = [(gap.offset, gap.end) for gap in gaps]
    _keep(disk, part, stretches if len(stretches) <= MOST_STRETCHES else [(0, size)], quarantine)
    if gaps[-1].end == size and all(one.end == other.offset for one, other in pairwise(gaps)):
        fd = disk.open_append(part)
        try:
            disk.truncate(fd, gaps[0].offset)
            disk.datasync(fd)
        finally:
            disk.close(fd)
    else:
        starts = [0, *(end for _, end in stretches)]
        _rewrite(disk, part, zip(starts, [*(start for start, _ in stretches), size], strict=True))


def _rewrite(disk: Disk, part: Path, whole: Iterable[Stretch]) -> None:
    temporary = part.with_name(part.name + ".tmp")
    disk.remove(temporary)
    source = disk.open_read(part)
    try:
        target = disk.open_append(temporary)
        try:
            for start, end in whole:
                copy_range(disk, source, target, start, end)
            disk.datasync(target)
        finally:
            disk.close(target)
    finally:
        disk.close(source)
    disk.rename(temporary, part)
    disk.sync_folder(part.parent)


def _keep(disk: Disk, part: Path, stretches: Sequence[Stretch], quarantine: Path) -> None:
    disk.make_folder(quarantine)
    disk.sync_folder(quarantine.parent)
    taken = set(disk.names(quarantine))
    source = disk.open_read(part)
    try:
        for start, end in stretches:
            name = _free_name(f"{part.parent.name}-{part.name}-{start}", taken)
            target = disk.open_append(quarantine / name)
            try:
                copy_range(disk, source, target, start, end)
                disk.datasync(target)
            finally:
                disk.close(target)
    finally:
        disk.close(source)
    disk.sync_folder(quarantine)


def _free_name(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    return name
