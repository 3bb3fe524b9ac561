"""What is said beside a score: epochs, corpus, pass@k, clusters, cost of judging, what can't be seen."""

from __future__ import annotations

import msgspec
import pytest

from evalperf.records import Score, Spent, Usage
from evalperf.report import RENDERERS, Report, RunFacts, RunHeader, build_document
from evalperf.report.scorelines import contrast_texts, contrasts_note, qualifiers, score_notes
from evalperf.stats import Summariser


def document_of(results, **options):
    summariser = Summariser(**options)
    for result in results:
        summariser.add(result)
    header = RunHeader(id="r", dir="r", name="r")
    return build_document(msgspec.to_builtins(summariser.summary()), header, RunFacts(status="complete"))


def notes_of(document, name="exact"):
    return score_notes(document["scores"][name], document["clustering"])


def text_of(document, renderer="terminal"):
    return RENDERERS[renderer](Report(document=document)).decode()


def test_a_plain_score_needs_no_words(make_result):
    assert notes_of(document_of([make_result(seq, value=1.0) for seq in range(3)])) == []


def test_repeated_cases_are_said_to_be_averaged_first(make_result):
    results = [make_result(seq, epoch=epoch, value=float(epoch == 1)) for seq in range(4) for epoch in (1, 2)]
    averaged, at, hat = notes_of(document_of(results, epochs=2))
    assert averaged == "8 answers, averaged per case first"
    assert at == "pass@1 0.500  pass@2 1.000  (chance that one of k answers passes)"
    assert hat == "pass^1 0.500  pass^2 0.000  (chance that all k pass)"


def test_a_k_that_few_cases_reach_says_so(make_result):
    results = [make_result(1, epoch=1, value=1.0), make_result(1, epoch=2, value=1.0), make_result(2, value=1.0)]
    results.append(make_result(2, epoch=2, kind="timeout"))
    assert "the largest k is over 1 case: the others have fewer answers" in notes_of(document_of(results, epochs=2))


def test_a_corpus_score_stands_beside_the_mean(make_result):
    detail = {"corpus": {"metric": "chrf", "counts": [4, 4, 2]}}
    results = [make_result(1, scores={"chrf": Score(value=50.0, detail=detail)})]
    assert notes_of(document_of(results), "chrf") == ["50.000 as one corpus; the mean is over single answers"]
    results.append(make_result(2, scores={"chrf": Score(value=0.0)}))
    assert notes_of(document_of(results), "chrf")[0].startswith("50.000 as one corpus of 1 answers;")


def test_clusters_say_how_much_a_case_counts(make_result):
    results = [make_result(seq, value=float(seq // 10 % 2), metadata={"doc": seq // 10}) for seq in range(120)]
    document = document_of(results, cluster_by="doc")
    assert notes_of(document) == ["interval over 12 clusters of doc: 10.8 cases say as much as one independent case"]
    assert qualifiers(document["scores"])[0] == ("intervals", "clustered")


def test_few_clusters_are_a_warning(make_result):
    results = [make_result(seq, value=float(seq % 2), metadata={"doc": seq % 3}) for seq in range(12)]
    assert notes_of(document_of(results, cluster_by="doc"))[-1] == (
        "fewer than 10 clusters: the interval is not to be relied on"
    )


def test_a_cluster_field_that_nobody_has_is_told_loudly(make_result):
    document = document_of([make_result(1, value=1.0, metadata={"document": 3})], cluster_by="documen")
    assert '! statistics.cluster_by: no result has a field "documen" (did you mean' in text_of(document)
    assert len(document["warnings"]) == 1


@pytest.mark.parametrize(
    ("spent", "text"),
    [
        (
            Spent(calls=3, cached=2, latency_s=6.0, usage=Usage(1000, 50), cost_usd=0.25),
            "scoring made 3 calls and took 2 from a cache · 2 s each · 1,000 in · 50 out · $0.2500",
        ),
        (Spent(calls=1), "scoring made 1 call · cost unknown for 1 call"),
        (Spent(calls=0, cached=4), "scoring made 0 calls and took 4 from a cache"),
    ],
)
def test_what_scoring_cost_is_told_apart(make_result, spent, text):
    scores = {"judge": Score(value=1.0, spent=spent)}
    assert notes_of(document_of([make_result(1, cost_usd=7.0, scores=scores)]), "judge") == [text]


def test_a_cost_known_in_part_says_so(make_result):
    results = [
        make_result(1, scores={"judge": Score(value=1.0, spent=Spent(calls=1, cost_usd=0.5))}),
        make_result(2, scores={"judge": Score(value=1.0, spent=Spent(calls=2))}),
    ]
    assert "$0.5000 (unknown for 2 calls)" in notes_of(document_of(results), "judge")[0]


def test_intervals_are_named_where_they_differ(make_result):
    results = [
        make_result(seq, scores={"a": Score(value=float(seq % 2)), "b": Score(value=seq / 10)}) for seq in range(10)
    ]
    intervals, resolution = qualifiers(document_of(results)["scores"])
    assert intervals == ("intervals", "wilson (a), t (b)")
    assert resolution[1].startswith("differences under 0.532 (a), 0.438 (b) to another run of this size can't be seen")


def test_a_group_that_differs_is_marked(make_result):
    results = [
        make_result(seq, value=float(seq % 10 != 0 if seq <= 40 else seq % 2), metadata={"t": seq <= 40})
        for seq in range(1, 81)
    ]
    document = document_of(results, by="t")
    shown = [contrast_texts(group["against_rest"]["exact"]) for group in document["by"]["groups"]]
    assert shown == [("-0.400", "<0.001*"), ("+0.400", "<0.001*")]
    assert contrasts_note(document["by"]).endswith("with 2 comparisons allowed for (Benjamini–Hochberg)")
    assert "vs rest     the group's mean less that of all other cases" in text_of(document)
    assert r"| +0.400 | \<0.001\* |" in text_of(document, "markdown")


def test_a_group_that_is_all_there_is_has_no_rest(make_result):
    document = document_of([make_result(seq, value=1.0, metadata={"t": 1}) for seq in range(4)], by="t")
    assert contrasts_note(document["by"]) is None
    assert contrast_texts(document["by"]["groups"][0]["against_rest"]["exact"]) == ("–", "–")


def test_endpoints_are_listed_where_there_are_several(make_result):
    one = [make_result(seq, endpoint="a", latency_s=1.0) for seq in range(3)]
    assert "endpoints" not in text_of(document_of(one))
    both = [*one, make_result(9, endpoint="b", kind="timeout", latency_s=60.0, attempts=4)]
    text = text_of(document_of(both))
    assert "endpoints   a: 3 cases · 0 failed · p50 1 s  p95 1 s · 3 attempts" in text
    assert "            b: 1 case · 1 failed · p50 ≥ 60 s  p95 ≥ 60 s · 4 attempts" in text
