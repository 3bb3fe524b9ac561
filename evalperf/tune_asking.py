"""Asks endpoints the cases of a configuration, one call at a time for whoever measures; keeps the answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import orjson
from msgspec import UNSET, structs

from evalperf import clock
from evalperf.cases import PromptError, read_batches
from evalperf.config.load import LoadedConfig
from evalperf.config.model import EndpointConfig
from evalperf.errors import ConfigError, EvalperfError, InputError, ProviderError, StoppedError
from evalperf.pipeline.answercache import AnswerCache
from evalperf.pipeline.assemble import Parts
from evalperf.pipeline.caller import max_output_tokens
from evalperf.pipeline.calling import endpoint_rate_limit
from evalperf.pipeline.deciding import REPEATABLE
from evalperf.pipeline.response_keys import ResponseKeys
from evalperf.providers import Provider, WrongAddress
from evalperf.records import Case, Completion, Request
from evalperf.resilience import RateGate, RateGates, RateLimit, TokenEstimate
from evalperf.sizing import batch_bytes, batch_size
from evalperf.tune_plan import TunePlan
from evalperf.tuning import Reply

__all__ = ["Asking"]

FATAL = frozenset({"auth", "quota"})
"""Failures that every other case would share."""


class Asking:
    """The calls of one measuring. Configured limits on pace and tokens hold; a wait for them is no latency."""

    def __init__(self, loaded: LoadedConfig, parts: Parts, plan: TunePlan) -> None:
        config = loaded.config
        self._parts = parts
        self._plan = plan
        self._max_output_tokens = max_output_tokens(config.provider)
        shared = config.concurrency.rate_limiting
        gates = RateGates({}, RateLimit.from_config(shared) if shared.limits_something else None)
        settings = getattr(config.provider, "endpoints", None) or [None] * len(parts.providers)
        self._endpoints = [
            _Endpoint(provider, one, gates) for provider, one in zip(parts.providers, settings, strict=True)
        ]
        self._cache = _answer_cache(loaded, parts, self._cost_usd)
        self._lock = asyncio.Lock()  # an async generator serves one reader at a time
        self.requests = self._endless(loaded)
        """Close it when nobody asks any more."""
        self.asked = self.held = self.answered = 0
        """Calls; of these the ones that a configured limit held back; answers."""
        self.repeated = False
        """Whether cases are asked again: there are fewer than it takes, or the cache has the answers to all of them."""
        self._priced_usd: float | None = 0.0
        self._priced = 0

    @property
    def keeps(self) -> bool:
        """Whether answers go to the cache."""
        return self._cache is not None

    @property
    def total_usd(self) -> float | None:
        """What the answers have cost; None where a price or a usage is not known."""
        return 0.0 if self._plan.is_free else self._priced_usd

    def has_spent_budget(self, under_way: int) -> bool:
        """Whether the answers, and one more than are under way at their mean price, come to more than the budget."""
        budget_usd = self._plan.max_cost_usd
        if budget_usd is None or self._priced_usd is None:
            return False
        expected_usd = (self._plan.expected_usd or 0.0) / self._plan.max_requests
        each_usd = self._priced_usd / self._priced if self._priced else expected_usd
        return self._priced_usd + (under_way + 1) * each_usd > budget_usd

    async def ask(self) -> Reply:
        """One case at the endpoint with the fewest calls under way; raises what no other case would survive either."""
        async with self._lock:
            request = await anext(self.requests)
        endpoint = min(self._endpoints, key=lambda one: one.load)
        self.asked += 1
        endpoint.in_flight += 1
        completion: Completion | None = None
        tokens = 0
        try:
            tokens, held = await endpoint.admit(request, self._max_output_tokens)
            self.held += held
            began_s = clock.now()
            completion = await endpoint.provider.complete(request)
            latency_s = clock.now() - began_s
        except ProviderError as error:
            return self._failed(endpoint, error, clock.now() - began_s)
        finally:
            endpoint.in_flight -= 1
            endpoint.settle(tokens, completion)
        await self._take(request, completion)
        return Reply("answered", latency_s)

    def _failed(self, endpoint: _Endpoint, error: ProviderError, latency_s: float) -> Reply:
        if error.kind in FATAL or (isinstance(error, WrongAddress) and not self.answered):
            raise _stopped(endpoint.provider.name, error) from error
        refused = error.kind == "rate_limited"
        return Reply("refused" if refused else "failed", latency_s, error.retry_after_s, error.message)

    async def _take(self, request: Request, completion: Completion) -> None:
        self.answered += 1
        self._charge(completion)
        if self._cache is not None:
            await self._cache.keep(request, structs.replace(completion, limit_headers=UNSET))

    def _charge(self, completion: Completion) -> None:
        cost_usd = self._cost_usd(completion)
        if cost_usd is None or self._priced_usd is None:
            if self._plan.max_cost_usd is not None:
                raise StoppedError(
                    "the endpoint does not say how many tokens its answers took: no budget in dollars can be kept",
                    hint="bound the measuring with --max-requests instead",
                )
            self._priced_usd = None
            return
        self._priced_usd += cost_usd
        self._priced += 1

    def _cost_usd(self, completion: Completion) -> float | None:
        price = self._plan.price
        return None if price is None else price.cost_usd(completion.usage)

    # cases -----------------------------------------------------------------------------------------------------------

    async def _endless(self, loaded: LoadedConfig) -> AsyncGenerator[Request, None]:
        """First the cases whose answers are not in the cache: a run needs them. Then all, over and over."""
        config, cache = loaded.config, self._cache
        while True:
            found = False
            reading = read_batches(
                config.cases, loaded.base_dir, max_cases=batch_size(config), max_bytes=batch_bytes(config)
            )
            async with aclosing(reading) as batches:
                async for batch in batches:
                    if not found:
                        self._parts.prompt.check(batch)
                    requests = await self._requests(batch)
                    found = found or bool(requests)
                    for request in requests if cache is None or self.repeated else await cache.missing(requests):
                        yield request
            if not found:
                raise InputError(str(config.cases.path), "no case to measure with")
            self.repeated = True

    async def _requests(self, batch: Sequence[Case]) -> list[Request]:
        """Without those that have no prompt: in a run they fail by themselves."""
        parts, requests = self._parts, []
        for read in batch:
            case = read if parts.precedents is None else await parts.precedents.with_precedents(read)
            try:
                requests.append(Request(case=case, messages=parts.prompt.render(case)))
            except PromptError:
                continue
        return requests


class _Endpoint:
    """One endpoint with the limits that the configuration sets for it."""

    def __init__(self, provider: Provider, settings: EndpointConfig | None, gates: RateGates) -> None:
        self.provider = provider
        self.in_flight = 0
        self._weight = 1.0 if settings is None else settings.weight
        self._most = None if settings is None else settings.max_in_flight
        self._gate = RateGate(endpoint_rate_limit(settings), gates)
        self._estimate = TokenEstimate()

    @property
    def load(self) -> tuple[bool, float]:
        """What the next call should avoid: first of all an endpoint that is full."""
        return self._most is not None and self.in_flight >= self._most, self.in_flight / self._weight

    async def admit(self, request: Request, most_output_tokens: int | None) -> tuple[int, bool]:
        """Waits for the configured limits: the tokens that they were charged, and whether there was a wait."""
        tokens, size_bytes = 0, 0
        if self._gate.counts_tokens:
            size_bytes = len(orjson.dumps(request.messages))
            tokens = self._estimate.tokens(size_bytes, most_output_tokens)
        return tokens, bool(await self._gate.acquire(tokens))

    def settle(self, tokens: int, completion: Completion | None) -> None:
        """What was charged becomes what it took; nothing where the request was refused or failed."""
        usage = None if completion is None else completion.usage
        if completion is None:
            self._gate.settle(tokens, 0)
        elif usage is not None:
            self._gate.settle(tokens, usage.input_tokens + usage.output_tokens)


def _answer_cache(
    loaded: LoadedConfig, parts: Parts, cost_usd: Callable[[Completion], float | None]
) -> AnswerCache | None:
    config = loaded.config
    if parts.responses is None or config.provider.type not in REPEATABLE:
        return None
    return AnswerCache(parts.responses, ResponseKeys(config.provider, config.cache), config.cache.responses, cost_usd)


def _stopped(name: str, error: ProviderError) -> EvalperfError:
    message = f"endpoint {name}: {error.message}"
    if isinstance(error, WrongAddress):
        return ConfigError(message, hint='check the endpoint\'s "url": it is the base, as in http://host:port/v1')
    if error.kind == "auth":
        return StoppedError(message, hint=error.hint or "check the key and what it may use")
    return StoppedError(message, hint=error.hint or "check the account's quota and billing")
