"""Takes out of a part what is no member, and keeps the bytes in quarantine/."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from evalperf.results.disk import Disk, copy_range
from evalperf.results.walk import Found, Gap

__all__ = ["repair"]


def repair(disk: Disk, part: Path, found: Sequence[Found], gaps: Sequence[Gap], quarantine: Path) -> None:
    """The part holds exactly the members found; the rest lies in quarantine. A kill at any point loses nothing."""
    _keep(disk, part, gaps, quarantine)
    end = max((member.offset + member.header.size_bytes for member in found), default=0)
    if all(gap.offset >= end for gap in gaps):
        fd = disk.open_append(part)
        try:
            disk.truncate(fd, end)
            disk.datasync(fd)
        finally:
            disk.close(fd)
    else:
        _rewrite(disk, part, found)


def _rewrite(disk: Disk, part: Path, found: Iterable[Found]) -> None:
    temporary = part.with_name(part.name + ".tmp")
    disk.remove(temporary)
    source = disk.open_read(part)
    try:
        target = disk.open_append(temporary)
        try:
            for member in found:
                copy_range(disk, source, target, member.offset, member.offset + member.header.size_bytes)
            disk.datasync(target)
        finally:
            disk.close(target)
    finally:
        disk.close(source)
    disk.rename(temporary, part)
    disk.sync_folder(part.parent)


def _keep(disk: Disk, part: Path, gaps: Sequence[Gap], quarantine: Path) -> None:
    disk.make_folder(quarantine)
    disk.sync_folder(quarantine.parent)
    taken = set(disk.names(quarantine))
    source = disk.open_read(part)
    try:
        for gap in gaps:
            name = _free_name(f"{part.parent.name}-{part.name}-{gap.offset}", taken)
            target = disk.open_append(quarantine / name)
            try:
                copy_range(disk, source, target, gap.offset, gap.end)
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
