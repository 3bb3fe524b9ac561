"""Scores that need not be computed again: those of the user's own scorers that state a version."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET

from evalperf.cache import Cache, KeyMaker
from evalperf.config.scorers import ScorerConfig
from evalperf.records import Case, Response, Score
from evalperf.scorers import Scorer
from evalperf.scorers.base import targets_of

__all__ = ["CachedScorer", "cached_scorers", "states_version"]

DECIDES_NO_SCORE: Final = {"name", "weight", "run_in", "max_parallel", "memory_mb", "timeout_s"}
"""Options of a scorer that only say how it runs and what it is called."""

_decode = msgspec.json.Decoder(Score).decode


class CachedScorer:
    """Asks the scorer inside only for what it has not scored before.

    The same case (whatever its number and epoch), the same text and the same options under the same version have the
    same score: times and tokens of the answer are not part of the key. What raises is not kept.
    """

    def __init__(self, config: ScorerConfig, scorer: Scorer, cache: Cache) -> None:
        self.name = scorer.name
        self.weight = scorer.weight
        self._scorer = scorer
        self._cache = cache
        self._key = KeyMaker("score", config.model_dump(mode="json", exclude=DECIDES_NO_SCORE))

    async def score(self, case: Case, response: Response) -> Score:
        """As the scorer inside; what a score had cost is not spent again."""

        async def compute() -> bytes:
            return msgspec.json.encode(await self._scorer.score(case, response))

        raw, found = await self._cache.get_or_call(self._key_of(case, response), compute)
        try:
            score = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # a cache that somebody else has filled
            return await self._scorer.score(case, response)
        return score if found is None or score.spent is UNSET else msgspec.structs.replace(score, spent=UNSET)

    def _key_of(self, case: Case, response: Response) -> bytes:
        completion = response.completion
        asked = (case.id, case.input, case.choices, case.tags, case.metadata)
        return self._key(asked, targets_of(case, response), completion.text, completion.finish_reason, completion.model)


def states_version(configs: Sequence[ScorerConfig]) -> bool:
    """Whether there is anything to keep: a scorer, alone or inside another one, that states its version."""
    return any(_version(config) is not None or states_version(_inside(config)) for config in configs)


def cached_scorers(cache: Cache | None) -> Callable[[ScorerConfig, Scorer], Scorer] | None:
    """What to do with each scorer that is built."""
    if cache is None:
        return None

    def wrap(config: ScorerConfig, scorer: Scorer) -> Scorer:
        return scorer if _version(config) is None else CachedScorer(config, scorer, cache)

    return wrap


def _version(config: ScorerConfig) -> str | None:
    version: str | None = getattr(config, "version", None)
    return version


def _inside(config: ScorerConfig) -> Sequence[Any]:
    one = getattr(config, "scorer", None)
    return [one] if one is not None else getattr(config, "scorers", None) or ()
