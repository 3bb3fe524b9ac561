"""The document has the promised keys, and None for what nobody measured."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from evalperf.config.model import Gate
from evalperf.report import RENDERERS, RunFacts, facts_of
from evalperf.stats.gates import _METRICS, metric_names, metric_value

PROMISED = {
    "schema_version": 1,
    "run": {"id", "dir", "name", "config_digest"},
    "status": "complete",
    "cases": {"total", "ok", "failed", "rejected", "cached", "resumed"},
    "failures": {"timeout", "bad_reply"},
    "latency_s": {"p50", "p90", "p95", "p99", "max", "mean"},
    "ttft_s": {"p50", "p90", "p95", "p99", "max", "mean"},
    "queue_s": {"p50", "p90", "p95", "p99", "max", "mean"},
    "throughput": {"cases_per_s", "tokens_per_s"},
    "usage": {"input_tokens", "output_tokens"},
    "cost_usd": None,
    "cache": {"hits", "misses", "hit_rate", "api_call_reduction", "hits_by_tier", "semantic_hits", "session"},
    "endpoints": {"a"},
    "connections": {"calls", "opened", "reused"},
    "judging": None,
    "hedged": 1,
    "limited_by": {"server", "rate_limit"},
    "wall_s": 4.0,
    "cpu_s": 0.5,
    "peak_rss_bytes": 93_000_000,
    "gates": [],
}


def test_the_document_has_what_was_promised(make_report):
    document = make_report().document
    for key, promised in PROMISED.items():
        if isinstance(promised, set):
            assert promised <= document[key].keys(), key
        else:
            assert document[key] == promised, key
    exact = document["scores"]["exact"]
    assert {"n", "mean", "ci95", "passed", "mean_failures_as_wrong"} <= exact.keys()
    assert (exact["n"], exact["mean"], exact["passed"]) == (10, 0.7, 7)
    assert exact["mean_failures_as_wrong"] == 7 / 12
    assert document["failed"] == {"share": 2 / 12}
    assert "by" not in document


def test_rates_are_per_second_of_this_session(make_report):
    facts = RunFacts(status="complete", total=12, resumed=4, wall_s=2.0)
    rates = make_report(facts=facts).document["throughput"]
    assert rates == {"cases_per_s": 4.0, "tokens_per_s": None}, "tokens of earlier sessions can't be told apart"
    assert make_report().document["throughput"] == {"cases_per_s": 3.0, "tokens_per_s": 12.5}


def test_a_killed_run_has_no_rates_and_no_zeros(make_report):
    document = make_report(facts=RunFacts()).document
    assert document["status"] == "interrupted"
    assert document["throughput"] == {"cases_per_s": None, "tokens_per_s": None}
    for key in ("wall_s", "cpu_s", "peak_rss_bytes", "limited_by", "in_doubt"):
        assert document[key] is None, key


def test_facts_come_back_from_the_document(make_report):
    document = make_report().document
    written = orjson.loads(orjson.dumps(document))
    facts = facts_of(written)
    assert make_report(facts=facts).document == document


def test_facts_of_another_shape_are_refused():
    with pytest.raises(msgspec.ValidationError):
        facts_of({"status": "complete", "wall_s": "soon"})


def test_json_is_the_document(make_report):
    report = make_report(by="task")
    text = RENDERERS["json"](report)
    assert orjson.loads(text) == orjson.loads(orjson.dumps(report.document))
    assert text.endswith(b"}\n")


def test_every_metric_of_a_gate_is_a_place_in_the_document(make_report):
    """Only `usage`, `cache` and `judging` may be missing as a whole."""
    document = make_report().document
    unmeasured = {name for name in metric_names(["exact"]) if metric_value(document, name) is None}
    assert unmeasured == {
        "cost_usd",
        *(f"costs.{part}_usd" for part in ("answers", "scoring", "embeddings")),
        "exact.corpus",
        *(f"judging.{field}" for field in ("calls", "input_tokens", "output_tokens", "cost_usd")),
        *(f"ttft_s.{field}" for field in ("p50", "p90", "p95", "p99", "max", "mean")),
    }
    assert "failed.share" in _METRICS


def test_gates_stand_in_the_document(make_report):
    document = make_report(gates=(Gate(metric="exact.mean", min=0.9),)).document
    assert document["gates"] == [
        {"metric": "exact.mean", "min": 0.9, "max": None, "value": 0.7, "held": False, "reason": "below 0.9"}
    ]
