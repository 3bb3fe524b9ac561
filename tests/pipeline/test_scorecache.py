"""Scores that are kept: of the same version, for the same answer to the same case."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from evalperf.cache import Cache, open_cache
from evalperf.config.cache import TieredCacheConfig
from evalperf.config.scorers import FunctionScorer, ScorerConfig
from evalperf.pipeline.scorecache import CachedScorer, cached_scorers, states_version
from evalperf.records import Call, Case, Completion, Response, Score
from evalperf.scorers import open_scorers


class Counting:
    """A scorer that is asked."""

    name, weight = "mine", 1.0

    def __init__(self) -> None:
        self.asked = 0
        self.broken = False

    async def score(self, case: Case, response: Response) -> Score:
        self.asked += 1
        if self.broken:
            raise ValueError("ill")
        return Score(value=float(len(response.completion.text)), passed=True, reason="long")


@pytest.fixture
async def cache(tmp_path: Path) -> AsyncIterator[Cache]:
    async with open_cache(TieredCacheConfig(), "scores", tmp_path) as opened:
        yield opened


def config(**fields: object) -> FunctionScorer:
    return FunctionScorer.model_validate({"type": "function", "call": "m:f", "version": "1", **fields})


def case(**fields: object) -> Case:
    return Case(**{"seq": 1, "id": "a", "input": "?", "target": "x", **fields})  # type: ignore[arg-type]


def said(text: str = "four") -> Response:
    return Response(completion=Completion(text=text), call=Call(attempts=1))


async def test_the_same_answer_is_scored_once(cache: Cache) -> None:
    scorer = Counting()
    first = await CachedScorer(config(), scorer, cache).score(case(), said())
    again = await CachedScorer(config(timeout_s=9, name="other"), scorer, cache).score(case(seq=7, epoch=2), said())
    assert scorer.asked == 1
    assert first == again == Score(value=4.0, passed=True, reason="long")


@pytest.mark.parametrize(
    ("changed", "case_fields", "text"),
    [
        ({"version": "2"}, {}, "four"),
        ({"options": {"strict": True}}, {}, "four"),
        ({}, {"target": "y"}, "four"),
        ({}, {"metadata": {"level": 2}}, "four"),
        ({}, {"id": "b"}, "four"),
        ({}, {}, "five"),
    ],
)
async def test_what_may_change_a_score_is_part_of_its_key(
    cache: Cache, changed: dict[str, object], case_fields: dict[str, object], text: str
) -> None:
    scorer = Counting()
    await CachedScorer(config(), scorer, cache).score(case(), said())
    await CachedScorer(config(**changed), scorer, cache).score(case(**case_fields), said(text))
    assert scorer.asked == 2


async def test_a_scorer_that_raises_is_asked_again(cache: Cache) -> None:
    scorer = Counting()
    scorer.broken = True
    with pytest.raises(ValueError, match="ill"):
        await CachedScorer(config(), scorer, cache).score(case(), said())
    scorer.broken = False
    assert (await CachedScorer(config(), scorer, cache).score(case(), said())).value == 4.0


async def test_only_a_stated_version_makes_scores_worth_keeping(cache: Cache, tmp_path: Path) -> None:
    """Nobody else can see that code has changed; a scorer inside another one counts as well."""
    (tmp_path / "scoring_here.py").write_text("def f(case, response):\n    return 1.0\n")
    plain = {"type": "function", "call": "scoring_here:f"}
    inside = {"type": "all", "scorers": [{**plain, "version": "1"}]}

    configs = TypeAdapter(list[ScorerConfig]).validate_python([plain, {**inside, "name": "both"}])
    assert not states_version(configs[:1])
    assert states_version(configs)
    async with open_scorers(configs, tmp_path, wrap=cached_scorers(cache)) as scorers:
        for scorer in scorers:
            await scorer.score(case(), said())
    assert cache.statistics().writes == 1
