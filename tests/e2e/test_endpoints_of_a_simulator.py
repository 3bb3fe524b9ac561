"""Whole runs against `evalperf simulate` processes that refuse, limit, fail and die: nothing is lost or asked twice."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from evalperf.simulator import CERTIFICATE

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def simulator(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Its base URL and its process."""
    argv = [sys.executable, "-m", "evalperf", "simulate", "--port", "0", *options]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.terminate()
            process.communicate(timeout=10)


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url.removesuffix("/v1") + "/stats", timeout=10) as reply:
        return json.load(reply)


@pytest.fixture
def config(tmp_path: Path):
    """Writes a configuration of so many sums for these endpoints."""

    def write(cases: int, *endpoints: dict[str, Any], **sections: Any) -> str:
        rows = [{"id": f"c{n}", "input": f"What is {n} + {n}?", "target": str(2 * n)} for n in range(cases)]
        (tmp_path / "cases.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
        document = {
            "cases": {"path": "cases.jsonl"},
            "provider": {"type": "openai", "model": "large", "endpoints": list(endpoints)},
            "scorers": ["number"],
            "cache": {"responses": {"strategy": "off"}},
            "output": {"dir": "results"},
            **sections,
        }
        path = tmp_path / "config.json"
        path.write_text(json.dumps(document))
        return str(path)

    return write


def results(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in (folder / "results").rglob("results/part-*.jsonl.gz")
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


def test_refused_and_failed_requests_are_asked_again_and_answered_ones_never(config, document) -> None:
    """10 % of 429s and 2 % of 500s: the server's own count, not ours."""
    with simulator("--latency", "0.01", "--rate-429", "0.1", "--rate-500", "0.02", "--retry-after", "0.05") as (url, _):
        found = document("run", config(200, {"url": url}))
        seen = stats(url)
    assert found["cases"]["ok"] == 200
    assert seen["statuses"]["200"] == len(seen["answered"]) == 200
    assert seen["answered_more_than_once"] == 0
    assert seen["statuses"]["429"] > 0
    assert seen["statuses"]["500"] > 0


@pytest.mark.parametrize("dialect", ["openai", "anthropic", "azure", "retry-after", "none"])
def test_a_limit_costs_no_case(config, document, dialect) -> None:
    """100 requests/s, 10 at once, told in each way that there is."""
    limit = ("--limit", "100", "--burst", "10", "--headers", dialect)
    with simulator("--latency", "0.05", *limit) as (url, _):
        found = document("run", config(150, {"url": url}))
        seen = stats(url)
    assert found["cases"]["ok"] == 150
    assert seen["statuses"]["200"] == 150
    assert seen["answered_more_than_once"] == 0


def test_an_endpoint_that_dies_in_mid_run_loses_no_case(config, document, tmp_path: Path) -> None:
    """One of three is four times slower; one is killed once it has answered a few."""
    with ExitStack() as stack:
        (one, _), (other, dying), (slow, _) = (
            stack.enter_context(simulator("--slots", "4", "--latency", f"{latency_s}")) for latency_s in (0.1, 0.1, 0.4)
        )

        def kill() -> None:
            while stats(other)["statuses"].get("200", 0) < 10:
                time.sleep(0.02)
            dying.send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        endpoints = [{"name": name, "url": url} for name, url in (("one", one), ("other", other), ("slow", slow))]
        found = document("run", config(300, *endpoints))
        killer.join()
        again = [stats(url)["answered_more_than_once"] for url in (one, slow)]
    assert found["cases"]["ok"] == 300
    assert again == [0, 0]
    assert {row["endpoint"] for row in results(tmp_path)} == {"one", "other", "slow"}


def test_a_black_hole_that_fails_fast_attracts_no_traffic(config, document) -> None:
    """It would answer many times as fast as the other: a few requests tell."""
    with ExitStack() as stack:
        good, _ = stack.enter_context(simulator("--latency", "0.1"))
        hole, _ = stack.enter_context(simulator("--model", "black-hole", "--latency", "0.001"))
        found = document("run", config(300, {"url": good}, {"url": hole}))
        wasted = stats(hole)["requests"]
    assert found["cases"]["ok"] == 300
    assert wasted <= 60


def test_a_certificate_made_at_the_start_is_trusted_where_it_is_named(config, document, evalperf) -> None:
    with simulator("--tls", "--latency", "0") as (url, process):
        assert process.stderr is not None
        certificate = next(line.split()[-1] for line in process.stderr if CERTIFICATE in line)
        assert document("run", config(5, {"url": url, "ca_file": certificate}))["cases"]["ok"] == 5
        assert "certificate" in evalperf("run", config(5, {"url": url}), code=2).stderr


def test_a_profile_of_the_simulator_as_provider(config, document) -> None:
    """Malformed replies are failures by their kind, and never wrong answers."""
    provider = {"type": "simulator", "model": "large", "profile": "html-error", "latency_s": 0}
    found = document("run", config(5, provider=provider, retry={"attempts": 1}), code=3)
    assert found["failures"] == {"server_error": 5}
    assert found["scores"]["number"]["n"] == 0


def test_every_reply_of_a_judge_is_classified(config, document, tmp_path: Path) -> None:
    """Broken, refused or late: a verdict that is right, or none and why; never a silent 0."""
    judge = {
        "type": "judge",
        "provider": {"type": "simulator", "model": "judge", "profile": "judge", "latency_s": 0.01},
        "rubric": {"type": "reference"},
        "repairs": 0,
    }
    provider = {"type": "simulator", "model": "large", "latency_s": 0}
    document("run", config(120, provider=provider, scorers=["number", judge]))
    found = results(tmp_path)
    verdicts = [(row["scores"]["number"]["value"], row["scores"]["judge"]) for row in found]
    assert len(verdicts) == 120
    assert all(score["value"] == right for right, score in verdicts if score["value"] is not None)
    unjudged = [score for _, score in verdicts if score["value"] is None]
    kinds = {score["detail"]["failure"]["kind"] for score in unjudged}
    assert 5 <= len(unjudged) <= 60
    assert kinds == {"bad_reply", "content_filter", "empty"}
    assert all(score["reason"] for score in unjudged)
