"""Keys that an object of a record names twice: JSON readers keep the last value, and nobody hears of the first.

To see them a line has to be read by another, slower reader, so only `evalperf validate` looks, and only at the first.
"""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

from msgspec import Struct

from evalperf.cases.rawrecords import read_raw
from evalperf.cases.rejected import EXCERPT_CHARS
from evalperf.cases.sources import find_sources
from evalperf.config.model import CasesConfig

__all__ = ["RepeatedKeys", "find_repeated_keys"]


class RepeatedKeys(Struct, frozen=True):
    """The records with such keys among those that were looked at."""

    records: int
    path: str
    """With `line` and `key`: of the first one."""
    line: int
    key: str


async def find_repeated_keys(config: CasesConfig, base_dir: Path, *, most_records: int) -> RepeatedKeys | None:
    """Looks at the first records; None where no key is named twice. Raises InputError as reading does."""
    found: RepeatedKeys | None = None
    seen = 0
    async with aclosing(read_raw(find_sources(config, base_dir), max_line_bytes=config.max_line_bytes)) as blocks:
        async for block in blocks:
            for item, line in zip(block.items, block.line_numbers, strict=True):
                if seen == most_records:
                    return found
                seen += 1
                key = _repeated_key(item) if isinstance(item, bytes) else None
                if key is not None:
                    first = found or RepeatedKeys(0, block.source.name, line, key[:EXCERPT_CHARS])
                    found = RepeatedKeys(first.records + 1, first.path, first.line, first.key)
    return found


def _repeated_key(raw: bytes) -> str | None:
    """The first one that an object in it has twice; None also for what is no JSON, of which reading tells."""
    repeated: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        keys: set[str] = set()
        for key, _ in pairs:
            if key in keys:
                repeated.append(key)
            keys.add(key)

    try:
        json.loads(raw, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return None
    return repeated[0] if repeated else None
