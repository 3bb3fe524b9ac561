"""Which groups a result belongs to, for numbers by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from evalperf.records import Result

__all__ = ["Groups", "group_reader", "metadata_fields"]

Groups = Sequence[str | None]
"""A result's groups; None stands for "has no such field"."""

_NONE: Groups = (None,)


def group_reader(field: str) -> Callable[[Result], Groups]:
    """A function that names the groups of a result.

    `field` is `tags` (a case is in the group of each of its tags), `model`, `endpoint`, or a path into the metadata;
    dots reach inside. A field of the metadata with one of these names is meant by `metadata.tags` and so on.
    """
    if field == "tags":
        return lambda result: result.tags or _NONE
    if field == "model":
        return lambda result: (result.model,)
    if field == "endpoint":
        return lambda result: (result.endpoint,)
    path = field.removeprefix("metadata.")
    return lambda result: _labels(_lookup(result.metadata, path))


def metadata_fields(metadata: dict[str, Any]) -> list[str]:
    """The paths at which something stands, to suggest in a message; one level deep."""
    fields: list[str] = []
    for key, value in metadata.items():
        fields.extend(f"{key}.{inner}" for inner in value) if isinstance(value, dict) else fields.append(key)
    return fields


def _lookup(value: Any, path: str) -> Any:
    """What stands at the path; a key that contains the dots itself goes first."""
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    head, dot, rest = path.partition(".")
    return _lookup(value.get(head), rest) if dot else None


def _labels(value: Any) -> Groups:
    if value is None:
        return _NONE
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(_label(item) for item in value)) or _NONE
    return (_label(value),)


def _label(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
