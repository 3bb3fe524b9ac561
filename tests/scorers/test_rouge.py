"""`rouge`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.scorers.rouge import rouge_overlap, rouge_tokens

VARIANTS = ("rouge1", "rouge2", "rougeL", "rougeLsum")
TEXTS = st.lists(
    st.sampled_from(
        ["running", "cats", "the", "a", "happily", "organization", "\n", "Kelvin\u212a", "İ", "12", "a_b", "it's"]
    ),
    max_size=14,
).map(" ".join)


@pytest.fixture(scope="module")
def oracle():
    """rouge-score without and with its stemmer."""
    rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")
    return [rouge_scorer.RougeScorer(VARIANTS, use_stemmer=stemmer) for stemmer in (False, True)]


def test_tokens_are_runs_of_ascii_letters_and_digits():
    assert rouge_tokens("It's 12 Caf\u00e9s, a_b \u212aelvin") == ["it", "s", "12", "caf", "s", "a", "b", "kelvin"]
    assert rouge_tokens("cats sat running", stemmer=True) == ["cat", "sat", "run"]


@pytest.mark.parametrize(
    ("options", "value"),
    [
        ({"variant": "rouge1"}, 2 * 0.75 * 0.6 / 1.35),
        ({"variant": "rouge1", "measure": "precision"}, 0.75),
        ({"variant": "rouge1", "measure": "recall"}, 0.6),
        ({"variant": "rouge2", "measure": "recall"}, 0.25),
        ({"measure": "recall"}, 0.6),
    ],
)
async def test_the_variants(judge, options, value):
    score = await judge({"type": "rouge", **options}, "the cat was here", "the cat sat over here")
    assert (score.value, score.passed) == (value, None)


async def test_of_several_references_the_one_with_the_largest_f_counts(judge):
    score = await judge({"type": "rouge", "measure": "recall", "threshold": 0.5}, "a b c", ("a", "a b c d"))
    assert (score.value, score.passed) == (0.75, True)


async def test_a_text_without_words_scores_zero(judge):
    assert (await judge("rouge", "東京", "東京")).value == 0.0


async def test_lines_that_are_too_long_have_no_value(judge):
    score = await judge({"type": "rouge", "variant": "rougeLsum"}, "a " * 30_000, "a " * 30_000)
    assert (score.value, score.reason) == (None, "the lines are too long for rougeLsum")


@given(TEXTS, TEXTS, st.booleans())
def test_rouge_score_says_the_same(oracle, reference, candidate, stemmer):
    theirs = oracle[stemmer].score(reference, candidate)
    for variant in VARIANTS:
        ours = rouge_overlap(reference, candidate, variant, stemmer=stemmer)
        assert (ours.precision, ours.recall, ours.f) == tuple(theirs[variant])
