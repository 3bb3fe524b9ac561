"""The `json_schema` scorer: whether an answer is JSON that a schema (draft 2020-12) accepts."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

import regex

from evalperf.config.scorers import JsonSchemaScorer
from evalperf.errors import ConfigError
from evalperf.records import Case, Score
from evalperf.scorers.base import NO_TARGET, RIGHT, Scorer, Targets, verdict
from evalperf.scorers.extraction import PatternJudge, pattern_scorer
from evalperf.scorers.json_text import NotJsonError, json_key, parse_json, without_fence
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import TimeLimit

__all__ = ["SchemaChecker", "json_schema"]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_MOST_ERRORS: Final = 20
_MOST_SHOWN: Final = 200  # characters of one error: it repeats the value that is wrong

Keyword = Callable[[Any, Any, Any, Any], Iterator[Any]]


class InvalidSchemaError(ValueError):
    """The schema is none, or can't be carried out; the message says why."""


def json_schema(config: JsonSchemaScorer, resources: Resources) -> Scorer:
    """Every error's path and message is in the reason; `format` is a remark in this draft, and not checked.

    Raises ConfigError for a schema in the configuration, or in the file that it names, that is none. A schema that
    fails on an answer only (a pattern that Python does not know, a reference to nowhere, endless recursion) leaves that
    answer without a value, and so does a target that is no schema. Schemas are never fetched from the network.
    """
    checker = SchemaChecker()
    if config.schema_ is None:
        return pattern_scorer(config, "json_schema", _by_target(checker, config), resources)
    schema = config.schema_
    if isinstance(schema, str):
        schema = _read_schema(resources.base_dir / schema)
    try:
        validator = checker.validator(schema)
    except InvalidSchemaError as error:
        raise ConfigError(f"the schema is not valid: {error}") from error

    def judge(answer: str, _targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        return _verdict(checker, validator, answer, limit, fences=config.fences)

    return pattern_scorer(config, "json_schema", judge, resources, needs_target=False)


def _by_target(checker: SchemaChecker, config: JsonSchemaScorer) -> PatternJudge:
    validators = lru_cache(maxsize=256)(lambda target: checker.validator(parse_json(target)))

    def judge(answer: str, targets: Targets, _case: Case, limit: TimeLimit) -> Score:
        if not targets:
            return NO_TARGET
        scores: list[Score] = []
        faults: list[str] = []
        for target in targets:
            try:
                validator = validators(target)
            except (NotJsonError, InvalidSchemaError) as error:
                faults.append(f"the target is not a JSON Schema: {error}")
                continue
            scores.append(_verdict(checker, validator, answer, limit, fences=config.fences))
            if scores[-1].passed:
                break
        if not scores:
            return Score(value=None, reason=faults[0])
        # one that accepts it, else one that failed, for that might have accepted it, else the first that refuses it
        return min(scores, key=lambda score: (score.passed is not True, score.value is not None))

    return judge


def _verdict(checker: SchemaChecker, validator: Any, answer: str, limit: TimeLimit, *, fences: bool) -> Score:
    try:
        value = parse_json(without_fence(answer) if fences else answer)
    except NotJsonError as error:
        return verdict(False, reason=f"not JSON: {error}")
    try:
        errors = checker.errors(validator, value, limit)
    except InvalidSchemaError as error:
        return Score(value=None, reason=f"the schema failed on this answer: {error}")
    return verdict(False, reason="; ".join(errors)) if errors else RIGHT


class SchemaChecker:
    """Carries out schemas with the keywords of the jsonschema package, within the time limit of an answer.

    The keywords that jsonschema leaves to Python's `re`, which nothing can interrupt, are replaced: a pattern must be
    one that `re` knows, and then runs in the regex package, which keeps the limit. So is `uniqueItems`, which takes
    quadratic time there. Every other keyword looks at the clock before it begins.
    """

    def __init__(self) -> None:
        from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 - takes 50 ms to load

        own = {
            "pattern": self._pattern,
            "patternProperties": self._pattern_properties,
            "additionalProperties": self._additional_properties,
            "uniqueItems": _unique_items,
        }
        keywords = {**Draft202012Validator.VALIDATORS, **own}
        extend: Any = validators.extend
        self._plain: Any = Draft202012Validator
        self._registry = import_module("jsonschema_specifications").REGISTRY  # the drafts; nothing is fetched
        self._class: Any = extend(
            Draft202012Validator, {name: self._limited(keyword) for name, keyword in keywords.items()}
        )
        self._compiled = lru_cache(maxsize=1024)(_compile)
        self._now = threading.local()  # `limit`: that of the answer at work; a keyword has no other way to it

    def validator(self, schema: Any) -> Any:
        """A schema, ready; raises InvalidSchemaError with the place of the fault."""
        from jsonschema import FormatChecker, SchemaError  # noqa: PLC0415 - see above

        draft = schema.get("$schema", _DRAFT) if isinstance(schema, dict) else _DRAFT
        if not isinstance(draft, str) or draft.rstrip("#") != _DRAFT:
            raise InvalidSchemaError(f'"$schema" is {draft!r}: only draft 2020-12 is read')
        try:
            self._plain.check_schema(schema, format_checker=FormatChecker(formats=()))
        except SchemaError as error:
            raise InvalidSchemaError(_shown(error)) from error
        except RecursionError as error:
            raise InvalidSchemaError("it is nested too deeply") from error
        return self._class(_patterns_first(schema), registry=self._registry)

    def errors(self, validator: Any, value: Any, limit: TimeLimit) -> list[str]:
        """What the schema has against the value, each with its path; at most 20, and a word on the rest.

        Raises InvalidSchemaError where the schema can't be carried out, and TimeoutError past the limit.
        """
        from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see above

        self._now.limit = limit
        try:
            found = list(islice(validator.iter_errors(value), _MOST_ERRORS + 1))
        except re.error as error:
            raise InvalidSchemaError(f"Python does not know the pattern {error.pattern!r}: {error}") from error
        except Unresolvable as error:
            raise InvalidSchemaError(f"it refers to {error.ref!r}, which is not there") from error
        except RecursionError as error:
            raise InvalidSchemaError("it refers to itself without end, or the answer is nested too deeply") from error
        shown = [_shown(error) for error in found[:_MOST_ERRORS]]
        return [*shown, "and more"] if len(found) > _MOST_ERRORS else shown

    def _limited(self, keyword: Keyword) -> Keyword:
        def carry_out(validator: Any, value: Any, instance: Any, schema: Any) -> Iterator[Any]:
            self._now.limit.left_s()
            return keyword(validator, value, instance, schema) or iter(())

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


def _unique_items(_validator: Any, wanted: Any, instance: Any, _schema: Any) -> Iterator[Any]:
    if wanted and isinstance(instance, list) and len({json_key(item) for item in instance}) < len(instance):
        yield _error("two elements are equal")


def _error(message: str) -> Any:
    from jsonschema import ValidationError  # noqa: PLC0415 - see above

    return ValidationError(message)


def _compile(pattern: str) -> regex.Pattern[str]:
    re.compile(pattern)  # the dialect is that of jsonschema, Python's own
    return regex.compile(pattern)


def _patterns_first(schema: Any) -> Any:
    """The same schema with `unevaluatedProperties` behind its neighbours.

    jsonschema's code for it runs patterns in `re`; by then they have run on the same names within the limit.
    """
    if isinstance(schema, list):
        return [_patterns_first(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    names = sorted(schema, key=lambda name: name == "unevaluatedProperties")
    return {name: _patterns_first(schema[name]) for name in names}


def _shown(error: Any) -> str:
    message = error.message if len(error.message) <= _MOST_SHOWN else error.message[: _MOST_SHOWN - 1] + "…"
    return f"at {error.json_path}: {message}"


def _read_schema(path: Path) -> Any:
    try:
        return parse_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"can't read the schema {path}: {error}", hint="give the schema itself, or its path"
        ) from error
    except NotJsonError as error:
        raise ConfigError(f"the schema {path} is not JSON: {error}") from error
