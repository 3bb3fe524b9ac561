"""A run whose answers are kept, in a cache of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.benchmarks.measure import scratch, write_cases, write_config


@contextmanager
def cached_run(port: int, cases: int, workers: int) -> Iterator[tuple[str, ...]]:
    """The arguments for `evalperf`; the cache is empty at the beginning."""
    with scratch() as folder:
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        write_cases(folder / "cases.jsonl", cases)
        config = write_config(
            folder / "c.json",
            cases={"path": str(folder / "cases.jsonl")},
            provider={
                "type": "openai",
                "model": "small",
                "params": {"temperature": 0},
                "endpoints": [{"url": f"http://127.0.0.1:{port}/v1", "auth": "none"}],
            },
            concurrency={"workers": workers},
            scorers=["exact"],
            output={"dir": str(folder / "results")},
        )
        yield ("run", str(config), "--json", "--progress", "none")
