"""The estimate, top to bottom: the cases → what will be asked → tokens → cost and time. Nothing is asked or written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from msgspec import Struct

from evalperf.cache import disk_path
from evalperf.cache.stored import open_stored
from evalperf.cases import Survey, build_prompt
from evalperf.config.embedders import LocalEmbedder
from evalperf.config.load import LoadedConfig
from evalperf.config.model import RunConfig
from evalperf.estimate.duration import duration
from evalperf.estimate.earlier import Earlier, find_earlier
from evalperf.estimate.population import Population, Sampled, read_population
from evalperf.estimate.ranges import Range, exactly, sum_of, total_of_sample
from evalperf.estimate.scoring import UNKNOWN, ScoringEstimate, scoring_estimate
from evalperf.estimate.tokens import TokenRules, token_rules
from evalperf.pipeline.deciding import REPEATABLE
from evalperf.pipeline.response_keys import ResponseKeys
from evalperf.pricing import Price, find_price

__all__ = ["SAMPLE", "Estimate", "estimate"]

SAMPLE = 1_000
"""Cases that are looked at closely. Lengths that vary as much as their mean are then known to within 9 %."""

MOST_PAIRS = 2_000
"""Prompts of the earlier run that are rendered again, to hold their bytes against their tokens."""

Enough = Literal["yes", "no", "maybe"]


class Estimate(Struct, frozen=True, kw_only=True):
    """What the run will come to, without retries; every range is one of 95 %."""

    cases: int
    answers: int
    """Cases times epochs."""
    sampled: int
    requests: Range
    """To the model under test."""
    input_tokens: Range
    """These and all below: scoring included."""
    output_tokens: Range
    cost_usd: Range | None
    """None where a price is not known."""
    time_s: Range | None
    """Of the calls to the model under test; None where neither limits nor a pace are known."""
    scoring: list[ScoringEstimate]
    price: str | None
    """Where the model's price is from."""
    earlier_run: str | None
    """The run that tokens were learned from."""
    budget_enough: Enough | None
    """Whether `budget` will do; None where there is none, or nothing is known."""
    notes: list[str]
    """How the numbers came about, and what is not in them."""
    first_prompt: str


async def estimate(
    loaded: LoadedConfig, inputs: Survey, *, cache_dir: Path | None, state_dir: Path, size: int = SAMPLE
) -> Estimate:
    """Reads all cases once, and closely a seeded sample of `size`; raises EvalperfError as the run would.

    `cache_dir` is where caches are kept, None for a run without any.
    """
    config = loaded.config
    earlier = await asyncio.to_thread(find_earlier, loaded, inputs)
    prompt = build_prompt(config.prompt, loaded.base_dir, fields=config.cases.fields)
    keys = _keys(config, cache_dir)
    wanted = frozenset(list(earlier.usages)[:MOST_PAIRS]) if earlier is not None and earlier.same_inputs else ()
    population = await read_population(loaded, prompt, keys, size=size, wanted=wanted)
    asked, hits = await _asked(loaded, population.sample, cache_dir if keys is not None else None)
    return _Composing(config, population, earlier, asked).estimate(hits, state_dir)


