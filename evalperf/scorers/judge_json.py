"""JSON objects in a model's reply: amid prose, in fences, slightly broken or cut off.

Models leave commas at ends, quote with ' or “, forget to escape a quote, write True, stop in the middle. What is read
here is forgiving about form and strict about meaning: a scalar that may have been cut off is not there, and where an
object has begun that can't be read, or that gives one name two values, nothing is: what stands inside it is no object
of its own.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple, NoReturn

__all__ = ["MAX_REPLY_CHARS", "Found", "find_objects"]

MAX_REPLY_CHARS: Final = 100_000
"""In a longer text nothing is looked for."""

_MAX_STARTS: Final = 64
_MAX_DEPTH: Final = 20

_SPACE: Final = re.compile(r"[\s,]*")
_WORD: Final = re.compile(r"[^\W\d][\w -]*")
_NUMBER: Final = re.compile(r"[-+]?\d{1,300}(?:\.\d{0,300})?(?:[eE][-+]?\d{1,3})?")
_LITERALS: Final = {"true": True, "false": False, "null": None, "none": None}
_CLOSING: Final = {'"': '"', "'": "'", "“": "”", "‘": "’"}
_ESCAPE: Final = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class Found(NamedTuple):
    """An object and the piece of the reply that it was read from."""

    value: dict[str, Any]
    source: str


class _UnreadableError(ValueError):
    """What begins here is no object."""


class _CutOffError(ValueError):
    """The text ends within a scalar."""


def find_objects(reply: str) -> list[Found]:
    """The objects in a reply, in order, none inside another; never raises, and takes time linear in its length."""
    if len(reply) > MAX_REPLY_CHARS:
        return []
    found: list[Found] = []
    at = reply.find("{")
    for _ in range(_MAX_STARTS):
        if at < 0:
            break
        read = _strict(reply, at)
        if read is None:
            reader = _Reader(reply, at)
            try:
                read = reader.object(0), reader.at
            except ValueError:
                if reader.begun:
                    return []
                read = None, at + 1
        value, end = read
        if value is not None:
            found.append(Found(value, reply[at:end]))
        at = reply.find("{", end)
    return found


def _refuse(_constant: str) -> NoReturn:
    raise _UnreadableError("NaN and Infinity are no JSON numbers")


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; of two values under one name neither is to be believed."""
    value: dict[str, Any] = {}
    for name, item in pairs:
        if name in value and value[name] != item:
            raise _UnreadableError(f"{name!r} has two values")
        value[name] = item
    return value


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_distinct, parse_constant=_refuse)


def _strict(text: str, at: int) -> tuple[dict[str, Any] | None, int] | None:
    try:
        return _STRICT.raw_decode(text, at)
    except (ValueError, RecursionError):  # ValueError also for an integer of more than 4,300 digits
        return None


class _Reader:
    """Recursive descent; commas are white space, what is open at the end of the text is closed there."""

    def __init__(self, text: str, at: int) -> None:
        self.text = text
        self.at = at
        self.begun = False
        """Whether a name and a colon have been read: this is an object, whatever comes."""
        self.cut_off = False

    def object(self, depth: int) -> dict[str, Any]:
        pairs: list[tuple[str, Any]] = []
        self.at += 1
        while not self._closed("}"):
            try:
                name = self._name()
                self._skip()
                if self.at >= len(self.text):
                    raise _CutOffError  # noqa: TRY301 - one end for all that may be cut off
                if self.text[self.at] != ":":
                    raise _UnreadableError(f"no colon after {name!r}")
                self.begun = True
                self.at += 1
                self._skip()
                pairs.append((name, self._value(depth + 1)))
            except _CutOffError:
                self.cut_off = True
        return _distinct(pairs)

    def _array(self, depth: int) -> list[Any]:
        items: list[Any] = []
        self.at += 1
        while not self._closed("]"):
            try:
                items.append(self._value(depth + 1))
            except _CutOffError:
                self.cut_off = True
        return items

    def _value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise _UnreadableError("nested too deeply")
        char = self.text[self.at : self.at + 1]
        if char == "{":
            return self.object(depth)
        if char == "[":
            return self._array(depth)
        if char in _CLOSING:
            return self._string(r"[,}\]]")
        return self._scalar()

    def _scalar(self) -> Any:
        match = _NUMBER.match(self.text, self.at) or _WORD.match(self.text, self.at)
        if match is None:
            if self.at >= len(self.text):
                raise _CutOffError
            raise _UnreadableError(f"nothing begins with {self.text[self.at]!r}")
        self.at = match.end()
        if self.at >= len(self.text):
            raise _CutOffError
        said = match.group().strip()
        if said.lower() in _LITERALS:
            return _LITERALS[said.lower()]
        if not (said[0].isdigit() or said[0] in "-+"):
            raise _UnreadableError(f"{said!r} has no quotes")
        return float(said) if re.search(r"[.eE]", said) else int(said)

    def _name(self) -> str:
        if self.text[self.at] in _CLOSING:
            return self._string(":")
        match = _WORD.match(self.text, self.at)
        if match is None:
            raise _UnreadableError("no name")
        self.at = match.end()
        return match.group().strip()

    def _string(self, follows: str) -> str:
        """Ends at the first quote that what may follow a string stands behind; others were not escaped."""
        closing = _CLOSING[self.text[self.at]]
        end = re.compile(rf"(?<!\\)((?:\\\\)*){closing}(?=\s*(?:{follows}|\Z))").search(self.text, self.at + 1)
        if end is None:
            self.at = len(self.text)
            raise _CutOffError
        inside = self.text[self.at + 1 : end.end() - 1]
        self.at = end.end()
        return _unescaped(inside)

    def _closed(self, bracket: str) -> bool:
        self._skip()
        if self.cut_off or self.at >= len(self.text):
            self.cut_off = True
            return True
        if self.text[self.at] != bracket:
            return False
        self.at += 1
        return True

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        if match is not None:
            self.at = match.end()


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text

    def meant(match: re.Match[str]) -> str:
        said = match.group(1)
        if len(said) == 5:
            return chr(int(said[1:], 16))
        return _ESCAPED.get(said, said if said in "\"'\\/" else match.group())

    whole = _ESCAPE.sub(meant, text)
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")  # joins \ud83d\ude00
