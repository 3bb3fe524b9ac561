"""The statements of the store whose removal nobody can see, each with the reason; read by `mutations.py`."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {}
"""By file, function and statement."""
