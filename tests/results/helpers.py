"""Results to write, runs to write them into, and disks that fail."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evalperf.records import Failure, Result, Score, Usage
from evalperf.results import RunDirectory, RunInfo, StoreOptions, create_run, open_store, read_results, write_run_info
from evalperf.results.disk import LocalDisk
from evalperf.results.frames import Frame, locate_frames
from evalperf.results.walk import Found, walk

STAMP = "2026-11-20T14:30:05.123456Z"
STARTED_AT = datetime(2026, 11, 20, 14, 30, 5, 123456, tzinfo=UTC)
HASH = bytes(range(16))


def make_result(seq: int, *, epoch: int = 1, failed: bool = False, **changes: Any) -> Result:
    fields: dict[str, Any] = {
        "seq": seq,
        "id": f"case-{seq}",
        "epoch": epoch,
        "status": "failed" if failed else "ok",
        "input": f"What is {seq} + {seq}?",
        "output": None if failed else f"It is {2 * seq}.",
        "target": str(2 * seq),
        "scores": {} if failed else {"exact": Score(value=1.0, passed=True)},
        "overall_score": None if failed else 1.0,
        "failure": Failure(kind="timeout", message="too slow") if failed else None,
        "model": "m",
        "endpoint": "a",
        "attempts": 1,
        "cached": None,
        "latency_s": 0.25,
        "ttft_s": None,
        "queue_s": 0.0,
        "throttled_s": 0.0,
        "retry_wait_s": 0.0,
        "score_s": 0.001,
        "usage": Usage(10, 20),
        "cost_usd": None,
        "finish_reason": "stop",
        "started_at": STARTED_AT,
        "tags": ("sum",),
        "metadata": {"seed": seq},
    }
    return Result(**{**fields, **changes})


def make_info(directory: RunDirectory, *, lines: int | None = 100, epochs: int = 1) -> RunInfo:
    return RunInfo(
        run_id=directory.id,
        name="test",
        created_at=STAMP,
        versions={"evalperf": "0"},
        inputs=(),
        lines=lines,
        epochs=epochs,
        fingerprint={"all": "0"},
        config={},
    )


def make_run(tmp_path: Path, *, lines: int | None = 100, epochs: int = 1) -> tuple[RunDirectory, RunInfo]:
    directory = create_run(tmp_path, "20261120-143005-test-0000")
    info = make_info(directory, lines=lines, epochs=epochs)
    write_run_info(directory, info)
    return directory, info


def options(**changes: Any) -> StoreOptions:
    return StoreOptions(**{"journal": False, "flush_s": 60.0, "reserve_bytes": 0, **changes})


def ignore(event: object) -> None:
    """An observer."""


async def write(
    directory: RunDirectory, info: RunInfo, results: list[Result], *, finish: bool = False, **changes: Any
) -> None:
    """One session that puts these results."""
    async with open_store(directory, info, options(**changes), ignore) as store:
        for result in results:
            await store.put(result)
        if finish:
            await store.finish()


async def three_members(run: tuple[RunDirectory, RunInfo], *, finish: bool = False) -> Path:
    """A part with the members 1–10, 11–20 and 21–30."""
    for first in (1, 11, 21):
        await write(*run, [make_result(seq) for seq in range(first, first + 10)], finish=finish and first == 21)
    (part,) = run[0].results.glob("*part*")
    return part


def member_starts(part: Path) -> list[int]:
    """Where its members begin."""
    data = part.read_bytes()
    pieces = walk(lambda size, offset: data[offset : offset + size], len(data), bodies=True)
    return [piece.offset for piece in pieces if isinstance(piece, Found)]


def frames_in(data: bytes) -> list[Frame]:
    """Every frame that is whole."""
    return [frame for _, _, frame in locate_frames(lambda size, at: data[at : at + size], len(data))]


def read_keys(directory: RunDirectory, damage: list[Any] | None = None) -> list[tuple[int, int, str]]:
    found = read_results(directory, None if damage is None else damage.append)
    return sorted((result.seq, result.epoch, result.status) for result in found)


def open_descriptors() -> int:
    """How many this process has."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


class FaultyDisk(LocalDisk):
    """Fails the calls that `faults` names by kind and number (from 1), and has room for so many bytes."""

    def __init__(self, faults: dict[str, set[int]] | None = None, room: int | None = None) -> None:
        super().__init__()
        self.faults = faults or {}
        self.room = room
        self.calls: dict[str, int] = {}
        self.short_writes = False
        self.opened: set[int] = set()
        """Descriptors that are not closed yet."""

    def _tick(self, kind: str) -> None:
        self.calls[kind] = self.calls.get(kind, 0) + 1
        if self.calls[kind] in self.faults.get(kind, ()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def open_append(self, path: Path) -> int:
        self._tick("open")
        fd = super().open_append(path)
        self.opened.add(fd)
        return fd

    def open_read(self, path: Path) -> int:
        self._tick("open")
        fd = super().open_read(path)
        self.opened.add(fd)
        return fd

    def close(self, fd: int) -> None:
        self.opened.remove(fd)
        super().close(fd)

    def read(self, fd: int, size: int, offset: int) -> bytes:
        self._tick("read")
        return super().read(fd, size, offset)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        self._tick("write")
        if self.room is not None:
            if self.room <= 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            data = data[: self.room]  # a disk that fills up takes what fits and says how much
            self.room -= len(data)
        elif self.short_writes and len(data) > 1:
            data = data[: len(data) // 2]
        return super().write(fd, data)

    def truncate(self, fd: int, size: int) -> None:
        self._tick("truncate")
        if self.room is not None:
            self.room += super().size(fd) - size
        super().truncate(fd, size)

    def allocate(self, path: Path, size: int) -> None:
        if self.room is not None:
            if self.room < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.room -= size
            path.write_bytes(b"")
            self.held = size
        else:
            super().allocate(path, size)

    def remove(self, path: Path) -> None:
        self._tick("remove")
        if self.room is not None and path.name == ".reserve" and path.exists():
            self.room += self.held
        super().remove(path)

    def datasync(self, fd: int) -> None:
        self._tick("datasync")  # and no more: what it promises no test with a real disk could see

    def rename(self, source: Path, target: Path) -> None:
        self._tick("rename")
        super().rename(source, target)

    def sync_folder(self, folder: Path) -> None:
        self._tick("sync_folder")
