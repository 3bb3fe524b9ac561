"""CPU per case over HTTP against a server without latency, beside a bare loop with the same client library.

The bare loop reads the same lines, sends the same requests with the same concurrency through aiohttp on uvloop, and
writes one gzip line per answer: what any tool of this kind has to do at least.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

from tests.benchmarks.measure import CLIENT_CORE, evalperf, measured, nginx, scratch, verdict, write_cases, write_config

CASES = 20_000
IN_FLIGHT = 64
ROUNDS = 3

BARE_LOOP = """
import asyncio, sys
import aiohttp, orjson, uvloop
from isal import igzip
cases, url, target, workers = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
async def main():
    lines = iter(open(cases, "rb"))
    out = igzip.open(target, "wb", compresslevel=1)
    pending = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=workers)) as session:
        async def work():
            for line in lines:
                case = orjson.loads(line)
                body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": case["input"]}]})
                async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as reply:
                    answer = orjson.loads(await reply.read())["choices"][0]["message"]["content"]
                row = {"id": case["id"], "input": case["input"], "output": answer, "ok": answer == case["target"]}
                pending.append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
                if len(pending) >= 256:
                    out.write(b"".join(pending)); pending.clear()
        await asyncio.gather(*(work() for _ in range(workers)))
    out.write(b"".join(pending)); out.close()
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
        ratios, rates = [], []
        for _ in range(ROUNDS):
            bare = _bare(cases, base, folder)
            ours = evalperf("run", str(config), "--json", "--progress", "none", core=CLIENT_CORE)
            assert ours.document["cases"]["ok"] == CASES, ours.document
            ratios.append(ours.cpu_s / bare)
            rates.append(CASES / ours.cpu_s)
            print(f"  bare {bare / CASES * 1e6:.0f} µs, evalperf {ours.cpu_s / CASES * 1e6:.0f} µs of CPU per case")
        verdict("CPU per case against the bare loop", median(ratios), 2.0, at_most=True)
        verdict("cases per second and core", median(rates), 3000, at_most=False)


def _bare(cases: Path, base: str, folder: Path) -> float:
    argv = [
        sys.executable,
        "-c",
        BARE_LOOP,
        str(cases),
        f"{base}/chat/completions",
        str(folder / "o.gz"),
        str(IN_FLIGHT),
    ]
    return measured(argv, core=CLIENT_CORE).cpu_s


if __name__ == "__main__":
    main()
