"""Runs test cases through model endpoints, scores the answers, and reports numbers that can be trusted."""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
