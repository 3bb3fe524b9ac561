"""Which answers are worth keeping."""

from __future__ import annotations

from evalperf.config.cache import ResponseCacheConfig

__all__ = ["worth_keeping"]

TRUNCATED = frozenset({"length", "max_tokens", "model_length"})
REFUSED = frozenset({"content_filter", "refusal", "safety"})
"""Reasons to finish, as the protocols name them."""


def worth_keeping(finish_reason: str | None, config: ResponseCacheConfig) -> bool:
    """Whether an answer that ended for this reason is cached; failures have no answer and never come here."""
    if finish_reason in TRUNCATED:
        return config.keep_truncated
    return config.keep_refusals or finish_reason not in REFUSED
