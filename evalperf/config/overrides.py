"""Flags as changes of the configuration, applied before it is checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Never

from evalperf.config.source import KeyPath, dotted
from evalperf.errors import ConfigError

__all__ = ["Change", "Override", "RecordedAnswers", "Redirect", "parse_override"]

_PART = re.compile(r'"(?P<quoted>[^"]*)"|(?P<plain>[^."]+)')


@dataclass(frozen=True)
class Override:
    """One value put in its place; `flag` names it in messages."""

    path: KeyPath
    value: Any
    flag: str

    def apply(self, tree: dict[str, Any]) -> list[KeyPath]:
        """Changes the tree and returns the paths that were written; raises ConfigError where there is no such place."""
        parent: Any = tree
        for depth, part in enumerate(self.path[:-1]):
            following: Any = [] if isinstance(self.path[depth + 1], int) else {}
            parent = self._inner(parent, part, self.path[: depth + 1], following)
        self._put(parent, self.path[-1], self.value, self.path)
        return [self.path]

    def _inner(self, parent: Any, part: str | int, path: KeyPath, following: Any) -> Any:
        absent = part not in parent if isinstance(parent, dict) else isinstance(part, int) and part == len(parent)
        if absent or (isinstance(parent, dict) and parent[part] is None):
            self._put(parent, part, following, path)
        self._check_place(parent, part, path)
        inner = parent[part]
        if isinstance(inner, str) and path[0] == "scorers" and len(path) == 2:
            inner = parent[part] = {"type": inner}  # the long form of a scorer that is only named
        if not isinstance(inner, dict | list):
            self._fail(f"{dotted(path)} is a plain value, there is nothing inside it")
        return inner

    def _put(self, parent: Any, part: str | int, value: Any, path: KeyPath) -> None:
        if isinstance(parent, list) and part == len(parent):
            parent.append(value)
            return
        self._check_place(parent, part, path, new=True)
        parent[part] = value

    def _check_place(self, parent: Any, part: str | int, path: KeyPath, *, new: bool = False) -> None:
        if isinstance(parent, dict):
            if not new and part not in parent:  # an index into an object
                self._fail(f"{dotted(path[:-1])} is an object, it has no {part!r}")
        elif not isinstance(part, int) or not 0 <= part < len(parent):
            count = f"a list of {len(parent)}" if parent else "an empty list"
            self._fail(f"{dotted(path[:-1])} is {count}, {part!r} is no index of it")

    def _fail(self, message: str) -> Never:
        raise ConfigError(f"{self.flag}: error: {message}")


@dataclass(frozen=True)
class RecordedAnswers:
    """The run takes answers that are already there: nothing of how they were asked for holds for it."""

    model: str | None
    """Who has answered."""
    flag: str = "score"

    def apply(self, tree: dict[str, Any]) -> list[KeyPath]:
        """Changes the tree and returns the paths that were written."""
        for section in ("prompt", "fallback", "hedging"):
            tree.pop(section, None)
        tree["provider"] = {"type": "replay"} if self.model is None else {"type": "replay", "model": self.model}
        return [("provider",)]


@dataclass(frozen=True)
class Redirect:
    """The run pointed at another server: the provider becomes `openai` at this URL.

    Model, parameters and timeouts stay; endpoints, with their keys and headers, do not, because they are another
    server's. A bundled or recorded model means nothing to a server, so such a provider's `model` does not stay.
    """

    url: str
    flag: str = "--endpoint"

    def apply(self, tree: dict[str, Any]) -> list[KeyPath]:
        """Changes the tree and returns the paths that were written."""
        old = tree.get("provider")
        old = old if isinstance(old, dict) else {}
        kept = {
            "openai": ("model", "api", "stream", "params", "timeouts"),
            "simulator": ("api", "stream", "params", "timeouts"),
        }
        provider = {key: old[key] for key in kept.get(str(old.get("type")), ()) if key in old}
        tree["provider"] = {"type": "openai", **provider, "endpoints": [{"url": self.url}]}
        return [
            ("provider", "type"),
            ("provider", "endpoints"),
            *([] if "model" in provider else [("provider", "model")]),
        ]


Change = Override | RecordedAnswers | Redirect


def parse_override(text: str) -> Override:
    """`a.b.0.c=value` as an override; the value is JSON where it can be read as JSON, else a text.

    A key that holds a dot is put in double quotes. Raises ConfigError where the text has no such form.
    """
    key, equals, raw = text.partition("=")
    parts = [(match["quoted"], match["plain"]) for match in _PART.finditer(key)]
    rebuilt = ".".join(plain if quoted is None else f'"{quoted}"' for quoted, plain in parts)
    if not equals or not key or rebuilt != key:
        shown = key if equals else text
        raise ConfigError(
            f'--set {shown}: error: found "{shown}", expected KEY=VALUE', hint="as in --set retry.attempts=3"
        )
    path = tuple(plain if quoted is None else quoted for quoted, plain in parts)
    indexed = tuple(
        int(part) if part.isdecimal() and part.isascii() and at > 0 else part for at, part in enumerate(path)
    )
    try:
        value = json.loads(raw)
    except ValueError:
        value = raw
    return Override(indexed, value, f"--set {key}")
