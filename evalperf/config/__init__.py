"""The configuration: what a run is asked to do, read from a file, flags and the environment, and checked at once."""

from __future__ import annotations

from evalperf.config.load import LoadedConfig, environment, load_config
from evalperf.config.overrides import Override, Redirect, parse_override
from evalperf.config.redact import Redactor
from evalperf.config.schema import json_schema

__all__ = [
    "LoadedConfig",
    "Override",
    "Redactor",
    "Redirect",
    "environment",
    "json_schema",
    "load_config",
    "parse_override",
]
