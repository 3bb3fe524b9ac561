"""Overlap and distance against the numbers of the reference implementations, on public data: to the last digit."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pytest

from evalperf.scorers.alignment import edit_distance
from tests.scorers.samples import Target, make_case, make_response

pytestmark = pytest.mark.data

MEASURES = ("precision", "recall", "f")


@pytest.fixture
def score_all(open_one):
    """The values that one scorer gives to answers and targets."""

    async def score(config: str | dict[str, Any], items: Iterable[tuple[str, Target]]) -> list[float]:
        scorer = await open_one(config)
        values = [(await scorer.score(make_case(target), make_response(answer))).value for answer, target in items]
        assert None not in values
        return values

    return score


@pytest.mark.parametrize(
    ("model", "exact", "f1"),
    [("fid", 1414, 1527.8227402026937), ("gpt35", 447, 807.8539430217595), ("chatgpt", 146, 592.0776428809754)],
)
async def test_triviaqa(data_rows, score_all, model, exact, f1):
    expected = {row["id"]: tuple(row["expected"]) for row in data_rows("triviaqa/cases.jsonl")}
    rows = data_rows(f"triviaqa/responses-{model}.jsonl")
    items = [(row["response"], expected[row["id"]]) for row in rows]
    em_values, f1_values = await score_all("squad_em", items), await score_all("squad_f1", items)
    assert (sum(em_values), math.fsum(f1_values)) == (exact, pytest.approx(f1, rel=1e-12))
    assert em_values == [row["official"]["em"] for row in rows]
    assert f1_values == [row["official"]["f1"] for row in rows]


@pytest.mark.parametrize("model", ["BERTS2S", "PtGen"])
@pytest.mark.parametrize("stemmer", [False, True])
@pytest.mark.parametrize("variant", ["rouge1", "rouge2", "rougeL", "rougeLsum"])
async def test_xsum_rouge(data_rows, score_all, model, stemmer, variant):
    expected = {row["id"]: row["expected"] for row in data_rows("xsum_rouge/cases.jsonl")}
    rows = data_rows(f"xsum_rouge/responses-{model}.jsonl")
    items = [(row["response"], expected[row["id"]]) for row in rows]
    official = [row["rouge_score"][variant + ("_stem" if stemmer else "")] for row in rows]
    for at, measure in enumerate(MEASURES):
        config = {"type": "rouge", "variant": variant, "stemmer": stemmer, "measure": measure}
        assert await score_all(config, items) == [numbers[at] for numbers in official]


@pytest.mark.parametrize(("model", "mean_bleu"), [("BERTS2S", 11.275615861124752), ("PtGen", 6.948004533680543)])
async def test_xsum_bleu_and_chrf(data_rows, score_all, model, mean_bleu):
    pytest.importorskip("sacrebleu")
    expected = {row["id"]: row["expected"] for row in data_rows("xsum_rouge/cases.jsonl")}
    official = {row["id"]: row for row in data_rows(f"xsum_rouge/bleu-{model}.jsonl")}
    rows = data_rows(f"xsum_rouge/responses-{model}.jsonl")
    items = [(row["response"], expected[row["id"]]) for row in rows]
    bleu = await score_all("bleu", items)
    assert bleu == pytest.approx([official[row["id"]]["sentence_bleu"] for row in rows], rel=1e-12)
    assert math.fsum(bleu) / len(bleu) == pytest.approx(mean_bleu, rel=1e-12)
    chrf = await score_all("chrf", items)
    assert chrf == pytest.approx([official[row["id"]]["chrf2"] for row in rows], rel=1e-12)


async def test_rouge155(data_rows, score_all):
    """The Perl original prints five digits."""
    rows = data_rows("rouge155/cases.jsonl")
    assert len(rows) == 11
    for row in rows:
        for at, measure in enumerate(MEASURES):
            config = {"type": "rouge", "variant": row["type"], "stemmer": row["stem"], "measure": measure}
            (value,) = await score_all(config, [(row["response"], row["reference"])])
            assert value == pytest.approx(row["rouge155"][at], abs=5e-6)
            assert value == row["rouge_score_0.1.2"][at]


async def test_sacrebleu_cases_of_one_sentence(data_rows, score_all):
    """The other 13 of the 46 are about a corpus of several sentences."""
    pytest.importorskip("sacrebleu")
    rows = [row for row in data_rows("sacrebleu_cases/cases.jsonl") if len(row["hypotheses"]) == 1]
    assert len(rows) == 33
    for row in rows:
        options = {("smooth" if name == "smooth_method" else name): value for name, value in row["params"].items()}
        config = {"type": "chrf" if "chrf" in row["metric"] else "bleu", **options}
        references = tuple(stream[0] for stream in row["reference_streams"])
        (value,) = await score_all(config, [(row["hypotheses"][0], references)])
        assert value == pytest.approx(row["expected"], abs=row["eps"]), row["id"]
        assert value == pytest.approx(row["sacrebleu_2.6.0"], rel=1e-9), row["id"]


async def test_levenshtein(data_rows, score_all):
    rows = data_rows("levenshtein/cases.jsonl")
    items = [(row["a"], row["b"]) for row in rows]
    distances = await score_all({"type": "levenshtein", "measure": "distance"}, items)
    assert sum(distances) == 109540
    assert distances == [row["levenshtein"] for row in rows]
    similarities = await score_all("levenshtein", items)
    assert math.fsum(similarities) / 1500 == pytest.approx(0.2637063562255529, rel=1e-12)
    assert similarities == [row["similarity_1_minus_d_over_maxlen"] for row in rows]
    ratios = await score_all("fuzzy", items)
    assert math.fsum(ratios) / 1500 == pytest.approx(0.37630094358674404, rel=1e-12)
    assert ratios == [row["indel_ratio"] for row in rows]


def test_levenshtein_without_rapidfuzz(data_rows):
    assert sum(edit_distance(row["a"], row["b"]) for row in data_rows("levenshtein/cases.jsonl")) == 109540
