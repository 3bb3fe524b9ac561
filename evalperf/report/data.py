"""The document as data."""

from __future__ import annotations

import orjson

from evalperf.report.document import Report

__all__ = ["render_json"]


def render_json(report: Report) -> bytes:
    """One JSON document, indented, with a newline at the end."""
    return orjson.dumps(report.document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
