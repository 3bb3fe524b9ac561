"""pydantic's errors as problems that a person can act on: found, expected, did you mean.

What pydantic says several times is said once: a union reports every member that did not fit, and a misspelt key is
both unknown and missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from evalperf.config.problems import Problem, did_you_mean, shown
from evalperf.config.shape import Spot, fields_of, leaves, locate, sections_with, tags_of
from evalperf.config.source import KeyPath

__all__ = ["explain", "mistaken_booleans"]

MAX_EXPLAINED = 100
"""Faults for which the right word is looked for, a millisecond each; far more than are shown."""

Details = Mapping[str, Any]

_EXPECTED: dict[str, Callable[[Details], str]] = {
    "string_type": lambda _: "text",
    "int_type": lambda _: "a whole number",
    "int_parsing": lambda _: "a whole number",
    "int_parsing_size": lambda _: "a whole number that is not as large",
    "int_from_float": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "float_parsing": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "bool_parsing": lambda _: "true or false",
    "list_type": lambda _: "a list",
    "dict_type": lambda _: "an object",
    "model_type": lambda _: "an object",
    "model_attributes_type": lambda _: "an object",
    "literal_error": lambda ctx: ctx["expected"].replace("'", '"'),
    "greater_than": lambda ctx: f"a number above {ctx['gt']:g}",
    "greater_than_equal": lambda ctx: f"a number of at least {ctx['ge']:g}",
    "less_than": lambda ctx: f"a number below {ctx['lt']:g}",
    "less_than_equal": lambda ctx: f"a number of at most {ctx['le']:g}",
    "too_short": lambda ctx: f"at least {ctx['min_length']} of them",
    "string_too_long": lambda ctx: f"at most {ctx['max_length']} characters",
    "string_pattern_mismatch": lambda ctx: f"text that matches {ctx['pattern']}",
}
"""What was expected, by pydantic's type of error; for all others pydantic's own words are shown."""


@dataclass(frozen=True)
class _Fault:
    """One error of pydantic with the place that it means."""

    kind: str
    spot: Spot
    found: Any
    message: str
    ctx: Details


def explain(error: ValidationError, model: type[BaseModel], tree: Any) -> list[Problem]:
    """The problems behind a validation of `tree` that failed, without duplicates, in no particular order."""
    faults = [
        _Fault(item["type"], locate(model, item["loc"]), item["input"], item["msg"], item.get("ctx", {}))
        for item in error.errors(include_url=False)
    ]
    problems: list[Problem] = []
    for count, group in enumerate(_by_place(faults)):
        first = group[0]
        if count >= MAX_EXPLAINED:
            problems.append(Problem(path=first.spot.path, message=first.message, at_key=first.spot.is_key))
        elif first.kind == "extra_forbidden":
            problems.append(_unknown_key(first, model, tree))
        elif first.kind.startswith("union_tag"):
            problems.append(_unknown_type(first, tree))
        elif first.kind != "missing":
            problems.append(_wrong_value(group))
        elif not _is_misspelt(first, faults):
            problems.append(Problem(path=first.spot.path, message=_missing(first.spot), at_key=True))
    return problems


def mistaken_booleans(model: type[BaseModel], tree: Any) -> Iterator[Problem]:
    """The places where true or false stands for a number: Python, and so pydantic, would take it as 1 or 0."""
    for path, allowed, value in leaves(model, tree):
        if isinstance(value, bool) and {int, float} & set(allowed) and not {bool, Any} & set(allowed):
            yield Problem(path=path, message=f"found {shown(value)}, expected a number")


def _by_place(faults: Sequence[_Fault]) -> Iterator[list[_Fault]]:
    """Groups what several members of a union say; a member that got deeper than the others is the one meant."""
    groups: dict[tuple[KeyPath, bool], list[_Fault]] = {}
    deeper = {fault.spot.union_at for fault in faults if fault.spot.union_at not in (None, fault.spot.path)}
    for fault in faults:
        if fault.spot.union_at == fault.spot.path and fault.spot.path in deeper:
            continue
        groups.setdefault((fault.spot.path, fault.spot.is_key), []).append(fault)
    yield from groups.values()


def _wrong_value(group: Sequence[_Fault]) -> Problem:
    first = group[0]
    known = [fault for fault in group if fault.kind in _EXPECTED]
    if not known:
        return Problem(path=first.spot.path, message=_own_words(first))
    expected = " or ".join(dict.fromkeys(_EXPECTED[fault.kind](fault.ctx) for fault in known))
    choices = [word.strip("'") for fault in known for word in _words(fault.ctx.get("expected"))]
    return Problem(
        path=first.spot.path,
        message=f"found {shown(first.found)}, expected {expected}",
        hint=did_you_mean(first.found, choices) if isinstance(first.found, str) else None,
        at_key=first.spot.is_key,
    )


def _own_words(fault: _Fault) -> str:
    """The message of a validator of ours, or of pydantic where the table above does not know the error."""
    message = str(fault.ctx["error"]) if "error" in fault.ctx else fault.message[:1].lower() + fault.message[1:]
    return message if isinstance(fault.found, dict | list | BaseModel) else f"found {shown(fault.found)}, {message}"


def _unknown_key(fault: _Fault, model: type[BaseModel], tree: Any) -> Problem:
    path, owner = fault.spot.path, fault.spot.owner or model
    key, known = str(path[-1]), list(fields_of(owner))
    taken = _value_at(tree, path[:-1])
    free = [name for name in known if name not in taken] if isinstance(taken, dict) else known
    elsewhere = sections_with(model, key)
    hint = did_you_mean(key, free) or did_you_mean(key, known)
    if len(elsewhere) == 1 and (section := elsewhere.pop()) != "":
        hint = f'"{key}" belongs in "{section}"'
    elif hint is None and "params" in known:
        hint = 'what is sent to the model as it is goes into "params"'
    message = "unknown key" if hint else f"unknown key, expected one of {', '.join(known)}"
    return Problem(path=path, message=message, hint=hint, at_key=True)


def _unknown_type(fault: _Fault, tree: Any) -> Problem:
    path, tags = fault.spot.path, list(tags_of(fault.spot.annotation))
    expected = f"expected one of {', '.join(tags)}"
    written = _value_at(tree, path)
    if fault.kind == "union_tag_invalid":
        tag = str(fault.ctx["tag"])
        path = (*path, "type") if isinstance(written, dict) else path
        return Problem(path=path, message=f"found {shown(tag)}, {expected}", hint=did_you_mean(tag, tags))
    keys = list(islice(written, MAX_EXPLAINED)) if isinstance(written, dict) else []
    near = [key for key in keys if did_you_mean(str(key), ["type"])]
    hint = f'did you mean "type" instead of "{near[0]}"?' if near else None
    return Problem(path=(*path, "type"), message=f"is missing, {expected}", hint=hint, at_key=True)


def _is_misspelt(missing: _Fault, faults: Sequence[_Fault]) -> bool:
    """Whether an unknown key beside the missing one is close to it: then that one error says it all."""
    path = missing.spot.path
    return any(
        fault.kind == "extra_forbidden"
        and fault.spot.path[:-1] == path[:-1]
        and did_you_mean(str(fault.spot.path[-1]), [str(path[-1])]) is not None
        for fault in faults[:MAX_EXPLAINED]
    )


def _missing(spot: Spot) -> str:
    if tags_of(spot.annotation) or (isinstance(spot.annotation, type) and issubclass(spot.annotation, BaseModel)):
        return "is missing, expected an object"
    if spot.annotation is str:
        return "is missing, expected text"
    return "is missing, expected a list" if get_origin(spot.annotation) is list else "is missing"


def _words(expected: Any) -> list[str]:
    return expected.replace(" or ", ", ").split(", ") if isinstance(expected, str) else []


def _value_at(tree: Any, path: KeyPath) -> Any:
    for part in path:
        inside = part in tree if isinstance(tree, dict) else isinstance(tree, list) and part in range(len(tree))
        if not inside:
            return None
        tree = tree[part]
    return tree
