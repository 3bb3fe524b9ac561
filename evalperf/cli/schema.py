"""`evalperf schema`: the JSON Schema of the configuration."""

from __future__ import annotations

from evalperf.cli.console import write

__all__ = ["schema"]


def schema() -> None:
    """Prints the JSON Schema of the configuration.

    Example:
      evalperf schema > evalperf.schema.json
    """
    import orjson

    from evalperf.config.schema import json_schema

    write(orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2))
