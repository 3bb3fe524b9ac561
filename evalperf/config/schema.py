"""The JSON Schema of the configuration, for editors and for checks outside evalperf."""

from __future__ import annotations

from typing import Any

__all__ = ["SCHEMA_ID", "json_schema"]

SCHEMA_ID = "urn:evalperf:schema:config"
"""Names the schema; there is nothing to fetch."""


def json_schema() -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of a configuration; `${NAME}` is only covered where a text may stand."""
    from evalperf.config.model import RunConfig  # noqa: PLC0415 - pydantic takes 80 ms, which --help need not pay

    schema = RunConfig.model_json_schema(by_alias=True)
    scorers = schema["properties"]["scorers"]
    scorers["items"] = {"anyOf": [_bare_names(scorers["items"], schema["$defs"]), scorers["items"]]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
        "title": "evalperf configuration",
    }


def _bare_names(scorer: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The scorers that may be given by name alone: all that have nothing to say but their type."""
    by_type = {tag: definitions[ref.rpartition("/")[2]] for tag, ref in scorer["discriminator"]["mapping"].items()}
    names = [tag for tag, options in by_type.items() if options.get("required") == ["type"]]
    return {"enum": names, "description": "A scorer with its defaults."}
