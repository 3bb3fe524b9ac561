"""The `json_schema` scorer: whether an answer is JSON that a schema (draft 2020-12) accepts."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, Final

from evalperf.config.scorer_options import Fences
from evalperf.config.scorers import JsonSchemaScorer
from evalperf.errors import ConfigError
from evalperf.records import Case, Score
from evalperf.scorers.base import NO_TARGET, RIGHT, Scorer, Targets, verdict
from evalperf.scorers.extraction import PatternJudge, pattern_scorer
from evalperf.scorers.fences import unfenced
from evalperf.scorers.json_keywords import TimedKeywords
from evalperf.scorers.json_text import NotJsonError, parse_json
from evalperf.scorers.resources import Resources
from evalperf.scorers.time_limit import TimeLimit

__all__ = ["SchemaChecker", "json_schema"]

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_MOST_ERRORS: Final = 20
_MOST_SHOWN: Final = 200  # characters of one error: it repeats the value that is wrong


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

    return pattern_scorer(config, "json_schema", judge, resources)


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


def _verdict(checker: SchemaChecker, validator: Any, answer: str, limit: TimeLimit, *, fences: Fences) -> Score:
    try:
        value = parse_json(unfenced(answer, fences))
    except NotJsonError as error:
        return verdict(False, reason=f"not JSON: {error}")
    try:
        errors = checker.errors(validator, value, limit)
    except InvalidSchemaError as error:
        return Score(value=None, reason=f"the schema failed on this answer: {error}")
    return verdict(False, reason="; ".join(errors)) if errors else RIGHT


class SchemaChecker:
    """Reads schemas and carries them out, with the jsonschema package and `TimedKeywords`."""

    def __init__(self) -> None:
        from jsonschema import Draft202012Validator, validators  # noqa: PLC0415 - takes 50 ms to load

        extend: Any = validators.extend
        self._keywords = TimedKeywords()
        self._plain: Any = Draft202012Validator
        self._class: Any = extend(Draft202012Validator, self._keywords.replacing(dict(Draft202012Validator.VALIDATORS)))
        self._registry = import_module("jsonschema_specifications").REGISTRY  # the drafts; nothing is fetched

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
        return self._class(schema, registry=self._registry)

    def errors(self, validator: Any, value: Any, limit: TimeLimit) -> list[str]:
        """What the schema has against the value, each with its path; at most 20, and a word on the rest.

        Raises InvalidSchemaError where the schema can't be carried out, and TimeoutError past the limit.
        """
        from referencing.exceptions import Unresolvable  # noqa: PLC0415 - see above

        self._keywords.set_limit(limit)
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
