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
    with pytest.raises(ConfigError, match=f'scorer "{scorer}": BLEU, chrF and TER need sacrebleu') as raised:
        await open_one(scorer)
    assert raised.value.hint == 'pip install "evalperf[nlp]"'


@pytest.mark.parametrize(
    "options", [{"scale": 1, "threshold": 50}, {"smooth": "exp", "smooth_value": 1}, {"tokenize": "spm"}]
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python({"type": "bleu", **options})


@pytest.mark.parametrize("options", [{}, {"case_sensitive": True}, {"normalized": True, "no_punct": True}])
async def test_ter_is_that_of_sacrebleu_for_a_sentence(judge, metrics, options):
    score = await judge({"type": "ter", **options}, *TEXTS)
    assert score.value == metrics.TER(**options).sentence_score(TEXTS[0], list(TEXTS[1])).score


async def test_the_rate_of_a_corpus_is_that_of_sacrebleu(judge, metrics):
    """Over cases with one, two and three targets, whose mean lengths are no whole numbers."""
    from evalperf.stats.corpus import CorpusCounts

    answers = ["a dog bit", "the man had bitten a dog", "", "nobody bites"]
    targets = [("the dog bit him",), ("a man bit it", "he had bitten a big dog"), ("a", "b c", "d e f g"), ("none",)]
    counts, edits, length = CorpusCounts(), 0, 0.0
    for answer, texts in zip(answers, targets, strict=True):
        score = await judge("ter", answer, texts)
        counts.add(score.detail["corpus"])
        [(sentence_edits, sentence_length)] = metrics.TER()._extract_corpus_statistics([answer], [[t] for t in texts])
        edits, length = edits + sentence_edits, length + sentence_length
    assert counts.score() == pytest.approx(100 * edits / length, rel=1e-15)


async def test_ter_passes_at_the_threshold_or_below(judge, metrics):
    config = {"type": "ter", "scale": 1, "threshold": 0.5}
    assert (await judge(config, "a b", "a c")).passed
    score = await judge(config, "x y z", "a")
    assert (score.value, score.passed) == (3.0, False)


async def test_a_text_that_takes_long_is_scored_in_a_process(open_one, metrics):
    from tests.scorers.samples import make_case, make_response

    scorer = await open_one("chrf")
    here = await scorer.score(make_case(TEXTS[1]), make_response(TEXTS[0]))
    scorer._inline_left_s = 0.0
    there = await scorer.score(make_case(TEXTS[1]), make_response(TEXTS[0]))
    assert there == here
    assert scorer._lanes._lanes
    slow = await open_one({"type": "chrf", "time_limit_s": 0.2})
    long = "the dog bit the man and ran away " * 20_000
    score = await slow.score(make_case(long), make_response(long))
    assert (score.value, score.reason) == (None, "took longer than 0.2 s on this answer")
