"""Which field of a record plays which part: the usual names, or those that the configuration gives."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from evalperf.config.problems import did_you_mean

__all__ = ["ALIASES", "FieldMap", "Role", "json_text", "lookup", "suggestion"]

_MAX_SHAPES = 256

Role = Literal["id", "input", "target", "output", "choices", "tags", "metadata"]

ALIASES: dict[Role, tuple[str, ...]] = {
    "id": ("id", "custom_id", "sample_id", "doc_id", "problem_idx", "task_id"),
    "input": ("input", "prompt", "question", "messages", "text", "user_input"),
    "target": ("target", "expected", "ideal", "answer", "reference", "expected_output", "expected_answer"),
    "output": ("output", "response", "completion", "actual_output", "model_response"),
    "choices": ("choices",),
    "tags": ("tags",),
    "metadata": ("metadata",),
}
"""In the order in which parts are taken. The first name of a record wins; one whose value is null counts as absent."""


class FieldMap:
    """Finds the parts of a record; a role named in the configuration is looked for under that name alone."""

    def __init__(self, mapping: Mapping[Any, str]) -> None:
        self.mapping: dict[Role, str] = dict(mapping)
        claimed = set(self.mapping.values())
        self._names: dict[Role, tuple[str, ...]] = {
            role: (self.mapping[role],) if role in self.mapping else tuple(n for n in names if n not in claimed)
            for role, names in ALIASES.items()
        }
        self._dotted = any("." in name for name in claimed)
        self._shapes: dict[tuple[str, ...], tuple[tuple[int, str], ...]] = {}

    def names(self, role: Role) -> tuple[str, ...]:
        """The names under which a role is looked for, in order."""
        return self._names[role]

    def pick(self, record: Mapping[str, Any], role: Role) -> Any:
        """The value of a role, None where the record has none."""
        for name in self._names[role]:
            if (value := record.get(name)) is not None:
                return value
        return lookup(record, self.mapping[role]) if role in self.mapping else None

    def take(self, record: dict[str, Any], role: Role) -> Any:
        """As `pick`, and removes the field; one found inside another field (by a dotted path) stays where it is."""
        for name in self._names[role]:
            if (value := record.pop(name, None)) is not None:
                return value
        return lookup(record, self.mapping[role]) if role in self.mapping else None

    def take_all(self, record: dict[str, Any]) -> list[Any]:
        """`take` for every role, in the order of `ALIASES`; fast, as most records of a file have the same fields."""
        shape = tuple(record)
        plan = self._shapes.get(shape)
        if plan is None:
            plan = self._plan(shape)
        values: list[Any] = [None] * len(ALIASES)
        complete = not self._dotted
        for at, name in plan:
            values[at] = value = record.pop(name)
            complete = complete and value is not None
        if not complete:
            for at, role in enumerate(ALIASES):
                if values[at] is None:
                    values[at] = self.take(record, role)
        return values

    def exact_text(self, raw: bytes, role: Role) -> str:
        """A role's value as text, with each number as it stands in the record: 3.10 stays 3.10; JSON if no scalar."""
        return json_text(self.pick(_decode_exact(raw), role))

    def exact_texts(self, raw: bytes, role: Role) -> tuple[str, ...]:
        """`exact_text` for each item of a list."""
        return tuple(json_text(item) for item in self.pick(_decode_exact(raw), role))

    def _plan(self, shape: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
        """(place of a role, name of its field), for the roles that a record with these fields has."""
        firsts = (next((name for name in self._names[role] if name in shape), None) for role in ALIASES)
        plan = tuple((at, name) for at, name in enumerate(firsts) if name is not None)
        if len(self._shapes) < _MAX_SHAPES:
            self._shapes[shape] = plan
        return plan


def json_text(value: Any) -> str:
    """A text as it is, anything else as compact JSON."""
    return value if type(value) is str else msgspec.json.encode(value).decode()


def lookup(record: Any, path: str) -> Any:
    """The value at a dotted path ("a.b.0"), None where there is none; a field whose own name has the dots wins."""
    if isinstance(record, Mapping) and path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    if not dot:
        return record[int(head)] if isinstance(record, list) and _is_index(head, record) else None
    if isinstance(record, Mapping):
        return lookup(record[head], rest) if head in record else None
    if isinstance(record, list) and _is_index(head, record):
        return lookup(record[int(head)], rest)
    return None


def suggestion(name: str, known: Iterable[str]) -> str:
    """A hint: the closest known name, and else what there is."""
    names = sorted(known)
    there_are = f"there are: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else "there are none"
    return did_you_mean(name, names) or there_are


def _decode_exact(raw: bytes) -> Any:
    return json.loads(raw, parse_float=_digits, parse_int=_digits)


def _digits(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def _is_index(text: str, items: list[Any]) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(items)
