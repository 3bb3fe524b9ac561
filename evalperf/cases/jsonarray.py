"""A JSON array, element by element, in memory for one element."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path

from evalperf.cases.rejected import BadRecord
from evalperf.cases.sources import Source
from evalperf.errors import InputError
from evalperf.lines import DamagedStreamError, iter_pieces

__all__ = ["iter_elements"]

ELEMENTS_PER_BLOCK = 500
_BLANK = re.compile(r"[ \t\r\n]*")
_LONGEST_TOKEN = 16  # a literal or an escape that the end of a piece has cut is shorter


def iter_elements(
    source: Source, path: Path, max_line_bytes: int
) -> Iterator[tuple[list[bytes | BadRecord], list[int]]]:
    """The elements as bytes, in blocks, with the line in which each begins.

    Nothing after a syntax error can be trusted, so it ends the file with an InputError whatever `on_bad_line` says; the
    elements before it come first.
    """
    text = _Text(source, path, max_line_bytes)
    items: list[bytes | BadRecord] = []
    line_numbers: list[int] = []
    try:
        for element, line in text.elements():
            items.append(element)
            line_numbers.append(line)
            if len(items) >= ELEMENTS_PER_BLOCK:
                yield items, line_numbers
                items, line_numbers = [], []
    except InputError:
        if items:
            yield items, line_numbers
        raise
    if items:
        yield items, line_numbers


class _Text:
    """A window on the text of the file; what lies before the current element is dropped."""

    def __init__(self, source: Source, path: Path, max_line_bytes: int) -> None:
        self._name = source.name
        self._max_chars = max_line_bytes
        self._pieces = iter_pieces(path)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._at = 0
        self._line = 1
        self._line_start = 0  # where the current line begins in the window; negative once that is dropped
        self._ended = False

    def elements(self) -> Iterator[tuple[bytes, int]]:
        opening = self._next_sign()
        if opening == "{":
            raise self._error("the file holds an object, not an array", hint='for one object a line: "format": "jsonl"')
        if opening != "[":
            raise self._error("a JSON array is expected" if opening else "the file is empty: a JSON array is expected")
        self._at += 1
        if self._next_sign() == "]":
            self._at += 1
            self._end()
            return
        while True:
            self._next_sign()
            line = self._line
            yield self._element(), line
            sign = self._next_sign()
            if sign not in {",", "]"}:
                raise self._error('expected "," or "]" after an element' if sign else "the array is not closed")
            self._at += 1
            if sign == "]":
                self._end()
                return

    def _element(self) -> bytes:
        while True:
            try:
                _, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._ended or not self._may_be_cut(error):
                    raise self._error(_reason(error), at=error.pos) from error
            except RecursionError as error:
                raise self._error("nested too deeply") from error
            else:
                if end < len(self._text) or self._ended:
                    element = self._text[self._at : end].encode()
                    self._advance(end)
                    return element
            if len(self._text) - self._at > self._max_chars:
                raise self._error(f"the element is longer than the limit of {self._max_chars:,} bytes")
            self._more(len(self._text) - self._at)

    def _may_be_cut(self, error: json.JSONDecodeError) -> bool:
        return error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _LONGEST_TOKEN

    def _next_sign(self) -> str:
        """Skips white space; the character there, or an empty text at the end of the file."""
        while True:
            match = _BLANK.match(self._text, self._at)
            self._advance(match.end() if match else self._at)
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._more(0)

    def _end(self) -> None:
        if self._next_sign():
            raise self._error("something follows the end of the array")

    def _advance(self, to: int) -> None:
        newlines = self._text.count("\n", self._at, to)
        if newlines:
            self._line += newlines
            self._line_start = self._text.rfind("\n", self._at, to) + 1
        self._at = to

    def _more(self, least_chars: int) -> None:
        """Drops what is done and reads on, at least as much again as the element already has: no quadratic search."""
        self._line_start -= self._at
        kept, self._at = self._text[self._at :], 0
        parts = [kept]
        wanted = max(least_chars, 1)
        try:
            while wanted > 0 and not self._ended:
                piece = next(self._pieces, b"")
                self._ended = not piece
                part = self._decoder.decode(piece, final=self._ended)
                wanted -= len(part)
                parts.append(part)
        except UnicodeDecodeError as error:
            raise InputError(self._name, "invalid UTF-8", line=self._line) from error
        except DamagedStreamError as error:
            raise InputError(self._name, str(error), line=self._line) from error
        self._text = "".join(parts)

    def _error(self, reason: str, *, at: int | None = None, hint: str | None = None) -> InputError:
        place = self._at if at is None else at
        self._advance(max(place, self._at))
        return InputError(self._name, reason, line=self._line, column=place - self._line_start + 1, hint=hint)


_DECODER = json.JSONDecoder(parse_int=float)  # only the end of an element is wanted, and int() refuses 4,301 digits


def _reason(error: json.JSONDecodeError) -> str:
    return f"invalid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
