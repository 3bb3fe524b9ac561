"""A process that writes to a disk cache for ever and says what is acknowledged; it is meant to be killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from evalperf.cache import KeyMaker, open_cache
from evalperf.config.cache import TieredCacheConfig


def value_of(key: bytes) -> bytes:
    """The only right value of a key, of a length that differs from key to key."""
    return key * (1 + key[0] * 4)


async def write(folder: Path, writer: int) -> None:
    keys = KeyMaker("response", {"writer": writer})
    async with open_cache(TieredCacheConfig(max_entries=10, ttl_s=None), "c", folder) as cache:
        number = 0
        while True:
            for _ in range(50):
                key = keys(number)
                await cache.set(key, value_of(key))
                number += 1
            # what was set before this moment is older than the flush interval when the line is read
            before = number
            await cache.flush()
            sys.stdout.write(f"{before}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(write(Path(sys.argv[1]), int(sys.argv[2])))
