"""A configuration's text and where in it each value stands, whatever the format."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

__all__ = ["KeyPath", "Place", "Source", "SyntaxFault", "dotted"]

KeyPath = tuple[str | int, ...]
"""From the top of the configuration to a value: keys of objects and indices of lists."""

Place = tuple[int, int]
"""Line and column, both from 1; columns count characters."""


def dotted(path: KeyPath) -> str:
    """The path as flags and messages write it: provider.endpoints.0.url."""
    return ".".join(f'"{part}"' if isinstance(part, str) and "." in part else str(part) for part in path)


class SyntaxFault(Exception):  # noqa: N818 - a fault in a text, turned into a ConfigError by config/load
    """The text is not what its format asks for; `offset` counts characters from 0."""

    def __init__(self, offset: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.offset = offset
        self.message = message
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class Source:
    """What was read, with the offsets of keys and values; a format that can't tell one leaves it out."""

    name: str
    text: str
    value: Any = None
    keys: dict[KeyPath, int] = field(default_factory=dict)
    values: dict[KeyPath, int] = field(default_factory=dict)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(index + 1 for index, char in enumerate(self.text) if char == "\n")]

    def place(self, offset: int) -> Place:
        """Line and column of an offset."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, without its end."""
        start = self._line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")

    def value_place(self, path: KeyPath) -> Place:
        """Where the value stands, or the nearest one around it whose place is known."""
        while path and path not in self.values:
            path = path[:-1]
        return self.place(self.values.get(path, 0))

    def key_place(self, path: KeyPath) -> Place:
        """Where the value's key stands; the value itself where it has none, as an item of a list."""
        return self.place(self.keys[path]) if path in self.keys else self.value_place(path)
