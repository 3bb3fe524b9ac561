"""One record, as bytes of JSON, becomes a `Case`, or an error that says where and why not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
import orjson
from xxhash import xxh3_128_hexdigest

from evalperf.cases.rejected import BadRecordError
from evalperf.config.fields import FieldMap, Role, suggestion
from evalperf.records import Case, Message, Target

__all__ = ["MAX_DEPTH", "CaseParser", "content_id", "decode_object"]

MAX_DEPTH = 128

_decode = msgspec.json.Decoder().decode
_KIND = {dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class CaseParser:
    """Makes cases of records: finds each role's field, checks its type, keeps the rest as metadata.

    A number as id or target keeps the text it has in the line, so 3.10 stays "3.10". Of a metadata object and an
    unknown field of the same name, the field wins.
    """

    def __init__(self, fields: Mapping[Any, str], where: Callable[[Mapping[str, Any]], bool] | None = None) -> None:
        self.fields = FieldMap(fields)
        self._where = where
        self._ids = _IdReader(self.fields)

    def parse(self, raw: bytes, seq: int) -> Case | None:
        """The case of a record, None where `where` does not hold; raises BadRecordError."""
        record = decode_object(raw)
        if self._where is not None and not self._where(record):
            return None
        id_, question, target, output, choices, tags, nested = self.fields.take_all(record)
        if id_ is None:
            id_ = content_id(decode_object(raw))
        elif type(id_) is not str or not id_:
            id_ = self._odd_id(id_, raw)
        if question is None:
            question = self._no_input(output, record)
        elif type(question) is not str:
            question = _messages(question, self.fields)
        if target is not None and type(target) is not str:
            target = self._odd_target(target, raw)
        if output is not None and type(output) is not str:
            output = self.fields.exact_text(raw, "output")
        return Case(
            seq=seq,
            id=id_,
            input=question,
            target=target,
            output=output,
            choices=None if choices is None else self._texts(choices, raw, "choices"),
            tags=() if tags is None else (tags,) if type(tags) is str else self._texts(tags, raw, "tags"),
            metadata=record if nested is None else _merged(nested, record),
        )

    def id_of(self, raw: bytes) -> str:
        """The id alone, without the cost of the rest where the line has one of its own; raises BadRecordError."""
        id_ = self._ids.read(raw)
        if id_ is not None:
            return id_
        record = decode_object(raw)
        found = self.fields.pick(record, "id")
        if found is None:
            return content_id(record)
        return found if type(found) is str and found else self._odd_id(found, raw)

    def ids_of(self, raws: Sequence[bytes]) -> list[str] | None:
        """As `id_of` for many records, at a quarter of the price; None where one of them has to be looked at alone."""
        return self._ids.read_all(raws)

    def _odd_id(self, value: Any, raw: bytes) -> str:
        if type(value) is int:
            return str(value)
        if type(value) is float:
            return self.fields.exact_text(raw, "id")
        what = "an empty text" if value == "" else _KIND[type(value)]
        raise BadRecordError(f"the id is {what}; a text or a number is expected")

    def _odd_target(self, value: Any, raw: bytes) -> Target:
        if type(value) is list:
            return self._texts(value, raw, "target") or None
        return self.fields.exact_text(raw, "target")

    def _texts(self, value: Any, raw: bytes, role: Role) -> tuple[str, ...]:
        if type(value) is not list:
            hint = f'if this is something else, name another field: "cases": {{"fields": {{"{role}": …}}}}'
            raise BadRecordError(f"{role} is {_KIND[type(value)]}; a list of texts is expected", hint=hint)
        return tuple(value) if all(type(item) is str for item in value) else self.fields.exact_texts(raw, role)

    def _no_input(self, output: Any, record: dict[str, Any]) -> str:
        if output is not None:
            return ""
        name = self.fields.mapping.get("input")
        if name is not None:
            raise BadRecordError(f'no input: there is no field "{name}"', hint=suggestion(name, record))
        names = ", ".join(self.fields.names("input"))
        raise BadRecordError(
            f"no input: none of the fields {names}",
            hint='name the field that holds it: "cases": {"fields": {"input": …}}',
        )


class _IdReader:
    """Reads nothing of a line but its id, at a third of the price."""

    def __init__(self, fields: FieldMap) -> None:
        self._names = fields.names("id")
        columns = [
            (f"f{at}", str | int | None, msgspec.field(default=None, name=n)) for at, n in enumerate(self._names)
        ]
        self._attributes = [column[0] for column in columns]
        self._usual: Callable[[Any], str] = attrgetter(self._attributes[0])
        decoder = msgspec.json.Decoder(msgspec.defstruct("Ids", columns, gc=False))
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines

    def read(self, raw: bytes) -> str | None:
        """None where the line has to be read in full: another kind of id, none, a dotted path, or no JSON."""
        try:
            ids = self._decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return self._first(ids)

    def read_all(self, raws: Sequence[bytes]) -> list[str] | None:
        """As `read` for each; None where one of them has to be read in full, or they can't be told apart."""
        try:
            found = self._decode_lines(b"\n".join(raws))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        ids = list(map(self._usual, found))
        if set(map(type, ids)) != {str} or "" in ids:
            ids = [id_ for id_ in map(self._first, found) if id_ is not None]
        return ids if len(ids) == len(raws) else None

    def _first(self, ids: Any) -> str | None:
        for attribute in self._attributes:
            if (value := getattr(ids, attribute)) is not None:
                return str(value) or None
        return None


