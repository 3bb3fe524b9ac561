"""What `tune-workers` sets, against a grid of fixed settings: on the simulator, over loopback, in the same way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.measure import free_port, measured, scratch, verdict, wait_for, write_config

GRID = (16, 32, 64, 128, 192, 256)
SERVERS = {
    "hard cap": ["--model", "hard-cap", "--latency", "0.2"],
    "cache pressure": ["--model", "cache-pressure", "--latency", "0.6"],
    "rate limit": ["--model", "rate-limit-retry-after", "--limit", "30", "--latency", "0.5"],
}
"""Faster than the profiles as they are. The last one states no limit, which a run would keep to at any setting."""
GENERATIONS = 12
"""Cases of a run for each worker: its beginning and its end count, too, and the same for all settings."""
LEAST_CASES = 400


def main() -> None:
    """Prints each curve, and the share of the best that the setting of `tune-workers` brings."""
    for name, options in SERVERS.items():
        port = free_port()
        argv = [sys.executable, "-m", "evalperf", "simulate", "--port", str(port), *options]
        server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for(port)
            with scratch() as folder:
                compare(name, folder, _config(folder, port))
        finally:
            server.terminate()
            server.wait()


def compare(name: str, folder: Path, config: Path) -> None:
    """One server."""
    tuned = _evalperf(folder, "tune-workers", str(config), "--yes", "--json", "--max-workers", "256")["probe"]
    fixed = {workers: _throughput(folder, config, workers) for workers in GRID}
    print(
        f"{name}: " + ", ".join(f"{workers} → {cases_per_s:.1f}/s" for workers, cases_per_s in fixed.items()),
        flush=True,
    )
    pace = tuned["requests_per_s"]
    settings = [] if pace is None else [f"concurrency.rate_limiting.requests_per_second={pace}"]
    found = _throughput(folder, config, tuned["workers"], *settings)
    paced = "" if pace is None else f" and {pace:.1f} requests/s"
    probes, requests = tuned["probes"], tuned["requests"]
    print(f"  tune-workers: {tuned['workers']} workers{paced}, {found:.1f}/s, {probes} probes, {requests} requests")
    verdict(f"{name}: share of the best of the grid", found / max(fixed.values()), 0.9, at_most=False)


def _throughput(folder: Path, config: Path, workers: int, *settings: str) -> float:
    cases = max(LEAST_CASES, GENERATIONS * workers)
    flags = [flag for setting in ("concurrency.adaptive=false", *settings) for flag in ("--set", setting)]
    document = _evalperf(
        folder, "run", str(config), "--json", "--no-cache", "-n", str(cases), "-j", str(workers), *flags
    )
    return float(document["cases"]["ok"] / document["wall_s"])


def _evalperf(folder: Path, *arguments: str) -> Any:
    environ = {name: str(folder / name) for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME")}
    return measured([sys.executable, "-m", "evalperf", *arguments], env=environ).document


def _config(folder: Path, port: int) -> Path:
    cases = folder / "cases.jsonl"
    with cases.open("w") as file:
        for number in range(20_000):
            file.write(json.dumps({"id": str(number), "input": f"What is {number} + 1?"}) + "\n")
    provider = {"type": "openai", "model": "small", "endpoints": [{"url": f"http://127.0.0.1:{port}/v1"}]}
    return write_config(
        folder / "c.json", cases={"path": str(cases)}, provider=provider, output={"dir": str(folder / "results")}
    )


if __name__ == "__main__":
    main()
