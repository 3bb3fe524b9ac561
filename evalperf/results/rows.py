"""A result as one line of JSON, and back. What can be paid for can be written: no answer is lost for its spelling."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NoReturn

import msgspec

from evalperf.errors import DamageError
from evalperf.records import Result

__all__ = ["decode_rows", "encode_rows", "without_case"]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Result)
_FOREIGN = (UnicodeError, OverflowError, RecursionError, TypeError, ValueError)
"""What msgspec raises for lone surrogates, nesting without end and values that have no JSON."""

_NO_RESULT = (msgspec.MsgspecError, ValueError, RecursionError)


def encode_rows(results: Sequence[Result]) -> bytes:
    """One line each, UTF-8; lone surrogates are written as escapes, NaN and infinities as null."""
    try:
        return _encoder.encode_lines(results)
    except _FOREIGN:
        return b"".join(_encode_row(result) + b"\n" for result in results)


def without_case(result: Result) -> Result:
    """The result without what stands in the input, too; for one that would be too large with it."""
    return msgspec.structs.replace(result, input=None, metadata={"unwritable": "the case is too large for a row"})


def decode_rows(rows: bytes) -> list[Result]:
    """The inverse; raises DamageError for a line that is no result."""
    try:
        return _decoder.decode_lines(rows)
    except _NO_RESULT:  # among them may be lines that only the standard library reads: lone surrogates
        return [_decode_line(line) for line in rows.split(b"\n") if line]


def _decode_line(line: bytes) -> Result:
    try:
        return _decoder.decode(line)
    except _NO_RESULT:
        pass
    try:
        fields = json.loads(line, parse_constant=_refuse, parse_float=_finite)
        return msgspec.convert(fields, type=Result)
    except _NO_RESULT as error:
        raise DamageError(f"a row is no result: {error}") from error


def _finite(number: str) -> float:
    return float(number) if math.isfinite(float(number)) else _refuse(number)


def _refuse(number: str) -> NoReturn:
    """NaN and what is too large for a float: no result has such a number, and every sum would."""
    raise ValueError(f"{number[:20]} is no number")


def _encode_row(result: Result) -> bytes:
    try:
        return _encoder.encode(result)
    except _FOREIGN:
        return _encode_foreign(result)


def _encode_foreign(result: Result) -> bytes:
    """By the standard library; what that can't write either is shown by its repr."""
    fields = _fields(result)
    try:
        return _dump(fields)
    except _FOREIGN as error:
        return _dump({**fields, "metadata": {"unwritable": f"{type(error).__name__}: {error}"}})


def _dump(fields: dict[str, Any]) -> bytes:
    return json.dumps(_plain(fields), ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def _plain(value: Any) -> Any:
    """The value in terms of JSON."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, msgspec.Struct):
        value = _fields(value)
    if isinstance(value, dict):
        return {name if isinstance(name, str) else str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return msgspec.to_builtins(value) if isinstance(value, datetime) else repr(value)


def _fields(record: msgspec.Struct) -> dict[str, Any]:
    """By name, those that are set."""
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    return {name: value for name, value in fields.items() if value is not msgspec.UNSET}
