"""Which field of a record plays which part: the usual names, or those that the configuration gives."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Literal

__all__ = ["ALIASES", "FieldMap", "Role", "did_you_mean", "lookup"]

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
"""The first name that a record has wins; a name whose value is null counts as absent."""


class FieldMap:
    """Finds the parts of a record; a role named in the configuration is looked for under that name alone."""

    def __init__(self, mapping: Mapping[Any, str]) -> None:
        self.mapping: dict[Role, str] = dict(mapping)
        self._names: dict[Role, tuple[str, ...]] = {
            role: (self.mapping[role],) if role in self.mapping else names for role, names in ALIASES.items()
        }

    def names(self, role: Role) -> tuple[str, ...]:
        """The names under which a role is looked for, in order."""
        return self._names[role]

    def pick(self, record: Mapping[str, Any], role: Role) -> Any:
        """The value of a role, None where the record has none."""
        if role in self.mapping:
            return lookup(record, self.mapping[role])
        for name in self._names[role]:
            if (value := record.get(name)) is not None:
                return value
        return None

    def take(self, record: dict[str, Any], role: Role) -> Any:
        """As `pick`, and removes the field; one found inside another field (by a dotted path) stays where it is."""
        for name in self._names[role]:
            value = record.get(name)
            if value is not None:
                del record[name]
                return value
        return lookup(record, self.mapping[role]) if role in self.mapping else None


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


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint: the closest known name, and else what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f'did you mean "{close[0]}"?'
    return f"there are: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else "there are none"


def _is_index(text: str, items: list[Any]) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10 and int(text) < len(items)
