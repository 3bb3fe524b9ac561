"""A run of ten million finished cases is opened again: how long recovery takes, and its memory.

python -m tests.benchmarks.recovery [CASES]

Keys, members, parts and the manifest are those of a real run. What stands in the rows is noise, as large as packed rows
of 1 KB are: recovery reads their bytes, and not what they say. Needs 300 bytes of disk for each case.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import sys
import time
from pathlib import Path

from evalperf.results import RunDirectory, create_run, open_store, read_run_info, write_run_info
from evalperf.results.disk import LocalDisk
from evalperf.results.manifest import Entry, Manifest, file_sha256
from evalperf.results.member import make_member
from evalperf.results.parts import part_name
from tests.benchmarks.measure import measured, scratch, verdict
from tests.results.helpers import ignore, make_info, options

ROWS_IN_MEMBER = 256
PACKED_ROW_BYTES = 300
MEMBERS_IN_PART = 870
"""64 MiB."""
DONE = 0.999


def main() -> None:
    """Prints seconds, and the memory above that of an empty run."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with scratch() as folder:
        empty = _recovered(_write(folder / "empty", 0, size))
        full = _recovered(_write(folder / "full", int(size * DONE), size))
    assert full["done"] == int(size * DONE), full
    print(f"{full['done']:,} of {size:,} cases were there; recovery used {full['cpu_s']:.1f} s of CPU")
    verdict("seconds of recovery", full["seconds"], 10, at_most=True)
    verdict("memory above that of an empty run, MB", full["peak_mb"] - empty["peak_mb"], 100, at_most=True)


def _write(folder: Path, done: int, size: int) -> RunDirectory:
    """Sealed parts that hold every case up to `done`."""
    directory = create_run(folder, "20261121-120000-recovery-0000")
    write_run_info(directory, make_info(directory, lines=size))
    manifest = Manifest(LocalDisk(), directory.manifest)
    noise = random.Random(0).randbytes(ROWS_IN_MEMBER * PACKED_ROW_BYTES)
    rows_in_part = ROWS_IN_MEMBER * MEMBERS_IN_PART
    for number, start in enumerate(range(0, done, rows_in_part), 1):
        path = directory.results / part_name(number, sealed=True)
        end = min(start + rows_in_part, done)
        with path.open("wb") as part:
            for first in range(start, end, ROWS_IN_MEMBER):
                keys = range(first, min(first + ROWS_IN_MEMBER, end))
                part.write(make_member(noise[: len(keys) * PACKED_ROW_BYTES], keys, 1))
        size_bytes, digest = file_sha256(LocalDisk(), path)
        name = f"results/{path.name}"
        manifest.add(Entry(part=name, rows=end - start, size_bytes=size_bytes, sha256=digest))
    return directory


def _recovered(directory: RunDirectory) -> dict[str, float]:
    """Opened in a process of its own."""
    found = measured([sys.executable, "-m", "tests.benchmarks.recovery", "--open", str(directory.path)])
    told: dict[str, float] = found.document
    return told


async def _open(directory: RunDirectory) -> None:
    began_s, cpu_began_s = time.perf_counter(), time.process_time()
    async with open_store(directory, read_run_info(directory), options(journal=True), ignore) as store:
        seconds, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_began_s
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        assert not store.recovered.damage, store.recovered.damage
        print(json.dumps({"done": store.recovered.done, "seconds": seconds, "cpu_s": cpu_s, "peak_mb": peak_mb}))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--open"]:
        asyncio.run(_open(RunDirectory(Path(sys.argv[2]))))
    else:
        main()
