"""A case on its way: what the attempts so far have cost, kept while it waits for its next worker."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from evalperf.records import Case, Request, Response

__all__ = ["Again", "Job"]


class Job(Struct, kw_only=True, gc=False):
    """One case in one epoch from its first worker to its result; owned by the worker that holds it, or the feed."""

    case: Case
    ready_s: float
    """When it was ready to be sent, on the loop's clock."""
    request: Request | None = None
    """Made by the first worker."""
    response: Response | None = None
    """The answer, once it is there: paid for, whatever happens to its scores."""
    started_at: datetime | None = None
    """When the first worker took it, UTC."""
    first_sent_s: float | None = None
    attempts: int = 0
    throttled_s: float = 0.0
    retry_wait_s: float = 0.0
    waiting_for_limit: bool = False
    """Whether the wait it is in was asked for by a rate limit."""


class Again(Struct, frozen=True, gc=False):
    """The attempt failed in a way that may pass: take the case again after the wait, with whichever worker is free."""

    delay_s: float
