"""What happens when a call does not go well: policies as values, each usable alone."""

from __future__ import annotations

from evalperf.resilience.retry import RetryPolicy

__all__ = ["RetryPolicy"]
