"""The same 10,000 cases twice: the second run asks nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request

from tests.benchmarks.measure import (
    CLIENT_CORE,
    SERVER_CORE,
    evalperf,
    free_port,
    scratch,
    verdict,
    wait_for,
    write_cases,
    write_config,
)

CASES = 10_000


def requests_at(port: int) -> int:
    """What the server has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as reply:
        return int(json.load(reply)["requests"])


def main() -> None:
    """Prints hits, requests at the server, and the pace of the second run."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "evalperf", "simulate", "--port", str(port), "--latency", "0"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {SERVER_CORE}),
    )
    try:
        wait_for(port)
        with scratch() as folder:
            os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
            write_cases(folder / "cases.jsonl", CASES)
            config = write_config(
                folder / "c.json",
                cases={"path": str(folder / "cases.jsonl")},
                provider={
                    "type": "openai",
                    "model": "small",
                    "params": {"temperature": 0},
                    "endpoints": [{"url": f"http://127.0.0.1:{port}/v1", "auth": "none"}],
                },
                concurrency={"workers": 64},
                scorers=["exact"],
                output={"dir": str(folder / "results")},
            )
            arguments = ("run", str(config), "--json", "--progress", "none")
            first = evalperf(*arguments, core=CLIENT_CORE).document
            asked = requests_at(port)
            second = evalperf(*arguments, core=CLIENT_CORE).document
            assert first["cases"]["ok"] == second["cases"]["ok"] == CASES
            print(f"  first run: {first['throughput']['cases_per_s']:,.0f} cases/s, {asked:,} requests")
            verdict("hits of the second run, %", second["cases"]["cached"] / CASES * 100, 99.9, at_most=False)
            verdict("requests of the second run", requests_at(port) - asked, 0, at_most=True)
            verdict("cases/s of the second run", second["throughput"]["cases_per_s"], 10_000, at_most=False)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
