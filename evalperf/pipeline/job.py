"""A case on its way: what the attempts so far have cost, kept while it waits for its next worker."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from evalperf.pipeline.watch import Slot
from evalperf.records import Case, FailureKind, Request, Response

__all__ = ["Again", "Halted", "Job"]


class Job(Struct, kw_only=True, gc=False):
    """One case in one epoch from its first worker to its result; owned by the worker that holds it, or the feed."""

    case: Case
    call: int = 0
    """Number of the call within its case, in the journal: 0 for the answer itself, those of judges count from 1."""
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
    retry_spent: int | None = None
    """What its last retry has cost the run's retry budget; None before the first."""
    slot: Slot | None = None
    """The time limit of the worker that holds it."""
    messages_json: bytes = b""
    """The request's messages as JSON: what is hashed, and how large the request is."""

    @property
    def queue_s(self) -> float | None:
        """From being ready to its first call; None before that."""
        return None if self.first_sent_s is None else self.first_sent_s - self.ready_s


class Halted(Exception):  # noqa: N818 - not an error: the run is being stopped
    """A case can't be finished in this session: what it has got so far is in the journal."""


class Again(Struct, frozen=True, gc=False):
    """The attempt failed in a way that may pass: take the case again after the wait, with whichever worker is free."""

    delay_s: float
    kind: FailureKind | None = None
    """Why; None where it was not tried at all, because the run is being stopped."""
    endpoint: str | None = None
