"""A summary says the same for any order and any split, and counts as a person would."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from evalperf.errors import ConfigError
from evalperf.records import Score, Spent, Usage
from evalperf.report import RENDERERS, Report, RunFacts, RunHeader, build_document
from evalperf.stats import Summariser, clusters

KINDS = ["timeout", "connection", "scorer"]
FIELDS = {
    "value": st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
    "kind": st.one_of(st.none(), st.none(), st.sampled_from(KINDS)),
    "latency_s": st.one_of(st.none(), st.floats(0, 1e4)),
    "ttft_s": st.one_of(st.none(), st.floats(0, 10)),
    "attempts": st.integers(0, 4),
    "cached": st.sampled_from([None, None, "memory"]),
    "cost_usd": st.one_of(st.none(), st.floats(0, 1)),
    "usage": st.one_of(st.none(), st.builds(Usage, st.integers(0, 99), st.integers(0, 99))),
    "metadata": st.fixed_dictionaries({"kind": st.sampled_from(["a", "b", 3])}),
}
drawn = st.lists(st.fixed_dictionaries(FIELDS), max_size=40)


def folded(results, **options):
    summariser = Summariser(**options)
    for result in results:
        summariser.add(result)
    return summariser


def encoded(summariser):
    return msgspec.json.encode(summariser.summary())


SPENT = st.builds(
    Spent,
    calls=st.integers(0, 3),
    cached=st.integers(0, 2),
    latency_s=st.one_of(st.none(), st.floats(0, 9)),
    usage=st.one_of(st.none(), st.builds(Usage, st.integers(0, 99), st.integers(0, 9))),
    cost_usd=st.one_of(st.none(), st.floats(0, 1)),
)
SCORE = st.builds(
    Score,
    value=st.one_of(st.none(), st.sampled_from([0.0, 1.0]), st.floats(-1e6, 1e6)),
    passed=st.one_of(st.none(), st.booleans()),
    spent=st.one_of(st.just(UNSET), SPENT),
    detail=st.one_of(
        st.just(UNSET),
        st.builds(
            lambda counts: {"corpus": {"metric": "chrf", "counts": counts}},
            st.lists(st.integers(0, 9), min_size=3, max_size=3),
        ),
    ),
)
ROW = st.fixed_dictionaries(
    {
        **FIELDS,
        "value": st.just(None),
        "scores": st.dictionaries(st.sampled_from(["a", "b", "c"]), SCORE, max_size=3),
        "endpoint": st.sampled_from(["x", "y", None]),
        "metadata": st.fixed_dictionaries(
            {"kind": st.sampled_from(["a", "b"]), "doc": st.sampled_from(["1", "2", "3", None])}
        ),
    }
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(ROW, max_size=30),
    st.fixed_dictionaries(
        {
            "epochs": st.integers(1, 3),
            "by": st.sampled_from([None, "endpoint", "kind"]),
            "cluster_by": st.sampled_from([None, "doc"]),
            "interval": st.sampled_from(["auto", "bootstrap"]),
        }
    ),
    st.integers(1, 4),
    st.randoms(),
)
def test_every_part_of_the_document_is_the_same_for_any_order_and_split(make_result, rows, options, parts, shuffler):
    epochs = options["epochs"]
    results = [make_result(1 + at // epochs, epoch=1 + at % epochs, **row) for at, row in enumerate(rows)]
    results.append(make_result(99, metadata={"kind": "a"}))
    shuffled = results[:]
    shuffler.shuffle(shuffled)
    merged = Summariser(scorers=["a"], **options)
    for part in range(parts):
        merged.merge(folded(shuffled[part::parts], scorers=["a"], **options))
    assert document_of(merged) == document_of(folded(results, scorers=["a"], **options))


def document_of(summariser):
    header = RunHeader(id="r", dir="r", name="r")
    document = build_document(msgspec.to_builtins(summariser.summary()), header, RunFacts())
    return b"".join(render(Report(document=document)) for render in RENDERERS.values())


@settings(max_examples=60)
@given(drawn, st.integers(1, 3), st.integers(1, 4), st.randoms())
def test_order_and_split_change_no_byte(make_result, rows, epochs, parts, shuffler):
    options = {"scorers": ["exact"], "by": "kind", "epochs": epochs}
    results = [make_result(1 + at // epochs, epoch=1 + at % epochs, **row) for at, row in enumerate(rows)]
    shuffled = results[:]
    shuffler.shuffle(shuffled)
    merged = Summariser(**options)
    for part in range(parts):
        merged.merge(folded(shuffled[part::parts], **options))
    assert encoded(merged) == encoded(folded(results, **options))


def test_the_three_headline_numbers(make_result):
    """6 right, 2 wrong, 2 failed: 0.75 over the scored, 0.6 with failures as wrong, 2 of 10 failed."""
    results = [make_result(seq, value=float(seq > 2)) for seq in range(1, 9)]
    results += [make_result(9, kind="timeout"), make_result(10, kind="server_error")]
    summary = folded(results).summary()
    exact = summary.scores["exact"]
    assert (exact.n, exact.mean, exact.mean_failures_as_wrong, exact.passed) == (8, 0.75, 0.6, 6)
    assert (summary.total, summary.ok, summary.failed) == (10, 8, 2)
    assert summary.failures == {"server_error": 1, "timeout": 1}
    assert exact.interval == "wilson"


def test_an_answer_without_a_score_is_in_no_mean(make_result):
    unscored = make_result(2, scores={"exact": Score(value=None, reason="no target")})
    exact = folded([make_result(1, value=1.0), unscored]).summary().scores["exact"]
    assert (exact.n, exact.mean, exact.unscored, exact.mean_failures_as_wrong, exact.ci95) == (1, 1.0, 1, 1.0, None)


def test_a_score_that_is_no_number_is_no_score(make_result):
    exact = folded([make_result(1, value=float("nan")), make_result(2, value=1.0)]).summary().scores["exact"]
    assert (exact.n, exact.mean, exact.unscored) == (1, 1.0, 1)


def test_a_failed_case_that_one_scorer_scored_counts_with_its_score(make_result):
    """Its other scorer broke, so the case is failed; the score that was made stays, and is not counted as wrong too."""
    broken = make_result(1, kind="scorer", scores={"exact": Score(value=1.0, passed=True), "f": Score(value=None)})
    scores = folded([broken], scorers=["f"]).summary().scores
    assert list(scores) == ["f", "exact"]
    assert (scores["exact"].mean, scores["exact"].mean_failures_as_wrong) == (1.0, 1.0)
    assert (scores["f"].mean, scores["f"].mean_failures_as_wrong, scores["f"].n) == (None, 0.0, 0)


def test_a_scorer_without_a_notion_of_right_has_none_passed(make_result):
    result = make_result(1, scores={"length": Score(value=12.0)})
    assert folded([result]).summary().scores["length"].passed is None


def test_a_run_without_results_knows_nothing(make_result):
    summary = folded([], scorers=["exact"]).summary()
    assert (summary.total, summary.cost_usd, summary.usage, summary.latency_s.p50) == (0, None, None, None)
    exact = summary.scores["exact"]
    assert (exact.n, exact.mean, exact.ci95, exact.std, exact.passed) == (0, None, None, None, None)


def test_epochs_are_averaged_within_the_case_first(make_result):
    """Cases of 1, 1, 0 and 0, 0, 0: means 2/3 and 0, n = 2, not 6."""
    values = {1: [1.0, 1.0, 0.0], 2: [0.0, 0.0, 0.0]}
    results = [make_result(seq, epoch=at + 1, value=v) for seq, all_ in values.items() for at, v in enumerate(all_)]
    exact = folded(results, epochs=3).summary().scores["exact"]
    assert (exact.n, exact.answers, exact.passed) == (2, 6, 2)
    assert exact.mean == pytest.approx(1 / 3)
    assert exact.std == pytest.approx((2 / 9) ** 0.5)
    assert exact.interval == "t"


def test_a_failed_epoch_is_wrong_only_where_failures_count_as_wrong(make_result):
    """Case 1: right and failed; case 2: failed twice; case 3: right twice."""
    results = [
        make_result(1, epoch=1, value=1.0),
        make_result(1, epoch=2, kind="timeout"),
        make_result(2, epoch=1, kind="timeout"),
        make_result(2, epoch=2, kind="timeout"),
        make_result(3, epoch=1, value=1.0),
        make_result(3, epoch=2, value=1.0),
    ]
    exact = folded(results, epochs=2).summary().scores["exact"]
    assert (exact.n, exact.mean, exact.mean_failures_as_wrong) == (2, 1.0, 0.5)


def test_a_case_leaves_memory_with_its_last_epoch(make_result):
    summariser = Summariser(epochs=2)
    for seq in range(1, 5):
        summariser.add(make_result(seq, epoch=2, value=1.0))
        summariser.add(make_result(seq, epoch=1, value=1.0))
    summariser.add(make_result(9, epoch=1, value=0.0))
    assert summariser.summary().scores["exact"].n == 5
    assert summariser._scores.table.open_cases == 1, "a look at the numbers closes nothing"


def test_latency_is_of_what_the_endpoint_served(make_result):
    """A refusal in a millisecond says nothing of the endpoint's speed, nor does a cache; a timeout is a lower bound."""
    results = [
        make_result(1, latency_s=1.0),
        make_result(2, latency_s=60.0, kind="timeout"),
        make_result(3, latency_s=0.001, kind="connection"),
        make_result(4, latency_s=0.001, kind="rate_limited"),
        make_result(5, latency_s=1.0, kind="bad_reply"),
        make_result(6, latency_s=0.0, cached="memory"),
    ]
    summary = folded(results).summary()
    assert (summary.latency_s.n, summary.timeouts, summary.latency_s.max) == (3, 1, 60.0)
    assert [case.id for case in summary.slowest] == ["case-2", "case-1", "case-5"]
    assert summary.cached == 1


