"""How items become batches, for providers and embedders that take many at once."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evalperf.config.section import PositiveS, Section

__all__ = ["BatchingConfig"]


class BatchingConfig(Section):
    """For embeddings, functions that take lists, and judges that do; other calls never wait for company."""

    max_batch_wait_ms: Annotated[float, Field(ge=0, le=60_000, allow_inf_nan=False)] = 100
    """An item waits no longer than this for others to share its call; 0 = only those asked for at the same moment."""
    max_concurrent_batches: Annotated[int, Field(ge=1, le=1_000)] = 5
    """Batches on their way at once."""
    target_batch_s: PositiveS = 2.0
    """Batches grow and shrink so that one takes less than this."""
    target_batch_success: Annotated[float, Field(gt=0, lt=1)] = 0.95
    """Batches shrink when a smaller share of them succeeds."""
