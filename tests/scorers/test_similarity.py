"""`levenshtein` and `fuzzy`."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evalperf.scorers.similarity import fuzzy_ratio, similarity
from tests.scorers.samples import ADAPTER


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip("rapidfuzz.distance")


@pytest.mark.parametrize(
    ("options", "answer", "target", "value", "passed"),
    [
        ({}, "abc", "axc", 1 - 1 / 3, None),
        ({"threshold": 0.6}, "abc", "axc", 1 - 1 / 3, True),
        ({"threshold": 0.7}, "abc", "axc", 1 - 1 / 3, False),
        ({}, "", "", 1.0, None),
        ({}, "", "a", 0.0, None),
        ({}, "abc", ("xyz", "abd"), 1 - 1 / 3, None),
        ({"ignore_case": True}, "ABC", "abc", 1.0, None),
        ({"measure": "distance"}, "kitten", "sitting", 3.0, None),
        ({"measure": "distance", "threshold": 3}, "kitten", ("x", "sitting"), 3.0, True),
        ({"measure": "distance", "threshold": 2}, "kitten", "sitting", 3.0, False),
    ],
)
async def test_levenshtein(judge, options, answer, target, value, passed):
    score = await judge({"type": "levenshtein", **options}, answer, target)
    assert (score.value, score.passed) == (value, passed)


@pytest.mark.parametrize(
    ("options", "answer", "target", "value", "passed"),
    [
        ({}, "this is a test", "this is a test!", 1 - 1 / 29, None),
        ({"threshold": 0.9}, "this is a test", "this is a test!", 1 - 1 / 29, True),
        ({}, "ab", "ba", 0.5, None),
        ({}, "", "", 1.0, None),
    ],
)
async def test_fuzzy(judge, options, answer, target, value, passed):
    score = await judge({"type": "fuzzy", **options}, answer, target)
    assert (score.value, score.passed) == (value, passed)


@pytest.mark.parametrize("scorer", ["levenshtein", "fuzzy"])
async def test_without_rapidfuzz_the_values_are_the_same(judge, monkeypatch, scorer):
    texts = ("The Chipmunks were created by “David Seville”", "David Seville — 1919")
    with_it = await judge(scorer, *texts)
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance.Levenshtein", None)
    monkeypatch.setitem(sys.modules, "rapidfuzz.distance.Indel", None)
    assert await judge(scorer, *texts) == with_it


@given(st.text(max_size=100), st.text(max_size=100))
def test_rapidfuzz_says_the_same(oracle, one, other):
    assert similarity(one, other) == oracle.Levenshtein.normalized_similarity(one, other)
    assert fuzzy_ratio(one, other) == oracle.Indel.normalized_similarity(one, other)


async def test_texts_that_are_too_long_to_compare_in_time_have_no_value(judge):
    score = await judge({"type": "levenshtein", "time_limit_s": 0.03}, "ab" * 100_000, "ba" * 100_000)
    assert score.value is None
    assert "took longer than 0.03 s" in score.reason


def test_a_similarity_that_nothing_reaches_is_refused():
    with pytest.raises(ValidationError, match="largest similarity"):
        ADAPTER.validate_python({"type": "levenshtein", "threshold": 2})
