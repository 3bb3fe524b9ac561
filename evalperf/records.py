"""The nouns of a run, frozen; each is born in one place.

`Case` in cases/, `Request` and `Result` in pipeline/evaluate, `Completion` in providers/, `Response`, `Unanswered` and
`Failure` in pipeline/caller (and scorer failures in pipeline/evaluate), `Score` in scorers/. None always means "not
known" or "not there", never 0.

Records hold JSON values and each other, never a cycle: so they are left out of the cycle collector (`gc=False`), which
would otherwise walk over every case in flight.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

__all__ = [
    "CACHED_FROM",
    "FAILURE_KINDS",
    "MOST_SCORE",
    "CachedFrom",
    "Call",
    "Case",
    "Completion",
    "Failure",
    "FailureKind",
    "Message",
    "Request",
    "Response",
    "Result",
    "Score",
    "Spent",
    "Target",
    "Unanswered",
    "Usage",
    "counted_usage",
]

Message = dict[str, Any]
"""One chat message as the protocol spells it: at least `role` and `content`."""

Target = str | tuple[str, ...] | None
"""What is expected: a text, several of which any will do, or nothing."""

MOST_SCORE = 1e150
"""Values beyond have no square, and so no variance."""

MOST_TOKENS = 10**12
"""That one answer can have taken."""

Ordinal = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0, le=10**12)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Dollars = Annotated[float, Meta(ge=-1e12, le=1e12)]
"""What a row of any run holds; one that says something else is not read."""

FailureKind = Literal[
    "timeout",
    "connection",
    "rate_limited",
    "server_error",
    "rejected",
    "auth",
    "quota",
    "content_filter",
    "truncated",
    "empty",
    "bad_reply",
    "cancelled",
    "provider",
    "scorer",
]
FAILURE_KINDS: tuple[FailureKind, ...] = FailureKind.__args__  # type: ignore[attr-defined]

CachedFrom = Literal["memory", "disk", "redis", "semantic", "coalesced"]
CACHED_FROM: tuple[CachedFrom, ...] = CachedFrom.__args__  # type: ignore[attr-defined]


class Case(Struct, frozen=True, kw_only=True, gc=False):
    """One line of input, in one epoch."""

    seq: int
    """Number of the record over all inputs, from 1; with `epoch` the identity of its result."""
    id: str
    """The line's own id, or a hash of its content."""
    epoch: int = 1
    """The n-th repetition, from 1."""
    input: str | tuple[Message, ...]
    """The question: a text, or the messages of a conversation."""
    target: Target = None
    """What is expected."""
    output: str | None = None
    """A recorded answer that stands in the line."""
    choices: tuple[str, ...] | None = None
    """The options of a multiple-choice question, in order."""
    tags: tuple[str, ...] = ()
    """Labels to group by."""
    metadata: dict[str, Any] = field(default_factory=dict)
    """All other fields of the line; template variables, and copied to the result."""
    precedents: tuple[dict[str, Any], ...] | UnsetType = UNSET
    """The most similar earlier cases, where the configuration asks for them: id, input, output, target, scores,
    overall_score, similarity."""


class Request(Struct, frozen=True, kw_only=True, gc=False):
    """What is sent for a case, before a provider gives it the form of its protocol."""

    case: Case
    messages: tuple[Message, ...]
    """The conversation; the last one is the user's turn."""
    draw: int = 1
    """The n-th of several answers to the same messages in one epoch, from 1: each is a call of its own."""


class Usage(Struct, frozen=True, gc=False):
    """Tokens that the endpoint says it has counted."""

    input_tokens: Annotated[int, Meta(ge=-MOST_TOKENS, le=MOST_TOKENS)]
    output_tokens: Annotated[int, Meta(ge=-MOST_TOKENS, le=MOST_TOKENS)]


def counted_usage(input_tokens: int | None, output_tokens: int | None) -> Usage | None:
    """None where a count is missing, or is none that can be: a server may say anything, and sums would believe it."""
    if input_tokens is None or output_tokens is None:
        return None
    if not (0 <= input_tokens <= MOST_TOKENS and 0 <= output_tokens <= MOST_TOKENS):
        return None
    return Usage(input_tokens, output_tokens)


