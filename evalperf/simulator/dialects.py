"""The headers by which servers tell about their limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

from evalperf.simulator.limits import Standing, Verdict
from evalperf.simulator.options import Dialect

__all__ = ["duration_text", "limit_headers"]

Headers = dict[str, str]


def limit_headers(dialect: Dialect, verdict: Verdict, utc_now: datetime) -> Headers:
    """The headers of a reply, refused or not, by the state of the limits."""
    return _DIALECTS[dialect](verdict, utc_now)


def _openai(verdict: Verdict, _: datetime) -> Headers:
    headers: Headers = {}
    for what, standing in verdict.standings.items():
        headers[f"x-ratelimit-limit-{what}"] = str(standing.per_minute)
        headers[f"x-ratelimit-remaining-{what}"] = str(standing.remaining)
        headers[f"x-ratelimit-reset-{what}"] = duration_text(standing.full_in_s)
    return headers | _both_waits(verdict)


def _azure(verdict: Verdict, _: datetime) -> Headers:
    """As Azure's Responses API: numbers that say nothing, and a wait in milliseconds that does."""
    headers: Headers = {}
    for what in verdict.standings:
        headers |= {
            f"x-ratelimit-limit-{what}": "-1",
            f"x-ratelimit-remaining-{what}": "-1",
            f"x-ratelimit-reset-{what}": "0",
        }
    return headers | _both_waits(verdict)


def _anthropic(verdict: Verdict, utc_now: datetime) -> Headers:
    headers: Headers = {}
    for what, standing in verdict.standings.items():
        headers |= _anthropic_limit(what, standing, utc_now)
        if what == "tokens":  # one bucket here; the vendor also tells of input alone
            headers |= _anthropic_limit("input-tokens", standing, utc_now)
    return headers | _retry_after(verdict, utc_now)


def _anthropic_limit(what: str, standing: Standing, utc_now: datetime) -> Headers:
    full_at = datetime.fromtimestamp(math.ceil(utc_now.timestamp() + standing.full_in_s), UTC)
    return {
        f"anthropic-ratelimit-{what}-limit": str(standing.per_minute),
        f"anthropic-ratelimit-{what}-remaining": str(standing.remaining),
        f"anthropic-ratelimit-{what}-reset": full_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _retry_after(verdict: Verdict, _: datetime) -> Headers:
    """Whole seconds, as the header has them."""
    return {} if verdict.over is None else {"retry-after": str(max(1, math.ceil(verdict.wait_s)))}


def _both_waits(verdict: Verdict) -> Headers:
    if verdict.over is None:
        return {}
    wait_ms = max(1, math.ceil(verdict.wait_s * 1000))
    return {"retry-after-ms": str(wait_ms), "retry-after": str(math.ceil(verdict.wait_s))}


def _none(_: Verdict, __: datetime) -> Headers:
    return {}


_DIALECTS: dict[Dialect, Callable[[Verdict, datetime], Headers]] = {
    "openai": _openai,
    "anthropic": _anthropic,
    "azure": _azure,
    "retry-after": _retry_after,
    "none": _none,
}


def duration_text(seconds: float) -> str:
    """As OpenAI writes it: 12ms, 8.64s, 1m30s, 6m0s, 1h2m3s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest_s = divmod(round(seconds, 3), 60)
    shown_s = f"{rest_s:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes < 1:
        return shown_s
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours}h{minutes}m{shown_s}" if hours else f"{minutes}m{shown_s}"
