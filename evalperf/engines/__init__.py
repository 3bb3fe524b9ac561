"""Where cases are worked on: in this process."""

from __future__ import annotations

from evalperf.engines.local import LocalEngine

__all__ = ["LocalEngine"]
