"""JSON as RFC 8259 defines it, read from an answer; what Python's reader allows beyond that is refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any, Final, NamedTuple, NoReturn

__all__ = ["MAX_DEPTH", "ROOTS", "NotJsonError", "UnreadNumber", "json_key", "parse_json"]

MAX_DEPTH: Final = 200
"""A text nested deeper is refused, as RFC 8259 section 9 allows; so the verdict does not depend on the stack."""

ROOTS: Final[dict[str, tuple[type, ...]]] = {
    "any": (object,),
    "object": (dict,),
    "array": (list,),
    "container": (dict, list),
}
"""What the outermost value may be asked to be."""

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_PLAIN_DIGITS: Final = 400
_MAX_EXPONENT: Final = 400


class UnreadNumber(NamedTuple):
    """A number that is too long or too large to count with; equal to one that is written in the same way."""

    text: str


class NotJsonError(ValueError):
    """The text is not JSON; the message says why and where."""


def parse_json(text: str, *, exact: bool = False) -> Any:
    """The value of a JSON text; raises NotJsonError.

    Numbers with a point or an exponent are floats, or Decimals with `exact`. Of a name that stands twice in an object
    the last value counts. Refused are NaN and Infinity, raw control characters in strings, anything around the value
    but white space, and more than `MAX_DEPTH` levels.
    """
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise NotJsonError(f"nested deeper than {MAX_DEPTH} levels")
    try:
        return (_EXACT if exact else _DECODER).decode(text)
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise NotJsonError("nested too deeply") from None


def json_key(value: Any, *, unordered: bool = False) -> Any:
    """A hashable stand-in that two JSON values share exactly if they are equal: 1 and 1.0 are, 1 and true are not.

    With `unordered` the order of an array's elements does not count, at any depth.
    """
    if isinstance(value, dict):
        return ("object", frozenset([(name, json_key(item, unordered=unordered)) for name, item in value.items()]))
    if isinstance(value, list):
        keys = [json_key(item, unordered=unordered) for item in value]
        return ("array", frozenset(Counter(keys).items()) if unordered else tuple(keys))
    return ("bool", value) if isinstance(value, bool) else value


def _refuse(constant: str) -> NoReturn:
    raise NotJsonError(f"{constant} is not a JSON number")


def _integer(digits: str) -> Any:
    # Python takes quadratic time for long integers, and refuses them beyond 4,300 digits
    return int(digits) if len(digits) <= _PLAIN_DIGITS else Decimal(digits)


def _decimal(number: str) -> Any:
    """Exactly, as long as that takes no more room than the text; beyond that as text."""
    _, _, exponent = number.lower().partition("e")
    if len(number) > _PLAIN_DIGITS or len(exponent) > 5 or (exponent and abs(int(exponent)) > _MAX_EXPONENT):
        return UnreadNumber(number)
    return Decimal(number)


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer)
_EXACT: Final = json.JSONDecoder(parse_constant=_refuse, parse_int=_integer, parse_float=_decimal)


def _depth(text: str) -> int:
    depth = deepest = 0
    for char in _STRING.sub("", text):
        if char in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in "]}":
            depth -= 1
    return deepest