def test_usage_and_cost_say_of_how_many_cases_they_are(make_result):
    known = make_result(1, usage=Usage(10, 3), cost_usd=0.1)
    cached = make_result(3, usage=Usage(10, 3), cached="disk")
    summary = folded([known, make_result(2), cached]).summary()
    assert (summary.usage.input_tokens, summary.usage.output_tokens, summary.usage.cases) == (10, 3, 1)
    assert (summary.cost_usd, summary.cost_cases) == (0.1, 1)


def test_retries_that_brought_an_answer_are_recovered(make_result):
    results = [make_result(1, attempts=3), make_result(2, attempts=5, kind="timeout"), make_result(3)]
    retries = folded(results).summary().retries
    assert (retries.cases, retries.recovered, retries.attempts) == (2, 1, 9)


def test_examples_are_the_first_of_the_input_and_are_cut(make_result):
    results = [make_result(seq, value=0.0, output="x" * 1000) for seq in range(20, 0, -1)]
    wrong = folded(results, examples=3).summary().wrong
    assert [case.seq for case in wrong] == [1, 2, 3]
    assert len(wrong[0].output) == 300
    assert wrong[0].output.endswith("…")


def test_a_scorer_without_weight_makes_no_case_wrong(make_result):
    """It is shown beside the others, and decides nothing."""
    fold = Summariser(scorers=["exact"], weightless=["exact"])
    fold.add(make_result(1, value=0.0))
    assert fold.summary().wrong == ()
    assert fold.summary().scores["exact"].mean == 0.0


