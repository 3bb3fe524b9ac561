"""How long the calls of a run will take, as far as limits and earlier runs tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evalperf import clock
from evalperf.config.model import EndpointConfig, RunConfig
from evalperf.estimate.ranges import Range, mean_of_draws
from evalperf.tuning import WarmStart, read_warm_start

__all__ = ["duration"]


def duration(
    config: RunConfig, requests: Range, tokens: Range, latencies_s: Sequence[float], state_dir: Path
) -> tuple[Range | None, str]:
    """Seconds, and what tells so; None where neither a limit nor a pace is known. Reads the warm start.

    The slowest of all constraints counts. A limit alone gives a lower bound: the endpoint may be slower than it allows.
    """
    endpoints: Sequence[EndpointConfig] = getattr(config.provider, "endpoints", ())
    known = [_known(config, endpoint, state_dir) for endpoint in endpoints]
    bounds = [*_by_limits(config, endpoints, known, requests, tokens)]
    workers, source = _in_flight(config, endpoints, known)
    if workers is not None and len(latencies_s) >= 2 and requests.expected is not None:
        each_s = mean_of_draws(latencies_s, requests.expected)
        pace = f"{workers:,} calls in flight ({source}) and the latency of {len(latencies_s):,} calls before"
        bounds.append((requests.times(each_s).scaled(1 / workers), pace))
    if not bounds:
        return None, "neither limits nor the pace of an earlier run are known"
    expected = [bound.expected for bound, _ in bounds if bound.expected is not None]
    highs = [bound.high for bound, _ in bounds if bound.high is not None]
    slowest = Range(
        max(bound.low for bound, _ in bounds),
        max(expected) if len(expected) == len(bounds) else None,
        max(highs) if len(highs) == len(bounds) else None,
    )
    return slowest, "; ".join(why for _, why in bounds)


def _by_limits(
    config: RunConfig,
    endpoints: Sequence[EndpointConfig],
    known: Sequence[WarmStart | None],
    requests: Range,
    tokens: Range,
) -> list[tuple[Range, str]]:
    limits = config.concurrency.rate_limiting
    per_minute = [endpoint.requests_per_minute for endpoint in endpoints]
    tokens_per_minute = [endpoint.tokens_per_minute for endpoint in endpoints]
    learned = [one.requests_per_s for one in known if one is not None]
    request_rates = {
        "requests_per_second": limits.requests_per_second,
        "requests_per_minute": None if limits.requests_per_minute is None else limits.requests_per_minute / 60,
        "the endpoints' requests_per_minute": _all(per_minute, 60),
        "the pace that earlier runs have found": _all([*learned, *[None] * (len(known) - len(learned))], 1),
    }
    token_rates = {
        "tokens_per_minute": None if limits.tokens_per_minute is None else limits.tokens_per_minute / 60,
        "the endpoints' tokens_per_minute": _all(tokens_per_minute, 60),
    }
    found = []
    for quantity, rates in ((requests, request_rates), (tokens, token_rates)):
        for name, rate in rates.items():
            if rate is not None:
                through = quantity.scaled(1 / rate)
                found.append((Range(through.low, through.expected, None), name))
    return found


def _in_flight(
    config: RunConfig, endpoints: Sequence[EndpointConfig], known: Sequence[WarmStart | None]
) -> tuple[int | None, str]:
    """Calls that will be under way at once, and what says so."""
    workers = config.concurrency.workers
    if workers != "auto":
        most = [endpoint.max_in_flight for endpoint in endpoints]
        bounded = [one for one in most if one is not None]
        return min(workers, sum(bounded)) if endpoints and len(bounded) == len(most) else workers, "concurrency.workers"
    found = [one.workers for one in known if one is not None]
    if config.concurrency.adaptive and found and len(found) == len(endpoints):
        return sum(found), "the warm start"
    return None, ""


def _known(config: RunConfig, endpoint: EndpointConfig, state_dir: Path) -> WarmStart | None:
    if not config.concurrency.adaptive:
        return None
    return read_warm_start(state_dir, endpoint.url, config.provider.model, clock.utc_now(), warn=_not_told)


def _not_told(_: str) -> None:
    """A file that can't be read is told of when a run begins."""


def _all(rates: Sequence[float | None], seconds: float) -> float | None:
    """The sum per second; None unless each endpoint has a limit."""
    stated = [rate for rate in rates if rate is not None]
    return sum(stated) / seconds if rates and len(stated) == len(rates) else None
