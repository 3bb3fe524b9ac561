"""Keywords of JSON Schema that keep a time limit, where those of the jsonschema package can't be interrupted."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import regex

from evalperf.scorers.json_text import json_key
from evalperf.scorers.time_limit import TimeLimit

__all__ = ["TimedKeywords"]

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any] | None]
"""Takes the validator, the keyword's value, the instance and the schema; yields what is wrong."""


class TimedKeywords:
    """The keywords of a validator class, each of which looks at the clock before it begins.

    jsonschema leaves patterns to Python's `re`, which nothing can interrupt: here a pattern must be one that `re`
    knows, and then runs in the regex package, which keeps the limit. Its `uniqueItems` takes quadratic time.
    """

    def __init__(self) -> None:
        self._compiled = lru_cache(maxsize=1024)(_compile)
        self._now = threading.local()  # `limit`: of the answer at work in this thread; keywords have no other way to it

    def set_limit(self, limit: TimeLimit) -> None:
        """The limit of what this thread checks next; past it a keyword raises TimeoutError."""
        self._now.limit = limit

    def replacing(self, keywords: dict[str, Keyword]) -> dict[str, Keyword]:
        """The keywords, some of them replaced, all of them timed."""
        own: dict[str, Keyword] = {
            "pattern": self._pattern,
            "patternProperties": self._pattern_properties,
            "additionalProperties": self._additional_properties,
            "unevaluatedProperties": self._unevaluated_properties,
            "uniqueItems": _unique_items,
        }
        return {name: self._timed(keyword) for name, keyword in {**keywords, **own}.items()}

    def _timed(self, keyword: Keyword) -> Keyword:
        def carry_out(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any] | None:
            self._now.limit.left_s()
            return keyword(validator, value, instance, schema)

        return carry_out

    def _finds(self, pattern: str, text: str) -> bool:
        limit: TimeLimit = self._now.limit
        found = self._compiled(pattern).search(text, timeout=limit.left_s(), concurrent=limit.concurrent)
        return found is not None

    def _pattern(self, _validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
        if isinstance(instance, str) and not self._finds(pattern, instance):
            yield _error(f"{instance!r} does not match {pattern!r}")

    def _pattern_properties(self, validator: Any, patterns: Any, instance: Any, _schema: Any) -> Iterator[Any]:
        if not isinstance(instance, dict):
            return
        for pattern, subschema in patterns.items():
            for name, item in instance.items():
                if self._finds(pattern, name):
                    yield from validator.descend(item, subschema, path=name, schema_path=pattern)

    def _additional_properties(self, validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(instance, dict):
            return
        known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        extra = [
            name
            for name in instance
            if name not in known and not any(self._finds(pattern, name) for pattern in patterns)
        ]
        if isinstance(wanted, dict):
            for name in extra:
                yield from validator.descend(instance[name], wanted, path=name)
        elif not wanted and extra:
            yield _error(f"not expected: {', '.join(map(repr, extra))}")

    def _unevaluated_properties(self, validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(instance, dict):
            return
        evaluated = self._evaluated(validator, instance, schema)
        bad = [name for name in instance if name not in evaluated and not _holds(validator, instance[name], wanted)]
        if bad:
            yield _error(f"not expected: {', '.join(map(repr, bad))}")

    def _evaluated(self, validator: Any, instance: dict[str, Any], schema: Any) -> set[str]:
        """The names that are looked at by the schema, or by one inside it that the same object fulfils."""
        if not isinstance(schema, dict):
            return set()
        self._now.limit.left_s()
        names: set[str] = schema.get("properties", {}).keys() & instance.keys()
        for keyword in ("additionalProperties", "unevaluatedProperties"):
            if keyword in schema:
                names |= {name for name, item in instance.items() if _holds(validator, item, schema[keyword])}
        for pattern in schema.get("patternProperties", ()):
            names |= {name for name in instance if self._finds(pattern, name)}
        for inner in _in_place(validator, instance, schema):
            names |= self._evaluated(validator, instance, inner)
        for keyword in ("$ref", "$dynamicRef"):
            if keyword in schema:
                found = validator._resolver.lookup(schema[keyword])  # noqa: SLF001 - jsonschema has no public way
                there = validator.evolve(schema=found.contents, _resolver=found.resolver)
                names |= self._evaluated(there, instance, found.contents)
        return names


def _in_place(validator: Any, instance: dict[str, Any], schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas inside this one that look at the same object and count: those that it fulfils."""
    yield from (inner for name, inner in schema.get("dependentSchemas", {}).items() if name in instance)
    for keyword in ("allOf", "oneOf", "anyOf"):
        yield from (inner for inner in schema.get(keyword, ()) if _holds(validator, instance, inner))
    if "if" in schema:
        fulfilled = _holds(validator, instance, schema["if"])
        if fulfilled:
            yield schema["if"]
        yield schema.get("then" if fulfilled else "else", True)


def _holds(validator: Any, instance: Any, schema: Any) -> bool:
    return next(validator.descend(instance, schema), None) is None


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if wanted and isinstance(instance, list) and len({json_key(item) for item in instance}) < len(instance):
        yield _error("two elements are equal")


def _error(message: str) -> Any:
    from jsonschema import ValidationError  # noqa: PLC0415 - loaded by then; takes 50 ms where no schema is used

    return ValidationError(message)


def _compile(pattern: str) -> regex.Pattern[str]:
    re.compile(pattern)  # the dialect is that of jsonschema, Python's own
    return regex.compile(pattern)