class _Composing:
    """Puts the parts together."""

    def __init__(
        self, config: RunConfig, population: Population, earlier: Earlier | None, asked: Sequence[int]
    ) -> None:
        self._config = config
        self._population = population
        self._earlier = earlier
        self._asked = [0] * len(asked) if config.provider.type == "replay" else asked
        self._notes = ["retries are not in it"]

    def estimate(self, hits: int | None, state_dir: Path) -> Estimate:
        config, population = self._config, self._population
        requests = total_of_sample(self._asked, population.cases)
        rules = token_rules(config, population, self._earlier, requests)
        input_tokens = rules.input_tokens(population.sample, self._asked, population.cases)
        output_tokens = requests.times(rules.per_answer)
        answers = population.cases * config.cases.epochs
        scoring = self._scoring(answers)
        price = find_price(config.provider)
        cost_usd = self._cost(price, rules, input_tokens, output_tokens, scoring)
        latencies_s = [] if self._earlier is None else self._earlier.latencies_s
        tokens = sum_of([input_tokens, output_tokens])
        time_s, why = duration(config, requests, tokens, latencies_s, state_dir)
        self._explain(rules, hits, requests, why)
        apart = self._embeddings_apart()
        cost_usd = None if cost_usd is None else sum_of([cost_usd, apart])
        whole_input = sum_of([input_tokens, *(one.input_tokens for one in scoring), apart])
        whole_output = sum_of([output_tokens, *(one.output_tokens for one in scoring)])
        return Estimate(
            cases=population.cases,
            answers=answers,
            sampled=len(population.sample),
            requests=requests,
            input_tokens=whole_input,
            output_tokens=whole_output,
            cost_usd=cost_usd,
            time_s=time_s,
            scoring=scoring,
            price=None if price is None else price.source,
            earlier_run=None if self._earlier is None else self._earlier.run_id,
            budget_enough=_enough(config, sum_of([whole_input, whole_output]), cost_usd, time_s),
            notes=self._notes,
            first_prompt=population.first_prompt,
        )

    def _embeddings_apart(self) -> Range:
        """What calls for embeddings may add that no scorer makes, in tokens or dollars: nothing tells how much."""
        config = self._config
        sections = [config.precedents, None if config.cache.responses.strategy == "off" else config.cache.semantic]
        if all(section is None or isinstance(section.embedder, LocalEmbedder) for section in sections):
            return exactly(0.0)
        self._notes.append("what embeddings for the semantic cache and for precedents take is not known before")
        return UNKNOWN

    def _scoring(self, answers: int) -> list[ScoringEstimate]:
        spent = {} if self._earlier is None else self._earlier.spent
        found = [
            scoring_estimate(scorer, answers, spent.get(scorer.name or scorer.type, []))
            for scorer in self._config.scorers
        ]
        return [one for one in found if one is not None]

    def _cost(
        self,
        price: Price | None,
        rules: TokenRules,
        input_tokens: Range,
        output_tokens: Range,
        scoring: Sequence[ScoringEstimate],
    ) -> Range | None:
        """None as soon as one part has no price."""
        if self._config.provider.type == "replay":
            answers = exactly(0.0)
        elif price is None:
            self._notes.append('the cost is unknown: there is no price for the model; give its section "prices"')
            return None
        else:
            rates = price.rates
            bought = (input_tokens.scaled(rates.input / 1e6), output_tokens.scaled(rates.output / 1e6))
            answers = self._long_prompts(price, rules, sum_of(bought))
        costs = [one.cost_usd for one in scoring]
        known = [cost for cost in costs if cost is not None]
        if len(known) < len(costs):
            self._notes.append("what scoring costs is known only after a first run: try --sample 100")
            return Range(answers.low, None, None)
        return sum_of([answers, *known])

    def _long_prompts(self, price: Price, rules: TokenRules, cost: Range) -> Range:
        limit = price.up_to_input_tokens
        per_byte = rules.per_byte.high
        longest = max((one.text_bytes for one in self._population.sample), default=0)
        if limit is None or (per_byte is not None and longest * per_byte <= limit):
            return cost
        self._notes.append(f"prompts of more than {limit:,} tokens cost another rate, which is not in it")
        return Range(cost.low, None, None)

    def _explain(self, rules: TokenRules, hits: int | None, requests: Range, why: str) -> None:
        config, population = self._config, self._population
        if config.provider.type == "replay":
            self._notes = ["answers are recorded: nothing is asked for them"]
        else:
            self._notes += rules.notes
            self._notes.append(f"time: {why}")
        if hits is not None and requests.high:
            looked_up = sum(key is not None for one in population.sample for key in one.keys)
            self._notes.append(f"cache: {hits:,} of {looked_up:,} sampled requests are in it already")
            self._notes.append("identical requests of different cases, which are sent once, are not foreseen")
        if any(one.opaque for one in population.sample):
            self._notes.append("prompts hold more than text (pictures, files): their tokens are not known")
        if config.precedents is not None:
            self._notes.append("precedents are not in the prompts of the estimate, nor are their embeddings")
        if config.cache.semantic is not None:
            self._notes.append("hits of the semantic cache and its embeddings are not foreseen")


def _keys(config: RunConfig, cache_dir: Path | None) -> ResponseKeys | None:
    """None where no answer is kept."""
    if cache_dir is None or config.cache.responses.strategy == "off" or config.provider.type not in REPEATABLE:
        return None
    return ResponseKeys(config.provider, config.cache)


async def _asked(
    loaded: LoadedConfig, sample: Sequence[Sampled], cache_dir: Path | None
) -> tuple[list[int], int | None]:
    """The number of requests that each sampled case will make, and how many of all are in the cache already."""
    if cache_dir is None:
        return [len(one.keys) for one in sample], None
    section = loaded.config.cache.responses
    path = disk_path(section, "responses", cache_dir, loaded.base_dir)
    wanted = [key for one in sample for key in one.keys if key is not None]
    found: set[bytes] = set()
    async with open_stored(section, "responses", path, warn=lambda _: None) as stored:
        for tier in (stored.disk if section.disk else None, stored.redis):
            if tier is not None:
                rows = await tier.get_many(wanted)
                found.update(key for key, row in zip(wanted, rows, strict=True) if row is not None)
    return [sum(key not in found for key in one.keys) for one in sample], sum(key in found for key in wanted)


def _enough(config: RunConfig, tokens: Range, cost_usd: Range | None, time_s: Range | None) -> Enough | None:
    limits = config.budget
    bounds = [(limits.max_tokens, tokens), (limits.max_cost_usd, cost_usd), (limits.deadline_s, time_s)]
    verdicts = [_holds(limit, needed) for limit, needed in bounds if limit is not None]
    if not verdicts:
        return None
    if "no" in verdicts:
        return "no"
    return "yes" if all(verdict == "yes" for verdict in verdicts) else "maybe"


def _holds(limit: float, needed: Range | None) -> Enough:
    if needed is None:
        return "maybe"
    if needed.low > limit:
        return "no"
    return "yes" if needed.high is not None and needed.high <= limit else "maybe"
