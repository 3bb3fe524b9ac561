"""The rows of a file of answers: their ids, and what becomes of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from evalperf.config.fields import FieldMap, suggestion
from evalperf.lines import Block, TooLong
from evalperf.records import Completion, Target, Usage, counted_usage

__all__ = ["AnswerRows", "Row", "UnreadableRow"]

Row = tuple[int, tuple[str, bytes] | None, str | None]
"""Line number; the id and the row; why it can't be read. Both None for a blank line."""

_decode = msgspec.json.Decoder().decode


class UnreadableRow(ValueError):  # noqa: N818 - it names the row, as the message does
    """A row that holds no answer."""

    def __init__(self, reason: str, hint: str | None = None) -> None:
        super().__init__(reason)
        self.hint = hint


class AnswerRows:
    """Reads rows by the usual names of fields, or those of the configuration."""

    def __init__(self, fields: Mapping[Any, str], model: str | None) -> None:
        self._fields = FieldMap(fields)
        self._model = model
        names = self._fields.names("id")
        columns: list[Any] = [
            (f"f{at}", str | int | None, msgspec.field(default=None, name=name)) for at, name in enumerate(names)
        ]
        self._attributes = [column[0] for column in columns]
        self._decode_ids = msgspec.json.Decoder(msgspec.defstruct("Ids", columns)).decode

    def split(self, block: Block) -> Iterator[Row]:
        """The rows of a block."""
        if isinstance(block, TooLong):
            yield block.line, None, f"it is {block.size_bytes:,} bytes long"
            return
        for line, raw in enumerate(block.items, start=block.first_line):
            if not raw or raw.isspace():
                yield line, None, None
                continue
            try:
                yield line, (self._id(raw), raw), None
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                yield line, None, str(error)
            except UnreadableRow as error:
                yield line, None, str(error)

    def completion(self, raw: bytes) -> Completion:
        """The answer that a row holds; raises UnreadableRow where it holds none."""
        try:
            record = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UnreadableRow(str(error)) from error
        output = self._fields.pick(record, "output")
        if output is None:
            name = self._fields.mapping.get("output")
            if name is not None:
                raise UnreadableRow(f'there is no field "{name}"', suggestion(name, record))
            names = ", ".join(self._fields.names("output"))
            raise UnreadableRow(f"none of the fields {names}", 'name the field: "fields": {"output": …}')
        model, finish_reason = record.get("model"), record.get("finish_reason")
        return Completion(
            text=output if type(output) is str else self._fields.exact_text(raw, "output"),
            model=model if type(model) is str else self._model,
            usage=_usage(record.get("usage")),
            finish_reason=finish_reason if type(finish_reason) is str else None,
            target=self._target(record, raw),
        )

    def _id(self, raw: bytes) -> str:
        try:
            ids = self._decode_ids(raw)
        except msgspec.ValidationError:  # an id that is a number with a fraction, or a record that is no object
            return self._odd_id(raw)
        for attribute in self._attributes:
            if (value := getattr(ids, attribute)) is not None:
                return value if type(value) is str else str(value)
        return self._odd_id(raw)

    def _odd_id(self, raw: bytes) -> str:
        record = _decode(raw)
        if type(record) is not dict:
            raise UnreadableRow("it is no object")
        value = self._fields.pick(record, "id")
        if type(value) is str:
            return value
        if type(value) is int or type(value) is float:
            return self._fields.exact_text(raw, "id")
        raise UnreadableRow("it has no id")

    def _target(self, record: dict[str, Any], raw: bytes) -> Target:
        target = self._fields.pick(record, "target")
        if target is None or type(target) is str:
            return target
        if type(target) is list:
            return self._fields.exact_texts(raw, "target") or None
        return self._fields.exact_text(raw, "target")


def _usage(value: Any) -> Usage | None:
    """Tokens by our names or OpenAI's, where both numbers are there."""
    if type(value) is not dict:
        return None
    taken = value.get("input_tokens", value.get("prompt_tokens"))
    given = value.get("output_tokens", value.get("completion_tokens"))
    return counted_usage(taken, given) if type(taken) is int and type(given) is int else None
