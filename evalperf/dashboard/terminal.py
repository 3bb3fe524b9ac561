"""The terminal that progress is shown on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

__all__ = ["terminal_size"]


def terminal_size(stderr: TextIO, environ: Mapping[str, str]) -> tuple[int, int]:
    """Columns and rows: of the terminal itself, else by COLUMNS and LINES, else 80 and 24."""
    try:
        size = os.get_terminal_size(stderr.fileno())
    except (OSError, ValueError, AttributeError):  # no terminal behind it, or no descriptor at all
        size = os.terminal_size((0, 0))
    columns = size.columns or _count(environ.get("COLUMNS"))
    rows = size.lines or _count(environ.get("LINES"))
    return columns or 80, rows or 24


def _count(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else 0