def decode_object(raw: bytes) -> dict[str, Any]:
    """The object that a line holds; raises BadRecordError with the column and the reason."""
    try:
        record = _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _explained(raw) from None
    except RecursionError:
        raise BadRecordError(f"nested more than {MAX_DEPTH} levels deep") from None
    if type(record) is not dict:
        raise BadRecordError(f"an object is expected, found {_KIND.get(type(record), 'null')}", hint=_array_hint(raw))
    if len(raw) > 2 * MAX_DEPTH:  # a shorter line can't close as many brackets
        for value in record.values():
            kind = type(value)
            if (kind is dict or kind is list) and _deeper_than(value, MAX_DEPTH - 1):
                raise BadRecordError(f"nested more than {MAX_DEPTH} levels deep")
    return record


def content_id(record: dict[str, Any]) -> str:
    """A hash of what the record says, the same whatever the order of its fields and its place in the file."""
    try:
        canonical = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # orjson writes no integer beyond 64 bits
        canonical = msgspec.json.encode(record, order="deterministic")
    return "c" + xxh3_128_hexdigest(canonical)[:16]


def _explained(raw: bytes) -> BadRecordError:
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode()) + 1
        hint = "convert the file to UTF-8, for example: iconv -f LATIN1 -t UTF-8"
        return BadRecordError(f"invalid UTF-8 (byte 0x{raw[error.start]:02x})", column=column, hint=hint)
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        rest = text[error.pos :].lstrip("-")
        if rest.startswith(("NaN", "Infinity")):
            return BadRecordError("NaN and Infinity are no JSON", column=error.colno, hint="write null instead")
        return BadRecordError(f"invalid JSON: {error.msg}", column=error.colno, hint=_syntax_hint(text, rest))
    return BadRecordError("invalid JSON")


def _syntax_hint(text: str, rest: str) -> str | None:
    if rest.startswith("'"):
        return "JSON has double quotes only"
    return _array_hint(text.encode())


def _array_hint(raw: bytes) -> str | None:
    if raw.lstrip().startswith(b"["):
        return 'if the file is one JSON array: "format": "json"'
    return None


def _deeper_than(value: Any, levels: int) -> bool:
    layer: list[Any] = [value]
    while layer and levels > 0:
        levels -= 1
        layer = [
            child
            for parent in layer
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
    return bool(layer)


def _messages(value: Any, fields: FieldMap) -> tuple[Message, ...]:
    name = fields.mapping.get("input", "input")
    if type(value) is not list:
        raise BadRecordError(f"{name} is {_KIND[type(value)]}; a text or a list of messages is expected")
    if not value:
        raise BadRecordError(f"{name} is an empty list of messages")
    for at, message in enumerate(value):
        if type(message) is not dict or type(message.get("role")) is not str or "content" not in message:
            raise BadRecordError(f"{name}[{at}] is not a message", hint='a message is {"role": "user", "content": "…"}')
    return tuple(value)


def _merged(nested: Any, record: dict[str, Any]) -> dict[str, Any]:
    if type(nested) is not dict:
        raise BadRecordError(f"metadata is {_KIND[type(nested)]}; an object is expected")
    return {**nested, **record}
