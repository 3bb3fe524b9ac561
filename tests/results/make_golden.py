"""Writes the run directories under golden/: `python -m tests.results.make_golden FOLDER`, once a version of the format.

Those of an older version are never made anew: they stand for what is on people's disks.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from evalperf.results import CallId, RunDirectory, RunInfo, create_run, open_store, read_results, write_run_info
from tests.results.helpers import HASH, ignore, make_info, make_result, options

LINES = 12
EPOCHS = 2


def begin(folder: Path) -> tuple[RunDirectory, RunInfo]:
    directory = create_run(folder, f"20261121-120000-{folder.name}-0000")
    info = make_info(directory, lines=LINES, epochs=EPOCHS)
    write_run_info(directory, info)
    return directory, info


async def make_finished(folder: Path) -> None:
    """Several parts, two failures, one of which a later session has mended."""
    directory, info = begin(folder)
    async with open_store(directory, info, options(journal=True, seal_bytes=1_000, flush_results=3), ignore) as store:
        for seq in range(1, LINES + 1):
            for epoch in range(1, EPOCHS + 1):
                await store.put(make_result(seq, epoch=epoch, failed=epoch == 2 and seq in {4, 5}))
    async with open_store(directory, info, options(journal=True, retry_failed=True), ignore) as store:
        await store.put(make_result(4, epoch=2, output="It is 8, at last.\u2028\ud800"))
        await store.finish()


async def make_unfinished(folder: Path) -> None:
    """A sealed part and a growing one with a torn end, an answer that waits, and a call in doubt."""
    directory, info = begin(folder)
    for first, seal_bytes in ((1, 1), (4, 1 << 20)):
        async with open_store(directory, info, options(journal=True, seal_bytes=seal_bytes), ignore) as store:
            for seq in range(first, first + 3):
                await store.put(make_result(seq))
            assert store.journal is not None
            await store.journal.intent(CallId(first + 6, 1, 0, 1), HASH)
            if first == 1:
                store.journal.response(CallId(first + 6, 1, 0, 1), HASH, b"an answer that was paid for")
    (growing,) = directory.results.glob("_part-*")
    growing.write_bytes(growing.read_bytes() + growing.read_bytes()[:50])


def main(folder: Path) -> None:
    """Both, without what names this machine, and the rows of each as they are to be read."""
    for name, make in (("finished", make_finished), ("unfinished", make_unfinished)):
        asyncio.run(make(folder / name))
        (directory,) = map(RunDirectory, (folder / name).iterdir())
        directory.lock.unlink()
        rows = sorted(read_results(directory), key=lambda row: (row.seq, row.epoch))
        lines = [json.dumps([row.seq, row.epoch, row.status, row.output]) + "\n" for row in rows]
        (folder / f"{name}.jsonl").write_text("".join(lines))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
