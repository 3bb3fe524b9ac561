"""Gates find their metric, and hold only on what was measured."""

from __future__ import annotations

import pytest

from evalperf.config.model import Gate
from evalperf.errors import ConfigError
from evalperf.stats.gates import check_gate_names, evaluate_gates, metric_names, metric_value

DOCUMENT = {
    "cases": {"total": 10, "done": 10, "ok": 8, "failed": 2, "rejected": 0, "cached": 0, "resumed": 0},
    "failed": {"share": 0.2},
    "scores": {"exact": {"n": 8, "mean": 0.75, "ci95": [0.41, 0.93], "std": 0.4}},
    "latency_s": {"p95": 1.5},
    "ttft_s": {"p95": None},
    "throughput": {"cases_per_s": 20.0},
    "cost_usd": None,
    "usage": None,
}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("exact.mean", 0.75),
        ("exact.ci95.0", 0.41),
        ("failed.share", 0.2),
        ("cases.failed", 2),
        ("latency_s.p95", 1.5),
        ("throughput.cases_per_s", 20.0),
        ("ttft_s.p95", None),
        ("cost_usd", None),
        ("usage.input_tokens", None),
    ],
)
def test_a_metric_is_a_path_in_the_scores_or_the_document(metric, value):
    assert metric_value(DOCUMENT, metric) == value


@pytest.mark.parametrize(
    ("low", "high", "held", "reason"),
    [
        (0.75, None, True, None),
        (None, 0.75, True, None),
        (0.8, None, False, "below 0.8"),
        (None, 0.7, False, "above 0.7"),
    ],
)
def test_bounds_are_inclusive(low, high, held, reason):
    [gate] = evaluate_gates(DOCUMENT, [Gate(metric="exact.mean", min=low, max=high)])
    assert (gate.value, gate.held, gate.reason) == (0.75, held, reason)


def test_what_was_not_measured_is_not_held():
    [gate] = evaluate_gates(DOCUMENT, [Gate(metric="cost_usd", max=1.0)])
    assert (gate.value, gate.held, gate.reason) == (None, False, "not measured")


def test_any_k_of_pass_at_k_is_a_metric():
    """Which k there are is a matter of the configuration; a k that was not asked for is not measured."""
    document = {**DOCUMENT, "scores": {"code": {"mean": 0.3, "pass_at_k": {"5": 0.6}, "pass_hat_k": {"5": 0.1}}}}
    gates = [Gate(metric=f"code.pass_{kind}_k.{k}", min=0.5) for kind, k in (("at", 5), ("hat", 5), ("at", 7))]
    assert [gate.reason for gate in evaluate_gates(document, gates)] == [None, "below 0.5", "not measured"]
    with pytest.raises(ConfigError, match="no metric"):
        check_gate_names([Gate(metric="code.pass_at_k.x", min=0.5)], ["code"])


def test_nothing_done_has_no_failure_share():
    empty = {"cases": {"ok": 0, "failed": 0}, "scores": {}}
    assert metric_value(empty, "failed.share") is None


def test_a_wrong_name_is_an_error_before_the_run():
    gates = [Gate(metric="exact.maen", min=0.5), Gate(metric="latency.p95", max=1), Gate(metric="exact.mean", min=0)]
    with pytest.raises(ConfigError) as caught:
        check_gate_names(gates, ["exact"])
    assert 'no metric "exact.maen"; did you mean "exact.mean"?' in caught.value.message
    assert 'did you mean "latency_s.p95"?' in caught.value.message
    assert caught.value.message.count("no metric") == 2


def test_names_know_the_scorers():
    assert {"a.mean", "b.ci95.0", "failed.share", "cost_usd"} <= set(metric_names(["a", "b"]))
