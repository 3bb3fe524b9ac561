"""An OpenAI-compatible server on loopback, with real solvers, seeded latency and seeded faults.

Answers are computed and can be wrong; latency and faults are synthetic, and a run that uses them says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evalperf.simulator.options import SimulatorOptions

__all__ = ["SimulatorOptions", "serve"]


@asynccontextmanager
async def serve(options: SimulatorOptions, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serves while the block runs and yields the base URL, as in http://127.0.0.1:43121/v1; port 0 takes a free one.

    `/health` and `/stats` stand beside `/v1`. Raises OSError where the address can't be bound.
    """
    from evalperf.simulator.server import listen  # noqa: PLC0415 - aiohttp is dear to import

    async with listen(options, host=host, port=port) as url:
        yield url
