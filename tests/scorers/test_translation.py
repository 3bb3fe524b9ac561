"""`bleu` and `chrf`."""

import logging
import sys

import pytest
from pydantic import ValidationError

from evalperf.errors import ConfigError
from tests.scorers.samples import ADAPTER

TEXTS = ("The dog bit the man.", ("The dog had bit the man.", "A dog bit him."))


@pytest.fixture
def metrics():
    return pytest.importorskip("sacrebleu.metrics")


@pytest.mark.parametrize("effective", [True, False])
async def test_bleu_is_that_of_sacrebleu_for_a_sentence(judge, metrics, effective, caplog):
    """And writes none of its warnings into the log of a run."""
    with caplog.at_level(logging.WARNING):
        score = await judge({"type": "bleu", "effective_order": effective}, *TEXTS)
        assert not caplog.records
    theirs = metrics.BLEU(effective_order=effective).sentence_score(TEXTS[0], list(TEXTS[1])).score
    assert (score.value, score.passed) == (theirs, None)


@pytest.mark.parametrize("options", [{}, {"word_order": 2}, {"beta": 3, "lowercase": True}])
async def test_chrf_is_that_of_sacrebleu_for_a_sentence(judge, metrics, options):
    score = await judge({"type": "chrf", **options}, *TEXTS)
    assert score.value == metrics.CHRF(**options).sentence_score(TEXTS[0], list(TEXTS[1])).score


@pytest.mark.parametrize("scorer", ["bleu", "chrf"])
async def test_the_scale_may_be_that_of_the_other_scorers(judge, metrics, scorer):
    score = await judge({"type": scorer, "scale": 1, "threshold": 0.99}, "the same words here", "the same words here")
    assert (score.value, score.passed) == (1.0, True)


@pytest.mark.parametrize("scorer", ["bleu", "chrf"])
async def test_without_sacrebleu_the_extra_is_named(open_one, monkeypatch, scorer):
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(ConfigError, match=f'scorer "{scorer}": BLEU and chrF need sacrebleu') as raised:
        await open_one(scorer)
    assert raised.value.hint == 'pip install "evalperf[nlp]"'


@pytest.mark.parametrize(
    "options", [{"scale": 1, "threshold": 50}, {"smooth": "exp", "smooth_value": 1}, {"tokenize": "spm"}]
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"type": "bleu", **options})
