"""The formats of a configuration, each as text → value with places: JSON with comments, YAML, TOML."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from importlib import import_module
from typing import Any

from evalperf.config.jsonc import MAX_DEPTH, read_jsonc
from evalperf.config.source import KeyPath, Source, SyntaxFault
from evalperf.errors import ConfigError

__all__ = ["FORMATS", "read_toml", "read_yaml"]

MAX_DIGITS = 1_000
"""Of a whole number."""

_TOO_MANY_DIGITS = "a number of too many digits"

_YAML_WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_YAML_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_YAML_TAGS = {
    "scalar": "tag:yaml.org,2002:str",
    "sequence": "tag:yaml.org,2002:seq",
    "mapping": "tag:yaml.org,2002:map",
}
_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"


def read_yaml(text: str, name: str) -> Source:
    """YAML by the core schema of version 1.2: `no`, `off` and 012 are what they look like; no anchors, no tags.

    Raises SyntaxFault, or ConfigError where PyYAML is not installed.
    """
    try:
        yaml: Any = import_module("yaml")  # an extra
    except ImportError:
        raise ConfigError(f"{name}: reading YAML needs PyYAML", hint='pip install "evalperf[yaml]"') from None
    try:
        _check_events(yaml.parse(text, Loader=yaml.BaseLoader))
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise SyntaxFault(mark.index if mark else 0, error.problem or "not YAML") from None
    except yaml.reader.ReaderError as error:
        raise SyntaxFault(int(error.position or 0), f"not YAML: {error.reason}") from None
    keys: dict[KeyPath, int] = {}
    values: dict[KeyPath, int] = {}
    value = None if node is None else _construct(node, (), keys, values)
    return Source(name=name, text=text, value=value, keys=keys, values=values)


def _check_events(events: Iterator[Any]) -> None:
    """Before anything is made of them: composing recurses, and aliases multiply."""
    depth = 0
    for event in events:
        if getattr(event, "anchor", None) is not None:
            raise SyntaxFault(event.start_mark.index, "anchors and aliases are not allowed in a configuration")
        kind = type(event).__name__
        depth += kind.endswith(("MappingStartEvent", "SequenceStartEvent"))
        depth -= kind.endswith(("MappingEndEvent", "SequenceEndEvent"))
        if depth > MAX_DEPTH:
            raise SyntaxFault(event.start_mark.index, _TOO_DEEP)


def _construct(node: Any, path: KeyPath, keys: dict[KeyPath, int], values: dict[KeyPath, int]) -> Any:
    values[path] = node.start_mark.index
    kind = node.id
    if node.tag != _YAML_TAGS[kind]:
        raise SyntaxFault(node.start_mark.index, "tags (!…) are not allowed in a configuration")
    if kind == "sequence":
        return [_construct(item, (*path, index), keys, values) for index, item in enumerate(node.value)]
    if kind == "scalar":
        return _yaml_scalar(node.value, node.start_mark.index) if node.style is None else node.value
    found: dict[str, Any] = {}
    for key, item in node.value:
        if key.id != "scalar":
            raise SyntaxFault(key.start_mark.index, "a key must be a plain text")
        if key.value in found:
            raise SyntaxFault(key.start_mark.index, f'key "{key.value}" appears twice', hint="remove one of the two")
        keys[(*path, key.value)] = key.start_mark.index
        found[key.value] = _construct(item, (*path, key.value), keys, values)
    return found


def _yaml_scalar(text: str, offset: int) -> Any:
    if text in _YAML_WORDS:
        return _YAML_WORDS[text]
    if _YAML_INT.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise SyntaxFault(offset, _TOO_MANY_DIGITS)
        return int(text, 0 if text[:2] in ("0o", "0x") else 10)
    return _finite(float(text), offset) if _YAML_FLOAT.fullmatch(text) else text


def _finite(number: float, offset: int) -> float:
    """JSON, in which requests and reports are written, has no other numbers."""
    if not math.isfinite(number):
        raise SyntaxFault(offset, "a number that is too large, or none")
    return number


_TOML_TABLE = re.compile(r"\s*(\[{1,2})\s*([^\[\]]+?)\s*\]{1,2}\s*(?:#.*)?")
_TOML_PAIR = re.compile(r"""\s*((?:[\w-]+|"[^"\n]*"|'[^'\n]*')(?:\s*\.\s*(?:[\w-]+|"[^"\n]*"|'[^'\n]*'))*)\s*=\s*""")
_TOML_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_TOML_FAULT = re.compile(r"(.*) \(at (?:line (\d+), column (\d+)|end of document)\)")


def read_toml(text: str, name: str) -> Source:
    """TOML; places are known for keys that begin a line, and for anything deeper that of its line's key."""
    text = text.replace("\r\n", "\n")  # as tomllib does, so that offsets agree
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        match = _TOML_FAULT.fullmatch(str(error))
        if match is None or match[2] is None:
            raise SyntaxFault(len(text), match[1] if match else str(error)) from None
        start = sum(len(line) + 1 for line in text.split("\n")[: int(match[2]) - 1])
        raise SyntaxFault(start + int(match[3]) - 1, match[1]) from None
    except RecursionError:
        raise SyntaxFault(0, _TOO_DEEP) from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise SyntaxFault(0, _TOO_MANY_DIGITS) from None
    keys: dict[KeyPath, int] = {}
    values: dict[KeyPath, int] = {}
    for path, key_at, value_at in _toml_places(text):
        keys.setdefault(path, key_at)
        values.setdefault(path, value_at)
    return Source(name=name, text=text, value=_plain(value, (), values), keys=keys, values=values)


def _toml_places(text: str) -> Iterator[tuple[KeyPath, int, int]]:
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    offset = 0
    for line in text.split("\n"):
        if header := _TOML_TABLE.fullmatch(line):
            table = _in_arrays(_toml_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, offset + header.start(1), offset + header.start(1)
        elif pair := _TOML_PAIR.match(line):
            yield (*table, *_toml_parts(pair[1])), offset + pair.start(1), offset + pair.end()
        offset += len(line) + 1


def _toml_parts(dotted_key: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _TOML_PART.findall(dotted_key))


def _in_arrays(parts: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    """A header's path with the indices of the arrays of tables that it passes through; not of the one it ends in."""
    path: KeyPath = ()
    for part in parts[:-1]:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path])
    return (*path, *parts[-1:])


def _plain(value: Any, path: KeyPath, values: Mapping[KeyPath, int]) -> Any:
    """TOML's dates and times as the texts they were, so that every format yields the same kinds of values."""
    if len(path) > MAX_DEPTH:
        raise SyntaxFault(_nearest(path, values), _TOO_DEEP)
    if isinstance(value, dict):
        return {key: _plain(item, (*path, key), values) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, (*path, index), values) for index, item in enumerate(value)]
    if isinstance(value, float):
        return _finite(value, _nearest(path, values))
    if isinstance(value, int) and value.bit_length() > 3 * MAX_DIGITS:
        raise SyntaxFault(_nearest(path, values), _TOO_MANY_DIGITS)
    return value.isoformat() if isinstance(value, datetime | date | time) else value


def _nearest(path: KeyPath, values: Mapping[KeyPath, int]) -> int:
    """Where the value stands, or the nearest one around it whose place is known."""
    return next((values[path[:end]] for end in range(len(path), 0, -1) if path[:end] in values), 0)


FORMATS: dict[str, Callable[[str, str], Source]] = {
    ".json": read_jsonc,
    ".jsonc": read_jsonc,
    ".yaml": read_yaml,
    ".yml": read_yaml,
    ".toml": read_toml,
}
"""A reader by the ending of the file's name."""
