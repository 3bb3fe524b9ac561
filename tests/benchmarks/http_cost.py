"""CPU per case over HTTP against a server without latency, beside bare loops that do only what any such tool must do.

A bare loop reads the same lines, sends the same requests with the same concurrency on uvloop, and writes one gzip line
per answer. One sends through aiohttp, as most Python tools would; the other through evalperf's own transport.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import CLIENT_CORE, evalperf, measured, nginx, scratch, verdict, write_cases, write_config

CASES = 50_000
IN_FLIGHT = 64
ROUNDS = 3

BARE_LOOP = """
import asyncio, sys
import orjson, uvloop
from isal import igzip
cases, url, target, workers = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
async def loop_over(post):
    lines = iter(open(cases, "rb"))
    out = igzip.open(target, "wb", compresslevel=1)
    pending = []
    async def work():
        for line in lines:
            case = orjson.loads(line)
            body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": case["input"]}]})
            answer = orjson.loads(await post(body))["choices"][0]["message"]["content"]
            row = {"id": case["id"], "input": case["input"], "output": answer, "ok": answer == case["target"]}
            pending.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
            if len(pending) >= 256:
                out.write(b"".join(pending)); pending.clear()
    await asyncio.gather(*(work() for _ in range(workers)))
    out.write(b"".join(pending)); out.close()
"""

THROUGH_AIOHTTP = """
import aiohttp
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=workers)) as session:
        async def post(body):
            async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as reply:
                return await reply.read()
        await loop_over(post)
uvloop.run(main())
"""

THROUGH_OURS = """
from evalperf.config.model import Timeouts
from evalperf.providers.http import HttpTransport
from evalperf.providers.transport import HttpLimits
async def main():
    limits = HttpLimits(connect_s=10, attempt_s=60, idle_s=30, max_reply_bytes=1 << 23)
    transport = HttpTransport({"Content-Type": "application/json"}, limits, connections=workers, verify_tls=True)
    async def post(body):
        return (await transport.post(url, body)).body
    await loop_over(post)
    await transport.aclose()
uvloop.run(main())
"""


def main() -> None:
    """Prints the ratio, and cases per second and core."""
    with scratch() as folder, nginx() as port:
        cases = folder / "cases.jsonl"
        write_cases(cases, CASES)
        base = f"http://127.0.0.1:{port}/v1"
        config = write_config(
            folder / "c.json",
            cases={"path": str(cases)},
            provider={"type": "openai", "model": "m", "endpoints": [{"url": base}]},
            concurrency={"workers": IN_FLIGHT},
            scorers=["exact"],
            output={"dir": str(folder / "results")},
        )
        ratios, own_ratios, rates = [], [], []
        for _ in range(ROUNDS):
            bare = _bare(cases, base, folder, THROUGH_AIOHTTP)
            own = _bare(cases, base, folder, THROUGH_OURS)
            ours = evalperf("run", str(config), "--json", "--progress", "none", core=CLIENT_CORE)
            assert ours.document["cases"]["ok"] == CASES, ours.document
            ratios.append(ours.cpu_s / bare)
            own_ratios.append(ours.cpu_s / own)
            rates.append(CASES / ours.cpu_s)
            shown = [f"{seconds / CASES * 1e6:.0f}" for seconds in (bare, own, ours.cpu_s)]
            print("  µs of CPU per case: aiohttp loop {}, own loop {}, evalperf {}".format(*shown))
        verdict("CPU per case against the bare aiohttp loop", median(ratios), 2.0, at_most=True)
        verdict("CPU per case against the bare loop over the own transport", median(own_ratios), 2.0, at_most=True)
        verdict("cases per second and core", median(rates), 3000, at_most=False)


def _bare(cases: Path, base: str, folder: Path, client: str) -> float:
    arguments = [str(cases), f"{base}/chat/completions", str(folder / "o.gz"), str(IN_FLIGHT)]
    return measured([sys.executable, "-c", BARE_LOOP + client, *arguments], core=CLIENT_CORE).cpu_s


if __name__ == "__main__":
    main()
