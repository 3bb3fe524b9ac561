"""Counts that scorers leave with each answer come to the score that sacrebleu gives the corpus, to the last digit."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalperf.config.scorers import BleuScorer, ChrfScorer
from evalperf.records import Score
from evalperf.scorers import open_scorers
from evalperf.stats import Summariser
from evalperf.stats.corpus import CorpusCounts
from tests.scorers.samples import make_case, make_response

metrics = pytest.importorskip("sacrebleu.metrics")

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
TEXTS = st.lists(st.sampled_from(["the", "dog", "bit", "a", "man", ".", "Über", "not", "42"]), max_size=8).map(" ".join)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=5)


def score_answers(config, answers):
    """The scores that the scorer gives to (answer, targets)."""

    async def score():
        async with open_scorers([config], Path()) as (scorer,):
            return [await scorer.score(make_case(targets), make_response(answer)) for answer, targets in answers]

    return asyncio.run(score())


def bleu_metric(config: BleuScorer):
    return metrics.BLEU(
        lowercase=config.lowercase,
        tokenize=config.tokenize,
        smooth_method=config.smooth,
        smooth_value=config.smooth_value,
        max_ngram_order=config.max_order,
        force=True,
    )


def folded(scores, order=1):
    counts = CorpusCounts()
    for score in list(scores)[::order]:
        counts.add(score.detail["corpus"])
    return counts


BLEUS = st.one_of(
    st.builds(
        BleuScorer,
        type=st.just("bleu"),
        smooth=st.sampled_from(["exp", "none"]),
        max_order=st.integers(1, 5),
        tokenize=st.sampled_from(["13a", "char"]),
        lowercase=st.booleans(),
    ),
    st.builds(
        BleuScorer,
        type=st.just("bleu"),
        smooth=st.sampled_from(["floor", "add-k"]),
        smooth_value=st.sampled_from([None, 0.3, 2]),
    ),
)
CHRFS = st.builds(
    ChrfScorer,
    type=st.just("chrf"),
    char_order=st.integers(1, 6),
    word_order=st.integers(0, 2),
    beta=st.integers(1, 3),
    eps_smoothing=st.booleans(),
    whitespace=st.booleans(),
)


@given(BLEUS, PAIRS)
def test_bleu_of_the_corpus(config, rows):
    scores = score_answers(config, [(answer, (one, two)) for answer, one, two in rows])
    theirs = bleu_metric(config).corpus_score(
        [answer for answer, _, _ in rows], [[one for _, one, _ in rows], [two for _, _, two in rows]]
    )
    assert folded(scores).score() == theirs.score
    assert folded(scores, -1).score() == theirs.score


@given(CHRFS, PAIRS)
def test_chrf_of_the_corpus(config, rows):
    scores = score_answers(config, [(answer, (one, two)) for answer, one, two in rows])
    theirs = metrics.CHRF(
        char_order=config.char_order,
        word_order=config.word_order,
        beta=config.beta,
        eps_smoothing=config.eps_smoothing,
        whitespace=config.whitespace,
    ).corpus_score([answer for answer, _, _ in rows], [[one for _, one, _ in rows], [two for _, _, two in rows]])
    assert folded(scores).score() == theirs.score


def test_the_scale_is_that_of_the_scorer():
    for config in (BleuScorer(type="bleu", scale=1), ChrfScorer(type="chrf", scale=1)):
        assert folded(score_answers(config, [("the same words here", ("the same words here",))])).score() == 1.0


def test_counts_with_other_options_make_no_corpus():
    """A resumed run can't mix them; counts made by hand could."""
    counts = CorpusCounts()
    counts.add({"metric": "chrf", "counts": [3, 3, 1]})
    assert counts.score() is not None
    counts.add({"metric": "chrf", "counts": [3, 3, 1], "beta": 1})
    assert counts.score() is None


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        "bleu",
        {"metric": "meteor", "counts": [1, 2]},
        {"metric": "bleu", "counts": [1, 2, 3]},
        {"metric": "bleu", "counts": []},
        {"metric": "chrf", "counts": [1.5, 2, 3]},
        {"metric": "chrf", "counts": [-1, 2, 3]},
        {"metric": "bleu", "counts": [4, 4, 1, 4], "smooth": "magic"},
    ],
)
def test_what_is_no_counts_is_left_alone(make_result, foreign):
    """A function of the user's may put anything under the same name."""
    summariser = Summariser()
    summariser.add(make_result(1, scores={"own": Score(value=1.0, detail={"corpus": foreign})}))
    own = summariser.summary().scores["own"]
    assert (own.mean, own.corpus, own.corpus_answers) == (1.0, None, None)


def test_the_summary_says_of_how_many_answers_the_corpus_is(make_result):
    summariser = Summariser()
    [counted] = score_answers(ChrfScorer(type="chrf"), [("a dog", ("the dog",))])
    summariser.add(make_result(1, scores={"chrf": counted}))
    summariser.add(make_result(2, scores={"chrf": Score(value=0.0, reason="no answer")}))
    chrf = summariser.summary().scores["chrf"]
    assert (chrf.corpus, chrf.corpus_answers, chrf.answers) == (pytest.approx(counted.value), 1, 2)


@pytest.mark.data
def test_the_corpora_of_sacrebleus_own_tests():
    path = DATA / "sacrebleu_cases" / "cases.jsonl"
    if not path.exists():
        pytest.skip("the recorded data sets are not here")
    names = {"smooth_method": "smooth", "max_ngram_order": "max_order"}
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        options = {names.get(name, name): value for name, value in row["params"].items() if value is not None}
        kind = "chrf" if "chrf" in row["metric"] else "bleu"
        if row["params"].get("effective_order") and len(row["hypotheses"]) == 1:
            continue  # single sentences: `effective_order` belongs to them, and test_official_overlap has them
        config = (ChrfScorer if kind == "chrf" else BleuScorer)(type=kind, **options)
        answers = list(zip(row["hypotheses"], zip(*row["reference_streams"], strict=True), strict=True))
        score = folded(score_answers(config, answers)).score()
        assert score == row["sacrebleu_2.6.0"], row["id"]
        assert score == pytest.approx(row["expected"], abs=row["eps"]), row["id"]


@pytest.mark.data
@pytest.mark.parametrize(
    ("model", "bleu", "chrf"),
    [("BERTS2S", 11.126564014704183, 34.22034220566065), ("PtGen", 6.712120631937055, 28.620247894820807)],
)
def test_the_corpora_of_xsum(model, bleu, chrf):
    folder = DATA / "xsum_rouge"
    if not folder.exists():
        pytest.skip("the recorded data sets are not here")
    cases = {row["id"]: row for row in map(json.loads, (folder / "cases.jsonl").read_text("utf-8").splitlines())}
    lines = (folder / f"responses-{model}.jsonl").read_text("utf-8").splitlines()
    answers = [(row["response"], (cases[row["id"]]["expected"],)) for row in map(json.loads, lines)]
    assert folded(score_answers(BleuScorer(type="bleu"), answers)).score() == bleu
    assert folded(score_answers(ChrfScorer(type="chrf"), answers)).score() == chrf
