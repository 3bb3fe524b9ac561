"""A server on loopback that speaks OpenAI's and Anthropic's protocols, with real solvers and simulated trouble.

Answers are computed and can be wrong; latency, limits and faults are synthetic, and a run that uses them says so.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from evalperf.simulator.options import CERTIFICATE, CapacityOptions, JudgeOptions, LimitOptions, SimulatorOptions
from evalperf.simulator.profiles import PROFILES, Profile, changed_profile, find_profile

__all__ = [
    "CERTIFICATE",
    "PROFILES",
    "CapacityOptions",
    "JudgeOptions",
    "LimitOptions",
    "Profile",
    "SimulatorOptions",
    "changed_profile",
    "find_profile",
    "serve",
]


@asynccontextmanager
async def serve(
    options: SimulatorOptions, *, host: str = "127.0.0.1", port: int = 0, tls_folder: Path | None = None
) -> AsyncIterator[str]:
    """Serves while the block runs and yields the base URL, as in http://127.0.0.1:43121/v1; port 0 takes a free one.

    `/health` and `/stats` stand beside `/v1`. With `tls_folder` it speaks HTTPS, by a certificate made now that lies
    there as CERTIFICATE. Raises OSError where the address can't be bound or the folder can't be written.
    """
    from evalperf.simulator.certificate import serving_context  # noqa: PLC0415 - TLS is dear to import
    from evalperf.simulator.server import listen  # noqa: PLC0415 - aiohttp is dear to import

    tls = None if tls_folder is None else serving_context(tls_folder, host)
    async with listen(options, host=host, port=port, tls=tls) as url:
        yield url
