"""A summary says the same for any order and any split, and counts as a person would."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalperf.errors import ConfigError
from evalperf.records import Score, Usage
from evalperf.stats import Summariser

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
    assert list(summariser._scores._open) == [9]
    assert summariser.summary().scores["exact"].n == 5


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


def test_too_many_groups_are_an_error(make_result):
    summariser = Summariser(by="n")
    results = [make_result(seq, metadata={"n": seq}) for seq in range(10_001)]
    for result in results[:-1]:
        summariser.add(result)
    with pytest.raises(ConfigError, match="10,000 groups"):
        summariser.add(results[-1])


def test_different_folds_do_not_merge():
    with pytest.raises(ValueError, match="do not merge"):
        Summariser(by="a").merge(Summariser())
