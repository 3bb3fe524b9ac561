"""What a reply that is no answer means: its kind, whether to try again, and when. Shared by all HTTP protocols."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import orjson
from msgspec import Struct

from evalperf.clock import utc_now
from evalperf.errors import ProviderError
from evalperf.providers.base import WrongAddress
from evalperf.records import FailureKind

__all__ = ["excerpt", "is_page", "page", "parse_duration_s", "refusal", "refusal_in_body", "retry_after_s"]

_EXCERPT_CHARS = 200
_HIDDEN = "[hidden]"

_KINDS: dict[int, FailureKind] = {
    401: "auth",
    402: "quota",
    403: "auth",
    407: "auth",
    408: "timeout",
    429: "rate_limited",
}
"""By status; any other is `rejected` below 500 and `server_error` from there."""

_RETRYABLE = frozenset({408, 409, 425, 429})
"""Below 500; all server errors are worth another try."""

_QUOTA_CODES = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "insufficient_balance",
        "credit_balance_too_low",
    }
)
_STATUS_OF_CODE = {
    **dict.fromkeys(_QUOTA_CODES, 429),
    "rate_limit_exceeded": 429,
    "rate_limit_error": 429,
    "invalid_request_error": 400,
    "invalid_prompt": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
}
"""The status that an error would have had which comes in a body, as in the middle of a stream; 500 for all others."""

_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
"""Anthropic's words for it, under status 400 and the code of any invalid request."""
_QUOTA_WORDS = re.compile(
    r"billing|insufficient (?:quota|balance|credit)|credit balance|spend(?:ing)? limit", re.IGNORECASE
)
_MODEL_WORDS = re.compile(r"\b(?:model|deployment)\b", re.IGNORECASE)
_MODEL_HINT = 'check "model": does the server have one of that name?'
_RETRY_WORDS = re.compile(r"(?:retry|try again) (?:in|after) ", re.IGNORECASE)
_FILTER_CODES = frozenset({"content_filter", "content_policy_violation", "responsibleaipolicyviolation"})

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[dhms]))+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[dhms])")
_UNIT_S = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


class _Complaint(Struct, frozen=True):
    """What the body of a refusal says, in whichever of the usual forms."""

    message: str
    codes: frozenset[str] = frozenset()
    status: int | None = None
    """A status that the body names, where gateways answer 200 for everything."""


def refusal(status: int, headers: Mapping[str, str], body: bytes, *, secrets: Collection[str] = ()) -> ProviderError:
    """The failure that a reply with a status other than 2xx stands for."""
    if 300 <= status < 400:
        target = excerpt(headers.get("location", "nowhere"), secrets)
        return WrongAddress(
            "rejected", f"HTTP {status}: redirected to {target}; redirects are not followed", status=status
        )
    complaint = _complaint(body)
    kind = _kind(status, headers, complaint)
    retryable = kind not in {"quota", "content_filter"} and (status in _RETRYABLE or status >= 500)
    if (wish := headers.get("x-should-retry")) in {"true", "false"}:
        retryable = wish == "true"
    error_type = WrongAddress if status in {404, 405} else ProviderError
    said = _page_title(body, secrets) if is_page(headers, body) else excerpt(complaint.message, secrets)
    return error_type(
        kind,
        f"HTTP {status}: {said}" if said else f"HTTP {status}",
        status=status,
        retryable=retryable,
        retry_after_s=retry_after_s(headers, limited=status == 429) if retryable else None,
        hint=_MODEL_HINT if status == 404 and _MODEL_WORDS.search(complaint.message) else None,
    )


def refusal_in_body(body: bytes, *, secrets: Collection[str] = ()) -> ProviderError:
    """The failure that an error in a body stands for whose status was good, as in the middle of a stream."""
    complaint = _complaint(body)
    status = complaint.status if complaint.status is not None else _status_of(complaint)
    kind = _kind(status, {}, complaint)
    return ProviderError(
        kind,
        f"HTTP 200, and then an error: {excerpt(complaint.message, secrets)}",
        status=200,
        retryable=kind not in {"quota", "content_filter"} and (status in _RETRYABLE or status >= 500),
    )


def _kind(status: int, headers: Mapping[str, str], complaint: _Complaint) -> FailureKind:
    if complaint.codes & _FILTER_CODES:
        return "content_filter"
    if (status == 429 and _means_quota(headers, complaint)) or (status == 400 and _NO_CREDIT.search(complaint.message)):
        return "quota"
    return _KINDS.get(status, "rejected" if status < 500 else "server_error")


