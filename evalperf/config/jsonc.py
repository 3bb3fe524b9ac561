"""JSON as people write it: comments, trailing commas, and the place of every key and value.

Stricter than JSON in one point: a key that appears twice is a fault, because one of the two values would be dropped in
silence. Python's own reader has neither comments nor places, so this is a reader of its own; a configuration of 500
objects takes it about 10 ms.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Never

from evalperf.config.source import KeyPath, Source, SyntaxFault

__all__ = ["MAX_DEPTH", "read_jsonc"]

MAX_DEPTH = 100
"""Objects and lists inside each other; far below Python's own limit on recursion."""

_BLANK = re.compile(r"(?:[ \t\r\n]+|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD = re.compile(r"[\w$.+-]{1,40}")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}
_OTHER_SPELLINGS = {"True": "true", "False": "false", "None": "null", "TRUE": "true", "FALSE": "false", "NULL": "null"}


def read_jsonc(text: str, name: str) -> Source:
    """The value of a text with the place of each key and value; raises SyntaxFault at the first fault."""
    reader = _Reader(text)
    value = reader.document()
    return Source(name=name, text=text, value=value, keys=reader.keys, values=reader.values)


class _Reader:
    """One pass over the text; `at` is where the next token begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.keys: dict[KeyPath, int] = {}
        self.values: dict[KeyPath, int] = {}

    def document(self) -> Any:
        self.skip_blank()
        value = self.read_value(())
        if self.at < len(self.text):
            self.fail("more text after the end of the configuration")
        return value

    def read_value(self, path: KeyPath) -> Any:
        """The value that begins here; afterwards `at` is behind it and the blanks that follow."""
        self.values[path] = self.at
        char = self.peek()
        if len(path) > MAX_DEPTH:
            self.fail(f"nested deeper than {MAX_DEPTH} levels")
        if char == "{":
            value: Any = self.read_object(path)
        elif char == "[":
            value = self.read_list(path)
        elif char == '"':
            value = self.read_string()
        else:
            value = self.read_word()
        self.skip_blank()
        return value

    def read_object(self, path: KeyPath) -> dict[str, Any]:
        opened_at = self.at
        found: dict[str, Any] = {}
        self.step()
        while self.peek() != "}":
            key = self.read_key(path, found, opened_at)
            found[key] = self.read_value((*path, key))
            self.end_item("}", opened_at)
        self.at += 1
        return found

    def read_list(self, path: KeyPath) -> list[Any]:
        opened_at = self.at
        found: list[Any] = []
        self.step()
        while self.peek() != "]":
            if not self.peek():
                self.fail(f'the "[" of {self.line_of(opened_at)} is never closed')
            found.append(self.read_value((*path, len(found))))
            self.end_item("]", opened_at)
        self.at += 1
        return found

    def read_key(self, path: KeyPath, found: dict[str, Any], opened_at: int) -> str:
        start = self.at
        if not self.peek():
            self.fail(f'the "{{" of {self.line_of(opened_at)} is never closed')
        if self.peek() != '"':
            self.fail(f"found {self.token()}, expected a key", hint='put keys in double quotes, as in "name": …')
        key = self.read_string()
        if key in found:
            first = self.line_of(self.keys[(*path, key)])
            self.fail(f'key "{key}" appears twice, first on {first}', at=start, hint="remove one of the two")
        self.keys[(*path, key)] = start
        self.skip_blank()
        if self.peek() != ":":
            self.fail(f'found {self.token()}, expected ":" after the key "{key}"')
        self.step()
        return key

    def end_item(self, closing: str, opened_at: int) -> None:
        """Steps over the comma behind an item; the last one may have it or not."""
        char = self.peek()
        if char == ",":
            self.step()
        elif not char:
            self.fail(f'the "{self.text[opened_at]}" of {self.line_of(opened_at)} is never closed')
        elif char != closing:
            self.fail(f'found {self.token()}, expected "," or "{closing}"', hint="is a comma missing before it?")

    def read_string(self) -> str:
        match = _STRING.match(self.text, self.at)
        if match is None:
            self.fail('a text that does not end on its line, or holds a raw control character: is a " missing?')
        try:
            value: str = json.loads(match[0])
            value.encode()
        except UnicodeEncodeError:
            self.fail("half of a surrogate pair, which no text can hold")
        except json.JSONDecodeError as error:
            self.fail("an escape that JSON does not know", at=self.at + error.pos, hint='a backslash is written "\\\\"')
        self.at = match.end()
        return value

    def read_word(self) -> Any:
        word = _WORD.match(self.text, self.at)
        if word is not None and word[0] in _WORDS:
            self.at = word.end()
            return _WORDS[word[0]]
        number = _NUMBER.match(self.text, self.at)
        if number is None:
            self.fail(f"found {self.token()}, expected a value", hint=self.spelling())
        try:
            value = json.loads(number[0])
        except ValueError:  # Python's own limit on the digits of an integer
            self.fail("a number of too many digits")
        if abs(value) == math.inf:
            self.fail("a number that is too large")
        self.at = number.end()
        return value

    def spelling(self) -> str | None:
        """What to write instead of what other languages allow."""
        if self.peek() == "'":
            return "put texts in double quotes"
        word = _WORD.match(self.text, self.at)
        if word is None:
            return None
        if word[0] in _OTHER_SPELLINGS:
            return f"write it {_OTHER_SPELLINGS[word[0]]}"
        return "put texts in double quotes" if word[0][0].isalpha() else None

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def step(self) -> None:
        self.at += 1
        self.skip_blank()

    def skip_blank(self) -> None:
        match = _BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        if self.text.startswith("/*", self.at):
            self.fail('the comment that begins here is never closed with "*/"')

    def token(self) -> str:
        """What stands here, for a message."""
        word = _WORD.match(self.text, self.at)
        if word is not None:
            return f'"{word[0]}"'
        names = {"": "the end of the file", '"': "a text"}
        return names.get(self.peek(), f'"{self.peek()}"')

    def line_of(self, offset: int) -> str:
        return f"line {self.text.count(chr(10), 0, offset) + 1}"

    def fail(self, message: str, *, at: int | None = None, hint: str | None = None) -> Never:
        raise SyntaxFault(self.at if at is None else at, message, hint=hint)
