"""`exact`, `normalized`, `includes`."""

import pytest

from evalperf.scorers.normal_forms import general_form, squad_form
from tests.scorers.samples import make_case, make_response


@pytest.mark.parametrize(
    ("options", "answer", "target", "right"),
    [
        ({}, " Paris\n", "Paris", True),
        ({"strip": False}, "Paris ", "Paris", False),
        ({}, "paris", "Paris", False),
        ({"ignore_case": True}, "STRASSE", "straße", True),
        ({}, "b", ("a", "b"), True),
        ({}, "", "", True),
        ({}, "Paris.", "Paris", False),
    ],
)
async def test_exact(judge, options, answer, target, right):
    score = await judge({"type": "exact", **options}, answer, target)
    assert (score.value, score.passed) == (float(right), right)


@pytest.mark.parametrize("scorer", ["exact", "normalized", "includes", "number", "choice", "regex"])
async def test_without_a_target_nothing_is_scored(judge, scorer):
    score = await judge(scorer, "18")
    assert (score.value, score.passed, score.reason) == (None, None, "the case has no target")


async def test_the_target_of_a_recorded_answer_wins(open_one):
    scorer = await open_one("exact")
    assert (await scorer.score(make_case("old"), make_response("new", target="new"))).passed


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("The  Cat's (a) hat!", "cats hat"),
        ("3.5", "35"),
        ("An apple—a day", "apple— day"),
        ("Théâtre", "théâtre"),
    ],
)
def test_squad_form_is_that_of_the_squad_script(text, form):
    assert squad_form(text) == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("  “Paris”,  France! ", "paris france"),
        ("don't 3.5 e-mail", "don't 3.5 e-mail"),
        ("Ｐａｒｉｓ", "paris"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("「東京」。", "東京"),
        ("क्षत्रिय", "क्षत्रिय"),
        ("مرحبا؟", "مرحبا"),
        ("a +5 $3", "a +5 $3"),
        ("Bonjour !", "bonjour"),
        ("]", "]"),
        ("", ""),
    ],
)
def test_general_form_leaves_scripts_intact(text, form):
    assert general_form(text) == form


async def test_normalized_uses_the_form_that_is_asked_for(judge):
    assert (await judge("normalized", "The Paris!", "the paris")).passed
    assert not (await judge("normalized", "The Paris!", "paris")).passed
    assert (await judge({"type": "normalized", "form": "squad"}, "The Paris!", "paris")).passed


@pytest.mark.parametrize(
    ("options", "answer", "target", "right", "reason"),
    [
        ({}, "in Dolores PARK", "dolores park", True, None),
        ({"ignore_case": False}, "in Dolores PARK", "Dolores Park", False, "without 'Dolores Park'"),
        ({"values": ["x", "y"]}, "only y", None, True, None),
        ({"values": ["x", "y"], "match": "all"}, "only y", None, False, "without 'x'"),
        ({"values": ["x", "y"], "negate": True}, "only y", None, False, "contains 'y'"),
        ({"values": ["x", "y"], "negate": True, "match": "all"}, "only y", None, True, None),
        ({"values": ["x"], "negate": True}, "none", None, True, None),
        ({"form": "squad"}, "it is the “U.S.A.”", "USA", True, None),
    ],
)
async def test_includes(judge, options, answer, target, right, reason):
    score = await judge({"type": "includes", **options}, answer, target)
    assert (score.value, score.passed, score.reason) == (float(right), right, reason)


async def test_an_empty_target_is_not_contained_in_everything(judge):
    assert (await judge("includes", "anything", "")).value is None
    assert not (await judge("includes", "anything", ("", "else"))).passed
