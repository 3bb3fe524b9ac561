"""The JSON Schema of the configuration, for editors and for checks outside evalperf."""

from __future__ import annotations

from typing import Any

__all__ = ["SCHEMA_ID", "json_schema"]

SCHEMA_ID = "https://evalperf.dev/schema/config.json"
"""Names the schema; nothing is fetched from there."""


def json_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of everything that a configuration may hold before `${NAME}` is expanded."""
    from evalperf.config.model import RunConfig  # noqa: PLC0415 - pydantic takes 80 ms, which --help need not pay

    schema = RunConfig.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "evalperf configuration",
    }
