"""What the details of a judge's scores add up to."""

from __future__ import annotations

import random
from typing import Any

import pytest

from evalperf.records import Score
from evalperf.stats import Summariser
from evalperf.stats.calibration import calibrate
from evalperf.stats.exact import Moments
from evalperf.stats.judged import JudgedSummary

NAME = "judge"


def judged_of(make_result, *scores: Score, epochs: int = 1) -> JudgedSummary | None:
    summariser = Summariser(epochs=epochs)
    for at, score in enumerate(scores):
        summariser.add(make_result(at // epochs + 1, epoch=at % epochs + 1, scores={NAME: score}))
    return summariser.summary().scores[NAME].judged


def said(value: float | None = 1.0, **detail: Any) -> Score:
    return Score(value=value, reason=None if value is not None else "no verdict", detail=detail)


def test_a_score_that_is_no_judges_says_nothing(make_result) -> None:
    assert judged_of(make_result, Score(value=1.0), said(differences=3)) is None


@pytest.mark.parametrize(
    "detail", [{"votes": "many"}, {"dimensions": 3}, {"human": "yes"}, {"failure": {"kind": "hunger"}}, {"orders": [1]}]
)
def test_a_users_own_detail_may_mean_something_else(make_result, detail: dict[str, Any]) -> None:
    assert judged_of(make_result, said(**detail)) is None


def test_answers_without_a_verdict_are_counted_by_kind(make_result) -> None:
    faults = [said(None, failure={"kind": kind, "message": "x"}) for kind in ("timeout", "bad_reply", "bad_reply")]
    assert judged_of(make_result, *faults, said(verdict="pass")).no_verdict == {"bad_reply": 2, "timeout": 1}


def test_the_steps_of_the_cascade_are_counted(make_result) -> None:
    steps = [said(decided_by=step) for step in ("larger", "first", "first", "judge")]
    assert judged_of(make_result, *steps).decided_by == {"first": 2, "judge": 1, "larger": 1}


def test_both_orders_of_pairs_are_compared(make_result) -> None:
    orders = [("answer", "answer"), ("answer", "other"), ("other", "answer"), ("answer", "other"), ("tie", None)]
    found = judged_of(make_result, *(said(orders=[list(pair)]) for pair in orders)).orders
    assert (found.pairs, found.same, found.first, found.second) == (4, 1, 2, 1)
    assert found.kappa == pytest.approx(-0.5)


def test_dimensions_have_means_of_their_own(make_result) -> None:
    fault = {"value": None, "failure": {"kind": "timeout", "message": "late"}}
    found = judged_of(
        make_result,
        said(0.5, dimensions={"order": {"value": 1.0, "confidence": 0.5}, "facts": {"value": 0.0}}),
        said(None, dimensions={"order": {"value": 0.5}, "facts": fault}),
    )
    assert {name: (part.n, part.mean, part.unscored) for name, part in found.parts.items()} == {
        "facts": (1, 0.0, 1),
        "order": (2, 0.75, 0),
    }
    assert found.parts["order"].ci95 is not None
    assert found.no_verdict == {"timeout": 1}


def test_criteria_too(make_result) -> None:
    found = judged_of(make_result, said(criteria={"facts": 1.0}), said(criteria={"facts": 0.0}))
    assert found.parts["facts"].mean == 0.5


def test_names_without_end_fill_no_memory(make_result) -> None:
    found = judged_of(make_result, *(said(criteria={f"name{n}": 1.0}) for n in range(300)))
    assert len(found.parts) == 255


def labelled(seed: int, n: int, labels: int) -> list[Score]:
    """A judge that is 0.2 too kind."""
    rng = random.Random(seed)
    truth = [rng.random() < 0.5 for _ in range(n)]
    seen = [min(1.0, one + 0.2 * rng.random()) if one else 0.4 * rng.random() for one in truth]
    return [
        said(value, human=float(one)) if at < labels else said(value)
        for at, (one, value) in enumerate(zip(truth, seen, strict=True))
    ]


def test_the_judge_is_held_against_the_labels(make_result) -> None:
    """As if it had been computed with the labelled and the other scores at hand."""
    scores = labelled(1, 200, 40)
    pairs = [(score.detail["human"], score.value) for score in scores[:40]]
    rest = Moments()
    rest.add_all([score.value for score in scores[40:]])
    found = judged_of(make_result, *scores).calibration
    assert found.measured == calibrate(sorted(pairs), rest)
    assert (found.labelled, found.other_answers, found.problem) == (40, 0, None)
    assert found.measured.judge_mean > 0.55


def test_labels_of_other_answers_are_counted_and_not_used(make_result) -> None:
    found = judged_of(make_result, *labelled(1, 20, 5), said(human=None), said(None, human=1.0)).calibration
    assert (found.labelled, found.other_answers) == (5, 1)


@pytest.mark.parametrize(("epochs", "told"), [(2, "several times"), (1, "fewer than two")])
def test_where_nothing_can_be_measured_the_reason_is_said(make_result, epochs: int, told: str) -> None:
    scores = [said(1.0, human=1.0), *(said(0.0) for _ in range(3))]
    found = judged_of(make_result, *scores, epochs=epochs).calibration
    assert found.measured is None
    assert told in found.problem


def test_any_order_and_split_gives_the_same_summary(make_result) -> None:
    scores = [
        *labelled(3, 60, 20),
        *(said(None, failure={"kind": "timeout", "message": ""}, human=0.0) for _ in range(3)),
    ]
    scores += [said(v, votes=[v, 0.25, None], orders=[["tie", "tie"]], criteria={"a": v}) for v in (0.1, 0.7, 0.3)]
    results = [make_result(seq, scores={NAME: score}) for seq, score in enumerate(scores, start=1)]
    one, left, right = Summariser(), Summariser(), Summariser()
    for result in results:
        one.add(result)
    random.Random(5).shuffle(results)
    for at, result in enumerate(results):
        (left if at % 3 else right).add(result)
    left.merge(right)
    assert left.summary().scores == one.summary().scores