def _means_quota(headers: Mapping[str, str], complaint: _Complaint) -> bool:
    """Words are weak evidence: some servers speak of billing whenever a rate limit is hit, but then name a wait."""
    if complaint.codes & _QUOTA_CODES:
        return True
    waits = "retry-after" in headers or "retry-after-ms" in headers or _RETRY_WORDS.search(complaint.message)
    return not waits and _QUOTA_WORDS.search(complaint.message) is not None


def _status_of(complaint: _Complaint) -> int:
    return max((status for code in complaint.codes if (status := _STATUS_OF_CODE.get(code))), default=500)


def _complaint(body: bytes) -> _Complaint:
    """Reads `{"error": {…}}`, `{"error": "…"}`, `{"message": …}`, `{"detail": …}`; else the body is the message."""
    text = body[: 64 * _EXCERPT_CHARS].decode("utf-8", "replace")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Complaint(text)
    said = found.get("error", found) if isinstance(found, dict) else found
    if not isinstance(said, dict):
        return _Complaint(said if isinstance(said, str) else text)
    message = said.get("message") or said.get("detail") or text
    inner = said.get("innererror")
    named = [said.get("code"), said.get("type"), inner.get("code") if isinstance(inner, dict) else None]
    return _Complaint(
        message if isinstance(message, str) else orjson.dumps(message).decode(),
        frozenset(name.lower() for name in named if isinstance(name, str)),
        next((number for number in named if isinstance(number, int) and 400 <= number < 600), None),
    )


def page(status: int, body: bytes, *, secrets: Collection[str] = ()) -> WrongAddress:
    """The failure that a web page in the place of an answer stands for."""
    title = _page_title(body, secrets)
    return WrongAddress("bad_reply", f"HTTP {status}: {title} in place of an answer", status=status)


def is_page(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is a web page, meant for a person."""
    start = body[:512].lstrip().lower()
    return "text/html" in headers.get("content-type", "").lower() or start.startswith((b"<!doctype html", b"<html"))


def _page_title(body: bytes, secrets: Collection[str]) -> str:
    title = re.search(rb"<title[^>]*>(.*?)</title>", body[:8192], re.IGNORECASE | re.DOTALL)
    return f'an HTML page, "{excerpt(title[1], secrets)}"' if title else "an HTML page"


def hidden(text: str, secrets: Collection[str]) -> str:
    """The text without secrets, which a server may send back."""
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def excerpt(text: str | bytes, secrets: Collection[str]) -> str:
    """At most 200 characters on one line, safe for a terminal: controls and bidi marks escaped, secrets hidden."""
    if isinstance(text, bytes):
        text = text[: 64 * _EXCERPT_CHARS].decode("utf-8", "replace")
    text = hidden(text, secrets)
    text = " ".join(text[: 16 * _EXCERPT_CHARS].split())
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return safe if len(safe) <= _EXCERPT_CHARS else safe[: _EXCERPT_CHARS - 1] + "…"


def retry_after_s(headers: Mapping[str, str], *, limited: bool) -> float | None:
    """How long the server asks to wait; None where it says nothing usable.

    retry-after-ms goes before Retry-After (seconds or a date); where a limit was hit (`limited`) and neither is there,
    the largest of the x-ratelimit-reset headers counts.
    """
    if (wait_ms := _number(headers.get("retry-after-ms"))) is not None:
        return wait_ms / 1000
    if (stated := headers.get("retry-after")) is not None:
        wait_s = _number(stated)
        return wait_s if wait_s is not None else _until_s(stated, headers.get("date"))
    if not limited:
        return None
    names = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens", "x-ratelimit-reset")
    resets = (parse_duration_s(headers.get(name)) for name in names)
    return max((reset_s for reset_s in resets if reset_s is not None), default=None)


def parse_duration_s(text: str | None) -> float | None:
    """Seconds in "1m30s", "12ms", "8.64s", "1h2m3s" or a bare number; None for anything else, also below zero."""
    if text is None:
        return None
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNIT_S[unit] for number, unit in _DURATION_PART.findall(text))
    return _number(text)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until_s(moment: str, server_date: str | None) -> float | None:
    """Seconds to an HTTP date by the server's own clock where it tells it, else by ours; 0 for one just gone by."""
    then = _date(moment)
    if then is None:
        return None
    now = _date(server_date) or utc_now()
    return max(0.0, (then - now).total_seconds())


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text is not None else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date is not None and date.tzinfo is None else date
