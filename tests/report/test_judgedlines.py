"""What is said about a judge beside its scores."""

from __future__ import annotations

from typing import Any

from evalperf.records import Score
from tests.report.test_scorelines import document_of, notes_of, text_of


def said(value: float | None = 1.0, **detail: Any) -> Score:
    return Score(value=value, reason=None if value is not None else "no verdict", detail=detail)


def notes(make_result, *scores: Score) -> list[str]:
    document = document_of([make_result(seq, scores={"judge": score}) for seq, score in enumerate(scores, start=1)])
    assert all(note.split()[0] in text_of(document) for note in notes_of(document, "judge"))
    return notes_of(document, "judge")


def test_what_was_not_judged_is_said_with_its_kind(make_result) -> None:
    scores = [said(decided_by="first"), said(None, decided_by="judge", failure={"kind": "timeout", "message": "late"})]
    assert notes(make_result, *scores) == [
        "1 answer not scored: in no mean",
        "decided by the first scorer 1, the judge 1",
        "no verdict: 1 timeout",
    ]


def test_votes_and_orders_say_how_sure_the_judge_is(make_result) -> None:
    scores = [said(votes=[1.0, 0.0], verdicts=["pass", "fail"], orders=[["answer", "other"]]) for _ in range(2)]
    assert notes(make_result, *scores) == [
        "votes agree in 0 % of their pairs, Krippendorff's alpha -0.500 (2 answers)",
        "the same winner in both orders: 0 of 2 (0 %), kappa 0.000; for the place: first 2, second 0",
    ]


def test_dimensions_are_listed_with_their_means(make_result) -> None:
    scores = [said(0.5, dimensions={"order": {"value": 0.5}, "a\x1b": {"value": None}}) for _ in range(2)]
    (line,) = notes(make_result, *scores)
    assert line == r"a\x1b – (2 not scored)  order 0.500 [0.500, 0.500]"


def test_the_mean_that_labels_correct_is_said_with_the_bias(make_result) -> None:
    scores = [said(1.0, human=float(at % 2)) for at in range(10)] + [said(1.0, human=None)]
    corrected, bias, unused = notes(make_result, *scores)
    assert corrected == "mean corrected by 10 labels of people: 0.500 [0.123, 0.877]"
    assert bias == "bias 0.500 [0.123, 0.877], equal to the label in 50 %, kappa 0.000"
    assert unused == "1 label not used: for another answer than this run's"


def test_a_calibration_without_numbers_says_why(make_result) -> None:
    assert notes(make_result, said(1.0, human=1.0)) == ["calibration: none, fewer than two scored answers have a label"]
