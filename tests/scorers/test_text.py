"""`exact`, `normalized`, `includes`, `excludes`, `starts_with`, `ends_with`."""

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalperf.scorers.normal_forms import ARTICLES, general_form, squad_form, squad_words
from tests.scorers.samples import ADAPTER, make_case, make_response


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


@pytest.mark.parametrize(
    ("options", "answer", "target", "right", "reason"),
    [
        ({}, "nothing", "b", True, None),
        ({}, "It is B", "b", False, "contains 'b'"),
        ({"ignore_case": False}, "It is B", "b", True, None),
        ({"values": ["x", "y"]}, "only y", None, False, "contains 'y'"),
        ({"values": ["x", "y"], "match": "all"}, "only y", None, True, None),
        ({"values": ["x", "y"], "match": "all"}, "x and y", None, False, "contains 'x'"),
        ({"form": "squad"}, "it is the “U.S.A.”", "USA", False, "contains 'usa'"),
    ],
)
async def test_excludes(judge, options, answer, target, right, reason):
    score = await judge({"type": "excludes", **options}, answer, target)
    assert (score.value, score.passed, score.reason) == (float(right), right, reason)


@pytest.mark.parametrize(
    ("options", "answer", "target", "right", "reason"),
    [
        ({"type": "starts_with"}, "  YES, it is", "yes ", True, None),
        ({"type": "starts_with"}, "Oh yes", "yes", False, "does not start with 'yes'"),
        ({"type": "starts_with", "strip": False}, " yes", "yes", False, "does not start with 'yes'"),
        ({"type": "starts_with", "ignore_case": False}, "Yes", "yes", False, "does not start with 'yes'"),
        ({"type": "starts_with", "values": ["No", "Yes"]}, "yes", None, True, None),
        (
            {"type": "starts_with", "values": ["Yes", "Yes, it"], "match": "all"},
            "yes",
            None,
            False,
            "does not start with 'yes, it'",
        ),
        ({"type": "ends_with"}, "it is STRASSE\n", "straße", True, None),
        ({"type": "ends_with"}, "it is done.", "done", False, "does not end with 'done'"),
        ({"type": "ends_with", "extract": r'\A(.*?)"*\Z'}, 'all done"', "done", True, None),
    ],
)
async def test_the_edges_of_an_answer(judge, options, answer, target, right, reason):
    score = await judge(options, answer, target)
    assert (score.value, score.passed, score.reason) == (float(right), right, reason)


@pytest.mark.parametrize("scorer", ["starts_with", "ends_with", "excludes"])
async def test_an_empty_text_stands_at_no_edge(judge, scorer):
    assert (await judge(scorer, "anything", "")).value is None


@given(st.text(alphabet=st.sampled_from("aA the\x00\x1c\t'_-.—é1\n"), max_size=30))
def test_squad_form_takes_the_short_way_to_the_same_words(text):
    """Step for step what the SQuAD v1.1 script does."""
    plain = "".join(char for char in text.lower() if char not in string.punctuation)
    assert squad_form(text) == " ".join(re.sub(r"\b(a|an|the)\b", " ", plain).split())
    assert [word for word in squad_words(text) if word not in ARTICLES] == squad_form(text).encode().split()


@pytest.mark.parametrize(
    ("options", "right", "reason"),
    [
        ({"values": ["ab"], "min_count": 3}, True, None),
        ({"values": ["ab"], "min_count": 4}, False, "not at least 4 times 'ab'"),
        ({"values": ["ab"], "max_count": 3}, True, None),
        ({"values": ["ab"], "max_count": 2}, False, "not 1 to 2 times 'ab'"),
        ({"values": ["x", "ab"], "max_count": 3}, True, None),
        ({"values": ["x", "ab"], "max_count": 3, "match": "all"}, False, "not 1 to 3 times 'x'"),
        ({"values": ["aba"], "min_count": 2}, False, "not at least 2 times 'aba'"),
        ({"values": ["ab"], "min_count": 2, "max_count": 2, "ignore_case": False}, True, None),
    ],
)
async def test_includes_counts_without_overlaps(judge, options, right, reason):
    score = await judge({"type": "includes", **options}, "ababa AB")
    assert (score.passed, score.reason) == (right, reason)


@pytest.mark.parametrize("options", [{"min_count": 3, "max_count": 2}, {"min_count": 2, "negate": True}])
def test_counts_that_mean_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"type": "includes", **options})
