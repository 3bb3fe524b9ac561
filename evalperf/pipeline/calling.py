"""From the configuration to everything that stands between a case and its endpoints."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from evalperf.cache import Cache
from evalperf.config.model import AnswerProvider, EndpointConfig, RunConfig
from evalperf.config.resilience import RateLimitingConfig
from evalperf.events import Emit
from evalperf.pipeline.answercache import AnswerCache
from evalperf.pipeline.call_limit import CallLimit
from evalperf.pipeline.caller import Caller
from evalperf.pipeline.deciding import REPEATABLE
from evalperf.pipeline.endpoint import Endpoint
from evalperf.pipeline.hedging import Hedging
from evalperf.pipeline.response_keys import ResponseKeys
from evalperf.pipeline.router import Router
from evalperf.pipeline.semantic import NearQuestions, SemanticIndex
from evalperf.pipeline.spending import Spending
from evalperf.providers import Provider
from evalperf.resilience import (
    AdaptiveLimit,
    Balancer,
    Budget,
    CircuitBreaker,
    EndpointLoad,
    FixedLimit,
    InFlightLimit,
    RateGate,
    RateGates,
    RateLimit,
    RetryBudget,
    RetryPolicy,
)
from evalperf.results import Journal

__all__ = ["Calling", "endpoint_rate_limit"]

FIRST_LIMIT = 16
"""Calls in flight to begin with, where nothing is known of the endpoint."""


class Calling:
    """Makes routers and callers for the models of a run, which share its rate limits, retries and budget."""

    def __init__(
        self,
        config: RunConfig,
        *,
        workers: int,
        known_limits: Mapping[int, int],
        cache: Cache | None,
        near: SemanticIndex | None,
        budget: Budget | None,
        emit: Emit,
    ) -> None:
        self._config = config
        self._workers = workers
        self._known_limits = known_limits
        self._cache = cache
        self._near = near
        self._budget = budget
        self._emit = emit
        self._random = random.Random(config.cases.seed)
        self._retries = RetryBudget(config.retry.budget)
        limits = config.concurrency.rate_limiting
        most_calls = config.concurrency.resource_limits.max_concurrent_api_calls
        self._shared = None if most_calls is None else CallLimit(most_calls)
        self._gates = RateGates({}, RateLimit.from_config(limits) if limits.limits_something else None)

    def router(
        self,
        section: AnswerProvider,
        providers: Sequence[Provider],
        fallback: AnswerProvider | None = None,
        fallbacks: Sequence[Provider] = (),
    ) -> Router:
        """The endpoints of one model, and those that take over when none of them answers."""
        known = self._known_limits if section is self._config.provider else {}
        endpoints = [
            self._endpoint(one, settings, known=known.get(place, FIRST_LIMIT))
            for place, (one, settings) in enumerate(_with_settings(section, providers))
        ]
        if fallback is not None:
            more = _with_settings(fallback, fallbacks)
            endpoints += [self._endpoint(one, settings, fallback=True) for one, settings in more]
        return Router(
            endpoints,
            Balancer(self._config.balancing, self._random),
            most=self._workers if self._shared is None else min(self._workers, self._shared.most),
            outage_s=self._config.circuit_breaker.give_up_s,
            emit=self._emit,
            shared=self._shared,
        )

    def caller(
        self, section: AnswerProvider, router: Router, journal: Journal | None, hedging: Hedging | None = None
    ) -> Caller:
        """Asks one model through its router."""
        config = self._config
        timeouts: Any = getattr(section, "timeouts", None)
        fallback = config.fallback if section is config.provider else None
        spending = Spending(section, self._budget, fallback)
        return Caller(
            section,
            router,
            RetryPolicy.from_config(config.retry),
            self._retries,
            spending,
            journal=journal,
            cache=self._answer_cache(section, spending),
            hedging=hedging,
            total_s=config.concurrency.worker_timeout_s if timeouts is None else timeouts.total_s,
            seed=config.cases.seed,
        )

    def _answer_cache(self, section: AnswerProvider, spending: Spending) -> AnswerCache | None:
        if self._cache is None or section.type not in REPEATABLE:
            return None
        config = self._config.cache
        keys = ResponseKeys(section, config)
        near = None
        if self._near is not None and section is self._config.provider:  # what a judge is shown differs in details
            near = NearQuestions(self._near, keys.static_parts, config)
        return AnswerCache(self._cache, keys, config.responses, spending.cost_usd, near)

    def _endpoint(
        self,
        provider: Provider,
        settings: EndpointConfig | None,
        *,
        known: int = FIRST_LIMIT,
        fallback: bool = False,
    ) -> Endpoint:
        return Endpoint(
            provider,
            EndpointLoad(provider.name, 1.0 if settings is None else settings.weight),
            CircuitBreaker(self._config.circuit_breaker),
            RateGate(endpoint_rate_limit(settings), self._gates),
            self._in_flight(provider, settings, known),
            fallback=fallback,
            longest_pause_s=self._config.retry.retry_after_max_s,
            emit=self._emit,
            rng=self._random,
        )

    def _in_flight(self, provider: Provider, settings: EndpointConfig | None, known: int) -> InFlightLimit:
        """Fixed where the configuration fixes it or this machine computes the answers; else found as the run goes."""
        concurrency, workers = self._config.concurrency, self._workers
        most = workers if settings is None or settings.max_in_flight is None else min(workers, settings.max_in_flight)
        if not concurrency.adaptive:
            return FixedLimit(most)
        if concurrency.workers != "auto" or provider.in_process:
            return AdaptiveLimit(start=most, least=most, most=most)  # only its pacer has something to do
        least = min(concurrency.min_workers, most)
        return AdaptiveLimit(start=max(least, min(most, known)), least=least, most=most)


def _with_settings(
    section: AnswerProvider, providers: Sequence[Provider]
) -> list[tuple[Provider, EndpointConfig | None]]:
    """Each provider with the settings of its endpoint, where it has some."""
    settings: Sequence[EndpointConfig | None] = getattr(section, "endpoints", None) or [None] * len(providers)
    return list(zip(providers, settings, strict=True))


def endpoint_rate_limit(settings: EndpointConfig | None) -> RateLimit:
    """What the configuration limits at one endpoint."""
    if settings is None:
        return RateLimit()
    return RateLimit.from_config(
        RateLimitingConfig(
            requests_per_minute=settings.requests_per_minute, tokens_per_minute=settings.tokens_per_minute
        )
    )
