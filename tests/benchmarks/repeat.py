"""The same 10,000 cases twice: the second run asks nothing."""

from __future__ import annotations

import json
import sys
import urllib.request

from tests.benchmarks.cached_run import cached_run
from tests.benchmarks.measure import CLIENT_CORE, evalperf, free_port, serving, verdict

CASES = 10_000
SERVER = (sys.executable, "-m", "evalperf", "simulate", "--latency", "0", "--port")


def requests_at(port: int) -> int:
    """What the server has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/stats") as reply:
        return int(json.load(reply)["requests"])


def main() -> None:
    """Prints hits, requests at the server, and the pace of the second run."""
    port = free_port()
    with serving(port, *SERVER, str(port)), cached_run(port, CASES, workers=64) as arguments:
        first = evalperf(*arguments, core=CLIENT_CORE).document
        asked = requests_at(port)
        second = evalperf(*arguments, core=CLIENT_CORE).document
        assert first["cases"]["ok"] == second["cases"]["ok"] == CASES
        print(f"  first run: {first['throughput']['cases_per_s']:,.0f} cases/s, {asked:,} requests")
        verdict("hits of the second run, %", second["cases"]["cached"] / CASES * 100, 99.9, at_most=False)
        verdict("requests of the second run", requests_at(port) - asked, 0, at_most=True)
        verdict("cases/s of the second run", second["throughput"]["cases_per_s"], 10_000, at_most=False)


if __name__ == "__main__":
    main()
