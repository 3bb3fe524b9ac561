"""Porter's stemmer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.scorers.stemming import stem

SUFFIXES = """
ational tional enci anci izer bli abli alli entli eli ousli ization ation ator alism iveness fulness ousness aliti iviti
biliti fulli logi icate ative alize iciti ical ful ness al ance ence er ic able ible ant ement ment ent ion sion tion ou
ism ate iti ous ive ize ed eed ied ing ies s ss sses y ll e
""".split()  # noqa: SIM905 - fifty-nine lines otherwise


@pytest.fixture(scope="module")
def oracle():
    return pytest.importorskip("nltk.stem.porter").PorterStemmer()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("caresses", "caress"),
        ("ponies", "poni"),
        ("dies", "die"),
        ("spied", "spi"),
        ("agreed", "agre"),
        ("hopping", "hop"),
        ("filing", "file"),
        ("enjoyment", "enjoy"),
        ("relational", "relat"),
        ("triplicate", "triplic"),
        ("adoption", "adopt"),
        ("controlling", "control"),
        ("skies", "sky"),
        ("by", "by"),
        ("yyyy", "yyyi"),
    ],
)
def test_known_words(word, expected):
    assert stem(word) == expected


@given(
    st.text(alphabet="abeilnorstyzwx1", max_size=6), st.sampled_from(SUFFIXES), st.sampled_from(["", "s", "ly", "ing"])
)
def test_nltk_says_the_same(oracle, start, suffix, end):
    word = start + suffix + end
    assert stem(word) == oracle.stem(word)
