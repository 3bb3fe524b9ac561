"""What the headers of a reply tell about the limits that it was held against, in all common dialects."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from evalperf.clock import utc_now

__all__ = ["StatedLimit", "senseless_limits", "stated_limits"]

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+")
_UNIT_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

_DIALECTS: dict[str, tuple[str, ...]] = {
    "requests": ("x-ratelimit-{}-requests", "anthropic-ratelimit-requests-{}"),
    "tokens": ("x-ratelimit-{}-tokens", "anthropic-ratelimit-tokens-{}", "anthropic-ratelimit-input-tokens-{}"),
}
_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


class StatedLimit(Struct, frozen=True, kw_only=True):
    """One limit as a server states it; None is what it leaves open or states without sense."""

    limit: float
    """Per some period, which no dialect names."""
    remaining: float | None
    reset_s: float | None
    """Seconds until a window ends or a bucket is full again, by dialect and server."""


def stated_limits(headers: Mapping[str, str]) -> dict[str, StatedLimit]:
    """The limits on "requests" and "tokens", as far as the headers state them; names must be in lower case.

    Limits of 0 and below say nothing (Azure's Responses API sends -1), nor does what is not a number.
    """
    stated: dict[str, StatedLimit] = {}
    if not any(name.startswith(_PREFIXES) for name in headers):
        return stated
    for what, patterns in _DIALECTS.items():
        for pattern in patterns:
            limit = _number(headers.get(pattern.format("limit")))
            if limit is None or limit <= 0:
                continue
            reset_s = _reset_s(headers.get(pattern.format("reset")))
            remaining = _number(headers.get(pattern.format("remaining")))
            stated[what] = StatedLimit(limit=limit, remaining=remaining, reset_s=reset_s)
            break
    return stated


def senseless_limits(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers among them that state a limit, and are passed over because no sense can be made of them.

    A limit of -1 has a sense: there is none.
    """
    found: dict[str, str] = {}
    for pattern in (pattern for patterns in _DIALECTS.values() for pattern in patterns):
        for part in ("limit", "remaining", "reset"):
            name = pattern.format(part)
            text = headers.get(name)
            if text is None or (part == "limit" and text.strip() == "-1"):
                continue
            read = _reset_s(text) if part == "reset" else _number(text)
            if read is None:
                found[name] = text
    return found


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _reset_s(text: str | None) -> float | None:
    """Seconds in "6m0s", "12ms", "8.64s", a bare number, or until an RFC 3339 moment."""
    if text is None:
        return None
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_S[unit] for number, unit in _PART.findall(text))
    if (seconds := _number(text)) is not None:
        return seconds
    try:
        left_s = (datetime.fromisoformat(text) - utc_now()).total_seconds()
    except (ValueError, TypeError):  # TypeError: a moment without a zone
        return None
    return max(0.0, left_s)