def test_the_question_of_a_conversation_is_the_users_last_message(make_result):
    messages = (
        {"role": "user", "content": "first"},
        {"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image_url"}]},
        {"role": "assistant", "content": "A:"},
    )
    wrong = folded([make_result(1, value=0.0, input=messages, target=("4", "four"))]).summary().wrong
    assert (wrong[0].input, wrong[0].target) == ("see", "4 | four")


def test_groups_have_their_own_means(make_result):
    results = [
        make_result(seq, value=float(seq % 3 == 0), metadata={"task": {"kind": "ab"[seq % 2]}}) for seq in range(10)
    ]
    results.append(make_result(11, kind="timeout"))
    by = folded(results, by="task.kind").summary().by
    assert by.field == "task.kind"
    assert [(group.value, group.total, group.failed) for group in by.groups] == [("a", 5, 0), ("b", 5, 0), (None, 1, 1)]
    assert [group.scores["exact"].mean for group in by.groups[:2]] == [0.4, 0.4]


def test_a_case_is_in_the_group_of_each_of_its_tags(make_result):
    by = folded([make_result(1, tags=("x", "y")), make_result(2, tags=("x",))], by="tags").summary().by
    assert {group.value: group.total for group in by.groups} == {"x": 2, "y": 1}


@pytest.mark.parametrize(
    ("field", "value"), [("model", "m"), ("endpoint", "a"), ("metadata.model", "other"), ("a.b", "1")]
)
def test_fields_to_group_by(make_result, field, value):
    by = folded([make_result(1, metadata={"model": "other", "a.b": 1})], by=field).summary().by
    assert [group.value for group in by.groups] == [value]


def test_a_field_that_nobody_has_is_an_error_with_a_suggestion(make_result):
    summariser = folded([make_result(1, metadata={"category": "x"})], by="categroy")
    with pytest.raises(ConfigError, match="categroy") as caught:
        summariser.summary()
    assert caught.value.hint == 'did you mean "category"?'


