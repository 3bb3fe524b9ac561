"""Values put into a configuration file by the smallest change of its text: comments and layout stay as they are."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from evalperf.atomic import replace_file
from evalperf.config.formats import FORMATS
from evalperf.config.source import KeyPath, Source, SyntaxFault, dotted
from evalperf.errors import ConfigError, OutputError

__all__ = ["Scalar", "edit_file", "edited"]

Scalar = int | float

_TOKEN = re.compile(r"""\"(?:[^"\\\n]|\\.)*\"|'(?:[^'\n]|'')*'|[^\s,#}\]]+""")
"""A scalar of any of the formats."""
_INDENT = re.compile(r"[ \t]*")
_COMMENT = re.compile(r"[ \t]*(//|#|/\*|\*)")


def edit_file(path: Path, values: Mapping[tuple[str, ...], Scalar]) -> None:
    """Puts the values into the file, which is replaced whole or not at all, and keeps its permissions.

    Raises ConfigError, and leaves the file alone, where the text can't be changed without changing anything else.
    """
    target = path.resolve()  # a link stays one
    try:
        raw = target.read_bytes().decode("utf-8")
        text = edited(raw, target.suffix.lower(), values, str(path))
        replace_file(target, text.encode("utf-8"), keep_mode=True)
    except OSError as error:
        raise OutputError(path, error.strerror or str(error)) from None


def edited(raw: str, suffix: str, values: Mapping[tuple[str, ...], Scalar], name: str) -> str:
    """The text with the values in it, read again and compared: nothing else has changed. Raises ConfigError."""
    crlf = raw.count("\r\n") == raw.count("\n") > 0
    mark = "\ufeff" if raw.startswith("\ufeff") else ""
    text = raw.removeprefix(mark).replace("\r\n", "\n") if crlf else raw.removeprefix(mark)
    wanted = copy.deepcopy(_read(text, suffix, name).value)
    for path, value in values.items():
        _put(wanted, path, value)
    try:
        for path, value in values.items():
            text = _EDITORS[suffix](_read(text, suffix, name), path, value)
        same = _read(text, suffix, name).value == wanted
    except SyntaxFault:
        same = False
    if not same:
        listed = ", ".join(f"{dotted(path)} = {value}" for path, value in values.items())
        raise ConfigError(f"{name} can't be changed without touching more of it", hint=f"set by hand: {listed}")
    return mark + (text.replace("\n", "\r\n") if crlf else text)


def _read(text: str, suffix: str, name: str) -> Source:
    return FORMATS[suffix](text, name)


def _put(tree: dict[str, Any], path: tuple[str, ...], value: Scalar) -> None:
    for key in path[:-1]:
        tree = tree.setdefault(key, {})
    tree[path[-1]] = value


# one format after the other ------------------------------------------------------------------------------------------


def _in_json(source: Source, path: tuple[str, ...], value: Scalar) -> str:
    if path in source.values:
        return _replaced(source, path, value)
    above, member = _missing(source, path, value)
    return _beside_first(source, above, json.dumps(member)[1:-1])


def _in_yaml(source: Source, path: tuple[str, ...], value: Scalar) -> str:
    if path in source.values:
        return _replaced(source, path, value)
    above, member = _missing(source, path, value)
    if source.text.startswith("{", source.values[above]):
        return _beside_first(source, above, _flow(member)[1:-1])
    if not above:
        gap = "" if source.text.endswith("\n") or not source.text else "\n"
        return f"{source.text}{gap}{_block(member, 0)}"
    start = _line_start(source.text, source.values[above])
    indent = source.values[above] - start
    start = _above_comments(source.text, start)
    return source.text[:start] + _block(member, indent) + source.text[start:]


def _in_toml(source: Source, path: tuple[str, ...], value: Scalar) -> str:
    text = source.text
    if path in source.values:
        return _replaced(source, path, value)
    table = path[:-1]
    header = source.values.get(table)
    if header is not None and text.startswith("[", _line_start(text, header) + _indent(text, header)):
        end = text.find("\n", header)
        line = f"{path[-1]} = {value}"
        return f"{text}\n{line}\n" if end < 0 else f"{text[: end + 1]}{line}\n{text[end + 1 :]}"
    gap = "" if text.endswith("\n") or not text else "\n"
    return f"{text}{gap}\n[{'.'.join(table)}]\n{path[-1]} = {value}\n"


_EDITORS = {".json": _in_json, ".jsonc": _in_json, ".yaml": _in_yaml, ".yml": _in_yaml, ".toml": _in_toml}


# pieces of text ------------------------------------------------------------------------------------------------------


def _replaced(source: Source, path: KeyPath, value: Scalar) -> str:
    start = source.values[path]
    token = _TOKEN.match(source.text, start)
    end = start if token is None else token.end()
    return f"{source.text[:start]}{value}{source.text[end:]}"


def _missing(source: Source, path: tuple[str, ...], value: Scalar) -> tuple[KeyPath, dict[str, Any]]:
    """The nearest object around the value that is there, and what must be put into it."""
    depth = max(depth for depth in range(len(path)) if path[:depth] in source.values)
    member: Any = value
    for key in reversed(path[depth:]):
        member = {key: member}
    return path[:depth], member


def _beside_first(source: Source, above: KeyPath, member: str) -> str:
    """The member before the first key of an object in braces: on a line of its own where the keys have theirs.

    Comments above that key stay with it, and a `$schema` stays first.
    """
    text = source.text
    keys = [at for path, at in source.keys.items() if path[:-1] == above and path[-1] != "$schema"]
    if not keys:
        start = source.values[above] + 1
        comma = ", " if any(path[:-1] == above for path in source.keys) else ""
        return f"{text[:start]}{member}{comma}{text[start:]}"
    at = min(keys)
    start = _line_start(text, at)
    if text[start:at].strip():
        return f"{text[:at]}{member}, {text[at:]}"
    indent = text[start:at]
    start = _above_comments(text, start)
    return f"{text[:start]}{indent}{member},\n{text[start:]}"


def _above_comments(text: str, start: int) -> int:
    """Where the lines of comments begin that end at the line which starts there."""
    while start > 0 and _COMMENT.match(text, _line_start(text, start - 1)):
        start = _line_start(text, start - 1)
    return start


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _indent(text: str, at: int) -> int:
    match = _INDENT.match(text, _line_start(text, at))
    return 0 if match is None else len(match[0])


def _block(member: Any, indent: int) -> str:
    """A mapping as lines of YAML."""
    lines = ""
    for key, value in member.items():
        if isinstance(value, dict):
            lines += f"{' ' * indent}{key}:\n{_block(value, indent + 2)}"
        else:
            lines += f"{' ' * indent}{key}: {value}\n"
    return lines


def _flow(member: Any) -> str:
    """A mapping in braces, as YAML has it."""
    return json.dumps(member).replace('"', "")
