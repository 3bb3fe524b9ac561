"""A process that works on a run until it is killed, and tells on stdout what it knows to be on disk.

python writing_process.py RUN CASES SEED
"""

import asyncio
import random
import sys
from pathlib import Path

from evalperf.results import CallId, RunDirectory, StoreOptions, open_store, read_run_info
from tests.results.helpers import HASH, ignore, make_result

IN_FLIGHT = 16


async def main(path: str, cases: int, seed: int) -> None:
    directory = RunDirectory(Path(path))
    chance = random.Random(seed)
    options = StoreOptions(
        journal=True, flush_results=8, flush_s=0.002, seal_bytes=20_000, rotate_bytes=10_000, reserve_bytes=0
    )
    async with open_store(directory, read_run_info(directory), options, ignore) as store:
        journal = store.journal
        assert journal is not None
        todo = iter([seq for seq in range(1, cases + 1) if not store.is_done(seq, 1)])

        async def work() -> None:
            for seq in todo:
                answer = journal.recorded(seq, 1, 0, HASH)
                if answer is None:
                    await journal.intent(CallId(seq, 1, 0, 1), HASH)
                    print("bought", seq, flush=True)
                    await asyncio.sleep(chance.random() * 0.002)
                    answer = chance.randbytes(chance.randrange(200, 2000))
                    journal.response(CallId(seq, 1, 0, 1), HASH, answer)
                    print("answered", seq, flush=True)
                await store.put(make_result(seq, output=answer.hex()))

        async def tell() -> None:
            told: set[int] = set()
            while True:
                for seq in range(1, cases + 1):
                    if seq not in told and store.is_done(seq, 1):
                        told.add(seq)
                        print("done", seq, flush=True)
                await asyncio.sleep(0.001)

        telling = asyncio.create_task(tell())
        await asyncio.gather(*[work() for _ in range(IN_FLIGHT)])
        telling.cancel()
        await store.finish()
        print("finished", 0, flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
