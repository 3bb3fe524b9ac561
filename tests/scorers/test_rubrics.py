"""What judges are told, which verdicts there are, and what they are worth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evalperf.config.rubrics import RubricConfig
from evalperf.scorers.rubrics import Labels, Numbers, Rubric, rubric_of

RUBRIC: TypeAdapter[Any] = TypeAdapter(RubricConfig)


def rubric(**options: Any) -> Rubric:
    return rubric_of(RUBRIC.validate_python(options))


def grades(**values: float) -> Rubric:
    return rubric(type="grade", criterion="Quality.", grades=values)


def value_of(scale: Labels | Numbers, said: Any) -> float | None:
    found = scale.read(said)
    return None if found is None else found.value


@pytest.mark.parametrize("said", ["pass", "PASS", " Pass. ", "**pass**", '"pass"', "passed", "yes", True])
def test_a_pass_is_one_in_all_its_forms(said: Any) -> None:
    assert value_of(rubric(type="pass_fail", criterion="x").scale, said) == 1.0


@pytest.mark.parametrize("said", ["", "passport", "pass or fail", "not a pass", None, [], {}, 2, 0.5])
def test_what_is_not_exactly_a_verdict_is_none(said: Any) -> None:
    assert value_of(rubric(type="pass_fail", criterion="x").scale, said) is None


def test_grades_have_their_values() -> None:
    scale = grades(A=1, B=0.5, C=0).scale
    assert [value_of(scale, grade) for grade in ("a", "B", "(C)")] == [1.0, 0.5, 0.0]


def test_a_grade_that_is_a_number_may_come_as_one() -> None:
    scale = rubric(type="grade", criterion="x", grades={"1": 0, "5": 1}).scale
    assert [value_of(scale, said) for said in (5, 5.0, "5", 5.5)] == [1.0, 1.0, 1.0, None]


@pytest.mark.parametrize(("said", "value"), [(1, 0.0), ("10", 1.0), ("5.5", 0.5), ("10/10", 1.0), (" 1 ", 0.0)])
def test_a_number_on_a_scale_becomes_zero_to_one(said: Any, value: float) -> None:
    assert value_of(Numbers(1, 10), said) == value


@pytest.mark.parametrize("said", [0, 11, "11", "4/5", True, float("nan"), float("inf"), "about 7", "1e9", None])
def test_a_number_that_is_not_on_the_scale_is_none(said: Any) -> None:
    """4/5 is on another scale."""
    assert value_of(Numbers(1, 10), said) is None


@given(st.integers(-(10**400), 10**400) | st.floats() | st.text(max_size=30))
def test_no_number_leaves_the_scale(said: Any) -> None:
    found = value_of(Numbers(-2, 3), said)
    assert found is None or 0 <= found <= 1


def test_without_normalising_the_number_stays() -> None:
    assert value_of(rubric(type="grade", criterion="x", scale=[1, 10], normalize=False).scale, 7) == 7.0


def test_a_reference_rubric_passes_at_one() -> None:
    found = rubric(type="reference", partial=True)
    assert found.pass_at == 1.0
    assert [value_of(found.scale, said) for said in ("correct", "partial", "incorrect")] == [1.0, 0.5, 0.0]


def test_facts_have_the_values_of_factuality() -> None:
    scale = rubric(type="reference", compare="facts").scale
    assert isinstance(scale, Labels)
    assert scale.values == {"same": 1.0, "immaterial": 1.0, "superset": 0.6, "subset": 0.4, "disagreement": 0.0}


def test_without_ties_a_tie_is_no_verdict() -> None:
    assert value_of(rubric(type="pairwise", ties=False).scale, "tie") is None
    assert value_of(rubric(type="pairwise").scale, "tie") == 0.5


def test_the_best_and_the_worst_value_are_known() -> None:
    assert (grades(A=4, F=-1).scale.high, grades(A=4, F=-1).scale.low) == (4, -1)
    assert (Numbers(1, 10).low, Numbers(1, 10, normalize=False).high) == (0.0, 10)


@pytest.mark.parametrize(
    ("label", "value"), [("pass", 1.0), (True, 1.0), (0, 0.0), (1.0, 1.0), ("nice", None), (0.5, None)]
)
def test_a_label_of_people_is_a_verdict_or_its_value(label: Any, value: float | None) -> None:
    assert rubric(type="pass_fail", criterion="x").human_value(label) == value


@pytest.mark.parametrize(("label", "value"), [("answer", 1.0), ("other", 0.0), ("tie", 0.5), ("A", 1.0)])
def test_people_call_the_answers_of_a_pair_by_their_names(label: str, value: float) -> None:
    assert rubric(type="pairwise").human_value(label) == value


def test_of_criteria_people_give_the_whole() -> None:
    found = rubric(type="criteria", criteria=[{"name": "a", "description": "b"}])
    assert (found.human_value(0.25), found.human_value("met")) == (0.25, None)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"type": "grade", "criterion": "x"}, 'either "grades" or "scale"'),
        ({"type": "grade", "criterion": "x", "scale": [5, 1]}, "the first number is the lowest"),
        ({"type": "grade", "criterion": "x", "grades": {"a": 1, "A ": 0}}, "nothing but case"),
        ({"type": "reference", "compare": "facts", "partial": True}, "correctness"),
        ({"type": "criteria", "criteria": [{"name": "a", "description": "x", "weight": 0}]}, "there is no mean"),
        (
            {"type": "criteria", "criteria": [{"name": "a", "description": "x"}, {"name": "A", "description": "y"}]},
            'are called "a"',
        ),
        ({"type": "pairwise", "against": "baseline"}, "pattern"),
    ],
)
def test_what_can_not_be_meant_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        RUBRIC.validate_python(options)
