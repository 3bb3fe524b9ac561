"""Configurations that somebody wrote to make the reader fall. All of them end as ConfigError but for those named ok."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["configs"]

CASES_AND_PROVIDER: dict[str, Any] = {"cases": {"path": "x.jsonl"}, "provider": {"type": "replay"}}
YAML = "cases: {path: x.jsonl}\nprovider: {type: replay}\n"


def configs() -> dict[str, tuple[bool, bytes]]:
    """By file name: whether it is a configuration, and its text."""
    good = {
        "good.json": json.dumps(CASES_AND_PROVIDER),
        "good.yaml": YAML,
        "marked.json": b"\xef\xbb\xbf" + _json(),
        "good.toml": '[cases]\npath = "x"\n[provider]\ntype = "replay"\n',
        "comments.json": b"/* a */" + _json() + b"// b",
    }
    texts = {**{name: (True, text) for name, text in good.items()}}
    for part in (_json_texts(), _values(), _yaml_texts(), _toml_texts()):
        texts |= {name: (False, text) for name, text in part.items()}
    return {name: (ok, text.encode() if isinstance(text, str) else text) for name, (ok, text) in texts.items()}


def _json(**changes: Any) -> bytes:
    return json.dumps({**CASES_AND_PROVIDER, **changes}).encode()


def _json_texts() -> dict[str, str | bytes]:
    return {
        "empty.json": "",
        "list.json": "[]",
        "number.json": "5",
        "utf16.json": "{}".encode("utf-16"),
        "binary.json": bytes(range(256)),
        "deep.json": "[" * 100_000,
        "deep objects.json": '{"a":' * 90 + "1" + "}" * 90,
        "long word.json": "x" * 500_000,
        "long string.json": '{"name": "' + "x" * 500_000,
        "two.json": "{} {}",
        "backslashes.json": '"' + "\\" * 100_001,
        "comment.json": "/*" * 100_000,
        "too large.json": " " * 2_000_000,
        "5,000 digits.json": '{"n": ' + "9" * 5_000 + "}",
        "1e999.json": '{"n": 1e999}',
        "nan.json": '{"n": NaN}',
        "the same long key.json": '{"' + "k" * 50_000 + '": 1, "' + "k" * 50_000 + '": 2}',
        "cut.json": '{"cases": {',
        "controls.json": '{"name": "\x1b[2J"}',
        "lone surrogate.json": '{"name": "\\ud800"}',
        "single.json": "{'a': 1}",
    }


def _values() -> dict[str, str | bytes]:
    digits = int("9" * 400)
    found: dict[str, Any] = {
        "many keys": {f"k{n}": 1 for n in range(500)},
        "a long key": {"k" * 100_000: 1},
        "an escape": {"\x1b[2J\u202e": 1},
        "many scorers": {"scorers": ["bogus"] * 500},
        "a long scorer": {"scorers": ["bogus" * 10_000]},
        "deep scorers": {"scorers": [_nested_not(30)]},
        "many variables": {"name": "".join(f"${{A{n}}}" for n in range(500))},
        "a variable in variables": {"name": "${A" * 1_000 + "}"},
        "workers of 400 digits": {"concurrency": {"workers": digits}},
        "seconds of 400 digits": {"retry": {"base_s": digits}},
        "a name that is a number": {"name": 5},
        "nul in the name": {"name": "a\x00b\n", "nope": 1},
        "true as a number": {"retry": {"attempts": True}},
    }
    return {f"{name}.json": _json(**changes) for name, changes in found.items()}


def _nested_not(levels: int) -> Any:
    return {"type": "not", "scorer": _nested_not(levels - 1)} if levels else "bogus"


def _yaml_texts() -> dict[str, str | bytes]:
    return {
        "deep.yaml": "[" * 3_000,
        "deep mappings.yaml": "a: " + "{a: " * 400 + "1" + "}" * 400,
        "deep blocks.yaml": "".join(" " * n + "a:\n" for n in range(300)),
        "tag.yaml": YAML + "n: !!python/name:os.system",
        "tagged list.yaml": YAML + 'scorers: !!python/object/apply:os.system ["id"]\n',
        "alias.yaml": "a: &a [x]\nb: *a\n",
        "5,000 digits.yaml": "cases: {path: x, limit: " + "9" * 5_000 + "}\n",
        "hex.yaml": YAML + "n: 0x" + "f" * 200_000,
        "1e999.yaml": "cases: {path: x, limit: 1e999}\nprovider: {type: replay}\n",
        "tab.yaml": "a:\n\t- b\n",
        "two.yaml": YAML + "---\n" + YAML,
        "key.yaml": "? [a]\n: b\n",
        "cut.yaml": "a: [",
        "nul.yaml": b"a: \x00\n",
        "the same key.yaml": YAML + "cases: 5\n",
        "surrogate.yaml": 'nope: "\\ud800"\n',
        "word.yaml": "token" * 40_000,
    }


def _toml_texts() -> dict[str, str | bytes]:
    return {
        "deep.toml": "a = " + "[" * 5_000,
        "deep and closed.toml": "a = " + "[" * 200 + "]" * 200,
        "dotted.toml": ".".join(["a"] * 3_000) + " = 1\n",
        "table.toml": "[" + ".".join(["a"] * 3_000) + "]\n",
        "5,000 digits.toml": "a = " + "9" * 5_000,
        "hex.toml": "[cases]\nlimit = 0x" + "f" * 5_000 + "\n",
        "inf.toml": "[cases]\nlimit = inf\n",
        "nan.toml": "[provider.params]\ntemperature = nan\n",
        "twice.toml": "a = 1\na = 2\n",
        "nul.toml": 'name = "\x00"\n',
        "cut.toml": '[a\nb = "',
    }