def test_groups_are_set_against_the_rest(make_result):
    """Of 40 in a group 36 are right, of the 40 others 20."""
    results = [
        make_result(
            seq, value=float(seq % 10 != 0 if seq <= 40 else seq % 2), metadata={"task": "a" if seq <= 40 else "b"}
        )
        for seq in range(1, 81)
    ]
    a, b = folded(results, by="task").summary().by.groups
    apart = a.against_rest["exact"]
    assert (a.value, apart.difference, apart.test) == ("a", 0.4, "z")
    assert b.against_rest["exact"].difference == -0.4
    assert apart.ci95[0] > 0 > b.against_rest["exact"].ci95[1]
    assert apart.q == apart.p < 0.001, "two groups are one question asked twice, and both p are small"


def test_groups_that_share_cases_are_set_against_nothing(make_result):
    """The epochs of the first case went to two endpoints, so neither is independent of the rest."""
    results = [
        make_result(seq, epoch=epoch, value=float(seq % 2), endpoint="b" if (seq, epoch) == (1, 2) else "acd"[seq % 3])
        for seq in range(1, 13)
        for epoch in (1, 2)
    ]
    groups = {group.value: group for group in folded(results, by="endpoint", epochs=2).summary().by.groups}
    assert groups["b"].against_rest == {"exact": None}
    assert groups["c"].against_rest == {"exact": None}, "case 1 is in it"
    assert groups["a"].against_rest["exact"] is not None


def test_clusters_make_the_interval_honest(make_result):
    """Ten documents of ten questions each; all of a document are right or all are wrong."""
    results = [make_result(seq, value=float(seq // 10 % 2), metadata={"doc": f"d{seq // 10}"}) for seq in range(100)]
    alone = folded(results).summary().scores["exact"]
    found = folded(results, cluster_by="doc").summary()
    exact = found.scores["exact"]
    assert (found.clustering.field, found.clustering.results, found.clustering.problem) == ("doc", 100, None)
    assert (alone.interval, exact.interval) == ("wilson", "clustered")
    assert (exact.mean, exact.clusters.n, exact.clusters.few) == (alone.mean, 10, False)
    assert exact.clusters.design_effect == pytest.approx(11, rel=1e-9), "99 / 9: a hundred cases say as much as nine"
    assert exact.ci95[1] - exact.ci95[0] > 3 * (alone.ci95[1] - alone.ci95[0])


def test_clusters_and_epochs_go_together(make_result):
    results = [
        make_result(seq, epoch=epoch, value=float((seq // 5 + epoch) % 2), metadata={"doc": seq // 5})
        for seq in range(20)
        for epoch in (1, 2, 3)
    ]
    exact = folded(results, epochs=3, cluster_by="doc").summary().scores["exact"]
    assert (exact.n, exact.answers, exact.clusters.n, exact.clusters.few) == (20, 60, 4, True)


def test_a_cluster_field_that_nobody_has_changes_nothing_and_is_told(make_result):
    """A run is paid for: its report does not fail for a name."""
    results = [make_result(seq, value=float(seq % 2), metadata={"document": seq}) for seq in range(10)]
    found = folded(results, cluster_by="documnt").summary()
    assert found.clustering.results == 0
    assert found.clustering.problem == 'no result has a field "documnt" (did you mean "document"?)'
    assert found.scores["exact"] == folded(results).summary().scores["exact"]


def test_a_cluster_field_that_differs_in_every_case_changes_nothing_either(make_result, monkeypatch):
    monkeypatch.setattr(clusters, "MAX_CLUSTERS", 8)
    results = [make_result(seq, value=float(seq % 2), metadata={"n": seq}) for seq in range(10)]
    found = folded(results, cluster_by="n").summary()
    assert found.clustering.problem.endswith('values of "n"')
    assert found.scores["exact"] == folded(results).summary().scores["exact"]


def test_too_many_groups_are_an_error(make_result):
    summariser = Summariser(by="n")
    results = [make_result(seq, metadata={"n": seq}) for seq in range(10_001)]
    for result in results[:-1]:
        summariser.add(result)
    summariser.summary()
    with pytest.raises(ConfigError, match="10,000 groups"):
        folded(results, by="n").summary()


def test_different_folds_do_not_merge():
    with pytest.raises(ValueError, match="do not merge"):
        Summariser(by="a").merge(Summariser())