class Completion(Struct, frozen=True, kw_only=True, gc=False):
    """What a provider returned."""

    text: str
    """The answer; the first one where several were asked for."""
    alternatives: tuple[str, ...] = ()
    """The further answers of a request with n > 1."""
    model: str | None = None
    """The model that the endpoint says has answered."""
    usage: Usage | None = None
    finish_reason: str | None = None
    ttft_s: float | None = None
    """Seconds from sending to the first token; only known when streaming."""
    target: Target = None
    """A target that came with a recorded answer; it wins over the case's."""
    limit_headers: dict[str, str] | UnsetType = UNSET
    """What the reply's headers say about rate limits, names in lower case; of use only when the reply comes."""


class Call(Struct, frozen=True, kw_only=True, gc=False):
    """What it took to get an answer, or to give up."""

    endpoint: str | None = None
    """Name of the endpoint of the last attempt."""
    attempts: int = 0
    cached: CachedFrom | None = None
    latency_s: float | None = None
    """The endpoint's own time in the last attempt: no queue, throttle or retry wait is in it."""
    throttled_s: float = 0.0
    """Waited for rate limits, over all attempts."""
    retry_wait_s: float = 0.0
    """Waited between attempts."""
    fallback: bool = False
    """Whether a fallback took over from the endpoints that were to be asked."""


class Response(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A completion as the run saw it."""

    completion: Completion
    call: Call
    answer: int = 1
    """Which of several answers to the request (n > 1) the completion's text is, where each is scored by itself."""


class Failure(Struct, frozen=True, kw_only=True, gc=False):
    """Why there is no answer, or no scores."""

    kind: FailureKind
    message: str
    status: Annotated[int, Meta(ge=-(10**12), le=10**12)] | None = None
    """The HTTP status, where there was one."""
    retryable: bool = False
    """Whether the same case may succeed in a later run."""


class Unanswered(Struct, frozen=True, kw_only=True, gc=False):
    """A call that was given up."""

    failure: Failure
    call: Call


class Spent(Struct, frozen=True, kw_only=True, gc=False):
    """What the calls of one score have cost: a judge's, or those for embeddings."""

    calls: Count
    """Answered calls, those from a cache not among them."""
    cached: Count = 0
    """Answers that a cache or the journal had."""
    latency_s: Seconds | None = None
    """Summed over the calls."""
    usage: Usage | None = None
    cost_usd: Dollars | None = None
    """None where a price or the usage is not known."""
    embedded_tokens: Count | UnsetType = UNSET
    """Those of `usage` that went into embeddings. The calls for these stand in a list of their own, so sums over a run
    leave this part out here; not in the line where there is none. `embedded_usd` likewise."""
    embedded_usd: Dollars | UnsetType = UNSET


class Score(Struct, frozen=True, kw_only=True, gc=False):
    """One scorer's view of one answer."""

    value: Annotated[float, Meta(ge=-MOST_SCORE, le=MOST_SCORE)] | None
    """None = not scored, with the reason; never a stand-in for 0."""
    passed: bool | None = None
    """Whether the answer counts as right; None where the scorer has no such notion or did not score."""
    reason: str | None = None
    """Why the value is what it is, for a person."""
    extracted: str | None = None
    """What of the answer was scored, where that is not the whole."""
    detail: dict[str, Any] | UnsetType = UNSET
    """More about it, in JSON's own types: votes, dimensions, test outcomes; not in the line where there is nothing."""
    spent: Spent | UnsetType = UNSET
    """What models that were asked for this score have cost; not in the line where none was."""


class Result(Struct, frozen=True, kw_only=True, gc=False):
    """A case's line in the results file: the wire form, field for field."""

    seq: Ordinal
    id: str
    epoch: Ordinal
    status: Literal["ok", "failed"]
    input: str | tuple[Message, ...] | None
    output: str | None
    target: Target
    scores: dict[str, Score]
    overall_score: Annotated[float, Meta(ge=-MOST_SCORE, le=MOST_SCORE)] | None
    failure: Failure | None
    model: str | None
    endpoint: str | None
    attempts: Count
    cached: CachedFrom | None
    latency_s: Seconds | None
    ttft_s: Seconds | None
    queue_s: Seconds | None
    throttled_s: Seconds
    retry_wait_s: Seconds
    score_s: Seconds | None
    usage: Usage | None
    cost_usd: Dollars | None
    finish_reason: str | None
    started_at: datetime
    """UTC; RFC 3339 in the file."""
    tags: tuple[str, ...]
    metadata: dict[str, Any]
    alternatives: tuple[str, ...] = ()
    fallback: bool | UnsetType = UNSET
    """True where a fallback has answered; not in the line otherwise."""
