"""Results made by hand, and reports on them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from evalperf.config.model import Gate
from evalperf.records import Result, Usage
from evalperf.report import Report, RunFacts, RunHeader, build_document
from evalperf.stats import Summariser, evaluate_gates
from tests.report.figures import BATCHES, cache, calling, endpoint
from tests.support.results import make_result


@pytest.fixture(scope="session", name="make_result")
def _make_result() -> Callable[..., Result]:
    """Makes a result; `value` is the score of "exact", `kind` that of a failure, other fields as they are."""
    return make_result


HEADER = RunHeader(
    id="20261120-143005-quickstart-3f9a",
    dir="/runs/results/20261120-143005-quickstart-3f9a",
    name="quickstart",
    config_digest="d1",
    model="sim-small",
    started_at="2026-11-20T14:30:05.000000Z",
    version="0.1.0",
)
FACTS = RunFacts(
    status="complete",
    total=12,
    rejected=1,
    resumed=0,
    in_doubt=0,
    wall_s=4.0,
    cpu_s=0.5,
    peak_rss_bytes=93_000_000,
    limited_by={"server": 0.91, "rate_limit": 0.09},
    calling=calling(endpoints=(endpoint("a"),), caches=(cache(),), batches=(BATCHES,), hedged=1),
    synthetic=("The endpoint is simulated.",),
)


def _sample_results() -> list[Result]:
    """Seven right, three wrong, two failed; three tried again."""
    usage = Usage(input_tokens=20, output_tokens=5)
    results = [
        make_result(
            seq,
            value=float(seq % 3 != 0),
            output="4" if seq % 3 else "The answer is 5.",
            latency_s=seq / 10,
            attempts=1 + (seq in {2, 5}),
            usage=usage,
            metadata={"task": "sums" if seq < 6 else "words"},
        )
        for seq in range(1, 11)
    ]
    results.append(make_result(11, kind="timeout", latency_s=60.0, attempts=5, metadata={"task": "words"}))
    results.append(make_result(12, kind="bad_reply", metadata={"task": "words"}))
    return results


def _make_report(
    results: list[Result] | None = None,
    *,
    facts: RunFacts = FACTS,
    gates: tuple[Gate, ...] = (),
    by: str | None = None,
    warnings: tuple[str, ...] = (),
) -> Report:
    summariser = Summariser(scorers=["exact"], by=by)
    for result in _sample_results() if results is None else results:
        summariser.add(result)
    summary = msgspec.to_builtins(summariser.summary())
    document = build_document(summary, HEADER, facts, warnings=warnings)
    document["gates"] = msgspec.to_builtins(evaluate_gates(document, gates))
    return Report(document=document, place="results/20261120-143005-quickstart-3f9a", config_path="quick start.json")


@pytest.fixture(scope="session")
def make_report() -> Callable[..., Report]:
    """Makes a report on the sample results, or on others."""
    return _make_report
